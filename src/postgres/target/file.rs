//! The small files around a connection: password file, service file, keys.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The file's bytes, `None` if there is no such file.
///
/// libpq treats a component that is no directory like a missing file.
pub(in crate::postgres) fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether anything is at `path`.
pub(in crate::postgres) fn exists(path: &Path) -> bool {
    fs::metadata(path).is_ok()
}

/// Facts about the file, `None` if there is no such file.
pub(in crate::postgres) fn metadata_if_there(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether group or others may do anything with the file.
pub(in crate::postgres) fn is_open_to_others(metadata: &Metadata) -> bool {
    metadata.mode() & 0o077 != 0
}

/// Whether a private key of root may be read by its group, and no more
/// (manual, "Client Certificates": 0640 or less if owned by root).
pub(in crate::postgres) fn is_key_of_root_for_its_group(metadata: &Metadata) -> bool {
    let forbidden = 0o037;
    metadata.uid() == 0 && metadata.mode() & forbidden == 0
}

/// Every file in a directory, sorted by name.
pub(in crate::postgres) fn list(directory: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let mut files = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
