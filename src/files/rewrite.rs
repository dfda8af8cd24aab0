//! A migration's new text and the files that belong to it, all of them written
//! or none.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::draft::{self, Error, create, fail, put};

/// A file that is changed.
#[derive(Clone, Copy, Debug)]
pub struct Changed<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// Its text as it was read.
    pub old: &'a str,
    /// Its text to be.
    pub new: &'a str,
}

/// What is left if it cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Nothing is changed.
    #[error(transparent)]
    Unwritten(#[from] Error),
    /// Somebody has changed the file meanwhile; nothing is changed.
    #[error("`{}` was changed meanwhile", .0.display())]
    Changed(PathBuf),
}

/// Writes `new` files, by name, beside the one that is changed, and then that.
///
/// Whoever dies on the way leaves new files and the old one unchanged, never
/// the other way round: what is in both is found by the next try, what was in
/// neither would be lost.
///
/// # Errors
/// See [`Failed`].
pub fn write_all(changed: Changed<'_>, new: &[(String, String)]) -> Result<(), Failed> {
    let folder = match changed.path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let name = changed.path.file_name().unwrap_or_default();
    let mut placed = Placed::default();
    let edited = Temporary::write(folder, &name.to_string_lossy(), changed.new)?;
    let mode = fs::metadata(changed.path).map_err(fail("read", changed.path))?;
    // Some file systems have none.
    let _ = fs::set_permissions(&edited.0, mode.permissions());
    for (name, text) in new {
        let temporary = Temporary::write(folder, name, text)?;
        let place = folder.join(name);
        put(&temporary.0, &place).map_err(fail("write", &place))?;
        placed.0.push(place);
    }
    let now = fs::read_to_string(changed.path).map_err(fail("read", changed.path))?;
    if now != changed.old {
        return Err(Failed::Changed(changed.path.to_owned()));
    }
    fs::rename(&edited.0, changed.path).map_err(fail("write", changed.path))?;
    placed.0.clear();
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Files that are taken away again unless all is done.
#[derive(Default)]
struct Placed(Vec<PathBuf>);

impl Drop for Placed {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

/// A file under a name that no reader of the folder takes for a migration;
/// gone when dropped, unless it has been given another one.
struct Temporary(PathBuf);

impl Temporary {
    fn write(folder: &Path, name: &str, text: &str) -> Result<Self, draft::Error> {
        let temporary = Self(folder.join(format!(".{name}.{:08x}", fastrand::u32(..))));
        let mut file = create(&temporary.0)?;
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| file.sync_all());
        written.map_err(fail("write", &temporary.0))?;
        Ok(temporary)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("p.sql"), "old").expect("a file");
        folder
    }

    /// Names and texts of all files.
    fn listing(folder: &tempfile::TempDir) -> String {
        let entries = fs::read_dir(folder.path()).expect("a folder");
        let mut shown: Vec<String> = entries
            .map(|entry| {
                let entry = entry.expect("an entry");
                let text = fs::read_to_string(entry.path()).expect("a text");
                format!("{}={text}", entry.file_name().to_string_lossy())
            })
            .collect();
        shown.sort();
        shown.join(" ")
    }

    fn write(folder: &tempfile::TempDir, old: &str, new: &[&str]) -> Result<(), Failed> {
        let path = folder.path().join("p.sql");
        let changed = Changed {
            path: &path,
            old,
            new: "new",
        };
        let new = new.iter().map(|name| ((*name).to_owned(), "c".to_owned()));
        write_all(changed, &new.collect::<Vec<_>>())
    }

    #[test]
    fn all_are_written() {
        let folder = folder();
        write(&folder, "old", &["c.sql", "e.sql"]).expect("written");
        assert_eq!(listing(&folder), "c.sql=c e.sql=c p.sql=new");
    }

    #[test]
    fn none_is_written_over_another_one() {
        let folder = folder();
        fs::write(folder.path().join("e.sql"), "other").expect("a file");
        let failed = write(&folder, "old", &["c.sql", "e.sql"]);
        assert!(matches!(failed, Err(Failed::Unwritten(_))), "{failed:?}");
        assert_eq!(listing(&folder), "e.sql=other p.sql=old");
    }

    #[test]
    fn none_is_written_if_the_file_has_changed() {
        let folder = folder();
        let failed = write(&folder, "older", &["c.sql"]);
        assert!(matches!(failed, Err(Failed::Changed(_))), "{failed:?}");
        assert_eq!(listing(&folder), "p.sql=old");
    }
}
