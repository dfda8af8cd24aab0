//! Folders of other tools, read; their files converted, written.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::{Error, Reader, unreadable};
use crate::adopt::convert::{Converted, File};
use crate::adopt::{Checking, Source};
use crate::migration::Migration;

/// How deep folders may lie in each other; one that holds itself ends here.
const DEPTH_MAX: usize = 8;

/// All files below `folder` that a tool may have put there, by path: those
/// that end in `.sql`, and the settings beside them. Names that begin with a
/// dot are passed over.
///
/// # Errors
/// The first folder or file that cannot be read, or is not UTF-8.
pub fn read(folder: &Path) -> Result<Vec<File>, Error> {
    let mut files = Vec::new();
    collect(folder, "", DEPTH_MAX, &mut files)?;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn collect(folder: &Path, below: &str, depth: usize, files: &mut Vec<File>) -> Result<(), Error> {
    let fail = |source| Error {
        what: "the folder",
        path: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let (path, place) = (format!("{below}{name}"), entry.path());
        if place.is_dir() {
            if depth > 0 {
                collect(&place, &format!("{path}/"), depth - 1, files)?;
            }
        } else if is_of_a_tool(&name) {
            let text = fs::read_to_string(&place).map_err(|source| Error {
                what: "the file",
                path: place.clone(),
                source,
            })?;
            files.push(File { path, text });
        }
    }
    Ok(())
}

fn is_of_a_tool(name: &str) -> bool {
    name.as_bytes().ends_with(b".sql") || name.ends_with(".sql.conf") || name == "metadata.toml"
}

/// Writes converted files into `folder`, which is made; one that exists has to
/// be empty. If one cannot be written, none is left.
///
/// # Errors
/// If it is not empty, or something cannot be written.
pub fn write(folder: &Path, files: &[Converted]) -> Result<(), Error> {
    let fail = |source| Error {
        what: "or write the folder",
        path: folder.to_owned(),
        source,
    };
    fs::create_dir_all(folder).map_err(fail)?;
    if fs::read_dir(folder).map_err(fail)?.next().is_some() {
        return Err(fail(io::Error::new(
            io::ErrorKind::DirectoryNotEmpty,
            "it is not empty",
        )));
    }
    let mut written: Vec<PathBuf> = Vec::new();
    for file in files {
        let path = folder.join(&file.name);
        written.push(path.clone());
        if let Err(error) = fs::write(&path, &file.text) {
            for path in &written {
                // What cannot be removed either is told by the error.
                let _ = fs::remove_file(path);
            }
            return Err(fail(error));
        }
    }
    Ok(())
}

/// The checksums that `source` may have of a migration: of its text as it is,
/// and as it was before segue's `no-txn` was put at its top. Empty if it keeps
/// none.
///
/// # Errors
/// If the file cannot be read.
pub fn checksums(source: Source, migration: &Migration) -> Result<Vec<String>, Error> {
    const CHUNK: usize = 64 * 1024;
    let Some(mut whole) = Checking::of(source, migration.name.as_str()) else {
        return Ok(Vec::new());
    };
    let header = migration.source.text();
    let added = header
        .starts_with("-- segue: no-txn\n")
        .then_some("-- segue: no-txn\n".len());
    let mut without = added.map(|_| whole.clone());
    let mut left = added.unwrap_or(0);
    let mut file = Reader::open(migration)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = file
            .read(&mut chunk)
            .map_err(|error| unreadable(&migration.path, error))?;
        if length == 0 {
            break;
        }
        whole.update(&chunk[..length]);
        if let Some(without) = &mut without {
            let skipped = left.min(length);
            left -= skipped;
            without.update(&chunk[skipped..length]);
        }
    }
    let mut checksums = whole.finish();
    checksums.extend(without.map(Checking::finish).unwrap_or_default());
    Ok(checksums)
}
