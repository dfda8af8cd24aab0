//! Each migration of a block starts from a clean session.

use crate::support::{Project, TestDatabase, assert_text};

/// What `first` leaves in its session, `second` must not see; both run in one
/// block.
#[track_caller]
fn apart(first: &str, second: &str) {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    let role = database.role("other", "");
    let name = database.name();
    let fill = |text: &str| text.replace("ROLE_", &role).replace("DATABASE_", name);
    project
        .file(
            "1.sql",
            &format!(
                "CREATE TABLE a (id int PRIMARY KEY);\nGRANT ALL ON a TO {role};\n{}\n",
                fill(first)
            ),
        )
        .file("2.sql", &format!("{}\n", fill(second)));
    project.finishes();
    drop(project);
    database.run(&format!("DROP OWNED BY {role}"));
}

/// As [`apart`], where `second` is a condition.
#[track_caller]
fn is_clean(first: &str, condition: &str) {
    apart(
        first,
        &format!("DO $$ BEGIN ASSERT ({condition}), 'not clean'; END $$;"),
    );
}

#[test]
fn settings_end_with_their_file() {
    is_clean(
        "SET search_path = pg_catalog; SET work_mem = '1GB'; SET my.own = 'x'; SET LOCAL statement_timeout = '1h';",
        "current_setting('search_path') = '\"$user\", public' AND current_setting('work_mem') <> '1GB'
         AND coalesce(current_setting('my.own', true), '') = '' AND current_setting('statement_timeout') = '0'",
    );
    is_clean(
        "SELECT set_config('search_path', '', false);",
        "current_setting('search_path') = '\"$user\", public'",
    );
}

#[test]
fn roles_end_with_their_file() {
    is_clean("SET ROLE ROLE_;", "current_user = session_user");
    is_clean(
        "SET SESSION AUTHORIZATION ROLE_;",
        "session_user <> 'ROLE_' AND current_user = session_user",
    );
}

#[test]
fn temporary_tables_end_with_their_file() {
    is_clean(
        "CREATE TEMP TABLE tmp (id int);",
        "to_regclass('pg_temp.tmp') IS NULL",
    );
    is_clean(
        "SELECT 1 AS id INTO TEMPORARY tmp;",
        "to_regclass('pg_temp.tmp') IS NULL",
    );
}

#[test]
fn prepared_statements_and_cursors_end_with_their_file() {
    is_clean(
        "PREPARE p AS SELECT 1; DECLARE c CURSOR FOR SELECT 1; DECLARE h CURSOR WITH HOLD FOR SELECT 1;",
        "(SELECT count(*) FROM pg_prepared_statements WHERE name = 'p') = 0
         AND (SELECT count(*) FROM pg_cursors WHERE name IN ('c', 'h')) = 0",
    );
}

#[test]
fn listening_ends_with_its_file() {
    is_clean(
        "LISTEN x;",
        "(SELECT count(*) FROM pg_listening_channels()) = 0",
    );
}

/// The first file makes a deferred constraint immediate; in the second it is
/// deferred again.
#[test]
fn constraint_modes_end_with_their_file() {
    apart(
        "CREATE TABLE b (id int REFERENCES a DEFERRABLE INITIALLY DEFERRED); SET CONSTRAINTS ALL IMMEDIATE;",
        "INSERT INTO b VALUES (1); INSERT INTO a VALUES (1);",
    );
}

#[test]
fn what_is_deferred_by_a_file_fires_before_the_next_one() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project
        .file(
            "1.sql",
            "CREATE TABLE a (id int PRIMARY KEY);\nCREATE TABLE b (id int REFERENCES a DEFERRABLE);\n\
             SET CONSTRAINTS ALL DEFERRED;\nINSERT INTO b VALUES (1);\n",
        )
        .file("2.sql", "INSERT INTO a VALUES (1);\n");
    project.segue(&["up"]).expect("", r#"
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error[server-error]: insert or update on table "b" violates foreign key constraint "b_id_fkey"
          --> migrations/1.sql
          = note: DETAIL: Key (id)=(1) is not present in table "a".
          = note: after the last statement of `1.sql`
          = note: SQLSTATE 23503
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh

        "#, 4);
    assert_text("relations", &database.relations(), "");
    project.file("1.sql", "CREATE TABLE a (id int PRIMARY KEY);\n");
    project.finishes();
}
