//! Identity of the files in a folder, so that a test is run again when one of
//! them has changed.
//!
//! In a work tree of git those count that git would keep: what a test writes
//! and `.gitignore` names changes nothing. Elsewhere, and in a folder that git
//! ignores, all of them do. Where a link leads out of the folder, what it leads
//! to counts too.

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
        let files = Files::of(folder, except)?;
        // Before the contents: what changes meanwhile makes the stamp another.
        let stamp = stamp(&files);
        let mut hash = Sha256::new();
        for (name, path) in &files.0 {
            let Some(found) = look(path)? else {
                continue;
            };
            add(&mut hash, name.as_os_str().as_bytes());
            if found.is_symlink() {
                add(&mut hash, b"link");
                let target = fs::read_link(path)?;
                add(&mut hash, target.as_os_str().as_bytes());
            } else {
                let is_executable = found.permissions().mode() & 0o111 != 0;
                add(&mut hash, if is_executable { b"program" } else { b"file" });
                add(&mut hash, &contents(path)?);
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
        Files::of(folder, self.except.as_deref()).is_ok_and(|files| stamp(&files) == self.stamp)
    }
}

/// Identity of the sizes and times of these files, relative to `folder`.
pub(super) fn stamp_of(folder: &Path, listed: Vec<PathBuf>) -> io::Result<String> {
    let mut files = Files::default();
    files.take(folder, Path::new(""), listed)?;
    Ok(stamp(&files))
}

/// What counts: its name, and where it is.
#[derive(Default)]
struct Files(Vec<(PathBuf, PathBuf)>);

/// More than these are nobody's code: a link leads to something else.
const FILES_MAX: usize = 200_000;

impl Files {
    /// All that counts in `folder`, in an order that depends on nothing else.
    fn of(folder: &Path, except: Option<&Path>) -> io::Result<Self> {
        let mut all = Self::default();
        let mut roots = vec![folder.canonicalize()?];
        all.take(folder, Path::new(""), files(folder, except)?)?;
        let mut next = 0;
        while let Some((name, path)) = all.0.get(next).cloned() {
            next += 1;
            if all.0.len() > FILES_MAX {
                let text = format!("it and what its links lead to are more than {FILES_MAX} files");
                return Err(io::Error::other(text));
            }
            if !look(&path)?.is_some_and(|found| found.is_symlink()) {
                continue;
            }
            // One that leads nowhere says what it says.
            let Ok(target) = path.canonicalize() else {
                continue;
            };
            if roots.iter().any(|root| target.starts_with(root)) {
                continue;
            }
            let found = target.metadata()?;
            if found.is_dir() {
                all.take(&target, &name, files(&target, except)?)?;
                roots.push(target);
            } else if found.is_file() && Some(target.as_path()) != except {
                all.0.push((name, target));
            }
        }
        Ok(all)
    }

    /// Files of `folder` under the name `below`.
    fn take(&mut self, folder: &Path, below: &Path, files: Vec<PathBuf>) -> io::Result<()> {
        for path in files {
            if look(&folder.join(&path))?.is_some() {
                self.0.push((below.join(&path), folder.join(path)));
            }
        }
        Ok(())
    }
}

/// Files and links below `folder` but `except`, relative to it, sorted.
fn files(folder: &Path, except: Option<&Path>) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    match git::files(folder) {
        Some(listed) => {
            for path in listed {
                // A submodule is listed as one name.
                match look(&folder.join(&path))? {
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
fn look(path: &Path) -> io::Result<Option<Metadata>> {
    match path.symlink_metadata() {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn stamp(files: &Files) -> String {
    let mut hash = Sha256::new();
    for (path, place) in &files.0 {
        let Ok(Some(found)) = look(place) else {
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

/// Of a text, for the name of a file.
pub(super) fn digest(text: &str) -> String {
    let mut digits = digits(Sha256::new_with_prefix(text));
    digits.truncate(16);
    digits
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

    #[test]
    fn what_a_link_leads_to_counts_and_what_git_ignores_does_where_that_is_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["app", "out", "out/sub"] {
            fs::create_dir(path(name)).expect("made");
        }
        fs::write(path("out/sub/a"), "1").expect("written");
        fs::write(path("one"), "1").expect("written");
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, path(name)).expect("made");
        link("../out", "app/folder");
        link("../one", "app/file");
        link("../app", "app/itself");
        link("nowhere", "app/none");
        // Back into the folder, and round.
        link("../app", "out/back");
        link(".", "out/round");
        let read = || Tree::read(&path("app"), None).expect("read");
        let mut last = read();
        assert_eq!(read(), last);
        for name in ["out/sub/a", "one"] {
            fs::write(path(name), "22").expect("written");
            let now = read();
            assert_ne!(now.id, last.id, "{name}");
            assert!(!last.is_current(&path("app")), "{name}");
            last = now;
        }

        let made = std::process::Command::new("git")
            .args(["init", "-q"])
            .current_dir(folder.path())
            .status();
        assert!(made.expect("git").success());
        fs::write(path(".gitignore"), "app/\nbuilt\n").expect("written");
        fs::write(path("app/new"), "").expect("written");
        assert_ne!(read().id, last.id);
        // Elsewhere what is ignored does not count.
        let seen = Tree::read(&path("out/sub"), None).expect("read");
        fs::write(path("out/sub/built"), "").expect("written");
        assert_eq!(Tree::read(&path("out/sub"), None).expect("read"), seen);
    }
}
