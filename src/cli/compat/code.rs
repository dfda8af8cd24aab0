//! Versions of the code: what `[[compat.app]]` says of one, where its files
//! are, and what makes them ready to be tested.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::git::Repository;
use super::program::{Ended, Program, tail};
use super::store::{Checkout, Store};
use super::tree::Tree;
use crate::apply::{Interrupt, Signal};
use crate::cli::config::compat::App;
use crate::cli::error::Error;
use crate::matrix::{self, Origin, Sessions};
use crate::version::Version;

/// A version of the code, its files found but not written yet.
#[derive(Debug)]
pub(super) struct Code {
    /// Which.
    pub version: Version,
    /// What segue.toml says.
    pub app: App,
    /// Identity of its files.
    pub tree: String,
    /// Where below the files its test is run, for people and for results' keys.
    pub below: PathBuf,
    source: Source,
    ready: Mutex<Option<Readiness>>,
}

/// Where its files are.
#[derive(Debug)]
enum Source {
    /// In git.
    Ref(Repository),
    /// In a folder of the user's.
    Folder {
        folder: PathBuf,
        tree: Tree,
        /// The folder as people write it, from where segue runs.
        named: PathBuf,
    },
}

/// Whether it can be tested, once that is known.
#[derive(Debug)]
enum Readiness {
    /// In this folder.
    Yes {
        folder: PathBuf,
        checkout: Option<Arc<Checkout>>,
    },
    /// Why not.
    No(String),
}

/// Why it cannot be tested.
#[derive(Debug)]
pub(super) enum NotReady {
    /// A line.
    Because(String),
    /// The user ended the command.
    Interrupted(Signal),
    /// segue itself could not go on.
    Failed(Error),
}

impl Code {
    /// Finds the files of a version; `base` is the folder of segue.toml, and
    /// `except` a file that is none of them. Also what should be known about them.
    ///
    /// # Errors
    /// No git, no such ref, no such folder.
    pub(super) fn find(
        app: &App,
        base: &Path,
        except: Option<&Path>,
    ) -> Result<(Self, Option<String>), Error> {
        let version = app.version.get_ref().0;
        let named = version.to_string();
        let path = app.path.as_ref().map_or("", |path| path.get_ref().as_str());
        let mut note = None;
        let (tree, below, source) = if let Some(reference) = &app.git_ref {
            let reference = reference.get_ref();
            let repository = Repository::find(base, reference, &named)?;
            let tree = repository.tree(reference, &named)?;
            let below = below(&repository.prefix, path).ok_or_else(|| {
                Error::usage(format!(
                    "code {named}: `path = \"{path}\"` leads out of the repository"
                ))
            })?;
            note = tree
                .has_submodules
                .then(|| format!("code {named}: submodules of `{reference}` are not checked out"));
            (tree.id, below, Source::Ref(repository))
        } else {
            let folder = base.join(path);
            let failed = |error: std::io::Error| {
                Error::usage(format!(
                    "code {named}: cannot read `{}`: {error}",
                    folder.display()
                ))
                .help("correct `path` in segue.toml, which counts from its folder")
            };
            let named = base.join(path);
            let folder = folder.canonicalize().map_err(failed)?;
            let tree = Tree::read(&folder, except).map_err(failed)?;
            (
                tree.id.clone(),
                PathBuf::new(),
                Source::Folder {
                    folder,
                    tree,
                    named,
                },
            )
        };
        let code = Self {
            version,
            app: app.clone(),
            tree,
            below,
            source,
            ready: Mutex::new(None),
        };
        Ok((code, note))
    }

    /// As a column of the matrix.
    pub(super) fn column(&self, needs: String) -> matrix::App {
        let origin = match (&self.app.git_ref, &self.app.path) {
            (Some(reference), _) => Origin::Ref(reference.get_ref().clone()),
            (None, path) => Origin::Folder(
                path.as_ref()
                    .map_or_else(String::new, |path| path.get_ref().clone()),
            ),
        };
        matrix::App {
            version: self.version,
            origin,
            test: self.app.test.clone(),
            sessions: self.app.sessions.0,
            needs,
        }
    }

    /// What to type to run its test in a state; `None` where that would be
    /// something else, or its files are not kept.
    pub(super) fn again(&self, state: &str, store: &Store) -> Option<String> {
        if self.app.sessions.0 == Sessions::Kept {
            return None;
        }
        let folder = match &self.source {
            Source::Folder { named, .. } => named.clone(),
            Source::Ref(_) if store.is_lasting() => {
                let tree = store.tree(&self.tree, self.how().as_deref());
                tree.join(&self.below)
            }
            Source::Ref(_) => return None,
        };
        let folder = folder.to_string_lossy();
        let line = match folder.trim_end_matches("/.") {
            "" | "." => self.app.test.clone(),
            folder => format!("cd {} && {}", quoted(folder), self.app.test),
        };
        Some(format!(
            "SEGUE_APP_VERSION={} segue at {} -- sh -c {}",
            self.version,
            quoted(state),
            quoted(&line)
        ))
    }

    /// How its files are prepared, if they are: files for each way.
    fn how(&self) -> Option<String> {
        let prepare = self.app.prepare.as_ref()?;
        // It is told the version, and may write down what it is told.
        let (version, below) = (self.version, self.below.display());
        Some(format!("{version}\n{below}\n{prepare}"))
    }

    /// Whether its files are still those that results are kept for.
    pub(super) async fn is_current(&self) -> bool {
        match &self.source {
            Source::Ref(_) => {
                let ready = self.ready.lock().await;
                let Some(Readiness::Yes { checkout, .. }) = &*ready else {
                    return false;
                };
                let checkout = checkout.as_ref();
                checkout
                    .is_some_and(|checkout| tokio::task::block_in_place(|| checkout.is_current()))
            }
            Source::Folder { folder, tree, .. } => {
                tokio::task::block_in_place(|| tree.is_current(folder))
            }
        }
    }

    /// The folder in which its test is run: written, if it comes from git, and
    /// prepared, once.
    ///
    /// # Errors
    /// See [`NotReady`].
    pub(super) async fn ready(
        &self,
        store: &Store,
        timeout: Duration,
        interrupt: &Interrupt,
    ) -> Result<PathBuf, NotReady> {
        let mut ready = self.ready.lock().await;
        let found = match ready.take() {
            Some(found) => found,
            None => self.make_ready(store, timeout, interrupt).await?,
        };
        let answer = match &found {
            Readiness::Yes { folder, .. } => Ok(folder.clone()),
            Readiness::No(why) => Err(NotReady::Because(why.clone())),
        };
        *ready = Some(found);
        answer
    }

    async fn make_ready(
        &self,
        store: &Store,
        timeout: Duration,
        interrupt: &Interrupt,
    ) -> Result<Readiness, NotReady> {
        let how = self.how();
        let (folder, checkout) = match &self.source {
            Source::Folder { folder, .. } => (folder.clone(), None),
            Source::Ref(repository) => {
                let waiting = store.checkout(repository, &self.tree, how.as_deref(), timeout);
                let checkout = tokio::select! {
                    checkout = waiting => checkout.map_err(NotReady::Failed)?,
                    signal = interrupt.first() => return Err(NotReady::Interrupted(signal)),
                };
                (checkout.folder.join(&self.below), Some(checkout))
            }
        };
        if !folder.is_dir() {
            return Ok(Readiness::No(format!(
                "code {}: there is no folder `{}` in it; `path` of [[compat.app]] names another",
                self.version,
                self.below.display()
            )));
        }
        let is_ready = checkout.as_ref().is_some_and(|one| one.is_ready());
        let Some(prepare) = self.app.prepare.as_ref().filter(|_| !is_ready) else {
            return Ok(Readiness::Yes { folder, checkout });
        };
        let program = Program {
            line: prepare.clone(),
            folder: folder.clone(),
            environment: vec![("SEGUE_APP_VERSION", Some(self.version.to_string()))],
            timeout,
        };
        let log = store.prepare_log(&self.tree);
        let ended = program.run(&log, interrupt).await;
        let said = tail(&log, 1).pop();
        let why = match ended {
            Ended::Passed => {
                let _ = std::fs::remove_file(&log);
                if let Some(checkout) = &checkout {
                    tokio::task::block_in_place(|| store.made_ready(checkout));
                }
                return Ok(Readiness::Yes { folder, checkout });
            }
            Ended::Interrupted(signal) => {
                let _ = std::fs::remove_file(&log);
                if let Some(checkout) = &checkout {
                    store.spoil_checkout(checkout);
                }
                return Err(NotReady::Interrupted(signal));
            }
            Ended::Failed(why) | Ended::TimedOut(why) | Ended::NotRun(why) => why,
        };
        if let Some(checkout) = &checkout {
            store.spoil_checkout(checkout);
        }
        let mut text = format!("`prepare` of code {} failed: {why}", self.version);
        if let Some(said) = said.filter(|said| !said.is_empty()) {
            text = format!("{text}: {said}");
        }
        if store.is_lasting() {
            text = format!("{text}; what it printed is in {}", log.display());
        }
        Ok(Readiness::No(text))
    }
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "-_./:%".contains(one);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `path` from `prefix`, both below one folder; `None` if it leads out of it.
fn below(prefix: &str, path: &str) -> Option<PathBuf> {
    let mut below = PathBuf::new();
    for component in Path::new(prefix).join(path).components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) => below.push(part),
            Component::ParentDir => {
                if !below.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(below)
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(super::quoted("apps/1.0"), "apps/1.0");
        assert_eq!(super::quoted("a@ready"), "'a@ready'");
        assert_eq!(super::quoted("it's"), r"'it'\''s'");
        assert_eq!(super::quoted(""), "''");
    }

    #[test]
    fn a_path_stays_below_the_top() {
        let below =
            |prefix, path| super::below(prefix, path).map(|found| found.display().to_string());
        assert_eq!(below("", "").as_deref(), Some(""));
        assert_eq!(
            below("services/queue/", "").as_deref(),
            Some("services/queue")
        );
        assert_eq!(below("services/queue/", "..").as_deref(), Some("services"));
        assert_eq!(
            below("services/queue/", "../web/./x").as_deref(),
            Some("services/web/x")
        );
        assert_eq!(below("services/", "../.."), None);
        assert_eq!(below("", "/etc"), None);
    }
}
