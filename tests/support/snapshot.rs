//! Snapshots of a test's database.

use std::path::{Path, PathBuf};
use std::process::Command;

use segue::postgres::introspect;
use segue::schema::{Kind, Map, Snapshot, Value};

use super::expected::assert_text;
use super::{LibrarySession, TestDatabase};

/// What the library reads there, without roles: those of other tests come and
/// go.
pub fn snapshot(url: &str) -> Snapshot {
    let mut snapshot = snapshot_with_roles(url);
    snapshot.objects.retain(|id, _| id.kind != Kind::Role);
    snapshot
}

/// All that the library reads there.
pub fn snapshot_with_roles(url: &str) -> Snapshot {
    let session = LibrarySession::connect(url);
    session.run(introspect::read).snapshot
}

/// As JSON for people: object → attributes, each object named as in
/// `table public.t`.
pub fn pretty(snapshot: &Snapshot) -> String {
    let objects = snapshot.objects.iter();
    let objects = objects.map(|(id, attributes)| (id.to_string(), attributes.clone().into()));
    render(&Value::Object(objects.collect()))
}

/// Compares two whole snapshots.
#[track_caller]
pub fn assert_same_snapshot(what: &str, actual: &Snapshot, expected: &Snapshot) {
    assert_text(what, &pretty(actual), &pretty(expected));
}

/// Runs `sql` in a fresh database and compares the objects of namespace
/// `public` with `expected`: `{"table t": {…}, …}`.
///
/// What most tests are not about is left out: the superuser as owner, the
/// positions of columns, and constraints that say nothing but NOT NULL, which
/// are there from 18 on.
#[track_caller]
pub fn check_objects(sql: &str, expected: &Value) {
    let database = TestDatabase::new();
    database.run(sql);
    assert_objects(&database, expected);
}

/// As [`check_objects`], of a database that is there. The roles of
/// [`TestDatabase::role`] are named without the database's name in front.
#[track_caller]
pub fn assert_objects(database: &TestDatabase<'_>, expected: &Value) {
    let mut objects = Map::new();
    for (id, attributes) in &snapshot(&database.url()).objects {
        if id.namespace.as_deref() == Some("public") {
            let mut attributes = attributes.clone();
            if attributes["owner"] == "postgres" {
                attributes.remove("owner");
            }
            if let Some(Value::Object(columns)) = attributes.get_mut("columns") {
                for column in columns.values_mut().filter_map(Value::as_object_mut) {
                    column.remove("position");
                }
            }
            if let Some(Value::Object(constraints)) = attributes.get_mut("constraints") {
                constraints.retain(|_, constraint| {
                    let definition = constraint["definition"].as_str().expect("a definition");
                    !definition.starts_with("NOT NULL ")
                });
                if constraints.is_empty() {
                    attributes.remove("constraints");
                }
            }
            objects.insert(format!("{} {}", id.kind, id.name), attributes.into());
        }
    }
    let actual = render(&Value::Object(objects));
    let actual = actual.replace(&format!("{}_", database.name()), "");
    assert_text("snapshot", &actual, &render(expected));
}

fn render(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a value")
}

/// Copies the schema of one database to another, empty one, by `pg_dump
/// --schema-only` and `psql`. False, with a word on stderr, if the `pg_dump`
/// that is installed refuses a server as new as this one: `SEGUE_TEST_PG_DUMP`
/// names a newer one, which is used then, with `psql` beside it.
#[must_use]
pub fn dump_and_restore(from: &TestDatabase<'_>, to: &TestDatabase<'_>) -> bool {
    let Some((dump, pg_dump)) = dump(from, &["--schema-only"]) else {
        return false;
    };
    restore(&pg_dump.with_file_name("psql"), &dump, to);
    true
}

/// What `pg_dump` writes of a database, and the `pg_dump` that did; none, with
/// a word on stderr, if there is none new enough.
#[must_use]
pub fn dump(from: &TestDatabase<'_>, options: &[&str]) -> Option<(String, PathBuf)> {
    let newer = std::env::var_os("SEGUE_TEST_PG_DUMP").map(PathBuf::from);
    for pg_dump in [Some(PathBuf::from("pg_dump")), newer]
        .into_iter()
        .flatten()
    {
        let output = Command::new(&pg_dump)
            .args(options)
            .args(["--dbname", &from.url()])
            .output()
            .expect("pg_dump is installed");
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("aborting because of server version mismatch") {
            continue;
        }
        assert!(output.status.success(), "pg_dump: {said}");
        let dump = String::from_utf8(output.stdout).expect("UTF-8");
        // What a newer pg_dump sets, and an older server does not know.
        let dump = dump.replace("SET transaction_timeout = 0;", "");
        return Some((dump, pg_dump));
    }
    note("not compared with a restored dump: SEGUE_TEST_PG_DUMP names no newer pg_dump");
    None
}

/// Runs by this `psql` what `pg_dump` wrote.
///
/// # Panics
/// If a statement of it fails.
pub fn restore(psql: &Path, dump: &str, to: &TestDatabase<'_>) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dump.sql");
    std::fs::write(&file, dump).expect("a file");
    let output = Command::new(psql)
        .args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"])
        .args(["--dbname", &to.url()])
        .arg("--file")
        .arg(&file)
        .output()
        .expect("psql is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "psql: {said}");
}

#[expect(clippy::print_stderr, reason = "to the developer")]
fn note(text: &str) {
    eprintln!("{text}");
}

/// Makes something of everything in an empty database:
/// `rich.sql` and `kinds.sql` in `tests/database/introspect/`.
#[track_caller]
pub fn rich_schema(database: &TestDatabase<'_>) {
    let sql = concat!(
        include_str!("../database/introspect/rich.sql"),
        include_str!("../database/introspect/kinds.sql"),
    );
    run_with_roles(database, "rich.sql", sql);
}

/// Runs SQL with lines that are for some versions only ([`of_version`]), and
/// with roles `:owner` and `:reader`, which are made.
///
/// # Panics
/// With the line of `file` at which the server finds an error.
#[track_caller]
pub fn run_with_roles(database: &TestDatabase<'_>, file: &str, sql: &str) {
    let owner = database.role("owner", "");
    let reader = database.role("reader", "");
    let sql = of_version(sql, database);
    let sql = sql.replace(":owner", &owner).replace(":reader", &reader);
    if let Err(error) = database.session().try_query(&sql) {
        let error = error.as_db_error().expect("the server's error");
        let line = match error.position() {
            Some(tokio_postgres::error::ErrorPosition::Original(position)) => {
                let before: String = sql.chars().take(*position as usize).collect();
                before.lines().last().unwrap_or_default().to_owned()
            }
            _ => String::new(),
        };
        panic!("{file}: {error} {line}");
    }
}

/// The lines of `text` that are meant for the server's version: one that begins
/// with `--@15 ` is there from 15 on, with `--@<15 ` below, with `--@15 --@<17 `
/// between the two.
pub fn of_version(text: &str, database: &TestDatabase<'_>) -> String {
    let major = database.query("SELECT current_setting('server_version_num')::integer / 10000");
    let major: u32 = major.parse().expect("a number");
    let lines = text.lines().filter_map(|line| of_major(line, major));
    lines.collect::<Vec<_>>().join("\n")
}

fn of_major(line: &str, major: u32) -> Option<&str> {
    let Some(conditional) = line.trim_start().strip_prefix("--@") else {
        return Some(line);
    };
    let (version, rest) = conditional.split_once(' ').expect("--@15 and text");
    let number = |text: &str| text.parse::<u32>().expect("a major version");
    let holds = match version.strip_prefix('<') {
        Some(below) => major < number(below),
        None => major >= number(version),
    };
    if holds { of_major(rest, major) } else { None }
}
