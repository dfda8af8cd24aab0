//! Other tools' ledgers, their tables made by hand as the tools make them.

use crate::support::{Project, TestDatabase};

mod codd;
mod fails;
mod real;
mod tools;
mod unadopted;
mod up_to;

/// A database, and a folder of migrations for it.
struct Case {
    database: TestDatabase<'static>,
    project: Project,
}

impl Case {
    fn new() -> Self {
        let database = TestDatabase::new();
        let project = Project::deploying(&database);
        Self { database, project }
    }

    /// What segue's ledger says: a line for each migration.
    fn ledger(&self) -> String {
        self.database.query(
            "SELECT m.file, m.kind, m.state, m.statements, \
                    CASE WHEN m.ended_at > now() - interval '1 hour' THEN 'now' \
                         ELSE to_char(m.ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') END, \
                    m.duration, d.state \
               FROM segue.migration m JOIN segue.deployment d ON d.id = m.deployment ORDER BY file",
        )
    }
}

/// A line of the ledger for a migration whose time nobody has kept.
fn ledger_now(name: &str) -> String {
    format!("{name}|batch|applied|0|now|00:00:00|settled")
}
