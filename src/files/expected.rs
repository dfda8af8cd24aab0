//! The expected schema on disk: `pgNN/<namespace>/<kind>/<object>.json`.
//!
//! Names are escaped so that any identifier survives any file system; a new
//! version is written beside the old one and swapped in. What does not end in
//! `.json`, or begins with a dot, is not segue's: it is passed over, and kept.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::in_parallel;
use crate::schema::{Attributes, ObjectId, Snapshot};

mod embedded;
mod escape;
mod form;
mod layout;
mod listing;
mod place;
mod revision;
mod swap;

pub use embedded::{majors_in, read_in};
use layout::ObjectPath;
use listing::Listing;
use place::{Access, Place};
pub use revision::{majors_at, read_at};

/// Cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system says no.
    #[error("cannot {what} `{}`", .path.display())]
    Io {
        /// For example `read`.
        what: &'static str,
        /// File or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Files that are not what segue writes; sorted by path, not empty.
    #[error("{}", malformed(.0))]
    Malformed(Vec<Problem>),
    /// Another segue holds the folder's lock all the time.
    #[error("`{}` is in use by another segue", .path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// `git` cannot be run, or does not know what it is asked for.
    #[error("{reason}")]
    Git {
        /// Why, for people.
        reason: String,
    },
}

/// A file that is not what segue writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub path: PathBuf,
    /// Why, and where in the file.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`: {}", self.path.display(), self.reason)
    }
}

fn malformed(problems: &[Problem]) -> String {
    match problems {
        [] => "not an expected schema".to_owned(),
        [one] => format!("not part of an expected schema: {one}"),
        [first, others @ ..] => format!(
            "{} files are not part of an expected schema, the first is {first}",
            others.len() + 1
        ),
    }
}

impl Error {
    /// With the system's reason, for `map_err`.
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// The majors that `folder` holds, sorted; empty if there is no folder.
///
/// # Errors
/// [`Error::Io`]
pub fn majors(folder: &Path) -> Result<Vec<u32>, Error> {
    place::majors(folder)
}

/// The expected schema for `major`; `None` if there is none.
///
/// # Errors
/// See [`Error`].
pub fn read(folder: &Path, major: u32) -> Result<Option<Snapshot>, Error> {
    let place = Place::find(folder, major)?;
    let _lock = place.lock(Access::Read)?;
    let Some(root) = place.present()? else {
        return Ok(None);
    };
    let listing = Listing::read(&root)?;
    let mut problems = listing.misplaced;
    let read = |path: &ObjectPath| {
        let file = root.join(path.relative());
        let text = std::fs::read(&file).map_err(Error::io("read", &file))?;
        Ok::<_, Error>(
            path.object(&text)
                .map_err(|reason| Problem { path: file, reason }),
        )
    };
    let mut objects = Vec::with_capacity(listing.objects.len());
    for object in in_parallel(&listing.objects, read) {
        objects.push(object?);
    }
    assemble(objects, &mut problems).map(Some)
}

/// A snapshot of what was read, unless there are problems.
fn assemble(
    read: Vec<Result<(ObjectId, Attributes), Problem>>,
    problems: &mut Vec<Problem>,
) -> Result<Snapshot, Error> {
    let mut snapshot = Snapshot::default();
    for object in read {
        match object {
            Ok((id, attributes)) => {
                snapshot.objects.insert(id, attributes);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        // A merge may have taken the last part of a collection.
        snapshot.normalise();
        return Ok(snapshot);
    }
    problems.sort_by(|one, other| one.path.cmp(&other.path));
    Err(Error::Malformed(std::mem::take(problems)))
}

/// Writes `snapshot` in place of what was there for `major`, or nothing at all;
/// whether something changed.
///
/// Files that are not segue's are kept. What stands there need not be well
/// formed, after a merge with conflicts for example; only files that no version
/// of segue has written at such a place are refused.
///
/// # Errors
/// [`Error::Io`], [`Error::Locked`], [`Error::Malformed`]; what was there is
/// still there.
pub fn write(folder: &Path, major: u32, snapshot: &Snapshot) -> Result<bool, Error> {
    let files: BTreeMap<ObjectPath, String> = snapshot
        .objects
        .iter()
        .map(|(id, attributes)| {
            let path = ObjectPath::new(id);
            let text = form::print(id, attributes, path.cut());
            (path, text)
        })
        .collect();
    let is_new = !folder.exists();
    std::fs::create_dir_all(folder).map_err(Error::io("make the folder", folder))?;
    let written = Place::find(folder, major).and_then(|place| swap::write(&place, &files));
    if is_new && written.is_err() {
        // An empty folder would say that there is an expected schema.
        let _ = std::fs::remove_dir(folder);
    }
    written
}

/// Removes what is there for `major`, and the folder itself if nothing else is
/// in it: for whoever wrote the first version, and has to take it back.
///
/// # Errors
/// [`Error::Io`], [`Error::Locked`]; what was there is still there.
pub fn remove(folder: &Path, major: u32) -> Result<(), Error> {
    let place = Place::find(folder, major)?;
    swap::remove(&place)?;
    // It is only removed if it is empty.
    let _ = std::fs::remove_dir(folder);
    Ok(())
}

#[cfg(test)]
mod tests;
