//! The end: it is proved that no row is left, and nobody waits for that.

use super::{after, check, database, refused};
use crate::support::{TestDatabase, TestSession, assert_text};

/// Rows of which every second one is filled.
fn half(database: &TestDatabase<'_>) -> TestSession {
    let session = after(
        database,
        "CREATE TABLE t (id int, part int, a int, b text, PRIMARY KEY (part, id));
         INSERT INTO t SELECT i, i % 2, i FROM generate_series(1, 20) AS i;
         SELECT segue.keep_in_sync('t', 'b', '''v'' || a')",
    );
    session.run("UPDATE t SET b = 'v' || a WHERE part = 0");
    session
}

#[test]
fn rows_that_are_left_are_told() {
    let database = database();
    let session = half(&database);
    check(&session, &[], "SELECT segue.divergence('t', 'b')", "10");
    assert_text(
        "refused",
        &refused(&session, "SELECT segue.stop_sync('t', 'b')"),
        "55000 10 rows of public.t are not filled: \"b\" is not what it should be there, ('v'::text || t.a)\ndetail: Key of some of them: 1:1, 1:3, 1:5, 1:7, 1:9.\nhint: The backfill of the column has to be done first: name it in `-- segue: end-concurrent-migration: FILE`. For a few rows: UPDATE ONLY public.t AS t SET b = ('v'::text || t.a) WHERE t.b IS DISTINCT FROM CAST((('v'::text || t.a)) AS text)",
    );
    check(
        &session,
        &["UPDATE t SET b = 'v' || a WHERE id <> 7"],
        "SELECT segue.divergence('t', 'b')",
        "1",
    );
    let one = refused(&session, "SELECT segue.stop_sync('t', 'b')");
    assert_text(
        "one",
        one.lines().next().expect("a line"),
        "55000 1 row of public.t is not filled: \"b\" is not what it should be there, ('v'::text || t.a)",
    );
    check(
        &session,
        &[
            "UPDATE t SET b = 'v' || a",
            "SELECT segue.stop_sync('t', 'b')",
        ],
        "SELECT (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal), to_regproc('segue_sync_t_b')",
        "0|",
    );
    assert_text(
        "again",
        &refused(&session, "SELECT segue.stop_sync('t', 'b')"),
        "55000 column \"b\" of public.t is not kept in sync\nhint: segue.keep_in_sync makes the triggers that do.",
    );
}

#[test]
fn very_many_rows_are_not_counted() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE t (a int, b int);
         INSERT INTO t SELECT i FROM generate_series(1, 30000) AS i;
         SELECT segue.keep_in_sync('t', 'b', 'a')",
    );
    let error = refused(&session, "SELECT segue.stop_sync('t', 'b')");
    assert_text(
        "told",
        error.split("\nhint").next().expect("a text"),
        "55000 10000 rows or more of public.t are not filled: \"b\" is not what it should be there, t.a\ndetail: Place of some of them: (0,1), (0,2), (0,3), (0,4), (0,5).",
    );
}

#[test]
fn without_a_proof() {
    let database = database();
    let session = half(&database);
    check(
        &session,
        &["SELECT segue.stop_sync('t', 'b', prove => false)"],
        "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal",
        "0",
    );
}

#[test]
fn rows_that_the_expression_fails_for() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE t (a text, b int);
         INSERT INTO t VALUES ('1'), ('two');
         SELECT segue.keep_in_sync('t', 'b', 'a::int')",
    );
    assert_text(
        "refused",
        &refused(&session, "SELECT segue.stop_sync('t', 'b')"),
        "55000 column \"b\" of public.t has rows left that (t.a)::integer fails for: invalid input syntax for type integer: \"two\"\nhint: Table segue.quarantine has the rows that a backfill could not do: correct them, then let it try again.",
    );
}

/// The proof stands in nobody's way: it is told beside a writer, whom only the
/// drop waits for, and no longer than `lock_timeout`.
#[test]
fn a_writer_holds_up_the_drop_and_not_the_proof() {
    let database = database();
    let session = half(&database);
    let writer = database.session();
    writer.run("BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE");
    assert!(refused(&session, "SELECT segue.stop_sync('t', 'b')").starts_with("55000 10 rows"));
    session.run("UPDATE t SET b = 'v' || a");
    session.run("SET lock_timeout = '100ms'");
    assert_text(
        "held up",
        &refused(&session, "SELECT segue.stop_sync('t', 'b')"),
        "55P03 canceling statement due to lock timeout",
    );
    check(
        &session,
        &[],
        "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal",
        "2",
    );
    writer.run("COMMIT");
    check(
        &session,
        &["SELECT segue.stop_sync('t', 'b')"],
        "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal",
        "0",
    );
}

/// Rows that a policy hides are no proof.
#[test]
fn row_security_hides_nothing() {
    let database = database();
    let owner = database.role("owner", "LOGIN");
    let session = half(&database);
    session.run(&format!(
        "ALTER TABLE t OWNER TO {owner};
         ALTER FUNCTION segue_sync_t_b() OWNER TO {owner};
         GRANT USAGE ON SCHEMA segue TO {owner};
         ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
         CREATE POLICY none ON t USING (false)"
    ));
    let session = TestSession::connect(&database.url_as(&owner));
    assert_text(
        "refused",
        refused(&session, "SELECT segue.stop_sync('t', 'b')")
            .lines()
            .next()
            .expect("a line"),
        "42501 query would be affected by row-level security policy for table \"t\"",
    );
}

/// The other way to prove: the constraint is checked beside traffic, and what
/// relies on it reads no row.
#[test]
fn a_validated_constraint_spares_the_scan() {
    let database = database();
    let session = half(&database);
    session.run("ALTER TABLE t ADD CONSTRAINT b_filled CHECK (b IS NOT NULL) NOT VALID");
    // Behind the trigger, so that old code does not fail.
    session.run("INSERT INTO t (id, part, a) VALUES (100, 0, 100)");
    session.run("UPDATE t SET b = 'v' || a");
    session.run("ALTER TABLE t VALIDATE CONSTRAINT b_filled");
    session.run("SET client_min_messages = debug1");
    session.notices();
    session.run("ALTER TABLE t ALTER b SET NOT NULL");
    let told = session.notices();
    assert!(
        told.iter().any(|notice| notice
            == "existing constraints on column \"t.b\" are sufficient to prove that it does not contain nulls"),
        "{told:?}"
    );
    assert!(
        !told
            .iter()
            .any(|notice| notice.starts_with("verifying table")),
        "{told:?}"
    );
}
