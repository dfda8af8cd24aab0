//! `--on URL`: on a server of the user's.

use super::{TestDatabase, TestSession, empty, expect, good, redact};
use crate::support::{Project, Server};

fn databases(server: &Server) -> String {
    TestSession::connect(&server.url("postgres"))
        .query("SELECT datname FROM pg_database WHERE datname LIKE 'segue%'")
}

#[test]
fn scratch_databases_are_made_and_dropped() {
    let server = Server::start(&[]);
    let project = good();
    let url = server.url("postgres");
    let run = project.segue(&["check", "--on", &url, "-q"]);
    assert_eq!((run.stderr.as_str(), run.status), ("", 0), "{}", run.stdout);
    assert!(run.stdout.ends_with("\nall is well\n"), "{}", run.stdout);
    assert_eq!(databases(&server), "");
}

fn on(server: &Server) -> Project {
    let mut project = redact(Project::throwaway());
    project.redact(&regex::escape(&server.url("postgres")), "URL");
    project
}

#[test]
fn a_role_that_is_missing_there_is_not_made() {
    let server = Server::start(&[]);
    let project = on(&server);
    project.file(
        "1.sql",
        "CREATE TABLE t ();\nGRANT SELECT ON t TO reader;\n",
    );
    expect(
        &project,
        "on-missing-role",
        &["--on", &server.url("postgres")],
    );
    let session = TestSession::connect(&server.url("postgres"));
    assert_eq!(
        session.query("SELECT count(*) FROM pg_roles WHERE rolname = 'reader'"),
        "0"
    );
    assert_eq!(databases(&server), "");
}

#[test]
fn a_history_that_makes_roles_cannot_be_replayed_there_twice() {
    let server = Server::start(&[]);
    let project = on(&server);
    project
        .file("1.sql", "CREATE ROLE app;\nCREATE TABLE t (id int);\n")
        .file(
            "2.sql",
            "-- segue: begin-concurrent-migration-with: 1.sql\nCREATE INDEX CONCURRENTLY t_id ON t (id);\n",
        );
    expect(
        &project,
        "on-makes-roles",
        &["--on", &server.url("postgres")],
    );
}

#[test]
fn a_server_of_a_version_that_is_not_listed_is_refused() {
    let database = TestDatabase::new();
    let project = empty();
    project.file("1.sql", "SELECT 1;\n");
    project.write("segue.toml", "majors = [8]\n");
    project.segue(&["check", "--on", &database.url()]).expect(
        "",
        "
         error: the server of `--on` is PostgreSQL [major], and `majors` in segue.toml lists 8
         help: name a server of one of those, or list this one too
        ",
        2,
    );
}
