//! Identity of the files in a folder, so that a test is run again when one of
//! them has changed.
//!
//! In a work tree of git those count that git would keep: what a test writes
//! and `.gitignore` names changes nothing. Elsewhere all of them do.

use std::fs::{self, Metadata};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::git;

/// A folder as it was at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tree {
    /// Identity of its contents: 64 hexadecimal digits.
    pub id: String,
    /// Identity of its files' sizes and times, which costs less to look at.
    stamp: String,
    /// A file of ours that does not count.
    except: Option<PathBuf>,
}

impl Tree {
    /// The folder now, but for the file `except`, a whole path without links.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn read(folder: &Path, except: Option<&Path>) -> io::Result<Self> {
        let files = files(folder, except)?;
        // Before the contents: what changes meanwhile makes the stamp another.
        let stamp = stamp(folder, &files);
        let mut hash = Sha256::new();
        for path in &files {
            let Some(found) = look(folder, path)? else {
                continue;
            };
            add(&mut hash, path.as_os_str().as_bytes());
            if found.is_symlink() {
                add(&mut hash, b"link");
                let target = fs::read_link(folder.join(path))?;
                add(&mut hash, target.as_os_str().as_bytes());
            } else {
                let is_executable = found.permissions().mode() & 0o111 != 0;
                add(&mut hash, if is_executable { b"program" } else { b"file" });
                add(&mut hash, &contents(&folder.join(path))?);
            }
        }
        Ok(Self {
            id: digits(hash),
            stamp,
            except: except.map(Path::to_owned),
        })
    }

    /// Whether no file has been touched since.
    pub(super) fn is_current(&self, folder: &Path) -> bool {
        let files = files(folder, self.except.as_deref());
        files.is_ok_and(|files| stamp(folder, &files) == self.stamp)
    }
}

/// Files and links below `folder` but `except`, relative to it, sorted.
fn files(folder: &Path, except: Option<&Path>) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    match git::files(folder) {
        Some(listed) => {
            for path in listed {
                // A submodule is listed as one name.
                match look(folder, &path)? {
                    Some(found) if found.is_dir() => walk(folder, &path, &mut files)?,
                    Some(_) => files.push(path),
                    None => {}
                }
            }
        }
        None => walk(folder, Path::new(""), &mut files)?,
    }
    let except = except.and_then(|except| except.strip_prefix(folder).ok());
    files.retain(|path| Some(path.as_path()) != except);
    files.sort();
    Ok(files)
}

/// All files below `below` in `folder`.
fn walk(folder: &Path, below: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            // It changes with every look at it.
            if entry.file_name() != ".git" {
                walk(folder, &path, files)?;
            }
        } else if kind.is_file() || kind.is_symlink() {
            files.push(path);
        }
    }
    Ok(())
}

/// `None`: it has been removed.
fn look(folder: &Path, path: &Path) -> io::Result<Option<Metadata>> {
    match folder.join(path).symlink_metadata() {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn stamp(folder: &Path, files: &[PathBuf]) -> String {
    let mut hash = Sha256::new();
    for path in files {
        let Ok(Some(found)) = look(folder, path) else {
            continue;
        };
        add(&mut hash, path.as_os_str().as_bytes());
        for number in [
            i128::from(found.ino()),
            i128::from(found.size()),
            i128::from(found.mtime()),
            i128::from(found.mtime_nsec()),
            i128::from(found.ctime()),
            i128::from(found.ctime_nsec()),
        ] {
            hash.update(number.to_be_bytes());
        }
    }
    digits(hash)
}

fn contents(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(&buffer[..read]);
    }
}

/// With its length, so that no two lists read the same.
fn add(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

fn digits(hash: Sha256) -> String {
    use std::fmt::Write as _;
    let digest = hash.finalize();
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_changes_in_a_folder_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("sub")).expect("made");
        fs::write(path("a"), "1").expect("written");
        fs::write(path("sub/b"), "2").expect("written");
        let first = Tree::read(folder.path(), None).expect("read");
        assert_eq!(Tree::read(folder.path(), None).expect("read"), first);
        assert!(first.is_current(folder.path()));
        let mut seen = vec![first.id.clone()];
        let mut look = |what: &str| {
            let tree = Tree::read(folder.path(), None).expect("read");
            assert!(!first.is_current(folder.path()), "{what}");
            assert!(!seen.contains(&tree.id), "{what}");
            seen.push(tree.id);
        };
        fs::write(path("a"), "3").expect("written");
        look("contents");
        fs::write(path("c"), "").expect("written");
        look("a new file");
        fs::set_permissions(path("c"), fs::Permissions::from_mode(0o755)).expect("set");
        look("a program");
        fs::rename(path("sub/b"), path("sub/d")).expect("renamed");
        look("another name");
        std::os::unix::fs::symlink("a", path("l")).expect("made");
        look("a link");
        fs::remove_file(path("l")).expect("removed");
        let before = Tree::read(folder.path(), None).expect("read");
        fs::write(path("report"), "green").expect("written");
        let without = Tree::read(folder.path(), Some(&path("report"))).expect("read");
        assert_eq!(without.id, before.id);
        fs::write(path("report"), "red").expect("written");
        assert!(without.is_current(folder.path()));
        fs::remove_file(path("report")).expect("removed");
        std::os::unix::fs::symlink("c", path("l")).expect("made");
        look("where it leads");
    }
}
