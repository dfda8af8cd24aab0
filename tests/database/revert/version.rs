//! What a file takes back statement by statement is promised no more once it
//! has begun.

use super::developing;
use crate::support::{TestDatabase, assert_text, wait_until};

const ASKED: &str = "SELECT segue.require('>= 1.1')";

#[test]
fn a_version_is_taken_back_before_the_first_statement() {
    let database = TestDatabase::new();
    let project = developing(&database);
    project
        .file(
            "1.sql",
            "-- segue: schema-version: 1.0.0\nCREATE TABLE t (a int);\n",
        )
        .file(
            "2.sql",
            "-- segue: schema-version: 1.1.0\nALTER TABLE t ADD b int;\n",
        )
        .file(
            "2.revert.sql",
            "-- segue: no-txn\nALTER TABLE t DROP COLUMN b;\nSELECT nope;\n",
        );
    project.segue(&["up"]).expect_success();
    let session = database.session();
    session.run("BEGIN");
    session.run(ASKED);
    let run = project.spawn(&["revert", "--to", "1"]);
    run.wait_for_stderr("Waiting for an advisory lock");
    // What was promised is there until that transaction ends.
    session.run("INSERT INTO t (b) VALUES (1)");
    session.run("COMMIT");
    let ended = run.wait();
    assert_eq!(ended.status, 4, "{}", ended.stderr);
    let version = || database.query("SELECT segue.schema_version()");
    assert_text("version", &version(), "1.0.0");
    let error = session.try_query(ASKED).expect_err("it has gone");
    assert_eq!(
        error.as_db_error().expect("the server's").code().code(),
        "SV001"
    );
    let gate = project.segue(&["gate", "--app", "1.1"]);
    assert_ne!(gate.status, 0, "{}", gate.stderr);
    project.file(
        "2.revert.sql",
        "-- segue: no-txn\nALTER TABLE t DROP COLUMN b;\nSELECT 1;\n",
    );
    project.segue(&["revert", "--to", "1"]).expect_success();
    assert_text("version", &version(), "1.0.0");
    project.finishes();
    wait_until("the version", || version() == "1.1.0");
}
