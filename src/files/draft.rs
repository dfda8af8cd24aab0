//! A new migration on its way into its folder: a copy beside its place to be,
//! under a name that no reader of the folder takes for a migration.
//!
//! Editors keep the original open, so it is read once: the copy is what is
//! checked, applied and placed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::migration::Name;

/// Cannot be copied, placed or removed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} `{}`", .path.display())]
pub struct Error {
    /// For example `read`.
    pub doing: &'static str,
    /// File or folder.
    pub path: PathBuf,
    source: io::Error,
}

impl Error {
    /// Whether it does not exist.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

pub(super) fn fail<'a>(
    doing: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// The copy; removed when it is dropped, unless it was placed.
#[derive(Debug)]
pub struct Draft {
    original: PathBuf,
    folder: PathBuf,
    temporary: PathBuf,
    place: PathBuf,
    /// Whether the copy stays if it cannot be placed.
    is_kept: bool,
    /// Length and time of the original when it was copied.
    seen: Option<(u64, std::time::SystemTime)>,
    /// The file that takes it back, which is placed when it is.
    revert: Option<Box<Self>>,
}

/// What became of the original.
#[derive(Debug)]
pub enum Original {
    /// It is gone.
    Removed,
    /// It was changed after it had been copied, so it is kept.
    Changed,
    /// It is still there.
    Left(Error),
    /// It is gone; the file that takes it back is still where it was, since it
    /// was changed or for this error.
    RevertLeft(Option<Error>),
}

impl Draft {
    /// Copies `original` into `folder`, where it is to be `name`; on disk when
    /// this returns.
    ///
    /// # Errors
    /// See [`Error`]; nothing is left then.
    pub fn copy(original: &Path, folder: &Path, name: &Name) -> Result<Self, Error> {
        let mut from = File::open(original).map_err(fail("read", original))?;
        let metadata = from.metadata().map_err(fail("read", original))?;
        if !metadata.is_file() {
            return Err(fail("read", original)(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is not a file",
            )));
        }
        let temporary = folder.join(format!(".{name}.{:08x}", fastrand::u32(..)));
        let mut to = create(&temporary)?;
        let draft = Self {
            original: original.to_owned(),
            folder: folder.to_owned(),
            place: folder.join(name.as_str()),
            temporary,
            is_kept: false,
            seen: metadata.modified().ok().map(|time| (metadata.len(), time)),
            revert: None,
        };
        let copied = io::copy(&mut from, &mut to).and_then(|_| to.sync_all());
        copied.map_err(fail("write", &draft.temporary))?;
        Ok(draft)
    }

    /// With the file that takes it back, which goes where it goes.
    ///
    /// # Errors
    /// As [`Draft::copy`].
    pub fn with_revert(mut self, original: &Path, name: &Name) -> Result<Self, Error> {
        let revert = Self::copy(original, &self.folder, &name.revert_file())?;
        self.revert = Some(Box::new(revert));
        Ok(self)
    }

    /// Where the file will be that takes it back, if there is one.
    #[must_use]
    pub fn revert_place(&self) -> Option<&Path> {
        self.revert.as_ref().map(|revert| revert.place())
    }

    /// Where the copy is read.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Where it will be.
    #[must_use]
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// It is to have another name.
    pub fn rename(&mut self, name: &Name) {
        self.place = self.folder.join(name.as_str());
        if let Some(revert) = &mut self.revert {
            revert.rename(&name.revert_file());
        }
    }

    /// From now on the copy stays, even if it cannot be placed: there is
    /// something that belongs to it.
    pub fn keep(&mut self) {
        self.is_kept = true;
    }

    /// What ends its lines: what ends the first one, LF if there is none.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn line_end(&self) -> Result<&'static str, Error> {
        const CHUNK: usize = 64 * 1024;
        let mut file = File::open(&self.temporary).map_err(fail("read", &self.temporary))?;
        let mut chunk = vec![0; CHUNK];
        let mut was_carriage_return = false;
        loop {
            let length = file
                .read(&mut chunk)
                .map_err(fail("read", &self.temporary))?;
            let chunk = &chunk[..length];
            if let Some(at) = memchr::memchr(b'\n', chunk) {
                let is_crlf = match at.checked_sub(1) {
                    Some(before) => chunk[before] == b'\r',
                    None => was_carriage_return,
                };
                return Ok(if is_crlf { "\r\n" } else { "\n" });
            }
            match chunk.last() {
                None => return Ok("\n"),
                Some(last) => was_carriage_return = *last == b'\r',
            }
        }
    }

    /// Puts `header` in place of the first `old_bytes` bytes; what follows is
    /// copied as it is.
    ///
    /// # Errors
    /// See [`Error`]; the draft is as before then.
    pub fn set_header(&mut self, old_bytes: usize, header: &str) -> Result<(), Error> {
        let edited = self.folder.join(format!(
            ".{}.{:08x}",
            self.place.file_name().unwrap_or_default().to_string_lossy(),
            fastrand::u32(..)
        ));
        let mut from = File::open(&self.temporary).map_err(fail("read", &self.temporary))?;
        let mut to = create(&edited)?;
        let written = from
            .seek(SeekFrom::Start(old_bytes as u64))
            .and_then(|_| to.write_all(header.as_bytes()))
            .and_then(|()| io::copy(&mut from, &mut to))
            .and_then(|_| to.sync_all())
            .and_then(|()| fs::rename(&edited, &self.temporary));
        written.map_err(|source| {
            let _ = fs::remove_file(&edited);
            fail("write", &edited)(source)
        })
    }

    /// Gives it its name, and removes the original; never in place of another
    /// file.
    ///
    /// # Errors
    /// See [`Error`]; everything is as before then. What became of the original
    /// is no error any more.
    pub fn put(mut self) -> Result<Original, Error> {
        let revert = self.revert.take();
        let original = self.put_alone()?;
        // Second: without its migration it would be refused, and the migration
        // without it is sound.
        Ok(match (original, revert.map(|revert| revert.put_alone())) {
            (Original::Removed, Some(Ok(Original::Left(error)) | Err(error))) => {
                Original::RevertLeft(Some(error))
            }
            (Original::Removed, Some(Ok(Original::Changed))) => Original::RevertLeft(None),
            (original, _) => original,
        })
    }

    fn put_alone(self) -> Result<Original, Error> {
        // It may keep the very name that it has.
        let is_same = is_same(&self.original, &self.place);
        let put = if is_same {
            fs::rename(&self.temporary, &self.place)
        } else {
            put(&self.temporary, &self.place)
        };
        put.map_err(fail("write", &self.place))?;
        // A folder that cannot be opened for this is one of a file system that
        // needs no such thing.
        if let Ok(folder) = File::open(&self.folder) {
            let _ = folder.sync_all();
        }
        if is_same {
            return Ok(Original::Removed);
        }
        let now = fs::metadata(&self.original).ok();
        let now = now.and_then(|now| Some((now.len(), now.modified().ok()?)));
        if self.seen.is_some() && now.is_some() && now != self.seen {
            return Ok(Original::Changed);
        }
        match fs::remove_file(&self.original) {
            Ok(()) => Ok(Original::Removed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Original::Removed),
            Err(error) => Ok(Original::Left(fail("remove", &self.original)(error))),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Placed, it is gone already.
        if !self.is_kept {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// A copy whose maker is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// What it was to be.
    pub name: Name,
    /// Where it is.
    pub path: PathBuf,
}

/// The copies in `folder` that nobody has placed, by path; whoever asks has to
/// hold the folder's [`Claim`](super::claim::Claim), or they may be in use.
#[must_use]
pub fn leftovers(folder: &Path) -> Vec<Leftover> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<Leftover> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (name, unique) = name.strip_prefix('.')?.rsplit_once('.')?;
            let is_ours = name.as_bytes().ends_with(b".sql")
                && unique.len() == 8
                && unique.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_ours.then(|| Leftover {
                name: Name::new(name),
                path: entry.path(),
            })
        })
        .collect();
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

impl Leftover {
    /// Removes it, if that can be done: it only takes room.
    pub fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

pub(super) fn create(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(fail("write", path))
}

/// Gives `from` the name `to`, if nothing has that.
pub(super) fn put(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // Not every file system has links.
        Err(_) => {
            if to.try_exists()? {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
    }
}

/// Whether both paths are the same entry of the same folder; a symbolic link is
/// not the file that it leads to.
#[must_use]
pub fn is_same(one: &Path, other: &Path) -> bool {
    let entry = |path: &Path| {
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        Some((folder.canonicalize().ok()?, path.file_name()?.to_owned()))
    };
    entry(one).is_some_and(|one| Some(one) == entry(other))
}

/// Whether both paths lead to the same folder, which has to exist.
#[must_use]
pub fn is_same_folder(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    real(one).is_some_and(|one| Some(one) == real(other))
}

/// Makes `folder` if it is not there; whether it was made.
///
/// # Errors
/// See [`Error`].
pub fn make_folder(folder: &Path) -> Result<bool, Error> {
    if folder.is_dir() {
        return Ok(false);
    }
    fs::create_dir_all(folder).map_err(fail("make", folder))?;
    Ok(true)
}

/// Whether something can be written into `folder`, or where it will have to be
/// made: to be asked before what cannot be taken back.
///
/// # Errors
/// See [`Error`].
pub fn probe(folder: &Path) -> Result<(), Error> {
    let absolute = std::path::absolute(folder).map_err(fail("find", folder))?;
    let existing = absolute.ancestors().find(|folder| folder.exists());
    let existing = existing.unwrap_or(&absolute);
    let probe = existing.join(format!(".segue-{:08x}", fastrand::u32(..)));
    create(&probe)?;
    fs::remove_file(&probe).map_err(fail("remove", &probe))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        folder: tempfile::TempDir,
    }

    impl Case {
        fn new(text: &str) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            fs::write(folder.path().join("a.sql"), text).expect("a file");
            Self { folder }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn draft(&self) -> Draft {
            let name = Name::new("2026-a.sql");
            Draft::copy(&self.path("a.sql"), self.folder.path(), &name).expect("a copy")
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(self.folder.path()).expect("a folder");
            let name = |entry: io::Result<fs::DirEntry>| {
                let name = entry.expect("an entry").file_name();
                name.to_string_lossy().into_owned()
            };
            let mut names: Vec<_> = entries.map(name).collect();
            names.sort();
            names
        }
    }

    #[test]
    fn a_draft_takes_the_place_of_the_original() {
        let case = Case::new("-- x\nSELECT 1;\n");
        let mut draft = case.draft();
        draft.set_header(5, "-- y\n-- z\n").expect("written");
        assert!(matches!(draft.put(), Ok(Original::Removed)));
        assert_eq!(case.names(), ["2026-a.sql"]);
        let text = fs::read_to_string(case.path("2026-a.sql")).expect("a file");
        assert_eq!(text, "-- y\n-- z\nSELECT 1;\n");
    }

    #[test]
    fn a_dropped_draft_leaves_nothing() {
        let case = Case::new("");
        drop(case.draft());
        assert_eq!(case.names(), ["a.sql"]);
    }

    #[test]
    fn a_copy_that_nobody_placed_is_found() {
        let case = Case::new("");
        let mut draft = case.draft();
        draft.keep();
        drop(draft);
        for name in [".a.sql.swp", ".2026-a.sql.0123456x", "2026-a.sql.01234567"] {
            fs::write(case.path(name), "").expect("a file");
        }
        let found = leftovers(case.folder.path());
        let names: Vec<_> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["2026-a.sql"]);
        found[0].remove();
        assert_eq!(leftovers(case.folder.path()), []);
    }

    #[test]
    fn another_file_is_never_replaced() {
        let case = Case::new("new");
        let draft = case.draft();
        fs::write(case.path("2026-a.sql"), "other").expect("a file");
        let error = draft.put().expect_err("the name is taken");
        assert_eq!(
            error.source.kind(),
            io::ErrorKind::AlreadyExists,
            "{error:?}"
        );
        assert_eq!(case.names(), ["2026-a.sql", "a.sql"]);
        let text = fs::read_to_string(case.path("2026-a.sql")).expect("a file");
        assert_eq!(text, "other");
    }

    #[test]
    fn a_file_may_keep_its_name() {
        let case = Case::new("SELECT 1;");
        let name = Name::new("a.sql");
        let draft = Draft::copy(&case.path("a.sql"), case.folder.path(), &name).expect("a copy");
        assert!(matches!(draft.put(), Ok(Original::Removed)));
        assert_eq!(case.names(), ["a.sql"]);
    }

    #[test]
    fn an_original_that_was_changed_meanwhile_is_kept() {
        let case = Case::new("SELECT 1;");
        let draft = case.draft();
        fs::write(case.path("a.sql"), "SELECT 1, 2;").expect("a file");
        assert!(matches!(draft.put(), Ok(Original::Changed)));
        let text = fs::read_to_string(case.path("2026-a.sql")).expect("a file");
        assert_eq!(text, "SELECT 1;");
        assert_eq!(case.names(), ["2026-a.sql", "a.sql"]);
    }

    #[test]
    fn a_symbolic_link_is_removed_and_not_what_it_leads_to() {
        let case = Case::new("SELECT 1;");
        fs::rename(case.path("a.sql"), case.path("b.sql")).expect("renamed");
        std::os::unix::fs::symlink(case.path("b.sql"), case.path("a.sql")).expect("a link");
        assert!(matches!(case.draft().put(), Ok(Original::Removed)));
        assert_eq!(case.names(), ["2026-a.sql", "b.sql"]);
    }

    #[test]
    fn lines_end_as_the_first_one_does() {
        let line_end = |text: &str| Case::new(text).draft().line_end().expect("readable");
        assert_eq!(line_end("a\r\nb\n"), "\r\n");
        assert_eq!(line_end("a\nb\r\n"), "\n");
        assert_eq!(line_end("a"), "\n");
        assert_eq!(line_end(&format!("{}\r\n", "a".repeat(65_535))), "\r\n");
    }

    #[test]
    fn entries_are_compared_by_folder_and_name() {
        let case = Case::new("");
        let twisted = case.folder.path().join(".").join("a.sql");
        assert!(is_same(&case.path("a.sql"), &twisted));
        assert!(!is_same(&case.path("a.sql"), &case.path("b.sql")));
        assert!(is_same_folder(case.folder.path(), &case.path(".")));
    }
}
