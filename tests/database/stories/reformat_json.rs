//! A JSON column reformatted while old and new servers write: the thought
//! experiment of Diego's developers.

use std::collections::BTreeMap;
use std::time::Duration;

use super::worker::{Shift, Worker};
use super::{PATIENCE, Story, all_at_once, kill_in_backfill};
use crate::support::TestDatabase;

#[path = "../../../examples/reformat-json/accounts.rs"]
mod accounts;

use accounts::Code::{Details, Either, Profile};
use accounts::{Accounts, Code};

const FILL: &str = "2026-04-13-11-01-00-fill-details.sql";

/// Accounts that are there before the story begins.
const OLD_ACCOUNTS: i64 = 6000;

const OLD: &str = "
    INSERT INTO account (profile)
    SELECT jsonb_build_object('first', 'old', 'last', 'Doe', 'born', 1970) FROM generate_series(1, 6000);";

/// What one server has written, and what it has read: first names by account
/// and revision.
#[derive(Debug, Default)]
struct Log {
    written: Vec<((i64, i64), String)>,
    read: Vec<((i64, i64), String)>,
}

/// A server of that code, named for the names that it gives.
fn serves(database: &TestDatabase<'_>, code: Code, name: &'static str) -> Worker<Log> {
    let url = database.url();
    Worker::start(move |shift| serve(url, code, name, shift))
}

async fn serve(url: String, code: Code, name: &'static str, shift: Shift) -> Log {
    let mut log = Log::default();
    let accounts = Accounts::serve(&url, code).await;
    let accounts = accounts.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let mut turn = 0;
    while shift.goes_on() {
        turn += 1;
        if let Err(error) = work(&accounts, &format!("{name} {turn}"), &mut log).await {
            panic!("{name}: {error:?}");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    log
}

/// An old account: some are written again and again, by old and new servers at
/// once.
fn any() -> i64 {
    if fastrand::bool() {
        fastrand::i64(1..=50)
    } else {
        fastrand::i64(1..=OLD_ACCOUNTS)
    }
}

/// Writes an account, reads one that somebody else may have written.
async fn work(accounts: &Accounts, name: &str, log: &mut Log) -> Result<(), tokio_postgres::Error> {
    if fastrand::u8(..4) == 0 {
        let account = accounts.open(name).await?;
        log.written.push(((account, 1), name.to_owned()));
    } else {
        let account = any();
        let revision = accounts.rename(account, name).await?;
        log.written.push(((account, revision), name.to_owned()));
    }
    let account = any();
    let seen = accounts.look(account).await?;
    log.read.push(((account, seen.revision), seen.first));
    Ok(())
}

/// Everything that was written, by all servers: each revision of an account
/// once, and none left out.
fn history(logs: &[Log]) -> BTreeMap<(i64, i64), String> {
    let mut history: BTreeMap<_, _> = (1..=OLD_ACCOUNTS)
        .map(|account| ((account, 1), "old".to_owned()))
        .collect();
    for (place, name) in logs.iter().flat_map(|log| &log.written) {
        let before = history.insert(*place, name.clone());
        assert_eq!(before, None, "{place:?} was written twice");
    }
    for (account, revision) in history.keys() {
        assert!(*revision == 1 || history.contains_key(&(*account, revision - 1)));
    }
    history
}

/// Compares what was read and what is there with what was written.
fn nothing_is_lost(database: &TestDatabase<'_>, logs: &[Log]) {
    let history = history(logs);
    for (place, name) in logs.iter().flat_map(|log| &log.read) {
        assert_eq!(history.get(place), Some(name), "{place:?}");
    }
    let mut last: BTreeMap<i64, (i64, String)> = BTreeMap::new();
    for ((account, revision), name) in &history {
        last.insert(*account, (*revision, name.clone()));
    }
    let expected: Vec<String> = last
        .iter()
        .map(|(account, (revision, name))| {
            format!(
                "{account}|{revision}|{{\"more\": {{\"born\": 1970}}, \
                 \"name\": {{\"last\": \"Doe\", \"first\": \"{name}\"}}}}"
            )
        })
        .collect();
    let actual = database.query("SELECT id, revision, details FROM account ORDER BY id");
    assert_eq!(actual.lines().collect::<Vec<_>>(), expected);
}

/// The story; with `is_killed` the run is, in its backfill.
fn told(is_killed: bool) {
    let database = TestDatabase::new();
    let story = Story::begin("reformat-json", &database);
    story.merge("2026-01-12");
    story.project.segue(&["up"]).expect_success();
    database.run(OLD);
    let first = serves(&database, Profile, "first");
    first.does(20);

    // Deployment 1: `details` beside `profile`, and the new code beside the old.
    story.merge("2026-04-13");
    let run = story.deploy();
    let second = serves(&database, Either, "second");
    if is_killed {
        kill_in_backfill(run, &database, FILL);
        second.does(10);
        story.project.segue(&["settle"]).expect_success();
    } else {
        run.wait_within(PATIENCE).expect_success();
    }
    // This is the moment that was asked about: the migration has finished, and
    // old servers still write.
    first.does(50);
    second.does(50);
    assert_eq!(
        database.query("SELECT segue.divergence('account', 'details')"),
        "0"
    );
    // Between: another version of the code, and nothing else.
    let third = serves(&database, Details, "third");
    first.does(20);
    third.does(20);
    let mut logs = vec![first.stop(), second.stop()];

    // Deployment 2: the old column goes.
    story.merge("2026-05-04");
    let run = story.deploy();
    let fourth = serves(&database, Details, "fourth");
    run.wait_within(PATIENCE).expect_success();
    third.does(20);
    fourth.does(20);
    logs.extend([third.stop(), fourth.stop()]);
    nothing_is_lost(&database, &logs);
    is_told_to_the_end(&story, &database);
}

/// Nothing is left of the old format, nor to be done.
fn is_told_to_the_end(story: &Story, database: &TestDatabase<'_>) {
    assert_eq!(
        database.query(
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
              WHERE attrelid = 'account'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY 1"
        ),
        "details|jsonb|t\nid|bigint|t\nrevision|bigint|t"
    );
    assert_eq!(
        database.query(
            "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'zz_segue%'),
                    (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
                    (SELECT count(*) FROM pg_constraint WHERE conrelid = 'account'::regclass AND contype = 'c')"
        ),
        "0|0|0"
    );
    let run = story.project.segue(&["up"]);
    run.expect_success();
    assert!(run.stderr.contains("nothing is pending"), "{}", run.stderr);
}

#[test]
fn old_and_new_servers_write_and_nothing_is_lost() {
    told(false);
}

#[test]
fn a_run_killed_in_the_backfill_is_taken_up() {
    told(true);
}

#[test]
fn the_whole_example_all_at_once() {
    let (database, story) = all_at_once("reformat-json");
    story.project.segue(&["up"]).expect_success();
    is_told_to_the_end(&story, &database);
}

#[test]
fn the_example_passes_the_check() {
    let (_database, story) = all_at_once("reformat-json");
    story.passes_the_check();
}

/// Until the old column goes, what the old format cannot say is refused, not
/// lost.
#[test]
fn what_the_old_format_cannot_hold_is_refused() {
    let database = TestDatabase::new();
    let story = Story::begin("reformat-json", &database);
    story.merge("2026-01-12");
    story.merge("2026-04-13");
    story.project.segue(&["up"]).expect_success();
    let session = database.session();
    session.run(
        "INSERT INTO account (details) VALUES ('{\"name\": {\"first\": \"Ada\"}, \"more\": {}}')",
    );
    assert_eq!(
        session.query("SELECT profile FROM account"),
        "{\"first\": \"Ada\"}"
    );
    let middle = session.try_query(
        "UPDATE account SET details = '{\"name\": {\"first\": \"Ada\", \"middle\": \"King\"}, \"more\": {}}'",
    );
    let error = middle.expect_err("it has no middle name");
    assert_eq!(
        error.code().expect("the server's").code(),
        "23514",
        "{error:?}"
    );
    // Whatever the old code may have written has a place in the new format.
    for profile in [
        "null",
        "[1, 2]",
        "\"Ada\"",
        "{}",
        "{\"name\": {\"x\": 1}, \"more\": 2}",
    ] {
        session.run(&format!(
            "INSERT INTO account (profile) VALUES ('{profile}')"
        ));
    }
    assert_eq!(
        session.query("SELECT count(*) FROM account WHERE account_profile(details) <> profile"),
        "0"
    );
}
