//! What git knows: the tree of a ref, written into a folder of ours, and which
//! files of a folder count.
//!
//! Nothing of the user's repository is changed: no worktree is registered, and
//! the index is one of ours.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cli::error::Error;
use crate::cli::outcome::Outcome;

/// A work tree and where in it `segue.toml` is.
#[derive(Clone, Debug)]
pub(super) struct Repository {
    /// The top of the work tree.
    top: PathBuf,
    /// What git keeps of it.
    git_dir: PathBuf,
    /// From there to the folder of `segue.toml`, empty or with `/` at its end.
    pub prefix: String,
}

/// A ref, found.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    /// Identity of its files.
    pub id: String,
    /// Whether it has submodules, which are not written.
    pub has_submodules: bool,
}

/// Variables by which a git that runs a hook tells others of its repository.
const VARIABLES: [&str; 7] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
];

/// Why git did not do it.
enum Refusal {
    /// There is no git.
    Missing,
    /// What it said, or why it could not be run.
    Said(String),
}

fn git<S: AsRef<OsStr>>(
    folder: &Path,
    index: Option<&Path>,
    arguments: &[S],
) -> Result<Vec<u8>, Refusal> {
    let mut command = Command::new("git");
    for name in VARIABLES {
        command.env_remove(name);
    }
    if let Some(index) = index {
        command.env("GIT_INDEX_FILE", index);
    }
    let output = command
        // Nobody is there to type a passphrase.
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => Refusal::Missing,
            _ => Refusal::Said(error.to_string()),
        })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim();
    Err(Refusal::Said(if said.is_empty() {
        output.status.to_string()
    } else {
        said.to_owned()
    }))
}

fn line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    text.strip_suffix('\n').unwrap_or(&text).to_owned()
}

/// That git says nothing of the repository of `folder`.
fn refused(folder: &Path, reference: &str, version: &str, said: String) -> Error {
    let shown = match folder.to_string_lossy() {
        none if none.is_empty() => ".".into(),
        some => some,
    };
    let is_there = !["not a git repository", "must be run in a work tree"]
        .iter()
        .any(|words| said.contains(words));
    let why = if is_there {
        format!("git cannot read the repository of `{shown}`")
    } else {
        format!("`{shown}` is in no work tree of git")
    };
    let error = Error::usage(format!(
        "code {version} is `ref = \"{reference}\"`, and {why}"
    ));
    let is_foreign = said.contains("dubious ownership");
    let error = error.note(said);
    if is_foreign {
        error.help("if you trust it, say so to git by `safe.directory`, as above; or name a folder with that version by `path`")
    } else {
        error.help(
            "name a folder with that version by `path`, or run it in a clone of the repository",
        )
    }
}

impl Repository {
    /// The one in which `folder` lies; `reference` is wanted of it by code
    /// `version`.
    ///
    /// # Errors
    /// That there is no git, or no repository.
    pub(super) fn find(folder: &Path, reference: &str, version: &str) -> Result<Self, Error> {
        let found = git(
            folder,
            None,
            &[
                "rev-parse",
                "--show-toplevel",
                "--absolute-git-dir",
                "--show-prefix",
            ],
        );
        let found = found.map_err(|refusal| match refusal {
            Refusal::Missing => Error::usage(format!(
                "git is not installed, and code {version} is `ref = \"{reference}\"`"
            ))
            .help("install git, or name a folder with that version by `path`"),
            Refusal::Said(said) => refused(folder, reference, version, said),
        })?;
        let text = line(&found);
        let mut lines = text.split('\n').map(str::to_owned);
        let mut next = || lines.next().unwrap_or_default();
        Ok(Self {
            top: PathBuf::from(next()),
            git_dir: PathBuf::from(next()),
            prefix: next(),
        })
    }

    /// The tree of `reference`.
    ///
    /// # Errors
    /// That there is no such ref.
    pub(super) fn tree(&self, reference: &str, version: &str) -> Result<Tree, Error> {
        let unknown = |said: Option<String>| {
            let mut error = Error::usage(format!(
                "code {version}: there is no ref `{reference}` in `{}`",
                self.top.display()
            ));
            error.notes.extend(said);
            error.help("correct `ref` in segue.toml, or fetch it: a shallow clone has neither tags nor other branches")
        };
        // An option is no ref.
        if reference.starts_with('-') || reference.trim().is_empty() {
            return Err(unknown(None));
        }
        let wanted = format!("{reference}^{{tree}}");
        let found = git(
            &self.top,
            None,
            &["rev-parse", "--verify", "--quiet", &wanted],
        );
        let id = match found {
            Ok(output) => line(&output),
            Err(Refusal::Said(said)) if said.starts_with("fatal:") => {
                return Err(unknown(Some(said)));
            }
            Err(_) => return Err(unknown(None)),
        };
        let listed = git(&self.top, None, &["ls-tree", "-r", &id]);
        let listed = listed.map_err(|refusal| failed("list", reference, refusal))?;
        let has_submodules = String::from_utf8_lossy(&listed)
            .lines()
            .any(|line| line.starts_with("160000 "));
        Ok(Tree { id, has_submodules })
    }

    /// Writes a tree into `folder`, which is empty; `index` is a file that is
    /// not there.
    ///
    /// # Errors
    /// What git said.
    pub(super) fn write(&self, tree: &str, folder: &Path, index: &Path) -> Result<(), Error> {
        let index = Some(index);
        git(&self.top, index, &["read-tree", tree])
            .map_err(|refusal| failed("read", tree, refusal))?;
        let mut prefix = folder.as_os_str().to_owned();
        // git takes it as the beginning of names.
        prefix.push("/");
        let mut option = std::ffi::OsString::from("--prefix=");
        option.push(&prefix);
        let arguments = [
            OsStr::new("checkout-index"),
            OsStr::new("--all"),
            OsStr::new("--force"),
            &option,
        ];
        git(&self.top, index, &arguments).map_err(|refusal| failed("write", tree, refusal))?;
        Ok(())
    }

    /// The files in `folder`, into which a tree was written with `index`, that
    /// git would keep, relative to it.
    ///
    /// # Errors
    /// What git said.
    pub(super) fn files(&self, folder: &Path, index: &Path) -> Result<Vec<PathBuf>, Error> {
        let option = |name: &str, path: &Path| {
            let mut option = std::ffi::OsString::from(name);
            option.push(path);
            option
        };
        let mut arguments = vec![
            option("--git-dir=", &self.git_dir),
            option("--work-tree=", folder),
        ];
        arguments.extend(LIST.map(std::ffi::OsString::from));
        let listed = git(folder, Some(index), &arguments)
            .map_err(|refusal| failed("list", &folder.display().to_string(), refusal))?;
        Ok(paths(&listed))
    }
}

/// Lists what is tracked and what would be.
const LIST: [&str; 9] = [
    "-c",
    "core.fsmonitor=false",
    "ls-files",
    "-z",
    "--cached",
    "--others",
    "--exclude-standard",
    "--",
    ".",
];

/// The files below `folder` that git would keep, relative to it; `None` where
/// there is no git, no work tree, or git keeps nothing of the folder.
pub(super) fn files(folder: &Path) -> Option<Vec<PathBuf>> {
    // Of a folder that is ignored what is tracked is listed at most.
    let ignored = ["check-ignore", "--quiet", "--no-index", "--", "."];
    if git(folder, None, &ignored).is_ok() {
        return None;
    }
    let listed = paths(&git(folder, None, &LIST).ok()?);
    (!listed.is_empty()).then_some(listed)
}

fn paths(listed: &[u8]) -> Vec<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    let names = listed.split(|byte| *byte == 0);
    let names = names.filter(|name| !name.is_empty());
    let mut files: Vec<PathBuf> = names
        .map(|name| PathBuf::from(OsStr::from_bytes(name)))
        .collect();
    files.sort();
    // A file in conflict is listed once for each side.
    files.dedup();
    files
}

fn failed(what: &str, tree: &str, refusal: Refusal) -> Error {
    let error = Error::new(Outcome::Failed, format!("git could not {what} `{tree}`"));
    match refusal {
        Refusal::Missing => error.note("git is not installed"),
        Refusal::Said(said) => error.note(said),
    }
}
