//! The folder of one throwaway server, and the lock that says it is in use.
//!
//! ```text
//! segue-pg-1f3k9x2q/   root: 0711, so that the server's user gets through
//! ├── lock             shared lock of the supervisor and of its user
//! ├── data/            0700, the server's user; a link where data is kept
//! ├── socket/          0700, the server's user
//! └── log
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use super::account::Account;
use super::supervisor::Failure;

/// Names the socket; several servers have it, in their own folders.
pub(super) const PORT: u16 = 5432;

/// What every server folder's name starts with; eight letters or digits follow.
pub(super) const PREFIX: &str = "segue-pg-";
const RANDOM_LENGTH: usize = 8;

/// All that is ever in a server folder.
pub(super) const ENTRIES: [&str; 4] = ["lock", "data", "socket", "log"];

/// Longest path of a socket in bytes: `sun_path` has 104 with its final NUL on
/// macOS and the BSDs, 108 on Linux.
const SOCKET_PATH_MAX: usize = 103;

/// A server folder that is locked, and removed when dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes one in `base`; with a link to `data` in place of a data directory
    /// of its own, if that is elsewhere.
    pub(super) fn create(
        base: &Path,
        account: &Account,
        data: Option<&Path>,
    ) -> Result<Self, Failure> {
        let (path, lock) = loop {
            let random = std::iter::repeat_with(fastrand::alphanumeric).take(RANDOM_LENGTH);
            let path = base.join(format!("{PREFIX}{}", random.collect::<String>()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(Failure::io("create the folder", &path, &error)),
            }
            match create_lock(&path) {
                Ok(Some(lock)) => break (path, lock),
                // Somebody's sweep was quicker; it removes what it has locked.
                Ok(None) => {}
                Err(error) => {
                    let failure = Failure::io("lock the folder", &path, &error);
                    let _ = fs::remove_dir_all(&path);
                    return Err(failure);
                }
            }
        };
        let folder = Self { path, _lock: lock };
        if let Account::Other { .. } = account {
            folder.set_mode(0o711)?;
        }
        let socket_dir = socket_dir(&folder.path);
        let make = |made: &Path| {
            DirBuilder::new()
                .mode(0o700)
                .create(made)
                .and_then(|()| account.own(made))
                .map_err(|error| Failure::io("create the folder", made, &error))
        };
        make(&socket_dir)?;
        let own = folder.data();
        match data {
            None => make(&own)?,
            Some(data) => std::os::unix::fs::symlink(data, &own)
                .map_err(|error| Failure::io("create the link", &own, &error))?,
        }
        Ok(folder)
    }

    // The umask may have taken bits from the mode at creation.
    fn set_mode(&self, mode: u32) -> Result<(), Failure> {
        fs::set_permissions(&self.path, Permissions::from_mode(mode))
            .map_err(|error| Failure::io("set the rights of", &self.path, &error))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("log")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Removes a server folder. Processes of a server that was just killed may
/// still add files, hence several tries.
pub(super) fn remove(path: &Path) {
    for _ in 0..20 {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            _ => return,
        }
    }
}

/// Folder of the socket in a server folder.
pub(super) fn socket_dir(folder: &Path) -> PathBuf {
    folder.join("socket")
}

/// `None` if a sweep has the folder already.
fn create_lock(folder: &Path) -> io::Result<Option<File>> {
    let path = folder.join("lock");
    let lock = match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
    {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match lock.try_lock_shared() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Ok(None),
        Err(fs::TryLockError::Error(error)) => return Err(error),
    }
    // Between creation and lock a sweep may have come and gone, and the file
    // that is locked has no name any more.
    match fs::metadata(&path) {
        Ok(named) if named.ino() == lock.metadata()?.ino() => Ok(Some(lock)),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Says that the server in `folder` is in use, until the file is closed.
pub(super) fn lock_shared(folder: &Path) -> io::Result<File> {
    let lock = File::open(folder.join("lock"))?;
    match lock.try_lock_shared() {
        Ok(()) => Ok(lock),
        Err(error) => Err(error.into()),
    }
}

/// Folders that server folders may be in: the first one fits, all are swept.
pub(super) fn bases(temp_dir: Option<&Path>, account: &Account) -> Vec<PathBuf> {
    let fallback = Path::new("/tmp");
    let fits = |base: &&Path| base.is_absolute() && is_short(base) && account.reaches(base);
    let wanted = temp_dir.filter(fits);
    let mut bases: Vec<_> = wanted
        .into_iter()
        .chain([fallback])
        .map(Path::to_owned)
        .collect();
    bases.dedup();
    bases
}

/// Whether a socket below `base` has a name that fits, in UTF-8 for the URL.
fn is_short(base: &Path) -> bool {
    let folder = base
        .join(PREFIX)
        .join("socket")
        .join(format!(".s.PGSQL.{PORT}"));
    folder
        .to_str()
        .is_some_and(|path| path.len() + RANDOM_LENGTH <= SOCKET_PATH_MAX)
}

/// Whether `name` is that of a server folder.
pub(super) fn is_name(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|random| {
        random.len() == RANDOM_LENGTH && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}
