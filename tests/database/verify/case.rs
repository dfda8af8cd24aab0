//! A database, a folder with an expected schema, and another database on which
//! the expected schema is made.

use std::collections::BTreeMap;

use segue::directive::with_schema_diff;
use segue::files::expected;
use segue::schema::diff::Diff;
use segue::schema::{Rules, Snapshot};

use crate::support::{Project, TestDatabase, TestSession, snapshot};

pub struct Case {
    pub database: TestDatabase<'static>,
    /// Where all is settled; knows nothing of segue.
    pub settled: TestDatabase<'static>,
    pub project: Project,
}

pub fn major(database: &TestDatabase<'_>) -> u32 {
    let number: u32 = database
        .query("SHOW server_version_num")
        .parse()
        .expect("a number");
    number / 10_000
}

impl Case {
    pub fn new() -> Self {
        let database = TestDatabase::new();
        let mut project = Project::deploying(&database);
        project.redact(r"pg1\d\b", "pg[major]");
        project.redact(r"PostgreSQL 1\d\b", "PostgreSQL [major]");
        Self {
            settled: TestDatabase::new(),
            project,
            database,
        }
    }

    /// With a table `t (a int, b int)` that is applied, settled and expected.
    pub fn with_table() -> Self {
        let case = Self::new();
        case.file("1-table.sql", "CREATE TABLE t (a int, b int);\n")
            .expect();
        case.project.segue(&["up"]).expect_success();
        case
    }

    /// A migration of the batch.
    pub fn file(&self, name: &str, sql: &str) -> &Self {
        self.settled.run(sql);
        self.project.file(name, sql);
        self
    }

    /// A concurrent migration of `partner` with its schema diff, and its
    /// statement.
    pub fn concurrent(&self, name: &str, partner: &str, sql: &str) -> &Self {
        let before = self.snapshot();
        // PostgreSQL refuses it on a partitioned table.
        let is_partitioned = "SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('t')";
        match sql.strip_prefix("CREATE INDEX CONCURRENTLY") {
            Some(rest) if self.settled.query(is_partitioned) == "t" => {
                self.settled.run(&format!("CREATE INDEX{rest}"));
            }
            _ => self.settled.run(sql),
        }
        let parts = BTreeMap::from([(
            major(&self.settled),
            Diff::between(&before, &self.snapshot()),
        )]);
        let text = format!("-- segue: begin-concurrent-migration-with: {partner}\n{sql}\n");
        self.project.file(name, &with_schema_diff(&text, &parts));
        self
    }

    /// Of the settled database.
    fn snapshot(&self) -> Snapshot {
        let mut snapshot = snapshot(&self.settled.url());
        let rules = Rules {
            privileges: true,
            database_settings: true,
            ..Rules::default()
        };
        rules.apply(&mut snapshot);
        snapshot
    }

    /// Writes the expected schema.
    pub fn expect(&self) -> &Self {
        self.expect_for(major(&self.settled))
    }

    pub fn expect_for(&self, major: u32) -> &Self {
        let folder = self.project.path().join("expected-schema");
        expected::write(&folder, major, &self.snapshot()).expect("written");
        self
    }

    /// A session that has read the table, which holds up each concurrent
    /// statement on it until it ends.
    pub fn hold_up(&self) -> TestSession {
        let session = self.database.session();
        session.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
        session.run("SELECT count(*) FROM t");
        session
    }

    /// `up` gives this, with a schema that is not as expected.
    #[track_caller]
    pub fn up(&self, stderr: &str, status: i32) {
        self.project.segue(&["up"]).expect("", stderr, status);
    }

    #[track_caller]
    pub fn verify(&self, stdout: &str, status: i32) {
        self.project.segue(&["verify"]).expect(stdout, "", status);
    }

    pub fn deployments(&self) -> String {
        self.database
            .query("SELECT string_agg(state, ' ' ORDER BY id) FROM segue.deployment")
    }
}

/// Ends a session and its transaction.
pub fn let_go(session: TestSession) {
    session.run("ROLLBACK");
    drop(session);
}
