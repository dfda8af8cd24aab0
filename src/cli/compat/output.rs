//! The file of `--output`, opened before the tests: one that cannot be written
//! is told before they have taken their time.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::cli::error::Error;
use crate::cli::outcome::Outcome;

/// A file that is open.
#[derive(Debug)]
pub(super) struct Output {
    path: PathBuf,
    file: File,
    /// It was made by us, and nothing is in it.
    is_bare: bool,
}

impl Output {
    /// Opens the file; what is in it stays until there is something else.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let is_bare = !path.exists();
        let file = File::options().create(true).append(true).open(path);
        let file = file.map_err(|error| failed(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            is_bare,
        })
    }

    /// Its whole path without links; `None` of what is no file of a folder.
    pub(super) fn place(&self) -> Option<PathBuf> {
        self.path.canonicalize().ok()
    }

    /// Puts `text` in place of what is in it.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(mut self, text: &str) -> Result<(), Error> {
        let mut put = || -> io::Result<()> {
            if self.file.metadata()?.is_file() {
                self.file.set_len(0)?;
            }
            self.file.write_all(text.as_bytes())
        };
        let written = put();
        self.is_bare = false;
        written.map_err(|error| failed(&self.path, &error))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.is_bare {
            // An empty report says less than none.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::new(
        Outcome::Failed,
        format!("cannot write `{}`: {error}", path.display()),
    )
}
