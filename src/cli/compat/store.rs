//! What runs of `segue compat` keep for later ones: results, what failed tests
//! printed, and the files of refs.
//!
//! Everything is written beside its place and renamed, so that what is there is
//! whole; what cannot be read is not there. What has not been used for longest
//! is dropped.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::git::Repository;
use super::tree;
use crate::cli::error::Error;
use crate::cli::outcome::Outcome;
use crate::matrix::key::Key;

/// Results, and logs beside them, that are kept.
const RESULTS_MAX: usize = 10_000;

/// Trees of refs that are kept.
const TREES_MAX: usize = 30;

/// Runs that wait for each other's tree do so at most this often.
const PAUSE: Duration = Duration::from_millis(200);

/// A folder of ours.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    /// Removed at the end where nothing is to be kept.
    is_passing: bool,
    /// The files that are in use, by name: versions of the code may have the
    /// same ones.
    checkouts: Mutex<BTreeMap<String, Arc<Place>>>,
}

/// Of files that somebody is at, or that are there.
type Place = Mutex<Option<Arc<Checkout>>>;

/// A result of an earlier run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    /// Whether the test passed.
    pub passed: bool,
    /// Why not, a line.
    pub reason: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// The files of a ref, held while they are in use.
#[derive(Debug)]
pub(super) struct Checkout {
    /// Where they are.
    pub folder: PathBuf,
    name: String,
    index: PathBuf,
    repository: Repository,
    /// What they were when they were ready.
    stamp: OnceLock<String>,
    _held: File,
}

/// What the files of a tree are called, made ready by `how`.
fn named(tree: &str, how: Option<&str>) -> String {
    match how {
        None => tree.to_owned(),
        Some(how) => format!("{tree}-{}", tree::digest(how)),
    }
}

impl Checkout {
    /// Whether they have been made ready.
    pub(super) fn is_ready(&self) -> bool {
        self.stamp.get().is_some()
    }

    /// Whether they are as they were then.
    pub(super) fn is_current(&self) -> bool {
        let stamp = self.stamp.get();
        stamp.is_some() && self.look().as_ref() == stamp
    }

    /// `None` where they cannot be looked at.
    fn look(&self) -> Option<String> {
        let listed = self.repository.files(&self.folder, &self.index).ok()?;
        tree::stamp_of(&self.folder, listed).ok()
    }
}

impl Store {
    /// In `cache`, or, if that is `None`, in a folder of `temporary` that is
    /// removed at the end.
    ///
    /// # Errors
    /// A folder that cannot be made.
    pub(super) fn open(cache: Option<PathBuf>, temporary: &Path) -> io::Result<Self> {
        let is_passing = cache.is_none();
        let folder = if let Some(cache) = cache {
            cache.join("compat")
        } else {
            // Whoever may write there too must not have made it.
            let random: String = std::iter::repeat_with(fastrand::alphanumeric)
                .take(12)
                .collect();
            let folder = temporary.join(format!("segue-compat-{random}"));
            DirBuilder::new().mode(0o700).create(&folder)?;
            folder
        };
        for part in ["results", "trees", "logs"] {
            fs::create_dir_all(folder.join(part))?;
        }
        // What cannot be written to would be noticed after the first test.
        let probe = folder.join(format!("probe-{}", std::process::id()));
        File::create(&probe)?;
        fs::remove_file(&probe)?;
        Ok(Self {
            folder,
            is_passing,
            checkouts: Mutex::default(),
        })
    }

    /// The result of an earlier run about the same.
    pub(super) fn result(&self, key: &Key) -> Option<Kept> {
        if self.is_passing {
            return None;
        }
        let path = self.result_path(key);
        let kept = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        touch(&path);
        Some(kept)
    }

    /// Keeps a result.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn keep(&self, key: &Key, kept: &Kept) -> io::Result<()> {
        let text = serde_json::to_vec(kept).map_err(io::Error::other)?;
        write(&self.result_path(key), &text)
    }

    /// Where a test writes what it prints, until it is known what it comes to.
    pub(super) fn draft(&self, number: usize) -> PathBuf {
        let pid = std::process::id();
        self.folder
            .join("logs")
            .join(format!("draft-{pid}-{number}"))
    }

    /// Where what prepares a tree prints.
    pub(super) fn prepare_log(&self, tree: &str) -> PathBuf {
        self.folder.join("logs").join(format!("prepare-{tree}.log"))
    }

    /// The place of what a test printed: it stays if the store does.
    pub(super) fn log(&self, key: &Key) -> PathBuf {
        self.folder
            .join("logs")
            .join(format!("{}.log", key.as_str()))
    }

    /// Where what failed tests printed is found afterwards, if it is.
    pub(super) fn is_lasting(&self) -> bool {
        !self.is_passing
    }

    fn result_path(&self, key: &Key) -> PathBuf {
        let name = format!("{}.json", key.as_str());
        self.folder.join("results").join(name)
    }

    /// The files of a tree, for whoever prepares them by `how`: written if they
    /// are not there yet, or not as they were made ready. Waits, up to `limit`,
    /// for another run that is using them.
    ///
    /// May be dropped at any time.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) async fn checkout(
        &self,
        repository: &Repository,
        tree: &str,
        how: Option<&str>,
        limit: Duration,
    ) -> Result<Arc<Checkout>, Error> {
        let name = named(tree, how);
        let place = {
            let mut all = self.checkouts.lock().await;
            Arc::clone(all.entry(name.clone()).or_default())
        };
        let mut place = place.lock().await;
        if let Some(found) = &*place {
            return Ok(Arc::clone(found));
        }
        let held = self.hold(&name, limit).await?;
        let checkout = tokio::task::block_in_place(|| {
            let checkout = self.written(repository, tree, name, held)?;
            if how.is_none() {
                self.made_ready(&checkout);
            }
            Ok::<_, Error>(Arc::new(checkout))
        })?;
        *place = Some(Arc::clone(&checkout));
        Ok(checkout)
    }

    /// The lock of files, which no other run has.
    async fn hold(&self, name: &str, limit: Duration) -> Result<File, Error> {
        let lock = self.tree_path(name, "lock");
        let failed = |what: &str, error: io::Error| {
            let message = format!("cannot {what} `{}`: {error}", lock.display());
            Error::new(Outcome::Failed, message)
        };
        let held = File::create(&lock).map_err(|error| failed("write", error))?;
        let deadline = Instant::now() + limit;
        loop {
            match held.try_lock() {
                Ok(()) => return Ok(held),
                Err(fs::TryLockError::WouldBlock) if Instant::now() < deadline => {
                    sleep(PAUSE).await;
                }
                Err(fs::TryLockError::WouldBlock) => {
                    return Err(Error::new(
                        Outcome::TimedOut,
                        format!(
                            "another `segue compat` has used `{}` for long",
                            lock.display()
                        ),
                    )
                    .help(
                        "wait for its end, or give this one a cache of its own: SEGUE_CACHE_DIR",
                    ));
                }
                Err(fs::TryLockError::Error(error)) => return Err(failed("lock", error)),
            }
        }
    }

    /// The files, whose lock is held. Blocks.
    fn written(
        &self,
        repository: &Repository,
        tree: &str,
        name: String,
        held: File,
    ) -> Result<Checkout, Error> {
        let checkout = Checkout {
            folder: self.folder.join("trees").join(&name),
            index: self.tree_path(&name, "index"),
            repository: repository.clone(),
            stamp: OnceLock::new(),
            name,
            _held: held,
        };
        let name = &checkout.name;
        if let Ok(stamp) = fs::read_to_string(self.tree_path(name, "ready"))
            && checkout.folder.is_dir()
            && checkout.look().as_ref() == Some(&stamp)
        {
            touch(&self.tree_path(name, "lock"));
            let _ = checkout.stamp.set(stamp);
            return Ok(checkout);
        }
        // Of a run that died, or its tests have changed them.
        self.spoil(name);
        let failed = |path: &Path, error: io::Error| {
            let message = format!("cannot make `{}`: {error}", path.display());
            Error::new(Outcome::Failed, message)
        };
        let draft = self.tree_path(name, "draft");
        let _ = fs::remove_dir_all(&draft);
        fs::create_dir(&draft).map_err(|error| failed(&draft, error))?;
        repository.write(tree, &draft, &checkout.index)?;
        fs::rename(&draft, &checkout.folder).map_err(|error| failed(&checkout.folder, error))?;
        Ok(checkout)
    }

    /// That nothing is left to do with these files: remembered for later runs,
    /// as long as they stay as they are. Blocks.
    pub(super) fn made_ready(&self, checkout: &Checkout) {
        // Otherwise they are written anew by the next run.
        if let Some(stamp) = checkout.look() {
            let _ = write(&self.tree_path(&checkout.name, "ready"), stamp.as_bytes());
            let _ = checkout.stamp.set(stamp);
        }
    }

    /// Forgets files: what has been prepared halfway is nobody's.
    pub(super) fn spoil_checkout(&self, checkout: &Checkout) {
        self.spoil(&checkout.name);
    }

    fn spoil(&self, name: &str) {
        let _ = fs::remove_file(self.tree_path(name, "ready"));
        let _ = fs::remove_file(self.tree_path(name, "index"));
        let _ = fs::remove_dir_all(self.folder.join("trees").join(name));
    }

    /// Where the files of a tree are, once they are, made ready by `how`.
    pub(super) fn tree(&self, tree: &str, how: Option<&str>) -> PathBuf {
        self.folder.join("trees").join(named(tree, how))
    }

    fn tree_path(&self, name: &str, what: &str) -> PathBuf {
        self.folder.join("trees").join(format!("{name}.{what}"))
    }

    /// Drops what has not been used for longest.
    pub(super) fn sweep(&self) {
        for part in ["results", "logs"] {
            for path in oldest(&self.folder.join(part), RESULTS_MAX, |_| true) {
                let _ = fs::remove_file(path);
            }
        }
        let is_lock = |path: &Path| path.extension().is_some_and(|found| found == "lock");
        for lock in oldest(&self.folder.join("trees"), TREES_MAX, is_lock) {
            // Somebody may be using it.
            let Ok(held) = File::open(&lock) else {
                continue;
            };
            if held.try_lock().is_err() {
                continue;
            }
            if let Some(tree) = lock.file_stem().and_then(|stem| stem.to_str()) {
                self.spoil(tree);
            }
            let _ = fs::remove_file(&lock);
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if self.is_passing {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// The paths beyond the newest `max`, by the time of their last use.
fn oldest(folder: &Path, max: usize, is_counted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut all: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let used = entry.metadata().ok()?.modified().ok()?;
            Some((used, entry.path()))
        })
        .filter(|(_, path)| is_counted(path))
        .collect();
    all.sort();
    all.reverse();
    all.into_iter().skip(max).map(|(_, path)| path).collect()
}

/// Writes beside the place, then renames.
fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    let written = File::create(&draft).and_then(|mut file| file.write_all(contents));
    written
        .and_then(|()| fs::rename(&draft, path))
        .inspect_err(|_| {
            let _ = fs::remove_file(&draft);
        })
}

/// It was used now. That this fails, on a read-only disk for example, is no
/// reason not to use it.
fn touch(path: &Path) {
    if let Ok(file) = File::options().append(true).open(path) {
        let _ = file.set_modified(SystemTime::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::key::About;

    fn key(test: &str) -> Key {
        Key::of(&About {
            state: "",
            sessions: crate::matrix::Sessions::Fresh,
            before: None,
            name: "",
            tree: "",
            version: "",
            prepare: None,
            test,
            folder: "",
        })
    }

    #[test]
    fn what_is_kept_is_found_and_what_is_broken_is_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || {
            let cache = Some(folder.path().to_owned());
            Store::open(cache, folder.path()).expect("a store")
        };
        let kept = Kept {
            passed: false,
            reason: Some("exit status 1".to_owned()),
            took_ms: 12,
        };
        open().keep(&key("a"), &kept).expect("kept");
        let store = open();
        assert_eq!(store.result(&key("a")), Some(kept));
        assert_eq!(store.result(&key("b")), None);
        fs::write(store.result_path(&key("a")), "{\"passed\": true").expect("written");
        assert_eq!(store.result(&key("a")), None);
        fs::write(store.result_path(&key("a")), "{\"passed\": true}").expect("written");
        assert_eq!(store.result(&key("a")), None, "an older or newer form");
    }

    #[test]
    fn a_passing_store_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(None, folder.path()).expect("a store");
        assert!(!store.is_lasting());
        let kept = Kept {
            passed: true,
            reason: None,
            took_ms: 1,
        };
        store.keep(&key("a"), &kept).expect("kept");
        assert_eq!(store.result(&key("a")), None, "nobody knows who wrote it");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
        drop(store);
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
    }

    #[test]
    fn the_oldest_go_first() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, age) in [("a", 30), ("b", 10), ("c", 20)] {
            let file = File::create(folder.path().join(name)).expect("made");
            let used = SystemTime::now() - Duration::from_secs(age);
            file.set_modified(used).expect("set");
        }
        let old = oldest(folder.path(), 1, |_| true);
        assert_eq!(old, [folder.path().join("c"), folder.path().join("a")]);
    }
}
