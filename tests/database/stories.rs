//! `examples/int-to-bigint` and `examples/reformat-json` with real parts: each
//! deployment in turn, while old and new code runs against the database and
//! remembers what it has written.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::{Background, Project, TestDatabase, wait_until};

mod int_to_bigint;
mod reformat_json;
mod worker;

/// For a run with backfills to do, beside servers of an application.
const PATIENCE: Duration = Duration::from_mins(5);

/// One of the examples, on a database.
struct Story {
    name: &'static str,
    project: Project,
}

impl Story {
    fn begin(name: &'static str, database: &TestDatabase<'_>) -> Self {
        let mut project = Project::on(database);
        project.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
        if let Some(bin) = std::env::var_os("SEGUE_TEST_PG_BIN") {
            project.env("SEGUE_PG_BIN", bin);
        }
        Self { name, project }
    }

    /// Names of its files, in their order.
    fn files(&self) -> Vec<String> {
        let folder = self.folder();
        let mut names: Vec<String> = fs::read_dir(folder)
            .expect("the example")
            .map(|entry| entry.expect("an entry").file_name())
            .map(|name| name.into_string().expect("UTF-8"))
            .collect();
        names.sort();
        names
    }

    fn folder(&self) -> PathBuf {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        root.join("examples").join(self.name).join("migrations")
    }

    /// Copies the files of a deployment, known by the beginning of their names.
    ///
    /// A story takes days where the test has seconds: its backfills get small
    /// batches and pauses in place of a deadline, so that some are to be seen.
    fn merge(&self, prefix: &str) {
        let files = self.files();
        let files = files.iter().filter(|name| name.starts_with(prefix));
        let mut merged = 0;
        for name in files {
            let text = fs::read_to_string(self.folder().join(name)).expect("a migration");
            let lines = text.lines().map(|line| match line.split_once(" within ") {
                Some((line, _)) if line.starts_with("-- segue: backfill: ") => {
                    format!("{line} pause 60ms\n")
                }
                _ => format!("{line}\n"),
            });
            self.project.file(name, &lines.collect::<String>());
            merged += 1;
        }
        assert!(merged > 0, "{prefix}");
    }

    /// Copies all of it, as it stands there.
    fn merge_all(&self) {
        for name in self.files() {
            let text = fs::read_to_string(self.folder().join(&name)).expect("a migration");
            self.project.file(&name, &text);
        }
    }

    /// Starts a deployment and waits until it is ready.
    fn deploy(&self) -> Background<'_> {
        let run = self.project.spawn(&["up"]);
        self.project
            .segue(&["wait", "ready", "--timeout", "30s"])
            .expect_success();
        run
    }

    /// `segue check` of the folder, with the expected schema that belongs to it.
    fn passes_the_check(&self) {
        let project = &self.project;
        project
            .segue(&["write-schema", "--throwaway"])
            .expect_success();
        let run = project.segue(&["check"]);
        assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    }
}

/// `kill -9` in the middle of a backfill of this file.
fn kill_in_backfill(run: Background<'_>, database: &TestDatabase<'_>, file: &str) {
    wait_until("a backfill in the middle", || {
        database.query(&format!(
            "SELECT batches >= 2 AND finished_at IS NULL FROM segue.backfill WHERE file = '{file}'"
        )) == "t"
    });
    run.kill();
    assert_eq!(run.wait().status, 137);
    let undone = format!(
        "SELECT count(*) FROM segue.backfill WHERE file = '{file}' AND finished_at IS NULL"
    );
    assert_eq!(database.query(&undone), "1");
}

/// All files of an example, and a database to apply them to.
fn all_at_once(name: &'static str) -> (TestDatabase<'static>, Story) {
    let database = TestDatabase::new();
    let story = Story::begin(name, &database);
    story.merge_all();
    (database, story)
}
