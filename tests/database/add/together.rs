//! Two at the same moment.

use super::Case;
use crate::support::TestDatabase;

#[test]
fn the_second_waits_for_the_first() {
    let mut case = Case::new();
    case.project
        .redact(r"since deployment \d+", "since deployment N");
    case.file("b.sql", &format!("{}CREATE TABLE b ();\n", case.gate()));
    case.file("a.sql", "CREATE TABLE a ();\n");
    let first = case.project.spawn(&["add", "b.sql"]);
    case.wait_at_gate();
    let second = case.project.spawn(&["add", "a.sql"]);
    second.wait_for_stderr("Waiting");
    case.open_gate();
    assert_eq!(first.wait().status, 0);
    second.wait().expect(
        "",
        "
             Waiting for another `segue add` in `migrations`
               Named `migrations/[time]-a.sql`
             Applied it to the development database, in [duration]
             Updated `expected-schema/pgNN`, 1 file
        ",
        0,
    );
    assert_eq!(
        case.names("migrations"),
        [case.name("-b.sql"), case.name("-a.sql")]
    );
    assert_eq!(case.ledger(), "b.sql|batch|applied\na.sql|batch|applied");
    case.project.segue(&["verify"]).expect_success();
    case.expect_up_to_date();
}

#[test]
fn who_has_waited_long_enough_gives_up() {
    let case = Case::new();
    let folder = case.project.path().join("migrations");
    let folder = std::fs::File::open(folder).expect("a folder");
    folder.lock().expect("a lock");
    case.file("a.sql", "CREATE TABLE a ();\n");
    let before = case.files();
    case.add(&["a.sql", "--concurrent-wait", "100ms"]).expect(
        "",
        "
             Waiting for another `segue add` in `migrations`
        error: gave up after [duration] while waiting for another `segue add` in `migrations`
        note: `a.sql`, the migrations and the expected schema are as they were
        help: `--concurrent-wait` sets how long to wait
        ",
        5,
    );
    assert_eq!(case.files(), before);
    let waiting = case.project.spawn(&["add", "a.sql"]);
    waiting.wait_for_stderr("Waiting");
    waiting.signal(nix::sys::signal::Signal::SIGINT);
    waiting.wait().expect(
        "",
        "
             Waiting for another `segue add` in `migrations`
        error: ended by SIGINT
        note: `a.sql`, the migrations and the expected schema are as they were
        ",
        130,
    );
    assert_eq!(case.files(), before);
}

#[test]
fn another_folder_waits_for_the_database() {
    let case = Case::new();
    let mut other = Case::new();
    other
        .project
        .env("SEGUE_DEV_DATABASE_URL", case.database.url());
    case.file("b.sql", &format!("{}CREATE TABLE b ();\n", case.gate()));
    other.file("a.sql", "CREATE TABLE a ();\n");
    let first = case.project.spawn(&["add", "b.sql"]);
    case.wait_at_gate();
    let second = other.project.spawn(&["add", "a.sql"]);
    second.wait_for_stderr("Waiting");
    case.open_gate();
    assert_eq!(first.wait().status, 0);
    // What the first one made is in no file of its folder.
    let second = second.wait();
    assert_eq!(second.status, 2, "{}", second.stderr);
    assert!(
        second.stderr.contains("that the folder lacks"),
        "{}",
        second.stderr
    );
    assert_eq!(case.ledger(), "b.sql|batch|applied");
    assert_eq!(other.names("."), ["a.sql", "migrations", "segue.toml"]);
}

#[test]
fn a_folder_of_two_names_is_held_once() {
    let case = Case::new();
    let database = TestDatabase::new();
    case.file(
        "segue.toml",
        "migrations = ['migrations', './migrations/../shared']\n",
    );
    case.file("shared/2020-01-01-00-00-00-u.sql", "CREATE TABLE u ();\n");
    case.file("a.sql", "CREATE TABLE a ();\n");
    case.add(&["a.sql", "--database-url", &database.url()])
        .expect_success();
}
