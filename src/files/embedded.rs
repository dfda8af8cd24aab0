//! Files that are a part of the program, read as if they lay in their folder.

use std::path::PathBuf;

use super::{Error, Found, read_all};
use crate::diagnostic::Diagnostic;
use crate::migration::Migration;
use crate::text::Variables;

/// A file that was put into the program when that was built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EmbeddedFile {
    /// Folder and name with `/` between them, as errors show it:
    /// `migrations/2026-01-01-00-00-00-users.sql`. Of a file of an expected
    /// schema: from that folder, `pg17/public/table/users.json`.
    pub path: &'static str,
    /// What it holds.
    pub bytes: &'static [u8],
}

impl EmbeddedFile {
    /// A file at `path` that holds `bytes`.
    #[must_use]
    pub const fn new(path: &'static str, bytes: &'static [u8]) -> Self {
        Self { path, bytes }
    }
}

impl std::fmt::Debug for EmbeddedFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("EmbeddedFile")
            .field("path", &self.path)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

/// As [`super::read_filled`], of migrations that are a part of the program.
///
/// # Errors
/// None that depends on a disk.
pub fn read(
    files: &[EmbeddedFile],
    environment: &Variables,
) -> Result<(Vec<Migration>, Vec<Diagnostic>), Error> {
    let found = files.iter().map(|file| Found {
        path: PathBuf::from(file.path),
        embedded: Some(file.bytes),
    });
    read_all(found.collect(), environment)
}
