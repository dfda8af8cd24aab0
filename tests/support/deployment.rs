//! What the tests of whole runs begin and end with.

use super::database::TestDatabase;
use super::project::{Project, Run};

/// Tables, views and sequences of the user in namespace `public`, by name.
const RELATIONS: &str = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class \
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')";

impl Project {
    /// A folder for `database` whose output has no durations either.
    pub fn deploying(database: &TestDatabase<'_>) -> Self {
        let mut project = Self::on(database);
        project.redact(r"\b\d+(\.\d+)?(ms|s|m)\b", "[t]");
        project.redact(r"_backend\(\d+\)", "_backend([pid])");
        project
    }

    /// `up` finishes the work, and once more finds nothing to do and announces
    /// again.
    #[track_caller]
    pub fn finishes(&self) {
        self.segue(&["up"]).expect_success();
        self.has_nothing_to_do();
    }

    /// `up` finds nothing to do, and announces again.
    #[track_caller]
    pub fn has_nothing_to_do(&self) {
        let Run { stderr, status, .. } = self.segue(&["up"]);
        let lines: Vec<_> = stderr.lines().map(str::trim_start).collect();
        assert!(
            status == 0
                && matches!(lines.as_slice(), [first, last]
                    if *first == "Up to date nothing is pending"
                        && last.starts_with("Ready since deployment ")),
            "status {status}\n{stderr}"
        );
    }
}

impl TestDatabase<'_> {
    /// The user's relations in namespace `public`, spaces between.
    #[track_caller]
    pub fn relations(&self) -> String {
        self.query(RELATIONS)
    }

    /// The backend of `segue` that runs a statement of this form
    /// (`LIKE`), if there is one.
    #[track_caller]
    pub fn running(&self, statement: &str) -> Option<i32> {
        let pids = self.query(&format!(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
             AND state = 'active' AND pid <> pg_backend_pid() AND query LIKE '{statement}'"
        ));
        pids.lines().next()?.parse().ok()
    }
}
