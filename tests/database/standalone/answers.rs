//! Statements whose outcome cannot be known: asked, and answered.

use segue::apply::Verdict;

use super::{Case, check};
use crate::support::Project;

/// A procedure that commits, and is killed afterwards.
fn interrupted() -> Case<'static> {
    let case = Case::new();
    case.database.run(
        "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t VALUES (7, 7); COMMIT; PERFORM pg_advisory_xact_lock(1); END $$",
    );
    case.standalone("SELECT 1;\nCALL p();\nSELECT 2;\n");
    let gate = case.database.session();
    gate.run("SELECT pg_advisory_lock(1)");
    case.dies_while_waiting("CALL p()");
    case
}

fn rows(case: &Case<'_>) -> String {
    case.database.query("SELECT count(*) FROM t WHERE a = 7")
}

const ASKED: &str = "
    statement 2 of 3
    error[half-way]: an earlier try of this statement was interrupted, and whether it was done cannot be known
      --> migrations/2-alone.sql:3:1
      |
    3 | CALL p();
      | ^^^^^^^^ not run again by itself
      = note: its runner or its connection died while it ran, and segue does not know where to look for its effect
      = help: look what it has done; then `segue up --redo 2-alone.sql:2` runs it again, or `segue up --done 2-alone.sql:2` goes on after it; `-- segue: rerunnable` at the top of the file says that it may always run again
    statements done: 1
    ";

#[test]
fn it_is_asked_and_done() {
    let case = interrupted();
    check(&case.up(), ASKED);
    check(&case.up(), ASKED);
    check(
        &case.up_answered("2-alone.sql", 2, Verdict::Done),
        "
        statement 2 of 3
        statement 2 is done: `--done` says so
        statement 3 of 3
        settled
        ",
    );
    assert_eq!(rows(&case), "1");
}

#[test]
fn it_is_asked_and_run_again() {
    let case = interrupted();
    check(
        &case.up_answered("2-alone.sql", 2, Verdict::Redo),
        "
        statement 2 of 3
        statement 3 of 3
        settled
        ",
    );
    assert_eq!(rows(&case), "2");
}

/// The answer was about the try before.
#[test]
fn interrupted_again_it_is_asked_again() {
    let case = interrupted();
    let gate = case.database.session();
    gate.run("SELECT pg_advisory_lock(1)");
    let (told, pid) = std::thread::scope(|scope| {
        let running = scope.spawn(|| case.up_answered("2-alone.sql", 2, Verdict::Redo));
        let pid = case.wait_for_statement("CALL p()");
        case.terminate(pid);
        (running.join().expect("no panic"), pid)
    });
    assert!(pid > 0);
    let twice = "statement 2 of 3\n    the connection was lost\n    statement 2 of 3\n";
    check(&told, &ASKED.replacen("statement 2 of 3\n", twice, 1));
    assert_eq!(rows(&case), "2");
}

#[test]
fn answers_to_questions_that_are_not_asked_are_refused() {
    let case = interrupted();
    let project = Project::on(&case.database);
    for name in ["1-table.sql", "2-alone.sql"] {
        project.file(name, &case.project.read(&format!("migrations/{name}")));
    }
    let refused = |arguments: &[&str], reason: &str| {
        let option = format!("{} {}", arguments[1], arguments[2]);
        project.segue(arguments).expect(
            "",
            &format!(
                "error: `{option}` answers a question that is not asked: {reason}\n\
                 help: leave it out: what segue cannot find out by itself it asks for, with the option to type\n"
            ),
            2,
        );
    };
    refused(
        &["up", "--redo", "2-alone.sql:1"],
        "of `2-alone.sql` it is statement 2 that was interrupted",
    );
    refused(
        &["up", "--done", "1-table.sql:1"],
        "`1-table.sql` is applied",
    );
    refused(&["settle", "--done", "3.sql:1"], "`3.sql` has not begun");
    refused(
        &["up", "--done", "2-alone.sql:2", "--redo", "2-alone.sql:2"],
        "`2-alone.sql` is answered twice",
    );
    assert_eq!(rows(&case), "1");
    project
        .segue(&["up", "--done", "2-alone.sql:2"])
        .expect_success();
    assert_eq!(rows(&case), "1");
}

#[test]
fn what_can_be_looked_for_is_not_answered() {
    let case = Case::new();
    case.standalone("CREATE INDEX CONCURRENTLY i ON t (a);\n");
    let writer = case.writer();
    case.dies_while_waiting("CREATE INDEX CONCURRENTLY");
    writer.run("COMMIT");
    check(
        &case.up_answered("2-alone.sql", 1, Verdict::Done),
        "
        statement 1 of 1
        error[half-way]: `--done 2-alone.sql:1` answers a question that is not asked
          --> migrations/2-alone.sql:2:1
          |
        2 | CREATE INDEX CONCURRENTLY i ON t (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ segue can see what became of this statement
          = help: leave it out: what segue cannot find out by itself it asks for, with the option to type
        ",
    );
    assert_eq!(case.indexes(), "i|f");
}

#[test]
fn a_statement_that_was_changed_is_another_one() {
    let case = interrupted();
    case.standalone("SELECT 1;\nSELECT 3;\nSELECT 2;\n");
    check(
        &case.up_answered("2-alone.sql", 2, Verdict::Redo),
        "
        error[half-way]: `--redo 2-alone.sql:2` answers a question that is not asked
          --> migrations/2-alone.sql:3:1
          |
        3 | SELECT 3;
          | ^^^^^^^^ this statement, as it is now, was not interrupted
          = help: leave it out: what segue cannot find out by itself it asks for, with the option to type
        statements done: 1
        ",
    );
    check(&case.up(), "statement 2 of 3\nstatement 3 of 3\nsettled\n");
}
