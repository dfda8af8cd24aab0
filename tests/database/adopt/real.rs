//! The tools themselves, where `scripts/peers` has installed them: what they
//! write is what is read.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Case;
use crate::support::assert_text;

/// The program of this name.
fn program(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/peers/bin")
        .join(name);
    assert!(
        path.exists(),
        "{} is missing: run scripts/peers",
        path.display()
    );
    path
}

#[track_caller]
fn run(case: &Case, command: &mut Command) {
    let run = case
        .project
        .output_of(command.current_dir(case.project.path()));
    run.expect_success();
}

/// Applies two migrations by a tool, takes them over and applies a third.
#[track_caller]
fn takes_over(case: &Case, tool: &str, third: (&str, &str), compared: &str) {
    let run = case.project.segue(&["adopt", tool]);
    run.expect_success();
    let last = run.stdout.lines().last().unwrap_or_default();
    assert_text("last line", last, compared);
    case.project
        .segue(&["adopt", tool, "--write"])
        .expect_success();
    case.project.has_nothing_to_do();
    let states = "SELECT count(*), min(state), bool_and(ended_at > now() - interval '1 hour' \
                  AND ended_at <= now() + interval '1 minute') FROM segue.migration";
    assert_text("ledger", &case.database.query(states), "2|applied|t");
    case.project.file(third.0, third.1);
    case.project.finishes();
}

#[test]
#[ignore = "needs scripts/peers"]
fn real_sqlx() {
    let case = Case::new();
    case.project
        .file("20240101120000_a.sql", "CREATE TABLE a (id int);\n")
        .file(
            "20240102120000_b.sql",
            "-- no-transaction\nCREATE INDEX CONCURRENTLY b ON a (id);\n",
        );
    run(
        &case,
        Command::new(program("sqlx"))
            .args(["migrate", "run", "--source", "migrations", "--database-url"])
            .arg(case.database.url()),
    );
    takes_over(
        &case,
        "sqlx",
        ("20240103120000_c.sql", "CREATE TABLE c ();\n"),
        "compared with sqlx's checksums: all",
    );
    case.project
        .file("20240101120000_a.sql", "CREATE TABLE a (id bigint);\n");
    case.database.run("DROP SCHEMA segue CASCADE");
    let run = case.project.segue(&["adopt", "sqlx"]);
    assert!(
        run.stdout.contains("changed     `20240101120000_a.sql`"),
        "{}",
        run.stdout
    );
}

#[test]
#[ignore = "needs scripts/peers"]
fn real_refinery() {
    let case = Case::new();
    case.project
        .file("V1__a.sql", "CREATE TABLE a (id int);\n")
        .file("V2__b.sql", "CREATE TABLE b (id int);\n");
    run(
        &case,
        Command::new(program("refinery"))
            .args(["migrate", "-e", "REFINERY_URL", "-p", "migrations"])
            .env("REFINERY_URL", case.database.url()),
    );
    let run = case.project.segue(&["adopt", "refinery"]);
    assert!(!run.stdout.contains("changed"), "{}", run.stdout);
    takes_over(
        &case,
        "refinery",
        ("V3__c.sql", "CREATE TABLE c ();\n"),
        "compared with refinery's checksums: all",
    );
}

#[test]
#[ignore = "needs scripts/peers"]
fn real_dbmate() {
    let case = Case::new();
    case.project
        .write(
            "db/20240101120000_a.sql",
            "-- migrate:up\nCREATE TABLE a (id int);\n\n-- migrate:down\nDROP TABLE a;\n",
        )
        .write(
            "db/20240102120000_b.sql",
            "-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY b ON a (id);\n\n-- migrate:down\nDROP INDEX b;\n",
        );
    let socket = case
        .database
        .query("SELECT trim(current_setting('unix_socket_directories'), '\"')");
    let port = case.database.query("SHOW port");
    let url = format!(
        "postgres://postgres@/{}?sslmode=disable&socket={socket}&port={port}",
        case.database.name()
    );
    run(
        &case,
        Command::new(program("dbmate")).args([
            "--no-dump-schema",
            "--migrations-dir",
            "db",
            "--url",
            &url,
            "up",
        ]),
    );
    let arguments = [
        "--migrations",
        "db",
        "adopt",
        "dbmate",
        "--convert",
        "migrations",
    ];
    case.project.segue(&arguments).expect_success();
    takes_over(
        &case,
        "dbmate",
        ("2024-01-03-12-00-00-c.sql", "CREATE TABLE c ();\n"),
        "dbmate keeps no checksums that can be compared: the files are taken to be what has run",
    );
}
