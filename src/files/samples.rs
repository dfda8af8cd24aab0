//! The folder of snapshots of data, read and written.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::Error;

/// The snapshots in `folder`, by name; none if there is no such folder.
///
/// # Errors
/// If it cannot be read.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    match super::list(folder) {
        Ok(mut paths) => {
            paths.sort();
            Ok(paths)
        }
        Err(error) if error.is_missing() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Writes a snapshot into `folder`, which is made if it is not there; whether
/// the file is another one than before.
///
/// # Errors
/// If it cannot be written; what was there stays.
pub fn write(folder: &Path, name: &str, text: &str) -> Result<bool, Error> {
    let path = folder.join(name);
    // Renamed over the old file, so that there is always a whole one; a name
    // with a dot is passed over by whoever reads the folder meanwhile.
    let new = folder.join(format!(".{name}.new"));
    let put = || -> io::Result<bool> {
        fs::create_dir_all(folder)?;
        match fs::read(&path) {
            Ok(old) if old == text.as_bytes() => return Ok(false),
            _ => {}
        }
        let mut file = fs::File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        Ok(true)
    };
    put().map_err(|source| {
        // What is left of it is of no use.
        let _ = fs::remove_file(&new);
        Error {
            what: "the snapshot, to write it,",
            path,
            source,
        }
    })
}
