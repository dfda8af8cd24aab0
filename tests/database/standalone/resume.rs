//! Where an interrupted file goes on.

use super::{BUILT, Case, INDEX, check};

#[test]
fn an_edited_text_runs_after_what_the_old_one_left_is_dropped() {
    let case = Case::new();
    case.concurrent(INDEX);
    let writer = case.writer();
    let running = case.start();
    let pid = case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    running.kill();
    case.database
        .run(&format!("SELECT pg_terminate_backend({pid})"));
    case.wait_until_gone(pid);
    writer.run("COMMIT");
    case.concurrent("CREATE INDEX CONCURRENTLY j ON t (b);\n");
    check(
        &case.up(),
        "
        repaired: dropped `public.i`, which a try that did not end well had left invalid
        statement 1 of 1
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.indexes(), "j|t");
}

#[test]
fn a_statement_inserted_before_what_is_done_is_refused() {
    let case = Case::new();
    case.concurrent("INSERT INTO t VALUES (5, 5);\nSELECT 1 / 0;\n");
    let first = "
        statement 1 of 2
        statement 2 of 2
        error[server-error]: division by zero
          --> migrations/2-tail.sql:3:1
          |
        3 | SELECT 1 / 0;
          | ^^^^^^^^^^^^ this statement
          = note: SQLSTATE 22012
        not settled
        ";
    check(&case.up(), first);
    case.concurrent("UPDATE t SET b = 2;\nINSERT INTO t VALUES (5, 5);\nSELECT 1;\n");
    check(
        &case.up(),
        "
        error[changed-while-begun]: `2-tail.sql` was begun with other statements
          --> migrations/2-tail.sql:2:1
          |
        2 | UPDATE t SET b = 2;
          | ^^^^^^^^^^^^^^^^^^ statement 1 was another one
          = note: its first statement is done, and is not run again
          = note: statement 1 was: INSERT INTO t VALUES (5, 5)
          = help: bring the text of what is done back and edit only what follows, or give it up: `segue abandon 2-tail.sql`
        not settled
        ",
    );
    // What follows may be edited.
    case.concurrent("INSERT INTO t VALUES (5, 5);\nSELECT 1;\n");
    check(
        &case.up(),
        "statement 2 of 2\n2-tail.sql is done\nsettled\n",
    );
    assert_eq!(
        case.database.query("SELECT count(*) FROM t WHERE a = 5"),
        "1"
    );
}

#[test]
fn settings_and_roles_of_what_is_done_are_brought_back() {
    let case = Case::new();
    let role = case.database.role("app", "");
    case.database.run(&format!("GRANT ALL ON t TO {role}"));
    let text = format!(
        "SET my.word = 'kept';\nSET ROLE {role};\nSET LOCAL my.word = 'lost';\nVACUUM t;\n"
    );
    let check_session = "DO $$ BEGIN ASSERT current_setting('my.word') = 'kept'; ASSERT current_user LIKE '%_app'; END $$;\n";
    case.concurrent(&format!("{text}SELECT 1 / 0;\n{check_session}"));
    check(
        &case.up(),
        "
        statement 1 of 6
        statement 2 of 6
        statement 3 of 6
        statement 4 of 6
        statement 5 of 6
        error[server-error]: division by zero
          --> migrations/2-tail.sql:6:1
          |
        6 | SELECT 1 / 0;
          | ^^^^^^^^^^^^ this statement
          = note: SQLSTATE 22012
        not settled
        ",
    );
    case.concurrent(&format!("{text}SELECT 1;\n{check_session}"));
    check(
        &case.up(),
        "
        statement 5 of 6
        statement 6 of 6
        2-tail.sql is done
        settled
        ",
    );
}

#[test]
fn discard_all_does_not_let_others_in() {
    let case = Case::new();
    case.concurrent(
        "DISCARD ALL;\nDO $$ BEGIN ASSERT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) = 1; END $$;\n",
    );
    check(
        &case.up(),
        "
        statement 1 of 2
        statement 2 of 2
        2-tail.sql is done
        settled
        ",
    );
}

#[test]
fn a_procedure_that_commits_runs_outside_and_is_not_repeated_by_a_guess() {
    let case = Case::new();
    case.database.run(
        "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t VALUES (7, 7); COMMIT; PERFORM 1 / (SELECT count(*) - 1 FROM t WHERE a = 7); END $$",
    );
    case.standalone("CALL p();\n");
    check(
        &case.up(),
        "
        statement 1 of 1
        error[server-error]: division by zero
          --> migrations/2-alone.sql:2:1
          |
        2 | CALL p();
          | ^^^^^^^^ this statement
          = note: CONTEXT: SQL statement \"SELECT 1 / (SELECT count(*) - 1 FROM t WHERE a = 7)\"
                  PL/pgSQL function p() line 1 at PERFORM
          = note: SQLSTATE 22012
        ",
    );
    check(
        &case.up(),
        "
        statement 1 of 1
        error[half-way]: an earlier try of this statement failed after it may have committed a part
          --> migrations/2-alone.sql:2:1
          |
        2 | CALL p();
          | ^^^^^^^^ not run again by itself
          = note: it commits by itself, so what it did before the error stays
          = help: look what it has done; then `segue up --redo 2-alone.sql:1` runs it again, or `segue up --done 2-alone.sql:1` goes on after it; `-- segue: rerunnable` at the top of the file says that it may always run again
        ",
    );
    case.project.file(
        "2-alone.sql",
        "-- segue: no-txn\n-- segue: rerunnable\nCALL p();\n",
    );
    check(&case.up(), "statement 1 of 1\nsettled\n");
    assert_eq!(
        case.database.query("SELECT count(*) FROM t WHERE a = 7"),
        "2"
    );
}

#[test]
fn statements_that_need_a_lost_temporary_table_are_not_resumed() {
    let case = Case::new();
    case.concurrent("CREATE TEMP TABLE u AS SELECT a FROM t;\nSELECT 1 / 0;\nDELETE FROM u;\n");
    check(
        &case.up(),
        "
        statement 1 of 3
        statement 2 of 3
        error[server-error]: division by zero
          --> migrations/2-tail.sql:3:1
          |
        3 | SELECT 1 / 0;
          | ^^^^^^^^^^^^ this statement
          = note: SQLSTATE 22012
        not settled
        ",
    );
    case.concurrent("CREATE TEMP TABLE u AS SELECT a FROM t;\nSELECT 1;\nDELETE FROM u;\n");
    check(
        &case.up(),
        "
        error[temporary-objects-lost]: the temporary table `u` is gone with the session that made it
          --> migrations/2-tail.sql:4:1
          |
        4 | DELETE FROM u;
          | ^^^^^^^^^^^^^ may need it
          = note: the first statement of the file is done, and is not run again
          = help: use an ordinary table in its place, or put all statements that need it between BEGIN and COMMIT; what is done stays done: write the rest as a new migration and give this one up with `segue abandon 2-tail.sql`
        not settled
        ",
    );
    case.concurrent("CREATE TEMP TABLE u AS SELECT a FROM t;\nSELECT 1;\n");
    check(
        &case.up(),
        "statement 2 of 2\n2-tail.sql is done\nsettled\n",
    );
}

#[test]
fn a_vacuum_is_simply_run_again() {
    let case = Case::new();
    case.concurrent("VACUUM FULL t;\n");
    let reader = case.database.session();
    reader.run("BEGIN");
    reader.run("SELECT * FROM t");
    let running = case.start();
    running.wait_until_told("waits for 1 session on t");
    running.kill();
    reader.run("COMMIT");
    check(&case.up(), BUILT);
}
