//! Who writes needs no right that it did not need before.

use super::{after, check, database, refused};
use crate::support::{TestSession, assert_text};

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

/// Triggers may be made by others than the owner, and functions say anything.
#[test]
fn what_others_write_is_not_believed() {
    let database = database();
    let stranger = database.role("stranger", "LOGIN");
    let session = after(
        &database,
        &format!(
            "CREATE TABLE t (a int, b int);
             INSERT INTO t VALUES (1, 1);
             CREATE SCHEMA theirs AUTHORIZATION {stranger};
             GRANT TRIGGER, SELECT ON t TO {stranger}"
        ),
    );
    let other = TestSession::connect(&database.url_as(&stranger));
    other.run(
        r#"CREATE TABLE theirs.seen (who name);
         CREATE FUNCTION theirs.look() RETURNS int LANGUAGE plpgsql AS
             'BEGIN INSERT INTO theirs.seen VALUES (current_user); RETURN 1; END';
         CREATE FUNCTION theirs.t() RETURNS trigger LANGUAGE plpgsql AS '
-- segue.keep_in_sync {"table": "t", "column": "b", "inputs": ["a"], "expression": "theirs.look()"}
BEGIN RETURN new; END';
         CREATE TRIGGER zz_segue_sync_insert_b BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION theirs.t()"#,
    );
    for call in [
        "divergence('t', 'b')",
        "stop_sync('t', 'b')",
        "stop_sync('t', 'b', prove => false)",
    ] {
        assert_text(
            call,
            &refused(&session, &format!("SELECT segue.{call}")),
            &format!(
                "55000 column \"b\" of public.t is not kept in sync\nhint: Not believed, since its owner is not the table's: theirs.t() of {stranger}. If it is what it should be, ALTER FUNCTION … OWNER TO the table's."
            ),
        );
    }
    check(&session, &[], "SELECT count(*) FROM theirs.seen", "0");
}

/// Reading rows with an expression runs it with the rights of who reads.
#[test]
fn an_expression_of_somebody_else_is_not_run() {
    let database = database();
    let [owner, member] = ["owner", "member"].map(|name| database.role(name, "LOGIN"));
    let session = after(
        &database,
        &format!(
            "CREATE SCHEMA app AUTHORIZATION {owner};
             GRANT USAGE ON SCHEMA segue TO PUBLIC;
             GRANT {owner} TO {member}"
        ),
    );
    let owning = TestSession::connect(&database.url_as(&owner));
    owning.run("CREATE TABLE app.t (a int, b int)");
    owning.run("SELECT segue.keep_in_sync('app.t', 'b', 'a')");
    let name = session.query("SELECT current_user");
    for call in ["divergence('app.t', 'b')", "stop_sync('app.t', 'b')"] {
        assert_text(
            call,
            &refused(&session, &format!("SELECT segue.{call}")),
            &format!(
                "42501 the expression of column \"b\" of app.t is {owner}'s, and would run with the rights of {name}\ndetail: t.a\nhint: Let {owner} call this; or look at function app.segue_sync_t_b(), and if you would have written it, ALTER FUNCTION app.segue_sync_t_b() OWNER TO CURRENT_USER. segue.stop_sync(…, prove => false) runs nothing."
            ),
        );
    }
    // Whoever was made a member trusts the owner.
    let belonging = TestSession::connect(&database.url_as(&member));
    for trusting in [&owning, &belonging] {
        check(trusting, &[], "SELECT segue.divergence('app.t', 'b')", "0");
    }
    session.run("ALTER FUNCTION app.segue_sync_t_b() OWNER TO CURRENT_USER");
    session.run("SELECT segue.stop_sync('app.t', 'b')");
}

/// What is there under the name already is another's to change.
#[test]
fn a_function_of_another_is_not_taken_up() {
    let database = database();
    let stranger = database.role("stranger", "LOGIN");
    let session = after(
        &database,
        &format!(
            "CREATE TABLE t (a int, b int);
             GRANT CREATE ON SCHEMA public TO {stranger};
             SET ROLE {stranger};
             CREATE FUNCTION segue_sync_t_b() RETURNS trigger LANGUAGE plpgsql AS
                 '-- segue.keep_in_sync {{}}\nBEGIN RETURN new; END';
             RESET ROLE"
        ),
    );
    let error = refused(&session, "SELECT segue.keep_in_sync('t', 'b', 'a')");
    assert!(
        error.starts_with("42723 function public.segue_sync_t_b is there already"),
        "{error}"
    );
}

/// Whoever deploys next is another member of the tables' owner.
#[test]
fn one_member_begins_and_another_ends() {
    let database = database();
    let [owner, first, second] =
        ["owner", "first", "second"].map(|name| database.role(name, "LOGIN"));
    database.run(&format!(
        "CREATE SCHEMA app AUTHORIZATION {owner};
         GRANT USAGE ON SCHEMA segue TO {owner};
         GRANT {owner} TO {first}, {second};
         CREATE TABLE app.t (a int, b int);
         ALTER TABLE app.t OWNER TO {owner}"
    ));
    let [first, second] = [first, second].map(|role| TestSession::connect(&database.url_as(&role)));
    first.run("SELECT segue.keep_in_sync('app.t', 'b', 'a')");
    check(
        &second,
        &["SELECT segue.stop_sync('app.t', 'b')"],
        "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'zz%'",
        "0",
    );
}
