//! On a server of the user's.

use super::psql;
use crate::support::{Project, Server, TestDatabase};

#[test]
fn nothing_is_left_on_a_server_of_the_users() {
    let server = Server::start(&[]);
    let database = TestDatabase::on(&server);
    let mut project = Project::new();
    project.redact(r"segue_scratch_[0-9a-f]{16}", "[scratch]");
    project
        .file("1.sql", "CREATE TABLE t (id int);\n")
        .file(
            "2.sql",
            "-- segue: begin-concurrent-migration-with: 1.sql\n\nCREATE INDEX CONCURRENTLY t_id ON t (id);\n",
        );
    let url = database.url();
    let look = psql(&[
        "SELECT current_database()",
        "SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid = to_regclass('t')",
    ]);
    for (state, expected) in [
        ("empty", ""),
        ("1@ready", ""),
        ("2@building", "t_id|f\n"),
        ("2", "t_id|t\n"),
    ] {
        let run = project.segue(&[&["at", state, "--on", &url, "--"], look.as_slice()].concat());
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert_eq!(run.stdout, format!("[scratch]\n{expected}"), "{state}");
    }
    let left = "SELECT count(*) FROM pg_database WHERE datname ~ '^segue_'";
    assert_eq!(database.query(left), "0");
}

#[test]
fn a_database_that_is_named_beside_is_one_too_many() {
    let project = Project::new();
    let run = project.segue(&[
        "--database-url",
        "postgres:///shop",
        "at",
        "latest",
        "--",
        "true",
    ]);
    run.expect(
        "",
        "
        error: `segue at` does not work on `--database-url`
        help: leave it out; `--on URL` makes databases of its own on a server of yours
        ",
        2,
    );
}
