//! Puts a folder of SQL migrations into a program, for [segue].
//!
//! In `build.rs`, with `segue-build` among the `[build-dependencies]`:
//!
//! ```no_run
//! segue_build::embed("migrations");
//! ```
//!
//! In the program, `static MIGRATIONS: segue::Embedded = segue::embed!();`
//! then holds them.
//!
//! A build script, since Cargo runs it again whenever a file comes, changes or
//! goes: a macro would not be told of a new one. The compiler reads the files
//! themselves, so that a large one is in memory once, as a part of the
//! program.
//!
//! What is wrong here, a folder that is not there for example, ends the build
//! with a message. What is wrong in a migration is told by
//! `segue::Deployment::check`, in a test of the program.
//!
//! [segue]: https://docs.rs/segue

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Embeds one folder of migrations, for `segue::embed!()`; a path counts from
/// the folder of `Cargo.toml`.
///
/// # Panics
/// As [`Embed::write`].
pub fn embed(folder: impl AsRef<Path>) {
    Embed::new(folder).write();
}

/// What is put into the program.
///
/// ```no_run
/// segue_build::Embed::new("migrations")
///     .expected_schema("expected-schema")
///     .write();
/// ```
#[derive(Clone, Debug)]
pub struct Embed {
    folders: Vec<PathBuf>,
    expected_schema: Option<PathBuf>,
    name: String,
}

impl Embed {
    /// The migrations of a folder: files that end in `.sql`, directly in it,
    /// whose names do not begin with a dot.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self {
            folders: vec![folder.as_ref().to_owned()],
            expected_schema: None,
            name: "main".to_owned(),
        }
    }

    /// And those of one more folder; all are one sequence, ordered by file
    /// name.
    #[must_use]
    pub fn and(mut self, folder: impl AsRef<Path>) -> Self {
        self.folders.push(folder.as_ref().to_owned());
        self
    }

    /// And the expected schema, against which the database is verified before
    /// it is ready. The folder has to be there.
    #[must_use]
    pub fn expected_schema(mut self, folder: impl AsRef<Path>) -> Self {
        self.expected_schema = Some(folder.as_ref().to_owned());
        self
    }

    /// For `segue::embed!("name")`, where a program has several projects.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Writes it where `segue::embed!` looks, and has Cargo run the build
    /// script again when a file comes, changes or goes.
    ///
    /// # Panics
    /// If this is no build script, a folder cannot be read, or a name is not
    /// one that could be embedded: the build ends with the reason.
    pub fn write(&self) {
        // Cargo runs build scripts in the folder of Cargo.toml.
        let out = std::env::var_os("OUT_DIR").expect("`segue_build` is for build scripts");
        let here = std::env::current_dir().expect("a build script has a folder");
        match self.embed(&here, Path::new(&out)) {
            Ok(watched) => {
                for path in watched {
                    println!("cargo::rerun-if-changed={}", path.display());
                }
            }
            Err(reason) => panic!("segue: {reason}"),
        }
    }

    /// Writes the file; what Cargo has to watch.
    fn embed(&self, here: &Path, out: &Path) -> Result<Vec<PathBuf>, String> {
        let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
        if self.name.is_empty() || !self.name.chars().all(is_allowed) {
            return Err(format!(
                "`{}` cannot be embedded as a name: letters, digits, `_`, `.` and `-` can",
                self.name
            ));
        }
        let mut watched = Vec::new();
        let mut migrations = Vec::new();
        for folder in &self.folders {
            let root = here.join(folder);
            for name in names(&root)? {
                let path = root.join(&name);
                if path.extension().is_some_and(|extension| extension == "sql")
                    && !name.starts_with('.')
                    && path.is_file()
                {
                    let shown = format!("{}/{name}", slashes(folder)?);
                    migrations.push((shown, path));
                }
            }
            watched.push(root);
        }
        let mut text = String::from("::segue::Embedded::new(&");
        list(&mut text, &migrations)?;
        text.push(')');
        if let Some(folder) = &self.expected_schema {
            let root = here.join(folder);
            let mut files = Vec::new();
            below(&root, "", &mut files)?;
            // Writing into a string cannot fail.
            let _ = write!(text, ".expected_schema({:?}, &", slashes(folder)?);
            list(&mut text, &files)?;
            text.push(')');
            watched.push(root);
        }
        let file = out.join(format!("segue-{}.rs", self.name));
        fs::write(&file, text)
            .map_err(|error| format!("cannot write `{}`: {error}", file.display()))?;
        Ok(watched)
    }
}

/// Files as an array in Rust, each with what it is called.
fn list(text: &mut String, files: &[(String, PathBuf)]) -> Result<(), String> {
    text.push_str("[\n");
    for (shown, path) in files {
        let path = path
            .to_str()
            .ok_or_else(|| format!("the path `{}` is not UTF-8", path.display()))?;
        let _ = writeln!(
            text,
            "    ::segue::EmbeddedFile::new({shown:?}, ::core::include_bytes!({path:?})),"
        );
    }
    text.push(']');
    Ok(())
}

/// Names in a folder, sorted.
fn names(folder: &Path) -> Result<Vec<String>, String> {
    let failed = |error| format!("cannot read the folder `{}`: {error}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        names.push(name.into_string().map_err(|name| {
            let path = folder.join(name);
            format!("the name of `{}` is not UTF-8", path.display())
        })?);
    }
    names.sort();
    Ok(names)
}

/// Files of an expected schema, with their paths from its folder.
fn below(root: &Path, at: &str, files: &mut Vec<(String, PathBuf)>) -> Result<(), String> {
    let folder = if at.is_empty() {
        root.to_owned()
    } else {
        root.join(at)
    };
    for name in names(&folder)? {
        // What is hidden is somebody else's: a version that is being written,
        // or an editor's.
        if name.starts_with('.') {
            continue;
        }
        let path = folder.join(&name);
        let shown = if at.is_empty() {
            name
        } else {
            format!("{at}/{name}")
        };
        if path.is_dir() {
            below(root, &shown, files)?;
        } else if Path::new(&shown)
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push((shown, path));
        }
    }
    Ok(())
}

/// A path with `/` between its parts, as errors show it.
fn slashes(path: &Path) -> Result<String, String> {
    let text = path
        .to_str()
        .ok_or_else(|| format!("the path `{}` is not UTF-8", path.display()))?;
    Ok(text
        .replace(std::path::MAIN_SEPARATOR, "/")
        .trim_end_matches('/')
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of the test's own, removed in the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("segue-build-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).expect("a folder");
            Self(path)
        }

        fn write(&self, path: &str) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, "").expect("a file");
        }

        /// What is embedded, with the folder left out.
        fn embed(&self, embed: &Embed) -> Result<String, String> {
            let here = self.0.display().to_string();
            let hide = |text: String| text.replace(&here, "HERE");
            let watched = embed.embed(&self.0, &self.0).map_err(hide)?;
            let text = fs::read_to_string(self.0.join(format!("segue-{}.rs", embed.name)));
            let mut text = text.expect("a file") + "\n";
            for path in watched {
                let _ = writeln!(text, "watches {}", path.display());
            }
            Ok(hide(text))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn migrations_and_the_expected_schema() {
        let folder = Folder::new("all");
        for path in [
            "db/migrations/b.sql",
            "db/migrations/a.sql",
            "db/migrations/.c.sql",
            "db/migrations/README.md",
            "db/migrations/old/d.sql",
            "more/aa.sql",
            "expected/pg17/public/table/users.json",
            "expected/pg17/public/table/.users.json.swp",
            "expected/.pg17.new.0123456789abcdef/public/table/users.json",
            "expected/README.md",
        ] {
            folder.write(path);
        }
        let embed = Embed::new("db/migrations/")
            .and("more")
            .expected_schema("expected")
            .named("billing");
        assert_eq!(
            folder.embed(&embed).expect("embedded"),
            r#"::segue::Embedded::new(&[
    ::segue::EmbeddedFile::new("db/migrations/a.sql", ::core::include_bytes!("HERE/db/migrations/a.sql")),
    ::segue::EmbeddedFile::new("db/migrations/b.sql", ::core::include_bytes!("HERE/db/migrations/b.sql")),
    ::segue::EmbeddedFile::new("more/aa.sql", ::core::include_bytes!("HERE/more/aa.sql")),
]).expected_schema("expected", &[
    ::segue::EmbeddedFile::new("pg17/public/table/users.json", ::core::include_bytes!("HERE/expected/pg17/public/table/users.json")),
])
watches HERE/db/migrations/
watches HERE/more
watches HERE/expected
"#
        );
    }

    #[test]
    fn a_folder_that_is_not_there_ends_the_build() {
        let folder = Folder::new("absent");
        assert_eq!(
            folder.embed(&Embed::new("migrations")),
            Err(
                "cannot read the folder `HERE/migrations`: No such file or directory (os error 2)"
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_name_has_to_be_one_of_a_file() {
        let folder = Folder::new("name");
        folder.write("migrations/a.sql");
        let embed = Embed::new("migrations").named("a/b");
        assert_eq!(
            folder.embed(&embed),
            Err(
                "`a/b` cannot be embedded as a name: letters, digits, `_`, `.` and `-` can"
                    .to_owned()
            )
        );
    }
}
