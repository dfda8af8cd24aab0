//! `majors` in segue.toml: all of it for each major version.

use super::Case;
use crate::support::{Server, TestDatabase};

/// A project for the test's server and another version.
fn case() -> (Case, [u32; 2]) {
    let bins = std::env::var("SEGUE_TEST_PG_BINS").expect("folders of binaries, between colons");
    let mut case = Case::new();
    case.project.env("SEGUE_PG_BIN", bins);
    case.project
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    let own = Server::shared_major();
    let other = if own == 17 { 15 } else { 17 };
    case.project.redact(&format!(r"\bpg{own}\b"), "pgOWN");
    case.project
        .write("segue.toml", format!("majors = [{own}, {other}]\n"));
    (case, [own, other])
}

/// The parts of `file`'s schema diff and of the expected schema.
fn parts(case: &Case, file: &str) -> (Vec<String>, Vec<String>) {
    let text = case.text(file);
    let pattern = regex::Regex::new("^--   \"(\\d+)\":").expect("a pattern");
    let diffs = text
        .lines()
        .filter_map(|line| Some(pattern.captures(line)?[1].to_owned()))
        .collect();
    let mut folders = case.names("expected-schema");
    folders.retain(|name| !name.starts_with('.'));
    (diffs, folders)
}

fn expected(majors: [u32; 2]) -> (Vec<String>, Vec<String>) {
    let mut majors = majors;
    majors.sort_unstable();
    let text = |of: &str| majors.map(|major| format!("{of}{major}")).to_vec();
    (text(""), text("pg"))
}

fn index(table: &str) -> String {
    format!(
        "-- segue: begin-concurrent-migration-with: {table}\nCREATE INDEX CONCURRENTLY i ON t (a);\n"
    )
}

#[test]
#[ignore = "needs several major versions: scripts/test-all runs it"]
fn each_major_version_is_written_beside_the_development_database() {
    let (case, majors) = case();
    let table = case.added("create-t.sql", "CREATE TABLE t (a int);\n");
    case.file("index.sql", &index(&table));
    case.add(&["index.sql"]).expect(
        "",
        "
           Replaying all migrations on a throwaway server of PostgreSQL NN
             Running `[time]-index.sql` (pid [pid])
            Finished `[time]-index.sql` in [duration]
               Named `migrations/[time]-index.sql`
             Applied it to the development database, in [duration]
               Wrote its schema diff for PostgreSQL NN and 17 into its header
             Updated `expected-schema/pgNN`, 1 file
             Updated `expected-schema/pgNN`, 1 file
        ",
        0,
    );
    assert_eq!(parts(&case, "index.sql"), expected(majors));
    case.file("rename.sql", "ALTER INDEX i RENAME TO j;\n");
    case.add(&["rename.sql"]).expect_success();
    assert!(case.text("rename.sql").contains("end-concurrent-migration"));
    case.project.segue(&["verify"]).expect_success();
    case.project.segue(&["check"]).expect_success();
}

#[test]
#[ignore = "needs several major versions: scripts/test-all runs it"]
fn each_major_version_is_written_from_throwaway_servers() {
    let (mut case, majors) = case();
    case.project.env("SEGUE_DEV_DATABASE_URL", "");
    case.file("create-t.sql", "CREATE TABLE t (a int);\n");
    case.add(&["create-t.sql", "--throwaway"]).expect_success();
    case.file("index.sql", &index(&case.name("create-t.sql")));
    case.add(&["index.sql", "--throwaway"]).expect(
        "",
        "
        ",
        0,
    );
    assert_eq!(parts(&case, "index.sql"), expected(majors));
    case.project.segue(&["check"]).expect_success();
    let fresh = TestDatabase::new();
    case.project.env("DATABASE_URL", fresh.url());
    case.project.segue(&["up"]).expect_success();
}

#[test]
#[ignore = "needs several major versions: scripts/test-all runs it"]
fn each_major_version_has_to_take_it_or_none_does() {
    let (case, majors) = case();
    case.added("create-t.sql", "CREATE TABLE t (a int);\n");
    let newest = majors.into_iter().max().expect("two");
    // One of the two versions refuses.
    case.file(
        "odd.sql",
        &format!(
            "SELECT 1 / (current_setting('server_version_num')::int / 10000 - {});\n",
            majors[1]
        ),
    );
    let before = case.files();
    let run = case.add(&["odd.sql"]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    assert!(
        run.stderr.contains("this was on PostgreSQL"),
        "{}",
        run.stderr
    );
    assert_eq!(case.files(), before);
    assert_eq!(case.ledger(), "create-t.sql|batch|applied");
    assert!(newest >= 15);
}
