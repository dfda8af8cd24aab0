//! After the tail, and between the two halves of a deployment.

use super::case::{Case, let_go, major};

const INDEX: &str = "CREATE INDEX CONCURRENTLY i ON t (c)";

/// With a column and an index on it, both pending.
pub fn pending() -> Case {
    let case = Case::with_table();
    case.file("2-column.sql", "ALTER TABLE t ADD COLUMN c int;\n")
        .concurrent("3-index.sql", "2-column.sql", INDEX)
        .expect();
    case
}

#[test]
fn a_mismatch_after_the_tail_leaves_it_ready() {
    let case = pending();
    case.project
        .segue(&["up", "--until", "ready"])
        .expect_success();
    case.database.run("CREATE VIEW stray AS SELECT 1 AS one");
    case.project.segue(&["settle"]).expect(
        "",
        "
             Planned 1 concurrent migration
                Tail 1 concurrent migration: `3-index.sql`
             Running `3-index.sql` (pid [pid])
            Finished `3-index.sql` in [t]
            Mismatch after the tail the schema is not as expected
        --- expected
        +++ live

        + view public.stray
        +   column one: integer
        +   definition: \" SELECT 1 AS one;\"

        1 object differs
        error: the schema is not as expected: view public.stray
        note: the deployment is ready, and its tail is done
        help: `segue settle` checks again; `--on-mismatch warn` settles it all the same
        ",
        6,
    );
    assert_eq!(case.deployments(), "settled ready");
    let why = case
        .database
        .query("SELECT error FROM segue.deployment WHERE id = 2");
    assert_eq!(why, "the schema is not as expected: view public.stray");
    // It is checked again, by `up` too.
    assert_eq!(case.project.segue(&["up"]).status, 6);
    case.database.run("DROP VIEW stray");
    case.project.segue(&["settle"]).expect(
        "",
        "
           Up to date nothing is pending
             Verified after the tail the schema is as expected ([t])
              Settled after [t] (deployment 2)
        ",
        0,
    );
    assert_eq!(case.deployments(), "settled settled");
}

#[test]
fn a_mismatch_after_the_tail_may_be_told_only() {
    let case = pending();
    case.project
        .segue(&["up", "--until", "ready"])
        .expect_success();
    case.database.run("CREATE VIEW stray AS SELECT 1 AS one");
    let settled = case.project.segue(&["settle", "--on-mismatch", "warn"]);
    assert_eq!(settled.status, 0, "{}", settled.stderr);
    assert!(
        settled.stderr.contains("going on all the same"),
        "{}",
        settled.stderr
    );
    assert_eq!(case.deployments(), "settled settled");
}

#[test]
fn while_an_index_is_built_a_second_deployment_is_verified() {
    let case = pending();
    case.project
        .segue(&["up", "--until", "ready"])
        .expect_success();
    let holder = case.hold_up();
    let settle = case.project.spawn(&["settle"]);
    crate::support::wait_until("the build", || {
        case.database
            .running("CREATE INDEX CONCURRENTLY%")
            .is_some()
            && case
                .database
                .query("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
                == "1"
    });
    case.verify(
        "
        Half-way: `3-index.sql` is not done, and seen in table public.t
        Project `main`: the schema is as expected ([t]).
        ",
        0,
    );
    // Drift elsewhere is found.
    case.database.run("CREATE TABLE stray ()");
    case.verify(
        "
        --- expected
        +++ live

        + table public.stray

        1 object differs
        Half-way: `3-index.sql` is not done, and seen in table public.t
        Project `main`: the schema is not as expected.
        ",
        1,
    );
    case.database.run("DROP TABLE stray");

    case.file("4-table.sql", "CREATE TABLE u ();\n").expect();
    case.project.segue(&["up", "--until", "ready"]).expect(
        "",
        "
              Planned 1 migration in one transaction, then 1 concurrent migration
                  Ran `4-table.sql`, 1 statement in [t]
             Verified the schema is as expected ([t])
             Half-way `3-index.sql` is not done, and seen in table public.t
            Committed 1 migration in [t]
                Ready after [t] (deployment 3)
                 Left the tail for `segue settle`
        ",
        0,
    );
    // A batch that brings something else is not.
    case.project.file("5-table.sql", "CREATE TABLE w ();\n");
    let run = case.project.segue(&["up", "--until", "ready"]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    assert!(run.stderr.contains("+ table public.w\n"), "{}", run.stderr);
    std::fs::remove_file(case.project.path().join("migrations/5-table.sql")).expect("removed");

    let_go(holder);
    let run = settle.wait();
    assert_eq!(run.status, 0, "{}", run.stderr);
    case.project.segue(&["up"]).expect_success();
    case.verify("Project `main`: the schema is as expected ([t]).", 0);
}

#[test]
fn what_was_abandoned_stays_subtracted_until_it_is_no_longer_expected() {
    let case = pending();
    case.project
        .segue(&["up", "--until", "ready"])
        .expect_success();
    case.project
        .segue(&["abandon", "3-index.sql"])
        .expect_success();
    case.verify("Project `main`: the schema is as expected ([t]).", 0);
    // Its file is deleted, and the expected schema written without it.
    case.settled.run("DROP INDEX i");
    case.expect();
    case.verify("Project `main`: the schema is as expected ([t]).", 0);
    std::fs::remove_file(case.project.path().join("migrations/3-index.sql")).expect("removed");
    case.verify("Project `main`: the schema is as expected ([t]).", 0);
    case.file("4-table.sql", "CREATE TABLE u ();\n").expect();
    case.project.finishes();
}

#[test]
fn without_a_part_for_this_version_its_table_is_left_out() {
    let case = pending();
    let file = case.project.read("migrations/3-index.sql");
    let ours = format!("\"{}\":", major(&case.database));
    assert!(file.contains(&ours), "{file}");
    case.project
        .file("3-index.sql", &file.replace(&ours, "\"13\":"));
    let run = case.project.segue(&["up", "--until", "ready"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(
        run.stderr.contains(
            "Not verified table public.t: `3-index.sql` is not done and has no schema diff for this version of PostgreSQL"
        ),
        "{}",
        run.stderr
    );
    // Elsewhere drift is found; there it is not.
    case.database.run("ALTER TABLE t ADD COLUMN stray int");
    assert_eq!(case.project.segue(&["verify"]).status, 0);
    case.database.run("CREATE TABLE stray ()");
    assert_eq!(case.project.segue(&["verify"]).status, 1);
    case.database.run("DROP TABLE stray");
    // Once it is done, all of it is looked at.
    assert_eq!(case.project.segue(&["settle"]).status, 6);
    case.database.run("ALTER TABLE t DROP COLUMN stray");
    case.project.segue(&["settle"]).expect_success();
}

#[test]
fn a_diff_that_does_not_fit_is_refused_before_anything_runs() {
    let case = pending();
    // A migration with an earlier name was merged later: the expected schema
    // has it, the diff knows nothing of it.
    case.settled.run("ALTER INDEX i SET (fillfactor = 50)");
    case.file("2-other.sql", "CREATE TABLE other ();\n")
        .expect();
    let run = case.project.segue(&["up"]);
    run.expect(
        "",
        "
        error[schema-diff-misfit]: the schema diff of `3-index.sql` does not fit the expected schema: table public.t, indexes.i is there, but not as it should be
          --> migrations/3-index.sql
          = note: a migration with an earlier name may interfere; pending, with an earlier name: `2-other.sql`
          = help: give the migration that interferes a later name than `3-index.sql`, or write the diff and the expected schema anew with `segue add`
        ",
        3,
    );
    assert_eq!(case.database.relations(), "t");
    assert_eq!(case.project.segue(&["verify"]).status, 1);
}
