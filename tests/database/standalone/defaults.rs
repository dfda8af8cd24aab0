//! What a role, a database or a file has set, and what it must not change.

use super::{BUILT, Case, INDEX, check};
use crate::support::{Project, wait_until};

impl Case<'_> {
    /// Sets it for all sessions to come.
    fn default(&self, setting: &str) {
        let name = self.database.name();
        self.database
            .run(&format!("ALTER DATABASE {name} SET {setting}"));
    }

    fn advisory_locks(&self) -> String {
        self.database.query(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
    }
}

#[test]
fn a_database_that_is_read_only_by_default_gets_its_index() {
    let case = Case::new();
    case.default("default_transaction_read_only = on");
    case.concurrent(INDEX);
    check(&case.up(), BUILT);
    assert_eq!(case.indexes(), "i|t");
}

/// A statement of the ledger's that met another writer would fail.
#[test]
fn another_isolation_level_is_not_the_ledgers() {
    let case = Case::new();
    case.concurrent("SELECT 1 / 0;\n");
    case.up();
    case.concurrent(INDEX);
    case.default("default_transaction_isolation = 'serializable'");
    let writer = case.database.session();
    writer.run("BEGIN ISOLATION LEVEL READ COMMITTED");
    writer.run("UPDATE segue.migration SET error = 'another' WHERE file = '2-tail.sql'");
    let running = case.start();
    case.wait_for_statement("INSERT INTO segue.migration");
    writer.run("COMMIT");
    check(&running.wait(), BUILT);
}

/// In LATIN1 a name in UTF-8 is another name, which the ledger does not know.
#[test]
fn another_encoding_is_not_the_ledgers() {
    let case = Case::new();
    case.project.file(
        "2-Ünï.sql",
        "-- segue: no-txn\n\
         SET client_encoding = 'LATIN1';\n\
         INSERT INTO t VALUES (9, 9);\n\
         VACUUM t;\n\
         BEGIN;\n\
         INSERT INTO t VALUES (9, 9);\n\
         COMMIT;\n",
    );
    check(
        &case.up(),
        "
        statement 1 of 6
        statement 2 of 6
        statement 3 of 6
        statement 4 of 6
        settled
        ",
    );
    check(&case.up(), "settled\n");
    assert_eq!(
        case.database.query("SELECT count(*) FROM t WHERE a = 9"),
        "2"
    );
    assert_eq!(
        case.database
            .query("SELECT state FROM segue.migration WHERE file = '2-Ünï.sql'"),
        "applied"
    );
}

/// A batch's lock, its migration's and its deployment's.
#[test]
fn sessions_that_are_idle_for_long_keep_their_locks() {
    let case = Case::new();
    case.default("idle_session_timeout = '300ms'");
    case.standalone("SELECT pg_sleep(2);\n");
    let running = case.start();
    running.wait_until_told("statement 1 of 1");
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(case.advisory_locks(), "3");
    check(&running.wait(), "statement 1 of 1\nsettled\n");
}

/// Nobody else could use the table for as long as it is stopped.
#[test]
fn a_runner_that_is_stopped_inside_a_transaction_frees_its_locks() {
    for statements in [
        "ALTER TABLE t ADD COLUMN c int DEFAULT length(pg_sleep(1)::text);\n",
        "BEGIN;\nALTER TABLE t ADD COLUMN c int;\nSELECT pg_sleep(1);\nCOMMIT;\n",
        "BEGIN;\nCOMMIT AND CHAIN;\nALTER TABLE t ADD COLUMN c int;\nSELECT pg_sleep(1);\nCOMMIT;\n",
    ] {
        let case = Case::new();
        let project = Project::on(&case.database);
        project.file("1-table.sql", &case.project.read("migrations/1-table.sql"));
        project.file("2-alone.sql", &format!("-- segue: no-txn\n{statements}"));
        let running = project.spawn(&["up"]);
        let session = case.database.session();
        let locked = || {
            let sql = "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass \
                       AND mode = 'AccessExclusiveLock' AND granted";
            session.query(sql) == "1"
        };
        wait_until("the lock to be taken", locked);
        running.pause();
        wait_until("the lock to be free", || !locked());
        running.resume();
        assert_eq!(running.wait().status, 0);
        assert_eq!(
            session.query(
                "SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'c'"
            ),
            "1"
        );
    }
}

/// It would be rolled back at its end anyway.
#[test]
fn a_transaction_ends_soon_after_its_runner() {
    let case = Case::new();
    case.standalone("SELECT pg_sleep(3600);\n");
    let running = case.start();
    running.wait_until_told("statement 1 of 1");
    wait_until("the statement to run", || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%'";
        case.database.query(sql) == "1"
    });
    running.kill();
    wait_until("the session to end", || case.advisory_locks() == "0");
}
