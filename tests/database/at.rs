//! `segue at`: a database in each state is what the state says, whatever
//! happened to a run before.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::{Project, Run};

mod broken;
mod command;
mod elsewhere;
mod shared;
mod states;

/// A project whose states are kept in a folder of its own, which the user that
/// stands in for root may enter.
struct Place {
    project: Project,
    cache: TempDir,
}

impl Place {
    fn new() -> Self {
        let cache = tempfile::Builder::new()
            .prefix("segue-states-")
            .tempdir_in("/tmp")
            .expect("a folder");
        fs::set_permissions(cache.path(), Permissions::from_mode(0o711)).expect("its owner");
        // What `initdb` makes is shared with all tests.
        let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("postgres");
        fs::create_dir_all(&shared).expect("a folder");
        std::os::unix::fs::symlink(shared, cache.path().join("postgres")).expect("a link");
        let mut project = Project::throwaway();
        project.env("SEGUE_CACHE_DIR", cache.path());
        project.redact(r"segue_visit_\d+", "[database]");
        project.redact("(/tmp/|%2Ftmp%2F)segue-pg-[A-Za-z0-9]+", "[server]");
        project.redact(
            &regex::escape(&cache.path().display().to_string()),
            "[cache]",
        );
        Self { project, cache }
    }

    /// With a triple and a backfill.
    fn triple() -> Self {
        let place = Self::new();
        place
            .project
            .file("1.sql", "CREATE TABLE t (id int PRIMARY KEY, a text);\n")
            .file("2.sql", "ALTER TABLE t ADD b text;\n")
            .file(
                "3.sql",
                "-- segue: begin-concurrent-migration-with: 2.sql\n\nCREATE UNIQUE INDEX CONCURRENTLY t_b ON t (b);\n",
            )
            .file(
                "4.sql",
                "-- segue: begin-concurrent-migration-with: 2.sql\n-- segue: backfill: t by id\n\nUPDATE t SET b = id::text WHERE id > :lower AND id <= :upper;\n",
            )
            .file(
                "5.sql",
                "-- segue: end-concurrent-migration: 3.sql, 4.sql\nALTER TABLE t ALTER b SET NOT NULL;\n",
            );
        place
    }

    /// Runs a command in a state.
    #[track_caller]
    fn at(&self, state: &str, command: &[&str]) -> Run {
        self.project
            .segue(&[&["at", state, "--"], command].concat())
    }

    /// Runs statements by psql, each by itself; what it prints.
    #[track_caller]
    fn query(&self, state: &str, statements: &[&str]) -> String {
        let run = self.at(state, &psql(statements));
        run.expect_success();
        run.stdout
    }

    /// The folders of data.
    fn kept(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.cache.path().join("states")).into_iter();
        let mut folders: Vec<_> = entries
            .flatten()
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.join("lock").exists())
            .collect();
        folders.sort();
        folders
    }
}

/// The command line of psql for these statements.
fn psql<'a>(statements: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["psql", "-XAtq", "-v", "ON_ERROR_STOP=1"];
    for statement in statements {
        words.extend(["-c", statement]);
    }
    words
}
