//! Deployments that come while a concurrent migration has not run yet.

use super::{empty, expect, triple};
use crate::support::Project;

/// The triple with another migration in between, its diffs stored; what else
/// is wrong with it was not written.
fn with_between(sql: &str) -> Project {
    let project = triple();
    project.file("4.sql", sql);
    project
}

#[test]
fn a_migration_that_needs_a_concurrent_one_without_saying_so() {
    let project = with_between("ALTER INDEX t_b SET (fillfactor = 50);\n");
    expect(&project, "needs", &[]);
}

#[test]
fn one_that_nobody_ends_is_told_by_the_same_finding() {
    let project = triple();
    project.file("5.sql", "ALTER INDEX t_b RENAME TO t_by_b;\n");
    expect(&project, "never-ended", &[]);
}

#[test]
fn a_migration_that_passes_over_what_is_not_there_yet() {
    let project = with_between("ALTER INDEX IF EXISTS t_b SET (fillfactor = 50);\n");
    expect(&project, "passes-over", &[]);
}

#[test]
fn a_migration_that_takes_away_what_a_concurrent_one_needs() {
    let project = triple();
    project.file("5.sql", "ALTER TABLE t DROP b;\n");
    expect(&project, "takes-away", &[]);
}

#[test]
fn a_migration_that_does_one_thing_or_the_other() {
    let project = with_between(
        "DO $$ BEGIN
  IF to_regclass('t_b') IS NULL THEN CREATE TABLE early (); END IF;
END $$;
",
    );
    expect(&project, "one-or-the-other", &[]);
}

#[test]
fn several_that_end_at_different_times() {
    let project = triple();
    project
        .file(
            "3b.sql",
            "-- segue: begin-concurrent-migration-with: 1.sql\nCREATE UNIQUE INDEX CONCURRENTLY t_id ON t (id, b);\n",
        )
        .file(
            "6.sql",
            "-- segue: end-concurrent-migration: 3b.sql\nDROP INDEX t_id;\n",
        )
        .file(
            "7.sql",
            "-- segue: begin-concurrent-migration-with: 6.sql\nCREATE INDEX CONCURRENTLY t_c ON t (c);\n",
        );
    project.segue(&["check", "--write", "-q"]).expect_success();
    expect(&project, "several", &[]);
}

#[test]
fn a_history_that_makes_roles_is_replayed_on_servers_of_their_own() {
    let project = empty();
    project
        .file("1.sql", "CREATE ROLE app;\nCREATE TABLE t (id int);\n")
        .file(
            "2.sql",
            "-- segue: begin-concurrent-migration-with: 1.sql\nCREATE INDEX CONCURRENTLY t_id ON t (id);\n",
        )
        .file("3.sql", "CREATE ROLE admin;\nGRANT SELECT ON t TO app;\n");
    project.segue(&["check", "--write", "-q"]).expect_success();
    expect(&project, "makes-roles", &[]);
}
