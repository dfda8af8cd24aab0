//! The expected schema as a part of the program.

use std::path::PathBuf;

use super::listing::{Class, classify};
use super::{Error, Problem, assemble, in_parallel, place};
use crate::files::embedded::EmbeddedFile;
use crate::schema::Snapshot;

/// The majors that `files` are of, sorted.
#[must_use]
pub fn majors_in(files: &[EmbeddedFile]) -> Vec<u32> {
    let folders = files.iter().filter_map(|file| file.path.split('/').next());
    let mut majors: Vec<u32> = folders.filter_map(place::major).collect();
    majors.sort_unstable();
    majors.dedup();
    majors
}

/// The expected schema for `major`; `None` if there is none.
///
/// # Errors
/// [`Error::Malformed`]
pub fn read_in(files: &[EmbeddedFile], major: u32) -> Result<Option<Snapshot>, Error> {
    if !majors_in(files).contains(&major) {
        return Ok(None);
    }
    let folder = format!("pg{major}/");
    let mut problems = Vec::new();
    let mut objects = Vec::new();
    for file in files {
        let Some(below) = file.path.strip_prefix(&folder) else {
            continue;
        };
        match classify(&below.split('/').collect::<Vec<_>>()) {
            Class::Object(path) => objects.push((path, file)),
            Class::Stranger => {}
            Class::Misplaced(reason) => problems.push(Problem {
                path: PathBuf::from(file.path),
                reason,
            }),
        }
    }
    let read = in_parallel(&objects, |(path, file)| {
        path.object(file.bytes).map_err(|reason| Problem {
            path: PathBuf::from(file.path),
            reason,
        })
    });
    assemble(read, &mut problems).map(Some)
}
