//! The end: it is proved that no row is left, and nobody waits for that.

use super::{after, check, database, refused};
use crate::support::{TestDatabase, TestSession, assert_text, wait_until};

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
        "55000 10 rows of public.t are not filled: \"b\" is not what it should be there, ('v'::text || t.a)\ndetail: Key of some of them: 1:1, 1:3, 1:5, 1:7, 1:9.\nhint: The backfill of the column has to be done first: name it in `-- segue: end-concurrent-migration: FILE`. For a few rows: UPDATE public.t AS t SET b = ('v'::text || t.a) WHERE t.b IS DISTINCT FROM CAST((('v'::text || t.a)) AS text)",
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
        "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'zz%'), to_regproc('segue_sync_t_b')",
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
        "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'zz%'",
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
        "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'zz%'",
        "2",
    );
    writer.run("COMMIT");
    check(
        &session,
        &["SELECT segue.stop_sync('t', 'b')"],
        "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'zz%'",
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

/// A table that is attached has rows that no trigger has seen.
#[test]
fn a_partition_that_would_join_waits_for_the_proof() {
    let database = database();
    let session = after(
        &database,
        "CREATE FUNCTION waits(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN $1; END';
         CREATE TABLE p (id int, a int, b int) PARTITION BY LIST (id);
         CREATE TABLE p0 PARTITION OF p FOR VALUES IN (0);
         CREATE TABLE p1 (id int, a int, b int); INSERT INTO p1 VALUES (1, 1);
         SELECT segue.keep_in_sync('p', 'b', 'waits(a)');
         INSERT INTO p VALUES (0, 0)",
    );
    let [holder, other] = [(); 2].map(|()| database.session());
    holder.run("BEGIN");
    holder.run("SELECT pg_advisory_xact_lock(1)");
    let pending = session.start("SELECT segue.stop_sync('p', 'b')");
    wait_until("the proof to wait", || {
        other.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())") == "1"
    });
    other.run("SET lock_timeout = '100ms'");
    assert_text(
        "attached meanwhile",
        &refused(
            &other,
            "ALTER TABLE p ATTACH PARTITION p1 FOR VALUES IN (1)",
        ),
        "55P03 canceling statement due to lock timeout",
    );
    // Nobody else waits.
    other.run("UPDATE p SET id = id WHERE false");
    holder.run("COMMIT");
    pending.wait().expect("a proof");
}

#[test]
fn rows_of_children_count() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE parent (a int, b int);
         SELECT segue.keep_in_sync('parent', 'b', 'a');
         CREATE TABLE child () INHERITS (parent);
         INSERT INTO child VALUES (1)",
    );
    check(&session, &[], "SELECT segue.divergence('parent', 'b')", "1");
    let error = refused(&session, "SELECT segue.stop_sync('parent', 'b')");
    assert!(
        error.contains("1 row of public.parent is not filled"),
        "{error}"
    );
    // It has no triggers, so nobody writes into it until the end is committed.
    session.run("UPDATE child SET b = a");
    session.run("BEGIN");
    check(
        &session,
        &["SELECT segue.stop_sync('parent', 'b')"],
        "SELECT mode FROM pg_locks WHERE relation = 'child'::regclass AND mode LIKE 'Share%'",
        "ShareLock",
    );
}

/// The way back says nothing of what else the expression uses.
#[test]
fn what_nobody_can_tell_is_a_warning() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE t (id int PRIMARY KEY, first text, last text, whole text);
         SELECT segue.keep_in_sync('t', 'whole', 'first || last', 'first', 'left(whole, 1)');
         INSERT INTO t VALUES (1, 'A', 'B'), (2, 'C', 'D');
         SET session_replication_role = replica;
         UPDATE t SET last = 'E' WHERE id = 1;
         RESET session_replication_role",
    );
    session.notices();
    check(
        &session,
        &["SELECT segue.stop_sync('t', 'whole')"],
        "TABLE t",
        "2|C|D|CD\n1|A|E|AB",
    );
    assert_eq!(
        session.notices(),
        ["1 row of public.t: \"whole\" is not (t.first || t.last), and was left as it is"]
    );
}

#[test]
fn a_column_that_was_renamed() {
    let database = database();
    let session = half(&database);
    session.run("ALTER TABLE t RENAME a TO c");
    for call in ["divergence('t', 'b')", "stop_sync('t', 'b')"] {
        assert_text(
            call,
            &refused(&session, &format!("SELECT segue.{call}")),
            "42703 public.t has no column \"a\" any more, which \"b\" is kept in sync by\nhint: Was it renamed? Give it its name again, or SELECT segue.stop_sync('public.t', 'b', prove => false); and call segue.keep_in_sync anew.",
        );
    }
    check(
        &session,
        &["SELECT segue.stop_sync('t', 'b', prove => false)"],
        "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'zz%'",
        "0",
    );
}
