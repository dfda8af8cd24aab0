//! A data directory that outlives its server, so that what was made in it can
//! be used again.
//!
//! ```text
//! <cache>/states/17.5-1f3a…-0/   root: 0711, so that the server's user gets through
//! ├── lock      exclusive lock of the run that uses it
//! ├── server    exclusive lock of the supervisor, which may outlive that run
//! ├── data/     0700, the server's user
//! ├── sound     there while `data` is whole and no server runs in it: which
//! │             start of the machine that was, and whether it is on the disk
//! ├── shared    what the run that uses it wrote down
//! └── used/     a file per thing that is kept, its time when it was used last
//! ```
//!
//! Only what a server has left that was told to keep its data and then stopped
//! in good order is used again: `sound` is taken away before a server starts
//! and written when it has stopped. As servers do not wait for the disk here,
//! it counts until the machine is started again, and after that if by then all
//! was written. Several runs at once have several folders, by the number at the
//! end of the name.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::account::Account;
use super::supervisor::Failure;

/// Runs at once that keep something; another one does without.
const RUNS_MAX: usize = 4;

/// Folders that are left for later runs: those of other servers and settings,
/// and of earlier migrations, some 40 MB each and what is kept in it.
const FOLDERS_MAX: usize = 12;

/// A supervisor whose run was killed stops its server first.
const SERVER_TIMEOUT: Duration = Duration::from_secs(30);

/// The folder of one data directory, locked by this process.
#[derive(Debug)]
pub struct Kept {
    folder: PathBuf,
    _lock: File,
}

impl Kept {
    /// A folder for servers that `key`, a file name, stands for, in the first
    /// of `caches` where that can be, with what an earlier run has left in it;
    /// `None` if several runs use all of them now.
    ///
    /// # Errors
    /// Why none of the folders can be used, of the last one.
    pub fn take(caches: &[PathBuf], key: &str) -> Result<Option<Self>, Failure> {
        let account = Account::unprivileged()?;
        let mut failed = None;
        for cache in caches {
            match Self::take_in(&cache.join("states"), key, &account) {
                Err(failure) => failed = Some(failure),
                taken => return taken,
            }
        }
        failed.map_or(Ok(None), Err)
    }

    fn take_in(base: &Path, key: &str, account: &Account) -> Result<Option<Self>, Failure> {
        let failed = |error: io::Error| Failure::io("keep states in", base, &error);
        let rights = match account {
            Account::Own => 0o700,
            Account::Other { .. } => 0o711,
        };
        let ensure = |path: &Path| {
            let mut builder = DirBuilder::new();
            builder.mode(rights).recursive(true).create(path)
        };
        ensure(base).map_err(failed)?;
        if !account.reaches(base) {
            let why = io::Error::other("the user that the server runs as cannot enter it");
            return Err(failed(why));
        }
        for number in 0..RUNS_MAX {
            let folder = base.join(format!("{key}-{number}"));
            ensure(&folder).map_err(failed)?;
            let Some(lock) = lock(&folder, "lock").map_err(failed)? else {
                continue;
            };
            // The umask may have taken bits from the mode.
            fs::set_permissions(&folder, Permissions::from_mode(rights)).map_err(failed)?;
            // Its time says when it was used.
            let _ = lock.set_modified(SystemTime::now());
            let kept = Self {
                folder,
                _lock: lock,
            };
            let data = kept.folder.join("data");
            let made = match DirBuilder::new().mode(0o700).create(&data) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                made => made,
            };
            made.and_then(|()| account.own(&data)).map_err(failed)?;
            remove_old(base);
            return Ok(Some(kept));
        }
        Ok(None)
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Forgets what was written down of data that is no more.
    pub fn forget_all(&self) {
        let _ = fs::remove_dir_all(self.folder.join("used"));
        let _ = fs::remove_file(self.folder.join("shared"));
    }

    /// What was written down by [`Kept::note`], a line each.
    #[must_use]
    pub fn noted(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.join("shared")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Writes down lines for the next run.
    ///
    /// # Errors
    /// As the system says; nothing is written then.
    pub fn note(&self, lines: &[String]) -> io::Result<()> {
        let unfinished = self.folder.join("shared.unfinished");
        fs::write(&unfinished, lines.join("\n"))?;
        fs::rename(&unfinished, self.folder.join("shared"))
    }

    /// That something of this name, which is a file name, is used now. What
    /// for is for people.
    pub fn used(&self, name: &str, what: &str) {
        // Without it, it counts as the oldest; nothing depends on more.
        let used = self.folder.join("used");
        let _ = fs::create_dir_all(&used);
        let _ = fs::write(used.join(name), format!("{what}\n"));
    }

    /// When something was used last; `None` if that is not known.
    #[must_use]
    pub fn used_at(&self, name: &str) -> Option<SystemTime> {
        let metadata = fs::metadata(self.folder.join("used").join(name));
        metadata.and_then(|metadata| metadata.modified()).ok()
    }

    /// What is remembered by [`Kept::remember`], whatever becomes of the data.
    #[must_use]
    pub fn remembered(&self) -> BTreeSet<String> {
        let Ok(entries) = fs::read_dir(self.memory()) else {
            return BTreeSet::new();
        };
        let names = entries.flatten().map(|entry| entry.file_name());
        names.filter_map(|name| name.into_string().ok()).collect()
    }

    /// Remembers a word, which is a file name, for all runs.
    pub fn remember(&self, word: &str) {
        // Forgotten, it is found out again.
        let _ = fs::create_dir_all(self.memory());
        let _ = fs::write(self.memory().join(word), "");
    }

    fn memory(&self) -> PathBuf {
        self.folder.with_file_name("remembered")
    }

    /// That it is gone.
    pub fn forget(&self, name: &str) {
        let _ = fs::remove_file(self.folder.join("used").join(name));
    }
}

/// The exclusive lock of a folder; `None` if somebody else has it.
fn lock(folder: &Path, name: &str) -> io::Result<Option<File>> {
    let path = folder.join(name);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Ok(None),
        Err(fs::TryLockError::Error(error)) => return Err(error),
    }
    // Whoever had it may have removed the folder meanwhile.
    match fs::metadata(&path) {
        Ok(named) if named.ino() == file.metadata()?.ino() => Ok(Some(file)),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes folders that nobody uses, the oldest first, beyond those that may
/// stay.
fn remove_old(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else {
        return;
    };
    let mut folders: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let lock = entry.path().join("lock");
            let used = fs::metadata(lock).and_then(|metadata| metadata.modified());
            Some((used.ok()?, entry.path()))
        })
        .collect();
    folders.sort();
    let old = folders.len().saturating_sub(FOLDERS_MAX);
    for (_, folder) in folders.into_iter().take(old) {
        // Both: a supervisor may still be at work there.
        if let Ok(Some(_lock)) = lock(&folder, "lock")
            && let Ok(Some(_server)) = lock(&folder, "server")
        {
            super::folder::remove(&folder);
        }
    }
}

/// What the supervisor has of a kept folder.
#[derive(Debug)]
pub(super) struct Served {
    folder: PathBuf,
    began: SystemTime,
    was_sound: bool,
    lock: File,
}

impl Served {
    /// Takes it over from whatever server was there, empty unless that has left
    /// it in good order.
    pub(super) async fn begin(folder: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::io("keep states in", folder, &error);
        let deadline = tokio::time::Instant::now() + SERVER_TIMEOUT;
        let lock = loop {
            if let Some(lock) = lock(folder, "server").map_err(failed)? {
                break lock;
            }
            if tokio::time::Instant::now() > deadline {
                return Err(failed(io::Error::other(
                    "the server of an earlier run does not end",
                )));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let served = Self {
            folder: folder.to_owned(),
            began: SystemTime::now(),
            was_sound: is_sound(folder),
            lock,
        };
        // Of a supervisor that was killed.
        super::sweep::stop_orphan(&served.data());
        match fs::remove_file(served.folder.join("sound")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Err(_) => {}
            // Else a machine that loses its power now may have it again.
            Ok(()) => File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(failed)?,
        }
        if served.was_sound {
            // Whoever was a superuser there may have set what they liked.
            fs::write(served.data().join("postgresql.auto.conf"), "").map_err(failed)?;
        } else {
            super::template::empty(&served.data()).map_err(failed)?;
        }
        Ok(served)
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Whether it has what an earlier server has left.
    pub(super) fn was_sound(&self) -> bool {
        self.was_sound
    }

    /// The server has stopped in good order, and its data is to be kept: from
    /// now on for the next one, and for good once this returns.
    pub(super) fn keep(self) -> io::Result<()> {
        let (folder, data, boot) = (self.folder.clone(), self.data(), boot());
        // A clock that is coarser than ours, and a margin.
        let since = self.began - Duration::from_secs(2);
        let path = folder.join("sound");
        let mut sound = File::create(&path)?;
        sound.write_all(boot.as_bytes())?;
        if !boot.is_empty() {
            drop(self.lock);
        }
        // If the next server has begun by now, the file that is written to has
        // no name any more.
        sync(&data, since)?;
        sound.write_all(SYNCED)?;
        sound.sync_all()
    }
}

/// Ends `sound` where all is on the disk.
const SYNCED: &[u8] = b"\nsynced\n";

/// Whether a server has left the data of a folder in good order.
fn is_sound(folder: &Path) -> bool {
    let Ok(text) = fs::read(folder.join("sound")) else {
        return false;
    };
    let boot = boot();
    text.ends_with(SYNCED) || !boot.is_empty() && text == boot.as_bytes()
}

/// Which start of the machine this is; empty if the system does not say.
fn boot() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    boot.unwrap_or_default().trim().to_owned()
}

/// Has the system write to the disk what has changed in a folder since then.
fn sync(folder: &Path, since: SystemTime) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync(&entry.path(), since)?;
        } else if entry.metadata()?.modified()? >= since {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(folder)?.sync_all()
}
