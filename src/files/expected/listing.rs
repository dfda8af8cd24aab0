//! The files of one `pgNN`, told apart by their paths alone.

use std::io;
use std::path::{Path, PathBuf};

use super::layout::{EXTENSION, ObjectPath};
use super::{Error, Problem};

/// What is in a folder `pgNN`, each list sorted.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Files of objects.
    pub objects: Vec<ObjectPath>,
    /// What is not segue's, below the folder: a README, what an editor left.
    /// Whole folders where their names begin with a dot.
    pub strangers: Vec<PathBuf>,
    /// What ends in `.json` and is nothing that segue writes.
    pub misplaced: Vec<Problem>,
}

/// What a path says about its file.
pub(super) enum Class {
    Object(ObjectPath),
    Stranger,
    /// Why.
    Misplaced(String),
}

/// Tells what a file is by the parts of its path below `pgNN`.
pub(super) fn classify(path: &[&str]) -> Class {
    let is_ours = path.last().is_some_and(|file| file.ends_with(EXTENSION))
        && !path.iter().any(|part| part.starts_with('.'));
    if !is_ours {
        return Class::Stranger;
    }
    match ObjectPath::parse(path) {
        Ok(path) => Class::Object(path),
        Err(reason) => Class::Misplaced(reason),
    }
}

/// Folders within folders are followed so far; segue's own are three deep.
const DEPTH_MAX: usize = 16;

impl Listing {
    /// Lists `root`.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub(super) fn read(root: &Path) -> Result<Self, Error> {
        let mut listing = Self::default();
        listing.folder(root, Path::new(""))?;
        listing.objects.sort();
        listing.strangers.sort();
        Ok(listing)
    }

    fn folder(&mut self, root: &Path, below: &Path) -> Result<(), Error> {
        // `join` of nothing would add a slash.
        let folder: PathBuf = root.iter().chain(below).collect();
        let fail = |source: io::Error| Error::io("read the folder", &folder)(source);
        for entry in std::fs::read_dir(&folder).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let kind = entry.file_type().map_err(fail)?;
            let name = entry.file_name();
            let path = below.join(&name);
            // Segue's own folders are two deep, and it writes no symbolic links.
            let is_hidden = name.as_encoded_bytes().starts_with(b".");
            if kind.is_dir() && !is_hidden && below.components().count() < DEPTH_MAX {
                self.folder(root, &path)?;
            } else if kind.is_symlink() && !is_hidden && entry.path().is_dir() {
                self.misplaced(entry.path(), LINK);
            } else {
                self.file(root, path, kind.is_symlink());
            }
        }
        Ok(())
    }

    fn file(&mut self, root: &Path, path: PathBuf, is_symlink: bool) {
        // A name that is not UTF-8 is none of segue's.
        let parts: Vec<_> = path
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        match classify(&parts.iter().map(String::as_str).collect::<Vec<_>>()) {
            Class::Stranger => self.strangers.push(path),
            Class::Object(_) if is_symlink => self.misplaced(root.join(path), LINK),
            Class::Object(object) => self.objects.push(object),
            Class::Misplaced(reason) => self.misplaced(root.join(path), &reason),
        }
    }

    fn misplaced(&mut self, path: PathBuf, reason: &str) {
        let reason = reason.to_owned();
        self.misplaced.push(Problem { path, reason });
    }
}

const LINK: &str = "it is a symbolic link; only `pgNN` and the folder that it is in can be";
