//! `segue add`, as a developer sees it: what is told, and what is in folder,
//! expected schema and database afterwards.

use std::fs;
use std::path::PathBuf;

use crate::support::{Project, Run, TestDatabase, wait_until};

mod concurrent;
mod ending;
mod failure;
mod killed;
mod majors;
mod name;
mod place;
mod plain;
mod together;

/// A project whose development database is the test's.
struct Case {
    project: Project,
    database: TestDatabase<'static>,
}

impl Case {
    fn new() -> Self {
        let database = TestDatabase::new();
        let mut project = Project::on(&database);
        project.env("SEGUE_DEV_DATABASE_URL", database.url());
        project.redact(r"\d{4}(-\d\d){5}", "[time]");
        project.redact(r"\b\d+(\.\d+)?(ms|s)\b", "[duration]");
        project.redact(r"PostgreSQL \d+", "PostgreSQL NN");
        project.redact(r"pg\d\d\b", "pgNN");
        project.redact(r"\(deployment \d+\)", "(deployment N)");
        Self { project, database }
    }

    /// Writes a file beside the folder of migrations.
    fn file(&self, name: &str, text: &str) -> &Self {
        self.project.write(name, text);
        self
    }

    /// Runs `segue add`.
    fn add(&self, arguments: &[&str]) -> Run {
        let mut all = vec!["add"];
        all.extend(arguments);
        self.project.segue(&all)
    }

    /// Writes a file and adds it, which has to succeed.
    #[track_caller]
    fn added(&self, name: &str, text: &str) -> String {
        self.file(name, text);
        self.add(&[name]).expect_success();
        self.name(name)
    }

    /// A statement that waits for [`Case::open_gate`], on any database of the
    /// test's server; other servers have no gate.
    fn gate(&self) -> String {
        let name = self.database.name();
        format!(
            "DO $$ BEGIN WHILE current_database() <> 'postgres' AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}_gate') LOOP PERFORM pg_sleep(0.02); END LOOP; END $$;\n"
        )
    }

    /// Waits until a migration stands at the gate.
    fn wait_at_gate(&self) {
        let name = self.database.name();
        let waiting = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO $$ BEGIN WHILE%{name}%' AND pid <> pg_backend_pid()"
        );
        wait_until("the gate", || self.database.query(&waiting) == "1");
    }

    /// Lets the migration go on: every database sees a role.
    fn open_gate(&self) {
        self.database.role("gate", "");
    }

    /// Names in a folder, sorted.
    fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.project.path().join(folder)) else {
            return Vec::new();
        };
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Name of the migration that `file` has become.
    #[track_caller]
    fn name(&self, file: &str) -> String {
        let names = self.names("migrations");
        let found = names.iter().rfind(|name| name.ends_with(file));
        let found = found.unwrap_or_else(|| panic!("no {file} in {names:?}"));
        found.clone()
    }

    /// Text of the migration that `file` has become.
    #[track_caller]
    fn text(&self, file: &str) -> String {
        let name = self.name(file);
        self.project.read(&format!("migrations/{name}"))
    }

    /// The same without time and version.
    #[track_caller]
    fn redacted(&self, file: &str) -> String {
        let pattern = |pattern| regex::Regex::new(pattern).expect("a pattern");
        let text = self.text(file);
        let text = pattern(r"\d{4}(-\d\d){5}").replace_all(&text, "[time]");
        let text = pattern("\"\\d\\d\": ").replace_all(&text, "\"NN\": ");
        text.into_owned()
    }

    /// Where the expected schema of the test's server is.
    fn expected(&self) -> PathBuf {
        let version = self.database.query("SHOW server_version_num");
        let major = version.parse::<u32>().expect("a number") / 10_000;
        let folder = self.project.path().join("expected-schema");
        folder.join(format!("pg{major}"))
    }

    /// Everything that is not in the database: paths and texts, expected schema
    /// included.
    fn files(&self) -> Vec<(PathBuf, String)> {
        fn collect(folder: &std::path::Path, found: &mut Vec<(PathBuf, String)>) {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    collect(&path, found);
                } else {
                    let text = fs::read(&path).expect("a file");
                    found.push((path, String::from_utf8_lossy(&text).into_owned()));
                }
            }
        }
        let mut found = Vec::new();
        collect(self.project.path(), &mut found);
        found.sort();
        found
    }

    /// What the ledger says, a row per line.
    fn ledger(&self) -> String {
        self.database
            .query("SELECT regexp_replace(file, '^[0-9-]+-', ''), kind, state FROM segue.migration ORDER BY file")
    }

    /// The same text in the ledger and in the folder, nothing pending.
    #[track_caller]
    fn expect_up_to_date(&self) {
        self.project.segue(&["up"]).expect(
            "",
            "
              Up to date nothing is pending
                   Ready since deployment N
            ",
            0,
        );
    }
}
