//! A hold on folders, so that of two runs that change them one comes after the
//! other.
//!
//! The system frees it however its holder ends, and it leaves nothing behind.

use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::draft;

/// A hold; given back when it is dropped, and with it a folder that was made
/// for it and is still empty.
#[derive(Debug)]
pub struct Claim {
    // Dropped first: whoever comes next finds the folder gone, or its own.
    _made: Option<Made>,
    _locks: Vec<File>,
}

/// A folder that is removed again if nothing came into it.
#[derive(Debug)]
struct Made(PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

impl Claim {
    /// Holds all of `folders` that are there, and `folder`, which is made if it
    /// is not; `None` if another holds one of them. Left out is what `except`
    /// leads to: its files are written under a lock of their own.
    ///
    /// # Errors
    /// [`draft::Error`] if `folder` cannot be made.
    pub fn try_take(
        folders: &[PathBuf],
        folder: &Path,
        except: &Path,
    ) -> Result<Option<Self>, draft::Error> {
        let made = draft::make_folder(folder)?.then(|| Made(folder.to_owned()));
        let mut seen: Vec<_> = identity(except).into_iter().collect();
        let mut locks = Vec::new();
        for folder in folders {
            // What is not there, or cannot be opened, is told by whoever reads
            // it.
            let (Some(entry), Ok(file)) = (identity(folder), File::open(folder)) else {
                continue;
            };
            // The same one twice would wait for itself.
            if seen.contains(&entry) {
                continue;
            }
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                // Some network file systems have none.
                Err(TryLockError::Error(_)) => continue,
            }
            // Its last holder may have removed it in the meantime.
            if identity(folder) != Some(entry) {
                return Ok(None);
            }
            seen.push(entry);
            locks.push(file);
        }
        Ok(Some(Self {
            _made: made,
            _locks: locks,
        }))
    }
}

/// Device and inode of what `path` leads to.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_free(folders: &[PathBuf], except: &Path) -> bool {
        Claim::try_take(folders, &folders[0], except)
            .expect("a folder")
            .is_some()
    }

    #[test]
    fn a_folder_is_held_once_under_all_its_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let one = folder.path().join("one");
        let link = folder.path().join("link");
        let other = folder.path().join("other");
        std::fs::create_dir(&one).expect("a folder");
        std::os::unix::fs::symlink(&one, &link).expect("a link");
        let absent = Path::new("/nonexistent");
        let both = [one.clone(), link.clone(), other.clone()];
        let claim = Claim::try_take(&both, &one, absent).expect("a folder");
        assert!(claim.is_some());
        assert!(!is_free(std::slice::from_ref(&link), absent));
        assert!(is_free(&[link], &one));
        // It was not there, so nobody holds it; and it is not left behind.
        assert!(is_free(std::slice::from_ref(&other), absent));
        assert!(!other.exists());
        drop(claim);
        assert!(is_free(std::slice::from_ref(&one), absent));
        assert!(one.exists());
    }
}
