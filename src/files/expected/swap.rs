//! A new version of `pgNN`, written beside the old one and put in its place in
//! one step.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::layout::ObjectPath;
use super::listing::Listing;
use super::place::{Access, Beside, Lock, Place};
use super::{Error, in_parallel};

/// Up to so many files are made durable one by one; beyond, the whole file
/// system at once is quicker.
const SYNC_EACH_MAX: usize = 32;

/// Replaces what is at `place` by `files`, if that is something else; whether
/// it was.
pub(super) fn write(place: &Place, files: &BTreeMap<ObjectPath, String>) -> Result<bool, Error> {
    let lock = place.lock(Access::Write)?;
    let root = place.root();
    let old = place.present()?;
    let listing = match &old {
        Some(old) => Listing::read(old)?,
        None => Listing::default(),
    };
    if !listing.misplaced.is_empty() {
        let mut problems = listing.misplaced;
        problems.sort_by(|one, other| one.path.cmp(&other.path));
        return Err(Error::Malformed(problems));
    }
    let unchanged = unchanged(old.as_deref(), &listing, files);
    let is_same =
        old.is_some() && unchanged.len() == files.len() && listing.objects.len() == files.len();
    if is_same {
        if let Some(old) = old.filter(|old| *old != root) {
            fs::rename(&old, &root).map_err(Error::io("put back", &root))?;
        }
        sweep(place, &lock);
        return Ok(false);
    }
    let new = place.beside(Beside::New);
    let staged = stage(&new, old.as_deref(), &listing.strangers, files, &unchanged)
        .and_then(|()| swap(place, &new));
    if let Err(error) = staged {
        let _ = fs::remove_dir_all(&new);
        return Err(error);
    }
    // The new version is there: what is left of the old one is only untidy.
    let _ = fs::remove_dir_all(&new);
    sweep(place, &lock);
    if let Ok(parent) = File::open(&place.parent) {
        let _ = parent.sync_all();
    }
    Ok(true)
}

/// Removes what is at `place`, in one step.
pub(super) fn remove(place: &Place) -> Result<(), Error> {
    let lock = place.lock(Access::Write)?;
    if let Some(old) = place.present()? {
        let gone = place.beside(Beside::New);
        fs::rename(&old, &gone).map_err(Error::io("remove", &old))?;
        let _ = fs::remove_dir_all(gone);
    }
    sweep(place, &lock);
    Ok(())
}

/// Files whose text is what it has to be, but for line ends, which git may have
/// changed.
fn unchanged<'a>(
    old: Option<&Path>,
    listing: &Listing,
    files: &'a BTreeMap<ObjectPath, String>,
) -> BTreeSet<&'a ObjectPath> {
    let Some(old) = old else {
        return BTreeSet::new();
    };
    let is_there: BTreeSet<&ObjectPath> = listing.objects.iter().collect();
    let files: Vec<_> = files
        .iter()
        .filter(|(path, _)| is_there.contains(path))
        .collect();
    let same = in_parallel(&files, |(path, text)| {
        let found = fs::read(old.join(path.relative()));
        found.is_ok_and(|found| has_same_lines(&found, text.as_bytes()))
    });
    let both = files.iter().zip(same);
    both.filter(|(_, is_same)| *is_same)
        .map(|((path, _), _)| *path)
        .collect()
}

fn has_same_lines(found: &[u8], wanted: &[u8]) -> bool {
    let lines = |text: &[u8]| -> Vec<Vec<u8>> {
        text.split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec())
            .collect()
    };
    found == wanted || lines(found) == lines(wanted)
}

/// Writes the new version to `new`. What has not changed is linked: no second
/// write, and the file stays the one that an editor has open.
fn stage(
    new: &Path,
    old: Option<&Path>,
    strangers: &[PathBuf],
    files: &BTreeMap<ObjectPath, String>,
    unchanged: &BTreeSet<&ObjectPath>,
) -> Result<(), Error> {
    let make =
        |folder: &Path| fs::create_dir_all(folder).map_err(Error::io("make the folder", folder));
    fs::create_dir(new).map_err(Error::io("make the folder", new))?;
    let folders: BTreeSet<PathBuf> = files.keys().map(ObjectPath::folder).collect();
    for folder in folders {
        make(&new.join(folder))?;
    }
    let files: Vec<_> = files.iter().collect();
    let is_each_synced = files.len() - unchanged.len() <= SYNC_EACH_MAX;
    let write = |(path, text): &(&ObjectPath, &String)| {
        let file = new.join(path.relative());
        if let (Some(old), true) = (old, unchanged.contains(path))
            // Not every file system can link, and not every file.
            && fs::hard_link(old.join(path.relative()), &file).is_ok()
        {
            return Ok(());
        }
        put(&file, text, is_each_synced).map_err(Error::io("write", &file))
    };
    for written in in_parallel(&files, write) {
        written?;
    }
    for stranger in strangers {
        let to = new.join(stranger);
        if let Some(folder) = to.parent() {
            make(folder)?;
        }
        let from = old.map(|old| old.join(stranger)).unwrap_or_default();
        keep(&from, &to).map_err(Error::io("keep", &from))?;
    }
    if !is_each_synced {
        sync_all(new).map_err(Error::io("write", new))?;
    }
    Ok(())
}

fn put(file: &Path, text: &str, is_synced: bool) -> io::Result<()> {
    let mut file = File::create_new(file)?;
    file.write_all(text.as_bytes())?;
    if is_synced {
        file.sync_all()?;
    }
    Ok(())
}

/// Makes everything on the file system of `folder` durable.
#[cfg(target_os = "linux")]
fn sync_all(folder: &Path) -> io::Result<()> {
    Ok(nix::unistd::syncfs(File::open(folder)?)?)
}

/// The system knows no such call; git has the older versions.
#[cfg(not(target_os = "linux"))]
fn sync_all(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The same file, folder or symbolic link at another place.
fn keep(from: &Path, to: &Path) -> io::Result<()> {
    let kind = from.symlink_metadata()?.file_type();
    if kind.is_dir() {
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            keep(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if kind.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    match fs::hard_link(from, to) {
        Err(_) if kind.is_file() => fs::copy(from, to).map(drop),
        linked => linked,
    }
}

/// Puts `new` in its place. What was there is at `new` then, or nothing is.
fn swap(place: &Place, new: &Path) -> Result<(), Error> {
    let root = place.root();
    let fail = |source| Error::io("replace", &root)(source);
    if root.symlink_metadata().is_err() {
        return fs::rename(new, &root).map_err(fail);
    }
    match exchange(new, &root) {
        Ok(()) => Ok(()),
        Err(error) if is_unsupported(&error) => rename_twice(place, new).map_err(fail),
        Err(error) => Err(fail(error)),
    }
}

/// Two folders change places: nobody ever sees neither.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE)?;
    Ok(())
}

/// Only Linux has it, as far as the crate for system calls knows.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn exchange(_: &Path, _: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// Whether the file system or the kernel has no such call. A sandbox says
/// EPERM for one that it does not know.
fn is_unsupported(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unsupported | ErrorKind::InvalidInput | ErrorKind::PermissionDenied
    )
}

/// As [`exchange`], but for a moment there is neither: [`Place::present`] finds
/// the old one then.
fn rename_twice(place: &Place, new: &Path) -> io::Result<()> {
    let (root, old) = (place.root(), place.beside(Beside::Old));
    fs::rename(&root, &old)?;
    if let Err(error) = fs::rename(new, &root) {
        let _ = fs::rename(&old, &root);
        return Err(error);
    }
    let _ = fs::remove_dir_all(&old);
    Ok(())
}

/// Removes what killed runs left. Without a lock it may be somebody's work.
fn sweep(place: &Place, lock: &Lock) {
    if !lock.is_held() {
        return;
    }
    let has_current = place.root().symlink_metadata().is_ok();
    for beside in [Beside::New, Beside::Old] {
        if matches!(beside, Beside::Old) && !has_current {
            // That is the current one.
            continue;
        }
        for folder in place.leftovers(beside).unwrap_or_default() {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

#[cfg(test)]
mod tests;
