//! Who writes needs no right that it did not need before.

use super::{after, check, database};
use crate::support::TestSession;

#[test]
fn writers_need_nothing_of_namespace_segue() {
    let database = database();
    let [owner, writer] = ["owner", "writer"].map(|name| database.role(name, "LOGIN"));
    database.run(&format!(
        "CREATE SCHEMA app AUTHORIZATION {owner};
         GRANT USAGE ON SCHEMA segue TO {owner};
         REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC",
        database.name()
    ));
    let session = TestSession::connect(&database.url_as(&owner));
    session.run(&format!(
        "CREATE TABLE app.t (id int, a int, b int, mine text DEFAULT current_user);
         ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
         GRANT USAGE ON SCHEMA app TO {writer};
         GRANT SELECT (id, a, b), INSERT (id, a), UPDATE (a) ON app.t TO {writer}"
    ));
    session.run("SELECT segue.keep_in_sync('app.t', 'b', 'a + 1', 'a', 'b - 1')");
    session.run(
        "ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON app.t USING (b < 100)",
    );
    let written = TestSession::connect(&database.url_as(&writer));
    check(
        &written,
        &[
            "INSERT INTO app.t (id, a) VALUES (1, 1)",
            "UPDATE app.t SET a = 2",
        ],
        "SELECT id, a, b FROM app.t",
        "1|2|3",
    );
    // A policy is about the row as the triggers leave it.
    let error = written
        .try_query("UPDATE app.t SET a = 99")
        .expect_err("a policy");
    assert_eq!(
        error.code().map(tokio_postgres::error::SqlState::code),
        Some("42501")
    );
    session.run("SELECT segue.stop_sync('app.t', 'b')");
}

#[test]
fn the_functions_run_as_who_calls_them() {
    let database = database();
    let stranger = database.role("stranger", "LOGIN");
    let session = after(
        &database,
        &format!("CREATE TABLE t (a int, b int); GRANT USAGE ON SCHEMA segue TO {stranger}"),
    );
    session.run("SELECT segue.keep_in_sync('t', 'b', 'a')");
    let other = TestSession::connect(&database.url_as(&stranger));
    for call in [
        "keep_in_sync('t', 'b', 'a')",
        "divergence('t', 'b')",
        "stop_sync('t', 'b')",
        "stop_sync('t', 'b', prove => false)",
    ] {
        let error = other
            .try_query(&format!("SELECT segue.{call}"))
            .expect_err(call);
        assert_eq!(
            error.code().map(tokio_postgres::error::SqlState::code),
            Some("42501"),
            "{call}"
        );
    }
}
