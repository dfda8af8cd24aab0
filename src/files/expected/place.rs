//! Where the folder of a major is, whoever else is at it, and what a run that
//! was killed left beside it.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Error;

/// Longest wait for another segue, which holds the lock for as long as it takes
/// to read or write some thousand files.
const LOCK_WAIT: Duration = Duration::from_secs(30);

/// Pause between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Most symbolic links that are followed.
const LINKS_MAX: usize = 40;

/// Where `pgNN` is, or is to be.
#[derive(Debug)]
pub(super) struct Place {
    /// The folder that it is in: where new versions are written, so that they
    /// are on the same file system.
    pub parent: PathBuf,
    /// Its name there, `pg17` for example; another one behind a symbolic link.
    pub name: String,
}

/// What for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Others may read too.
    Read,
    /// Nobody else.
    Write,
}

/// A lock on the folder, until it is dropped; `None` where the file system has
/// no locks.
#[derive(Debug)]
pub(super) struct Lock(Option<File>);

/// What stands beside `pgNN` while it is replaced.
#[derive(Clone, Copy, Debug)]
pub(super) enum Beside {
    /// The new version, not complete. After an exchange: the old one.
    New,
    /// The old one, where the file system cannot exchange two folders. Complete.
    Old,
}

impl Place {
    /// Follows symbolic links, so that they stay: what is replaced is what they
    /// point to, which need not exist.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub(super) fn find(folder: &Path, major: u32) -> Result<Self, Error> {
        let path = folder.join(format!("pg{major}"));
        let mut target = path.clone();
        for _ in 0..LINKS_MAX {
            match std::fs::read_link(&target) {
                Ok(link) => {
                    target.pop();
                    target.push(link);
                }
                // Not a link, or not there.
                Err(_) => break,
            }
        }
        let place = target.parent().zip(target.file_name());
        let Some((parent, name)) = place.and_then(|(parent, name)| Some((parent, name.to_str()?)))
        else {
            let source = io::Error::from(ErrorKind::InvalidFilename);
            return Err(Error::io("follow", &path)(source));
        };
        Ok(Self {
            parent: parent.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The folder itself.
    pub(super) fn root(&self) -> PathBuf {
        self.parent.join(&self.name)
    }

    /// The folder that holds the current version; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub(super) fn present(&self) -> Result<Option<PathBuf>, Error> {
        let root = self.root();
        if root.symlink_metadata().is_ok() {
            return Ok(Some(root));
        }
        // A writer was killed between two renames.
        Ok(self.leftovers(Beside::Old)?.pop())
    }

    /// Waits for others that read or write here.
    ///
    /// # Errors
    /// [`Error::Locked`]
    pub(super) fn lock(&self, access: Access) -> Result<Lock, Error> {
        // What cannot be opened will be told by whoever reads or writes there.
        let Ok(folder) = File::open(&self.parent) else {
            return Ok(Lock(None));
        };
        let began = Instant::now();
        loop {
            let tried = match access {
                Access::Read => folder.try_lock_shared(),
                Access::Write => folder.try_lock(),
            };
            match tried {
                Ok(()) => return Ok(Lock(Some(folder))),
                Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_WAIT => {
                    std::thread::sleep(LOCK_PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::Locked { path: self.root() });
                }
                // Some network file systems have none.
                Err(TryLockError::Error(_)) => return Ok(Lock(None)),
            }
        }
    }

    /// A folder beside it that nobody else uses.
    pub(super) fn beside(&self, beside: Beside) -> PathBuf {
        let unique = fastrand::u64(..);
        let prefix = self.prefix(beside);
        self.parent.join(format!("{prefix}{unique:016x}"))
    }

    fn prefix(&self, beside: Beside) -> String {
        let word = match beside {
            Beside::New => "new",
            Beside::Old => "old",
        };
        format!(".{}.{word}.", self.name)
    }

    /// What stands beside it: somebody's work, or that of the dead. Sorted.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub(super) fn leftovers(&self, beside: Beside) -> Result<Vec<PathBuf>, Error> {
        let prefix = self.prefix(beside);
        let names = names(&self.parent)?.into_iter();
        let mut found: Vec<PathBuf> = names
            .filter(|name| name.strip_prefix(&prefix).is_some_and(is_unique))
            .map(|name| self.parent.join(name))
            .collect();
        found.sort();
        Ok(found)
    }
}

impl Lock {
    /// Whether nobody else can be at it.
    pub(super) fn is_held(&self) -> bool {
        self.0.is_some()
    }
}

/// The majors that `folder` holds, sorted and unique.
pub(super) fn majors(folder: &Path) -> Result<Vec<u32>, Error> {
    let names = names(folder)?;
    let mut majors: Vec<u32> = names
        .iter()
        .filter_map(|name| {
            if let Some(major) = major(name) {
                return folder.join(name).is_dir().then_some(major);
            }
            // As in `present`.
            let (name, unique) = name.strip_prefix('.')?.split_once(".old.")?;
            major(name).filter(|_| is_unique(unique))
        })
        .collect();
    majors.sort_unstable();
    majors.dedup();
    Ok(majors)
}

/// The major of a folder's name: `pg17`.
pub(super) fn major(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("pg")?;
    let major = digits.parse().ok()?;
    (format!("{major}") == digits).then_some(major)
}

/// Names in `folder`, those that are UTF-8; none if it is not there.
fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let fail = |source: io::Error| Error::io("read the folder", folder)(source);
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(fail)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(fail)?.file_name().into_string());
    }
    Ok(names)
}

fn is_unique(suffix: &str) -> bool {
    suffix.len() == 16 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit())
}
