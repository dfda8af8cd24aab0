//! The expected schema as a git revision has it, by the program `git`.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use super::layout::ObjectPath;
use super::listing::{Class, classify};
use super::{Error, Problem, assemble, in_parallel, place};
use crate::schema::Snapshot;

/// Most symbolic links that are followed within a revision.
const LINKS_MAX: usize = 10;

/// The expected schema for `major` as `revision` has it, a branch, tag or
/// commit; `None` if there was none.
///
/// `folder` is where it is today; a symbolic link leads to where it was then.
/// Only what is committed is read, never the work tree.
///
/// # Errors
/// [`Error::Git`], [`Error::Malformed`] with paths as `revision:path`.
pub fn read_at(folder: &Path, major: u32, revision: &str) -> Result<Option<Snapshot>, Error> {
    let repository = Repository::of(folder, revision)?;
    let root = repository.folder.join(format!("pg{major}"));
    let Some((root, tree)) = repository.tree(root)? else {
        return Ok(None);
    };
    let prefix = format!("{revision}:{}", root.display());
    let mut problems = Vec::new();
    let mut objects = Vec::new();
    for entry in repository.list(&["-r"], &tree, None)? {
        let parts: Vec<&str> = entry.path.split('/').collect();
        let problem = |reason: &str| Problem {
            path: PathBuf::from(format!("{prefix}/{}", entry.path)),
            reason: reason.to_owned(),
        };
        match classify(&parts) {
            Class::Object(_) if !entry.is_file() => problems.push(problem("it is no plain file")),
            Class::Object(path) => objects.push((path, entry.id)),
            Class::Stranger => {}
            Class::Misplaced(reason) => problems.push(problem(&reason)),
        }
    }
    let ids: Vec<&str> = objects.iter().map(|(_, id)| id.as_str()).collect();
    let texts = repository.contents(&ids)?;
    let files: Vec<(&ObjectPath, Vec<u8>)> =
        objects.iter().map(|(path, _)| path).zip(texts).collect();
    let read = in_parallel(&files, |(path, text)| {
        path.object(text).map_err(|reason| Problem {
            path: PathBuf::from(format!("{prefix}/{}", path.relative().display())),
            reason,
        })
    });
    assemble(read, &mut problems).map(Some)
}

/// The majors that `folder` held at `revision`, sorted.
///
/// # Errors
/// [`Error::Git`]
pub fn majors_at(folder: &Path, revision: &str) -> Result<Vec<u32>, Error> {
    let repository = Repository::of(folder, revision)?;
    let Some((_, tree)) = repository.tree(repository.folder.clone())? else {
        return Ok(Vec::new());
    };
    let entries = repository.list(&[], &tree, None)?;
    let mut majors: Vec<u32> = entries
        .iter()
        .filter_map(|entry| place::major(&entry.path))
        .collect();
    majors.sort_unstable();
    Ok(majors)
}

/// One revision of the repository that a folder is in.
struct Repository {
    /// Where git is run: the folder, or the nearest one above that exists.
    at: PathBuf,
    /// The revision's tree.
    tree: String,
    /// The folder, from the top of the repository.
    folder: PathBuf,
}

/// A line of `git ls-tree`.
struct Entry {
    mode: String,
    id: String,
    /// From the tree that was listed.
    path: String,
}

impl Entry {
    fn is_file(&self) -> bool {
        self.mode.starts_with("100")
    }

    fn is_folder(&self) -> bool {
        self.mode == "040000"
    }

    fn is_symlink(&self) -> bool {
        self.mode == "120000"
    }
}

impl Repository {
    fn of(folder: &Path, revision: &str) -> Result<Self, Error> {
        // The folder may be of that revision alone.
        let mut at = if folder.as_os_str().is_empty() {
            PathBuf::from(".")
        } else {
            folder.to_owned()
        };
        let mut gone = Vec::new();
        while !at.is_dir() {
            gone.extend(at.file_name().map(OsStr::to_owned));
            if !at.pop() || at.as_os_str().is_empty() {
                at = PathBuf::from(".");
            }
        }
        let prefix = git(&at, &["rev-parse", "--show-prefix"], b"")?;
        let mut folder = PathBuf::from(text(prefix)?.trim_end_matches(['\n', '/']));
        folder.extend(gone.iter().rev());
        let tree = format!("{revision}^{{tree}}");
        let tree = git(
            &at,
            &[
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                &tree,
            ],
            b"",
        )
        .map_err(|error| match error {
            Error::Git { reason } if reason.is_empty() => Error::Git {
                reason: format!("git knows no revision `{revision}` here"),
            },
            other => other,
        })?;
        Ok(Self {
            at,
            tree: text(tree)?.trim_end().to_owned(),
            folder,
        })
    }

    /// The tree at `path`, and where symbolic links lead; `None` if there is
    /// none.
    fn tree(&self, path: PathBuf) -> Result<Option<(PathBuf, String)>, Error> {
        let mut path = path;
        'links: for _ in 0..LINKS_MAX {
            if path.as_os_str().is_empty() {
                return Ok(Some((path, self.tree.clone())));
            }
            let mut walked = PathBuf::new();
            let parts: Vec<_> = path.iter().map(OsStr::to_owned).collect();
            for (index, part) in parts.iter().enumerate() {
                let link_from = walked.clone();
                walked.push(part);
                let Some(entry) = self.entry(&walked)? else {
                    return Ok(None);
                };
                if entry.is_symlink() {
                    let target = text(self.contents(&[&entry.id])?.concat())?;
                    let mut target = link_from.join(target);
                    target.extend(&parts[index + 1..]);
                    let Some(target) = within(&target) else {
                        return Ok(None);
                    };
                    path = target;
                    continue 'links;
                }
                if !entry.is_folder() {
                    return Ok(None);
                }
                if index + 1 == parts.len() {
                    return Ok(Some((path, entry.id)));
                }
            }
        }
        Ok(None)
    }

    fn entry(&self, path: &Path) -> Result<Option<Entry>, Error> {
        Ok(self.list(&[], &self.tree, Some(path))?.pop())
    }

    /// What is in a tree, or at one path of it.
    fn list(&self, options: &[&str], tree: &str, path: Option<&Path>) -> Result<Vec<Entry>, Error> {
        let mut arguments = vec!["ls-tree", "-z", "--full-tree"];
        arguments.extend(options);
        arguments.push(tree);
        let mut arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        if let Some(path) = path {
            arguments.extend([OsStr::new("--"), path.as_os_str()]);
        }
        let listed = text(git(&self.at, &arguments, b"")?)?;
        let entries = listed.split_terminator('\0').map(|line| {
            // mode SP type SP id TAB path
            let (fields, path) = line.split_once('\t')?;
            let mut fields = fields.split(' ');
            Some(Entry {
                mode: fields.next()?.to_owned(),
                id: fields.nth(1)?.to_owned(),
                path: path.to_owned(),
            })
        });
        entries.collect::<Option<_>>().ok_or_else(unexpected)
    }

    /// What these blobs hold, in their order.
    fn contents(&self, ids: &[&str]) -> Result<Vec<Vec<u8>>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = ids.join("\n") + "\n";
        let output = git(&self.at, &["cat-file", "--batch"], wanted.as_bytes())?;
        let mut reader = BufReader::new(output.as_slice());
        let mut contents = Vec::with_capacity(ids.len());
        for _ in ids {
            // id SP type SP size LF content LF
            let mut head = String::new();
            reader.read_line(&mut head).map_err(|_| unexpected())?;
            let size = head.trim_end().rsplit(' ').next();
            let size: usize = size
                .and_then(|size| size.parse().ok())
                .ok_or_else(unexpected)?;
            let mut content = vec![0; size + 1];
            reader.read_exact(&mut content).map_err(|_| unexpected())?;
            content.pop();
            contents.push(content);
        }
        Ok(contents)
    }
}

/// A path without `.` and `..`; `None` if it leads out of the repository.
fn within(path: &Path) -> Option<PathBuf> {
    let mut within = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => within.push(part),
            Component::CurDir => {}
            Component::ParentDir => {
                if !within.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(within)
}

/// Runs git in `at`; its output.
fn git<A: AsRef<OsStr>>(at: &Path, arguments: &[A], input: &[u8]) -> Result<Vec<u8>, Error> {
    let fail = |error: std::io::Error| Error::Git {
        reason: format!("cannot run `git`: {error}"),
    };
    let mut child = Command::new("git")
        .arg("-C")
        .arg(at)
        .args(arguments)
        // A path is a path, whatever it looks like.
        .env("GIT_LITERAL_PATHSPECS", "1")
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(fail)?;
    let mut stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        // It answers before it has read all.
        scope.spawn(move || {
            // If it ends early, its status says so.
            let _ = stdin.as_mut().map(|stdin| stdin.write_all(input));
        });
        child.wait_with_output()
    })
    .map_err(fail)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let told = String::from_utf8_lossy(&output.stderr);
    let told = told.lines().next().unwrap_or_default();
    let told = told.strip_prefix("fatal: ").unwrap_or(told);
    Err(Error::Git {
        reason: match told {
            "" => String::new(),
            told => format!("git: {told}"),
        },
    })
}

fn text(output: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(output).map_err(|_| unexpected())
}

fn unexpected() -> Error {
    Error::Git {
        reason: "`git` gave an answer that is not understood".to_owned(),
    }
}
