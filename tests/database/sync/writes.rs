//! Each way in which a row is written, by old code, new code and a backfill.

use super::{after, check, database};
use crate::support::{Server, TestSession, server_runtime};

/// A table with rows of before, of which nobody has filled the new column.
const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, a int, b text, n int DEFAULT 0);
     INSERT INTO t (id, a) VALUES (1, 1), (2, 2), (3, NULL)";

const ONE_WAY: &str = "SELECT segue.keep_in_sync('t', 'b', '''v'' || a')";

const BOTH_WAYS: &str =
    "SELECT segue.keep_in_sync('t', 'b', '''v'' || a', 'a', 'substr(b, 2)::int')";

const ROWS: &str = "SELECT id, a, b FROM t ORDER BY id";

/// What the statements make of the table's rows.
#[track_caller]
fn rows(ways: &str, statements: &[&str], expected: &str) {
    let database = database();
    let session = after(&database, TABLE);
    session.run(ways);
    check(&session, statements, ROWS, expected);
}

#[test]
fn one_way_the_new_column_always_follows() {
    rows(
        ONE_WAY,
        &[
            "INSERT INTO t (id, a) VALUES (4, 4), (5, NULL)",
            "INSERT INTO t (id, a, b) VALUES (6, 6, 'other')",
            "UPDATE t SET a = 10 WHERE id = 1",
            "UPDATE t SET b = 'other' WHERE id = 4",
        ],
        "1|10|v10\n2|2|\n3||\n4|4|v4\n5||\n6|6|v6",
    );
}

#[test]
fn a_row_of_before_is_filled_by_any_write() {
    for ways in [ONE_WAY, BOTH_WAYS] {
        rows(
            ways,
            &["UPDATE t SET n = 1 WHERE id <> 2"],
            "1|1|v1\n2|2|\n3||",
        );
    }
}

#[test]
fn both_ways_the_one_that_was_written_holds() {
    rows(
        BOTH_WAYS,
        &[
            "INSERT INTO t (id, a) VALUES (4, 4)",
            "INSERT INTO t (id, b) VALUES (5, 'v5')",
            "INSERT INTO t (id) VALUES (6)",
            "UPDATE t SET a = 10 WHERE id = 1",
            "UPDATE t SET b = 'v20' WHERE id = 2",
            "UPDATE t SET b = 'v30' WHERE id = 3",
            "UPDATE t SET a = NULL WHERE id = 4",
            "UPDATE t SET b = NULL WHERE id = 5",
        ],
        "1|10|v10\n2|20|v20\n3|30|v30\n4||\n5||\n6||",
    );
}

#[test]
fn both_written_the_new_one_holds() {
    rows(
        BOTH_WAYS,
        &[
            "INSERT INTO t (id, a, b) VALUES (4, 4, 'v4'), (5, 5, 'v50')",
            "UPDATE t SET a = 10, b = 'v10' WHERE id = 1",
            "UPDATE t SET a = 20, b = 'v21' WHERE id = 2",
        ],
        "1|10|v10\n2|21|v21\n3||\n4|4|v4\n5|50|v50",
    );
}

#[test]
fn what_the_backfill_writes_does_not_flow_back() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE t (id int PRIMARY KEY, a numeric, b int);
         INSERT INTO t VALUES (1, 1.25), (2, 7.00)",
    );
    // The way back would take the fraction away.
    session.run("SELECT segue.keep_in_sync('t', 'b', 'a::int', 'a', 'b')");
    check(
        &session,
        &["UPDATE t SET b = a"],
        ROWS,
        "1|1.25|1\n2|7.00|7",
    );
    check(
        &session,
        &["UPDATE t SET b = 1 WHERE id = 1"],
        ROWS,
        "1|1.25|1\n2|7.00|7",
    );
    check(
        &session,
        &["UPDATE t SET b = 3 WHERE id = 1"],
        ROWS,
        "1|3|3\n2|7.00|7",
    );
}

/// A row that nobody has filled has a null that says nothing: code that saves
/// whole rows writes it back as it has read it.
#[test]
fn a_null_that_was_there_is_no_write() {
    rows(
        BOTH_WAYS,
        &[
            "UPDATE t SET a = 1, b = NULL WHERE id = 1",
            "UPDATE t SET b = NULL WHERE id = 2",
        ],
        "1|1|v1\n2|2|v2\n3||",
    );
    // What new code writes to say null all the same.
    rows(
        BOTH_WAYS,
        &["UPDATE t SET a = NULL, b = NULL WHERE id = 1"],
        "1||\n2|2|\n3||",
    );
}

#[test]
fn a_default_is_no_write() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE t (id int PRIMARY KEY, a int DEFAULT 5, b bigint NOT NULL DEFAULT 0);
         INSERT INTO t (id, a) VALUES (1, 1)",
    );
    session.run("SELECT segue.keep_in_sync('t', 'b', 'coalesce(a, 0)', 'a', 'b')");
    check(
        &session,
        &[
            "INSERT INTO t (id, a) VALUES (2, 2)",
            "INSERT INTO t (id, b) VALUES (3, 3)",
            "INSERT INTO t (id) VALUES (4)",
            "INSERT INTO t (id, a, b) VALUES (5, 6, 0)",
        ],
        ROWS,
        "1|1|0\n2|2|2\n3|3|3\n4|5|5\n5|6|6",
    );
    // The default of then was what unfilled rows have.
    check(
        &session,
        &["UPDATE t SET id = id"],
        ROWS,
        "1|1|1\n2|2|2\n3|3|3\n4|5|5\n5|6|6",
    );
}

#[test]
fn on_conflict_and_writing_queries() {
    rows(
        BOTH_WAYS,
        &[
            "INSERT INTO t (id, a) VALUES (1, 10), (4, 4) ON CONFLICT (id) DO UPDATE SET a = EXCLUDED.a",
            "INSERT INTO t (id, b) VALUES (2, 'v20'), (5, 'v5') ON CONFLICT (id) DO UPDATE SET b = EXCLUDED.b",
            "INSERT INTO t (id, b) VALUES (5, 'v9') ON CONFLICT DO NOTHING",
            "WITH gone AS (DELETE FROM t WHERE id = 3 RETURNING id), moved AS (UPDATE t SET b = 'v40' WHERE id = 4 RETURNING id) INSERT INTO t (id, b) SELECT id + 10, 'v' || id FROM gone UNION ALL SELECT id + 10, 'v' || id FROM moved",
        ],
        "1|10|v10\n2|20|v20\n4|40|v40\n5|5|v5\n13|3|v3\n14|4|v4",
    );
}

#[test]
fn merge() {
    if Server::shared_major() < 15 {
        return;
    }
    rows(
        BOTH_WAYS,
        &[
            "MERGE INTO t USING (VALUES (1, 'v10'), (4, 'v4')) AS s (id, b) ON s.id = t.id WHEN MATCHED THEN UPDATE SET b = s.b WHEN NOT MATCHED THEN INSERT (id, b) VALUES (s.id, s.b)",
            "MERGE INTO t USING (VALUES (2, 20), (5, 5)) AS s (id, a) ON s.id = t.id WHEN MATCHED THEN UPDATE SET a = s.a WHEN NOT MATCHED THEN INSERT (id, a) VALUES (s.id, s.a)",
        ],
        "1|10|v10\n2|20|v20\n3||\n4|4|v4\n5|5|v5",
    );
}

#[test]
fn copy() {
    use futures_util::SinkExt as _;
    let database = database();
    let session = after(&database, TABLE);
    session.run(BOTH_WAYS);
    server_runtime().block_on(async {
        let client = database.connect().await;
        for (columns, data) in [("id, a", "4\t4\n5\t\\N\n"), ("id, b", "6\tv6\n")] {
            let copy = format!("COPY t ({columns}) FROM STDIN");
            let sink = client.copy_in(&copy).await.expect("COPY begins");
            futures_util::pin_mut!(sink);
            sink.send(bytes::Bytes::from(data)).await.expect("data");
            sink.finish().await.expect("COPY ends");
        }
    });
    check(&session, &[], ROWS, "1|1|\n2|2|\n3||\n4|4|v4\n5||\n6|6|v6");
}

#[test]
fn triggers_of_the_user_come_first() {
    let database = database();
    let session = after(&database, TABLE);
    session.run(BOTH_WAYS);
    session.run(
        "CREATE FUNCTION round_up() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.a := ceil(NEW.a / 10.0) * 10; RETURN NEW; END';
         CREATE TRIGGER round_up BEFORE INSERT OR UPDATE OF n ON t FOR EACH ROW EXECUTE FUNCTION round_up()",
    );
    check(
        &session,
        // The second one names neither column.
        &[
            "INSERT INTO t (id, a) VALUES (4, 41)",
            "UPDATE t SET n = 1 WHERE id < 3",
        ],
        ROWS,
        "1|10|v10\n2|10|v10\n3||\n4|50|v50",
    );
}

#[test]
fn a_value_that_the_expression_fails_for() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE t (id int PRIMARY KEY, a text, b int, n int);
         INSERT INTO t (id, a) VALUES (1, '1'), (2, 'two')",
    );
    session.run("SELECT segue.keep_in_sync('t', 'b', 'a::int', 'a', 'b::text')");
    // A write about something else is not refused for it, and one that corrects
    // it is not either.
    check(&session, &["UPDATE t SET n = 1"], ROWS, "1|1|1\n2|two|");
    check(
        &session,
        &["UPDATE t SET b = 2 WHERE id = 2"],
        ROWS,
        "1|1|1\n2|2|2",
    );
    let error = super::refused(&session, "UPDATE t SET a = 'three' WHERE id = 2");
    assert_eq!(
        error,
        "22P02 invalid input syntax for type integer: \"three\""
    );
}

#[test]
fn one_session_sees_what_another_has_written() {
    let database = database();
    let session = after(&database, TABLE);
    session.run(BOTH_WAYS);
    let [old, new] = [(); 2].map(|()| TestSession::connect(&database.url()));
    old.run("BEGIN");
    old.run("UPDATE t SET a = 10 WHERE id = 1");
    // Waits for the other one, then is about the row that it has left.
    let pending = new.start("UPDATE t SET b = b || '0' WHERE id = 1");
    crate::support::wait_until("the second writer to wait", || {
        session.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") == "1"
    });
    old.run("COMMIT");
    pending.wait().expect("an update");
    check(&session, &[], ROWS, "1|100|v100\n2|2|\n3||");
}

/// The default of the new column is a value too where no other is given.
#[test]
fn a_default_that_is_given() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE t (id int PRIMARY KEY, a int, b bigint NOT NULL DEFAULT 0);
         SELECT segue.keep_in_sync('t', 'b', 'a', 'a', 'b')",
    );
    check(
        &session,
        &[
            "INSERT INTO t (id, b) VALUES (1, 0)",
            "INSERT INTO t (id, a) VALUES (2, 5), (3, 6)",
            "INSERT INTO t (id, b) VALUES (2, 0) ON CONFLICT (id) DO UPDATE SET b = EXCLUDED.b",
            "INSERT INTO t (id, a) VALUES (3, 0) ON CONFLICT (id) DO UPDATE SET a = EXCLUDED.a",
        ],
        ROWS,
        "1|0|0\n2|0|0\n3|0|0",
    );
}

/// A domain's default is one as well, and its NOT NULL is none of the triggers'
/// business.
#[test]
fn a_domain_with_a_default() {
    let database = database();
    let session = after(
        &database,
        "CREATE DOMAIN amount AS bigint NOT NULL DEFAULT 0;
         CREATE TABLE t (id int PRIMARY KEY, a int, n int);
         INSERT INTO t VALUES (1, 1), (2, NULL);
         ALTER TABLE t ADD b amount;
         SELECT segue.keep_in_sync('t', 'b', 'coalesce(a, 0)', 'a', 'b::int')",
    );
    check(
        &session,
        &[
            "INSERT INTO t (id, a) VALUES (3, 3)",
            "INSERT INTO t (id, b) VALUES (4, 4)",
            "UPDATE t SET n = 1",
        ],
        "SELECT id, a, b, segue.divergence('t', 'b') FROM t ORDER BY id",
        "1|1|1|0\n2||0|0\n3|3|3|0\n4|4|4|0",
    );
}

/// Whatever the expression fails with for a row's old value, a write that is
/// about something else goes through; what is no row's fault is told.
#[test]
fn each_error_of_a_row_is_its_own() {
    let database = database();
    let session = after(
        &database,
        "CREATE TABLE t (id int PRIMARY KEY, a text, b text, n int);
         CREATE FUNCTION fails(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
             'BEGIN RAISE EXCEPTION ''no'' USING ERRCODE = $1; END';
         INSERT INTO t VALUES (0, '40001'), (1, '21000'), (2, 'P0002'), (3, 'MY001'), (4, '22012'), (5, '42883')",
    );
    for ways in ["'t', 'b', 'fails(a)'", "'t', 'b', 'fails(a)', 'a', 'b'"] {
        session.run(&format!("SELECT segue.keep_in_sync({ways})"));
        session.run("UPDATE t SET n = 1 WHERE id > 0");
        assert_eq!(
            super::refused(&session, "UPDATE t SET n = 1 WHERE id = 0"),
            "40001 no"
        );
        session.run("SELECT segue.stop_sync('t', 'b', prove => false)");
    }
    check(&session, &[], "SELECT count(b), count(n) FROM t", "0|5");
}

#[test]
fn a_composite_value_with_a_null_in_it() {
    let database = database();
    let session = after(
        &database,
        "CREATE TYPE pair AS (x int, y int);
         CREATE TABLE t (id int, a pair, b pair);
         INSERT INTO t VALUES (1, (1, NULL));
         SELECT segue.keep_in_sync('t', 'b', '(a)', 'a', 'b')",
    );
    check(
        &session,
        &[
            "UPDATE t SET id = 1",
            "INSERT INTO t (id, b) VALUES (2, (2, NULL)), (3, (NULL, NULL))",
        ],
        ROWS,
        "1|(1,)|(1,)\n2|(2,)|(2,)\n3|(,)|(,)",
    );
}

/// A null on one side that is none on the other cannot be told from a row that
/// nobody has filled.
#[test]
fn a_null_that_is_none_on_the_other_side_is_warned_of() {
    let warned = |column: &str, there: &str, back: &str| {
        let database = database();
        let session = after(
            &database,
            &format!("CREATE TABLE t (a int, b bigint {column})"),
        );
        session.notices();
        session.run(&format!(
            "SELECT segue.keep_in_sync('t', 'b', '{there}', 'a', '{back}')"
        ));
        session.notices()
    };
    let warning = "a null in column \"b\" of public.t is no null on the other side";
    assert_eq!(warned("", "a", "coalesce(b, 0)"), [warning]);
    assert_eq!(warned("", "coalesce(a, 0)", "b"), [warning]);
    assert_eq!(warned("", "a", "b"), [""; 0]);
    assert_eq!(warned("NOT NULL DEFAULT 0", "coalesce(a, 0)", "b"), [""; 0]);
}
