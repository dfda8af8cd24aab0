//! What `segue check` says of files that take migrations back.

use crate::support::Project;

/// Runs `segue check` on two migrations, the second of which is taken back.
#[track_caller]
fn check(arguments: &[&str], migration: &str, revert: &str, status: i32, expected: &str) {
    let mut project = Project::throwaway();
    project.redact(r"\b\d+(\.\d+)?(ms|s)\b", "[t]");
    // Of made-up rows the first one is shown that differs.
    project.redact(r"= note: `.*` goes, `.*` comes", "= note: [change]");
    project
        .file(
            "1.sql",
            "CREATE TABLE a (id int PRIMARY KEY, name text, born timestamptz DEFAULT now());\n",
        )
        .file("2.sql", migration)
        .file("2.revert.sql", revert);
    let all: Vec<&str> = ["check", "--no-lint", "-q"]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    let run = project.segue(&all);
    let findings = run.stdout.split_once("\n\nerror[");
    let findings = findings.map_or_else(String::new, |(_, findings)| format!("error[{findings}"));
    crate::support::assert_text("check", &findings, expected);
    assert_eq!(run.status, status, "{}", run.stderr);
}

#[test]
fn a_file_that_forgets_something_is_found() {
    check(
        &[],
        "ALTER TABLE a ALTER COLUMN born DROP DEFAULT, ADD COLUMN x int;\n",
        "ALTER TABLE a DROP COLUMN x;\n",
        1,
        "
        error[revert-incomplete]: `2.revert.sql` does not bring back the schema from before `2.sql`
          --> migrations/2.revert.sql
            --- before it
            +++ taken back

              table public.a
                column born
            -     default: now()

            1 object differs

        1 finding
        ",
    );
}

#[test]
fn a_file_that_fails_is_found() {
    check(
        &[],
        "ALTER TABLE a ADD COLUMN x int;\n",
        "ALTER TABLE a DROP COLUMN y;\n",
        1,
        "
        error[revert-fails]: `2.sql` cannot be taken back: column \"y\" of relation \"a\" does not exist
          --> migrations/2.revert.sql:1:1
          |
        1 | ALTER TABLE a DROP COLUMN y;
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: SQLSTATE 42703

        1 finding
        ",
    );
}

#[test]
fn rows_that_are_lost_are_found() {
    let (migration, revert) = (
        "ALTER TABLE a DROP COLUMN name;\n",
        "ALTER TABLE a ADD COLUMN name text;\n",
    );
    check(&[], migration, revert, 0, "");
    check(
        &["--data"],
        migration,
        revert,
        1,
        "
        error[revert-loses-rows]: taken back, `2.sql` leaves other rows than there were: table public.a
          --> migrations/2.revert.sql
          = note: [change]
          = help: what a migration drops is lost: rename it in place of dropping it, and drop it in a later release

        1 finding
        ",
    );
}
