//! A database that another tool has managed, and `segue up` without `adopt`.

use super::Case;
use crate::support::assert_text;

fn case() -> Case {
    let case = Case::new();
    case.database.run(
        "CREATE TABLE t (a int); \
         CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL, \
             installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL, \
             checksum bytea NOT NULL, execution_time bigint NOT NULL); \
         INSERT INTO _sqlx_migrations VALUES (1, 'table', now(), true, '', 0)",
    );
    case.project
        .file("0001_table.sql", "CREATE TABLE t (a int);\n");
    case
}

#[test]
fn up_refuses_and_names_the_way() {
    let case = case();
    for command in ["up", "plan"] {
        case.project.segue(&[command]).expect(
            "",
            "
            error: sqlx has applied `0001_table.sql`, by its ledger public._sqlx_migrations; segue has none here
            help: `segue adopt sqlx` takes that over; if these are other migrations than sqlx's, `segue init` makes a ledger, and `segue up` applies them
            ",
            2,
        );
    }
    let made = "SELECT count(*) FROM pg_namespace WHERE nspname = 'segue'";
    assert_text("namespaces", &case.database.query(made), "0");
}

#[test]
fn other_migrations_are_applied_after_init() {
    let case = case();
    std::fs::remove_file(case.project.path().join("migrations/0001_table.sql")).expect("removed");
    case.project
        .file("0001_other.sql", "CREATE TABLE other (a int);\n");
    assert_eq!(case.project.segue(&["up"]).status, 2);
    case.project.segue(&["init"]).expect_success();
    case.project.finishes();
}

#[test]
fn files_of_other_names_are_nobody_elses() {
    let case = case();
    std::fs::remove_file(case.project.path().join("migrations/0001_table.sql")).expect("removed");
    case.project
        .file("2024-01-01-00-00-00-x.sql", "CREATE TABLE x (a int);\n");
    case.project.finishes();
}

#[test]
fn a_ledger_that_may_not_be_read_is_passed_over() {
    let case = case();
    let role = case.database.role("deployer", "LOGIN");
    case.database.run(&format!(
        "GRANT CREATE ON DATABASE {} TO {role}; GRANT CREATE ON SCHEMA public TO {role}",
        case.database.name()
    ));
    std::fs::remove_file(case.project.path().join("migrations/0001_table.sql")).expect("removed");
    case.project
        .file("0001_other.sql", "CREATE TABLE other (a int);\n");
    let url = case.database.url_as(&role);
    let run = case.project.segue(&["--database-url", &url, "up"]);
    run.expect_success();
    let run = case
        .project
        .segue(&["--database-url", &url, "adopt", "sqlx"]);
    assert_eq!(run.status, 2, "{}", run.stderr);
    assert!(
        run.stderr.contains("may not read public._sqlx_migrations"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_file_that_comes_down_again_is_refused() {
    let case = Case::new();
    case.project
        .file(
            "1_a.sql",
            "-- migrate:up\nCREATE TABLE a ();\n\n-- migrate:down\nDROP TABLE a;\n",
        )
        .file("2_b.down.sql", "DROP TABLE b;\n")
        .file(
            "3_c.sql",
            "-- +goose Up\nCREATE TABLE c ();\n-- +goose Down\n-- nothing\n",
        );
    case.project.segue(&["up"]).expect(
        "",
        "
        error[way-down]: the file holds a way down, as dbmate writes it
          --> migrations/1_a.sql:4:1
          |
        4 | -- migrate:down
          | ^^^^^^^^^^^^^^^ what follows would be applied too
          = help: remove it, or let `segue adopt dbmate --convert DIR` write files without it

        error[way-down]: `2_b.down.sql` is a way down by its name
          --> migrations/2_b.down.sql:1:1
          |
        1 |
          | ^ would be applied as a migration
          = help: move it out of the folder, or rename it if it is a migration

        error: 2 problems in all
        ",
        3,
    );
}
