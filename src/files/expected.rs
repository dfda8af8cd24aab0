//! The expected schema on disk: `pgNN/<namespace>/<kind>/<object>.json`.
//!
//! Names are escaped so that any identifier survives any file system; a new
//! version is written beside the old one and swapped in.

use std::path::Path;

use crate::schema::Snapshot;

/// Cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system says no.
    #[error("cannot {what} `{path}`")]
    Io {
        /// For example `read`.
        what: &'static str,
        /// File or folder.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what segue writes.
    #[error("`{path}` is not part of an expected schema: {reason}")]
    Malformed {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        reason: String,
    },
}

/// The majors that `folder` holds, sorted; empty if there is no folder.
///
/// # Errors
/// [`Error::Io`]
pub fn majors(folder: &Path) -> Result<Vec<u32>, Error> {
    todo!("{folder:?}")
}

/// The expected schema for `major`; `None` if there is none.
///
/// # Errors
/// See [`Error`].
pub fn read(folder: &Path, major: u32) -> Result<Option<Snapshot>, Error> {
    todo!("{folder:?} {major}")
}

/// Writes `snapshot` in place of what was there for `major`, or nothing at all;
/// whether something changed.
///
/// # Errors
/// [`Error::Io`]; what was there is still there.
pub fn write(folder: &Path, major: u32, snapshot: &Snapshot) -> Result<bool, Error> {
    todo!("{folder:?} {major} {snapshot:?}")
}

/// Removes what is there for `major`.
///
/// # Errors
/// [`Error::Io`]
pub fn remove(folder: &Path, major: u32) -> Result<(), Error> {
    todo!("{folder:?} {major}")
}
