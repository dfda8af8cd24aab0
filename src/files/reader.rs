//! A migration's bytes, from its file or from the program itself.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use super::{Error, unreadable};
use crate::migration::Migration;

/// Reads a migration, wherever its text is.
#[derive(Debug)]
pub enum Reader {
    /// A file.
    File(File),
    /// A part of the program: nothing is copied.
    Program(Cursor<&'static [u8]>),
}

impl Reader {
    /// At the beginning of the migration.
    ///
    /// # Errors
    /// If its file cannot be opened.
    pub(super) fn open(migration: &Migration) -> Result<Self, Error> {
        Self::new(&migration.path, migration.embedded)
            .map_err(|source| unreadable(&migration.path, source))
    }

    /// At the beginning of `embedded`, or else of the file at `path`.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub(super) fn new(path: &Path, embedded: Option<&'static [u8]>) -> io::Result<Self> {
        match embedded {
            Some(bytes) => Ok(Self::Program(Cursor::new(bytes))),
            None => File::open(path).map(Self::File),
        }
    }

    /// Bytes in all; 0 if that is not known.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::File(file) => file.metadata().map_or(0, |metadata| metadata.len()),
            Self::Program(cursor) => cursor.get_ref().len() as u64,
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Program(cursor) => cursor.read(buffer),
        }
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Program(cursor) => cursor.seek(to),
        }
    }
}
