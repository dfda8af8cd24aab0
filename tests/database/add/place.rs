//! Where it is applied: a development database, a replay, nowhere.

use super::Case;
use crate::support::TestDatabase;

fn story(case: &Case) {
    case.project
        .file("2024-01-01-00-00-00-t.sql", "CREATE TABLE t (a int);\n")
        .file(
            "2024-01-01-00-00-01-index.sql",
            "-- segue: begin-concurrent-migration-with: 2024-01-01-00-00-00-t.sql\nCREATE INDEX CONCURRENTLY i ON t (a);\n",
        );
}

fn without_development_database() -> Case {
    let mut case = Case::new();
    case.project.env("SEGUE_DEV_DATABASE_URL", "");
    case
}

#[test]
fn a_deployment_s_database_is_never_taken() {
    let case = without_development_database();
    case.file("u.sql", "CREATE TABLE u ();\n");
    let before = case.files();
    case.add(&["u.sql"]).expect(
        "",
        "
        error: no development database is named
        help: set SEGUE_DEV_DATABASE_URL or give `--database-url`; with `--throwaway` none is needed. Other variables are not read here, they may name a production database
        ",
        2,
    );
    assert_eq!(case.files(), before);
    let url = case.database.url();
    case.add(&["u.sql", "--database-url", &url])
        .expect_success();
    assert_eq!(case.ledger(), "u.sql|batch|applied");
}

#[test]
fn a_server_of_the_user_s_replays_everything_and_keeps_nothing() {
    let case = without_development_database();
    story(&case);
    case.file("index.sql", "ALTER INDEX i RENAME TO j;\n");
    let url = case.database.url();
    case.add(&["index.sql", "--on", &url]).expect(
        "",
        "
           Replaying all migrations on a scratch database
               Named `migrations/[time]-index.sql`
             Applied it on PostgreSQL NN, after all others, in [duration]
               Wrote `end-concurrent-migration: [time]-index.sql` into its header:
                     it uses `i`, which that one makes
             Updated `expected-schema/pgNN`, 4 files
        ",
        0,
    );
    let made = "SELECT count(*) FROM pg_class WHERE relname IN ('t', 'i', 'j')";
    assert_eq!(case.database.query(made), "0");
}

#[test]
fn a_replay_that_fails_leaves_everything_as_it_was() {
    let case = without_development_database();
    story(&case);
    case.file("bad.sql", "SELECT 1/0;\n");
    let before = case.files();
    let url = case.database.url();
    let run = case.add(&["bad.sql", "--on", &url]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    assert_eq!(case.files(), before);
    // Its scratch database is gone.
    let scratch = "SELECT count(*) FROM pg_database WHERE datname LIKE 'segue_scratch_%' AND NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')";
    assert_eq!(case.database.query(scratch), "0");
}

#[test]
fn a_throwaway_server_does_it_too() {
    let mut case = without_development_database();
    if let Some(bin) = std::env::var_os("SEGUE_TEST_PG_BIN") {
        case.project.env("SEGUE_PG_BIN", bin);
    }
    story(&case);
    let text = "-- segue: begin-concurrent-migration-with: 2024-01-01-00-00-00-t.sql\nCREATE INDEX CONCURRENTLY j ON t (a);\n";
    case.file("second.sql", text);
    case.add(&["second.sql", "--throwaway"]).expect_success();
    let diff = case.text("second.sql");
    assert!(diff.contains("schema-diff-begin"), "{diff}");
    assert!(diff.contains("\"j\""), "{diff}");
    assert!(!diff.contains("\"i\""), "{diff}");
}

#[test]
fn a_major_version_that_is_not_installed_is_told_before_anything_is_done() {
    let mut case = Case::new();
    case.project.redact(r"found; found .*", "found; found […]");
    let version = case.database.query("SHOW server_version_num");
    let major = version.parse::<u32>().expect("a number") / 10_000;
    case.file("segue.toml", &format!("majors = [{major}, 99]\n"));
    case.file("u.sql", "CREATE TABLE u ();\n");
    let before = case.files();
    case.add(&["u.sql"]).expect(
        "",
        "
           Replaying all migrations on a throwaway server of PostgreSQL NN
        error: no server of PostgreSQL NN found; found […]
        help: install the server of PostgreSQL NN, or take 99 out of `majors` in segue.toml
        ",
        2,
    );
    assert_eq!(case.files(), before);
    case.file("segue.toml", "majors = [99]\n");
    let run = case.add(&["u.sql"]);
    assert!(
        run.stderr.contains("and `majors` in segue.toml is 99"),
        "{}",
        run.stderr
    );
    assert_eq!(run.status, 2);
}

#[test]
fn without_applying_it_is_checked_named_and_moved() {
    let case = without_development_database();
    case.file("bad.sql", "-- segue: end-concurrent-migration: none.sql\n");
    let before = case.files();
    case.add(&["bad.sql", "--no-apply"]).expect(
        "",
        "
        error[unknown-migration]: no migration is named `none.sql`
          --> bad.sql:1:37
          |
        1 | -- segue: end-concurrent-migration: none.sql
          |                                     ^^^^^^^^ ended here
        ",
        3,
    );
    assert_eq!(case.files(), before);
    case.file("u.sql", "CREATE TABLE u ();\n");
    case.add(&["u.sql", "--no-apply"]).expect(
        "",
        "
               Named `migrations/[time]-u.sql`
                Note it is not applied, and the expected schema is not written: `segue up` and `segue write-schema` do that, or `segue add migrations/[time]-u.sql`
        ",
        0,
    );
    assert_eq!(case.text("u.sql"), "CREATE TABLE u ();\n");
    assert_eq!(case.names("."), ["bad.sql", "migrations", "segue.toml"]);
    // Later, all of it.
    let fresh = TestDatabase::new();
    let path = format!("migrations/{}", case.name("u.sql"));
    case.add(&[&path, "--database-url", &fresh.url()])
        .expect_success();
    assert_eq!(case.names("migrations").len(), 1);
}
