//! `kill -9` in the middle: the same file, added again, is taken up.

use std::fs::File;

use super::Case;
use crate::support::{Background, TestSession, wait_until};

const INDEX: &str = "CREATE INDEX CONCURRENTLY i ON t (a);\n";

/// A table with an index in the tail, and a table to be locked.
fn case() -> (Case, String) {
    let mut case = Case::new();
    case.project
        .redact(r"since deployment \d+", "since deployment N");
    case.project
        .redact(r"\.sql\.[0-9a-f]{8}\b", ".sql.[random]");
    let table = case.added("create-t.sql", "CREATE TABLE t (a int);\n");
    case.added("create-x.sql", "CREATE TABLE x (a int PRIMARY KEY);\n");
    (case, table)
}

fn concurrent(table: &str) -> String {
    format!("-- segue: begin-concurrent-migration-with: {table}\n{INDEX}")
}

/// Nobody can read the definition of `x` any more.
fn obstruct(case: &Case) -> TestSession {
    let session = case.database.session();
    session.run("BEGIN; LOCK TABLE x");
    session
}

fn kill_when(what: &str, adding: Background<'_>, condition: impl FnMut() -> bool) {
    wait_until(what, condition);
    adding.kill();
    assert_eq!(adding.wait().status, 137);
}

fn is_applied(case: &Case, file: &str) -> bool {
    case.ledger()
        .lines()
        .any(|line| line.starts_with(file) && line.ends_with("applied"))
}

/// The copy of `file` in the folder.
fn copies(case: &Case, file: &str) -> usize {
    let names = case.names("migrations");
    let is_copy = |name: &&String| name.starts_with('.') && name.contains(file);
    names.iter().filter(is_copy).count()
}

/// Everything agrees, and no copy is left.
#[track_caller]
fn expect_good(case: &Case) {
    assert_eq!(copies(case, ""), 0, "{:?}", case.names("migrations"));
    case.project.segue(&["verify"]).expect_success();
    // Depending on when it was killed, its deployment is still to be settled.
    case.project.segue(&["settle"]).expect_success();
    case.expect_up_to_date();
}

#[test]
fn a_batch_migration_that_was_committed() {
    let (case, _) = case();
    case.file(
        "add-b.sql",
        &format!("{}ALTER TABLE t ADD COLUMN b int;\n", case.gate()),
    );
    let adding = case.project.spawn(&["add", "add-b.sql"]);
    case.wait_at_gate();
    let obstacle = obstruct(&case);
    case.open_gate();
    kill_when("the commit", adding, || is_applied(&case, "add-b.sql"));
    drop(obstacle);
    // Nothing is lost, and others are told.
    assert_eq!(copies(&case, "add-b.sql"), 1);
    case.project.segue(&["up"]).expect(
        "",
        "
               Ahead by 1 migration, which this folder lacks: `[time]-add-b.sql`
        Not verified the database is ahead of this folder and of its expected schema
               Ready since deployment N
        ",
        0,
    );
    case.file("other.sql", "CREATE TABLE other ();\n");
    case.add(&["other.sql"]).expect(
        "",
        "
        error: the database has 1 migration that the folder lacks: `[time]-add-b.sql`
        note: what they made would become part of the expected schema
        help: `migrations/.[time]-add-b.sql.[random]` is what a `segue add` that was stopped has left: add that file again, as it was
        help: bring their files in, use another development database, or `--throwaway`; `--on-mismatch warn` goes on all the same
        ",
        2,
    );
    case.add(&["add-b.sql"]).expect(
        "",
        "
               Named `migrations/[time]-add-b.sql`
             Resumed what an earlier `segue add` had applied before it was stopped
             Updated `expected-schema/pgNN`, 1 file
        ",
        0,
    );
    expect_good(&case);
    case.add(&["other.sql"]).expect_success();
}

#[test]
fn a_concurrent_migration_that_was_done() {
    let (case, table) = case();
    case.file("index.sql", &concurrent(&table));
    let writer = case.database.session();
    writer.run("BEGIN; INSERT INTO t VALUES (1)");
    let adding = case.project.spawn(&["add", "index.sql"]);
    wait_for_build(&case);
    let obstacle = obstruct(&case);
    writer.run("COMMIT");
    kill_when("the end", adding, || is_applied(&case, "index.sql"));
    drop(obstacle);
    case.add(&["index.sql"]).expect(
        "",
        "
               Named `migrations/[time]-index.sql`
             Resumed what an earlier `segue add` had applied before it was stopped
               Wrote its schema diff for PostgreSQL NN into its header
             Updated `expected-schema/pgNN`, 1 file
        ",
        0,
    );
    crate::support::assert_file(
        "tests/database/add/killed.expected.sql",
        &case.redacted("index.sql"),
    );
    expect_good(&case);
}

fn wait_for_build(case: &Case) {
    wait_until("the build", || {
        let building = "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('i')";
        case.database.query(building) == "1"
    });
}

#[test]
fn a_concurrent_migration_under_way() {
    let (case, table) = case();
    case.file("index.sql", &concurrent(&table));
    let writer = case.database.session();
    writer.run("BEGIN; INSERT INTO t VALUES (1)");
    let adding = case.project.spawn(&["add", "index.sql"]);
    wait_for_build(&case);
    kill_when("nothing", adding, || true);
    writer.run("COMMIT");
    case.add(&["index.sql"]).expect_success();
    // Whatever was there in between is in no schema diff.
    crate::support::assert_file(
        "tests/database/add/killed.expected.sql",
        &case.redacted("index.sql"),
    );
    expect_good(&case);
}

#[test]
fn a_concurrent_migration_under_way_that_is_corrected_then() {
    let (case, table) = case();
    case.file("index.sql", &concurrent(&table));
    let writer = case.database.session();
    writer.run("BEGIN; INSERT INTO t VALUES (1)");
    let adding = case.project.spawn(&["add", "index.sql"]);
    wait_for_build(&case);
    kill_when("nothing", adding, || true);
    writer.run("COMMIT");
    wait_until("the server", || {
        case.database
            .query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass")
            == "t"
    });
    // The server has built it in the meantime, and nobody drops that unasked.
    case.file("index.sql", &concurrent(&table).replace("(a)", "(a DESC)"));
    case.add(&["index.sql"]).expect(
        "",
        "
             Running `[time]-index.sql` (pid [pid])
        error[half-way]: there is another index named `public.i` on this table
          --> index.sql:2:1
          |
        2 | CREATE INDEX CONCURRENTLY i ON t (a DESC);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this one is wanted
          = note: there is: CREATE INDEX i ON public.t USING btree (a)
          = note: wanted: CREATE INDEX CONCURRENTLY i ON t (a DESC)
          = help: give this one another name, or drop or rename the one that is there; if it is meant to be taken as it is, write `IF NOT EXISTS`
        note: left in the database: statement 1: CREATE INDEX CONCURRENTLY i ON t (a)
        note: `index.sql`, the migrations and the expected schema are as they were
        help: correct it, then `segue add index.sql` again
        help: `DROP INDEX CONCURRENTLY \"i\";` removes that
        ",
        4,
    );
    case.database.run("DROP INDEX i");
    case.add(&["index.sql"]).expect_success();
    expect_good(&case);
}

/// Stopped where the expected schema is to be written; everything else is.
fn stop_before_writing(case: &Case, file: &str) {
    let adding = case.project.spawn(&["add", file]);
    case.wait_at_gate();
    let folder = case.project.path().join("expected-schema");
    let folder = File::open(folder).expect("a folder");
    folder.lock().expect("a lock");
    case.open_gate();
    kill_when("the ledger", adding, || {
        let kept = "SELECT s.deployment = (SELECT max(id) FROM segue.deployment) AND EXISTS (SELECT FROM segue.migration AS m WHERE m.deployment = s.deployment) FROM segue.snapshot AS s";
        case.database.query(kept) == "t"
    });
}

#[test]
fn an_ending_migration_whose_header_was_written() {
    let (case, table) = case();
    case.added("index.sql", &concurrent(&table));
    let text = format!("-- why\n{}ALTER INDEX i RENAME TO j;\n", case.gate());
    case.file("rename.sql", &text);
    stop_before_writing(&case, "rename.sql");
    case.add(&["rename.sql"]).expect(
        "",
        "
               Named `migrations/[time]-rename.sql`
             Resumed what an earlier `segue add` had applied before it was stopped
             Updated `expected-schema/pgNN`, 1 file
        ",
        0,
    );
    let text = case.text("rename.sql");
    assert!(
        text.starts_with("-- segue: end-concurrent-migration: "),
        "{text}"
    );
    assert_eq!(text.matches("end-concurrent-migration").count(), 1);
    expect_good(&case);
}

#[test]
fn a_concurrent_migration_whose_header_was_written() {
    let (case, table) = case();
    case.file(
        "index.sql",
        &format!(
            "-- segue: begin-concurrent-migration-with: {table}\n-- segue: rerunnable\n{}{INDEX}",
            case.gate()
        ),
    );
    stop_before_writing(&case, "index.sql");
    case.add(&["index.sql"]).expect_success();
    let text = case.text("index.sql");
    assert!(text.contains("\"i\""), "{text}");
    expect_good(&case);
}

#[test]
fn a_place_that_is_taken_meanwhile() {
    let (case, table) = case();
    case.added("index.sql", &concurrent(&table));
    let text = format!("{}ALTER INDEX i RENAME TO j;\n", case.gate());
    case.file("rename.sql", &text);
    let adding = case.project.spawn(&["add", "rename.sql"]);
    case.wait_at_gate();
    let taken = take_place(&case, "rename.sql");
    case.open_gate();
    let added = adding.wait();
    added.expect(
        "",
        "
        error: `[time]-rename.sql` is applied, but: cannot write `migrations/[time]-rename.sql`: File exists (os error 17)
        note: `rename.sql` is where it was
        help: `segue add rename.sql` again goes on from there, and applies nothing twice
        ",
        4,
    );
    assert_eq!(case.project.read("rename.sql"), text);
    std::fs::remove_file(taken).expect("a file");
    case.add(&["rename.sql"]).expect_success();
    assert!(
        case.text("rename.sql")
            .starts_with("-- segue: end-concurrent-migration: ")
    );
    expect_good(&case);
}

/// Puts a file where `file` is to come.
fn take_place(case: &Case, file: &str) -> std::path::PathBuf {
    let names = case.names("migrations");
    let copy = names
        .iter()
        .find(|name| name.starts_with('.') && name.contains(file))
        .expect("a copy");
    let (name, _) = copy[1..].rsplit_once('.').expect("a name");
    let place = case.project.path().join("migrations").join(name);
    std::fs::write(&place, "SELECT 1;\n").expect("a file");
    place
}

#[test]
fn a_replay_whose_place_is_taken_puts_the_expected_schema_back() {
    let (case, _) = case();
    case.file(
        "add-b.sql",
        &format!("{}ALTER TABLE t ADD COLUMN b int;\n", case.gate()),
    );
    let before = case.files();
    let url = case.database.url();
    let adding = case.project.spawn(&["add", "add-b.sql", "--on", &url]);
    case.wait_at_gate();
    let taken = take_place(&case, "add-b.sql");
    case.open_gate();
    adding.wait().expect(
        "",
        "
           Replaying all migrations on a scratch database
        error: cannot write `migrations/[time]-add-b.sql`: File exists (os error 17)
        note: `add-b.sql`, the migrations and the expected schema are as they were
        ",
        2,
    );
    std::fs::remove_file(taken).expect("a file");
    assert_eq!(case.files(), before);
}

#[test]
fn one_that_had_not_begun_leaves_nothing_in_the_end() {
    let (case, _) = case();
    case.file(
        "add-b.sql",
        &format!("{}ALTER TABLE t ADD COLUMN b int;\n", case.gate()),
    );
    let adding = case.project.spawn(&["add", "add-b.sql"]);
    case.wait_at_gate();
    kill_when("nothing", adding, || true);
    assert_eq!(copies(&case, "add-b.sql"), 1);
    case.open_gate();
    case.add(&["add-b.sql"]).expect_success();
    expect_good(&case);
}
