//! Rows that cannot be done.

use segue::apply::backfill::News;
use segue::apply::{Event, Outcome, Settings};

use super::{FILL, counted, fill, project, row, settles};
use crate::support::{TestDatabase, Up, settings};

/// A function that refuses rows which are listed in `bad`.
pub(super) const REFUSES: &str = "CREATE TABLE bad (id bigint);\n\
    CREATE FUNCTION check_row(id bigint) RETURNS int LANGUAGE plpgsql AS $$BEGIN\n\
    IF EXISTS (SELECT FROM bad b WHERE b.id = check_row.id) THEN RAISE 'row % is bad', id; END IF;\n\
    RETURN 1; END$$;\n";

pub(super) const CHECKED: &str =
    "UPDATE t SET b = check_row(id), n = n + 1 WHERE id > :lower AND id <= :upper;";

/// The only failure, as message and notes.
#[track_caller]
fn failure(up: &mut Up) -> (String, Vec<String>) {
    match up.wait().expect("ready") {
        Outcome::Unsettled(report) => {
            let (_, diagnostic) = report.failed.first().expect("a failure");
            (diagnostic.message.clone(), diagnostic.notes.clone())
        }
        other => panic!("{other:?}"),
    }
}

fn aside(up: &Up) -> Vec<String> {
    let news = up.events().into_iter().filter_map(|event| match event {
        Event::Backfill {
            news: News::SetAside { key, tries, .. },
            ..
        } => Some(format!("{key}:{tries}")),
        _ => None,
    });
    news.collect()
}

#[test]
fn bad_rows_are_set_aside_and_tried_again() {
    let database = TestDatabase::new();
    let setup = format!(
        "{REFUSES}{}\nINSERT INTO bad VALUES (1), (777), (778), (2000);",
        counted(2000)
    );
    let project = project(&setup, "t by id", CHECKED);
    let mut up = Up::start(&project, &database.url(), settings());
    let (message, notes) = failure(&mut up);
    assert_eq!(
        message,
        "4 rows of the backfill are set aside, all others are done"
    );
    assert_eq!(
        notes,
        [
            "row 1: row 1 is bad",
            "row 777: row 777 is bad",
            "row 778: row 778 is bad",
            "row 2000: row 2000 is bad",
        ]
    );
    assert_eq!(aside(&up), ["1:1", "777:1", "778:1", "2000:1"]);
    assert_eq!(
        row(&database),
        "2-fill.sql: 2000 rows, 1996 changed, cursor {2000}, 4 set aside, open"
    );
    assert_eq!(
        database.query("SELECT n, count(*) FROM t GROUP BY n ORDER BY n"),
        "0|4\n1|1996"
    );
    assert_eq!(
        database
            .query("SELECT key, sqlstate, error, tries FROM segue.quarantine ORDER BY at LIMIT 1"),
        "{1}|P0001|row 1 is bad|1"
    );

    // Two are corrected, one has gone, and a new row has come.
    database.run("DELETE FROM bad WHERE id IN (1, 778); DELETE FROM t WHERE id = 2000; INSERT INTO t (id, a) VALUES (3000, 1)");
    let mut up = Up::start(&project, &database.url(), settings());
    let (message, notes) = failure(&mut up);
    assert_eq!(
        message,
        "2 rows of the backfill are set aside, all others are done"
    );
    assert_eq!(
        notes,
        [
            "row 777: row 777 is bad",
            "row 2000: no row has this key any more: it was deleted, or its key was changed",
        ]
    );
    assert_eq!(aside(&up), ["777:2", "2000:2"]);
    assert_eq!(
        database.query("SELECT n, count(*) FROM t GROUP BY n ORDER BY n"),
        "0|1\n1|1999"
    );

    // Nobody but a user knows whether it was deleted.
    database.run("DELETE FROM bad");
    let mut up = Up::start(&project, &database.url(), settings());
    let (_, notes) = failure(&mut up);
    assert_eq!(
        notes,
        ["row 2000: no row has this key any more: it was deleted, or its key was changed"]
    );
    let let_go = Settings {
        let_go: true,
        ..settings()
    };
    let mut up = Up::start(&project, &database.url(), let_go);
    assert_eq!(up.wait().expect("no error"), Outcome::Settled);
    assert_eq!(database.query("SELECT DISTINCT n FROM t"), "1");
    assert_eq!(
        row(&database),
        "2-fill.sql: 2001 rows, 2000 changed, cursor {3000}, 0 set aside, finished"
    );
    assert_eq!(database.query("SELECT count(*) FROM segue.quarantine"), "0");
}

#[test]
fn above_the_limit_it_fails_before_that_row() {
    let database = TestDatabase::new();
    let setup = format!(
        "{REFUSES}{}\nINSERT INTO bad SELECT i FROM generate_series(301, 600) i;",
        counted(600)
    );
    let project = project(&setup, "t by id quarantine 7", CHECKED);
    let mut up = Up::start(&project, &database.url(), settings());
    let (message, notes) = failure(&mut up);
    assert_eq!(message, "row 308 is bad");
    assert_eq!(
        notes.last().map(String::as_str),
        Some("7 rows are set aside already, as many as `quarantine 7` allows")
    );
    assert_eq!(
        row(&database),
        "2-fill.sql: 307 rows, 300 changed, cursor {307}, 7 set aside, open"
    );
    database.run("DELETE FROM bad");
    settles(&project, &database);
    assert_eq!(database.query("SELECT DISTINCT n FROM t"), "1");
}

#[test]
fn every_row_may_be_bad() {
    let database = TestDatabase::new();
    let setup = format!(
        "{REFUSES}{}\nINSERT INTO bad SELECT i FROM generate_series(1, 60) i;",
        counted(60)
    );
    let project = project(&setup, "t by id", CHECKED);
    let mut up = Up::start(&project, &database.url(), settings());
    let (message, notes) = failure(&mut up);
    assert_eq!(
        message,
        "60 rows of the backfill are set aside, all others are done"
    );
    assert_eq!(
        notes.last().map(String::as_str),
        Some("and 55 more, in `segue.quarantine`")
    );
    assert_eq!(
        row(&database),
        "2-fill.sql: 60 rows, 0 changed, cursor {60}, 60 set aside, open"
    );
}

/// By place and with a key that is not unique a single row is found, too.
#[test]
fn bad_rows_of_other_keys() {
    for (directive, bounds) in [
        ("t by ctid", "ctid > :lower AND ctid <= :upper"),
        ("t by a", "a > :lower AND a <= :upper"),
    ] {
        let database = TestDatabase::new();
        let setup = format!(
            "{REFUSES}{}\nCREATE INDEX ON t (a);\nINSERT INTO bad VALUES (1234);",
            counted(3000)
        );
        let statement = format!("UPDATE t SET b = check_row(id) WHERE {bounds} AND b IS NULL;");
        let project = project(&setup, directive, &statement);
        let mut up = Up::start(&project, &database.url(), settings());
        failure(&mut up);
        let left = match directive {
            "t by ctid" => "1234",
            // All with the same key.
            _ => "234\n1234\n2234",
        };
        assert_eq!(
            database.query("SELECT id FROM t WHERE b IS NULL ORDER BY id"),
            left,
            "{directive}"
        );
        assert_eq!(
            database.query("SELECT count(*), min(error) FROM segue.quarantine"),
            "1|row 1234 is bad"
        );
        database.run("DELETE FROM bad");
        settles(&project, &database);
        assert_eq!(
            database.query("SELECT count(*) FROM t WHERE b IS NULL"),
            "0"
        );
    }
}

#[test]
fn what_is_no_rows_fault_fails_at_once_at_its_place() {
    let database = TestDatabase::new();
    let project = project(
        &counted(10),
        "t by id",
        "UPDATE t SET b = nowhere(a) WHERE id > :lower AND id <= :upper;",
    );
    let mut up = Up::start(&project, &database.url(), settings());
    let Outcome::Unsettled(report) = up.wait().expect("ready") else {
        panic!("settled");
    };
    let (_, diagnostic) = &report.failed[0];
    assert_eq!(
        diagnostic.message,
        "function nowhere(integer) does not exist"
    );
    let position = diagnostic.position().expect("a place");
    assert_eq!((position.line, position.column), (3, 18));
    assert_eq!(
        row(&database),
        "2-fill.sql: 0 rows, 0 changed, cursor , 0 set aside, open"
    );
}

/// The text is another one: what the old one has done counts no more.
#[test]
fn an_edited_text_begins_anew() {
    let database = TestDatabase::new();
    let setup = format!("{REFUSES}{}\nINSERT INTO bad VALUES (400);", counted(500));
    let project = project(&setup, "t by id quarantine 0", CHECKED);
    let mut up = Up::start(&project, &database.url(), settings());
    assert_eq!(failure(&mut up).0, "row 400 is bad");
    assert_eq!(
        row(&database),
        "2-fill.sql: 399 rows, 399 changed, cursor {399}, 0 set aside, open"
    );
    project.write("migrations/2-fill.sql", fill("t by id", FILL));
    let up = settles(&project, &database);
    let anew = up.wait_for("where it begins", |event| match event {
        Event::Backfill {
            news: News::Began { after, anew, .. },
            ..
        } => Some((after.clone(), anew.clone())),
        _ => None,
    });
    assert_eq!(anew, (None, Some("its text has been changed".to_owned())));
    assert_eq!(
        database.query("SELECT n, count(*) FROM t GROUP BY n ORDER BY n"),
        "1|101\n2|399"
    );
}

/// A row that is written has another `ctid`, so one that was set aside may be
/// anywhere.
#[test]
fn by_place_all_rows_are_done_anew_for_a_row_that_moved() {
    let database = TestDatabase::new();
    let setup = format!("{REFUSES}{}\nINSERT INTO bad VALUES (1234);", counted(3000));
    let statement = "UPDATE t SET b = check_row(id), n = n + 1 WHERE ctid > :lower AND ctid <= :upper AND b IS NULL;";
    let project = project(&setup, "t by ctid", statement);
    let place = || database.query("SELECT ctid FROM t WHERE id = 1234");
    let aside = || database.query("SELECT key[1], tries FROM segue.quarantine");
    let mut up = Up::start(&project, &database.url(), settings());
    failure(&mut up);
    let before = place();
    assert_eq!(aside(), format!("{before}|1"));

    // Where it was there is nothing: that is no sign that it is done.
    database.run("UPDATE t SET a = a WHERE id = 1234");
    let moved = place();
    assert_ne!(moved, before);
    let mut up = Up::start(&project, &database.url(), settings());
    let (message, _) = failure(&mut up);
    assert_eq!(
        message,
        "one row of the backfill is set aside, all others are done"
    );
    assert_eq!(aside(), format!("{moved}|1"));
    assert_eq!(anew(&up), [None, Some(MOVED.to_owned())]);
    // It fails in its place: nothing is done for the others.
    let mut up = Up::start(&project, &database.url(), settings());
    failure(&mut up);
    assert_eq!(aside(), format!("{moved}|2"));
    assert_eq!(anew(&up), [None]);

    database.run("DELETE FROM bad; UPDATE t SET a = a WHERE id = 1234");
    let up = settles(&project, &database);
    assert_eq!(anew(&up), [None, Some(MOVED.to_owned())]);
    assert_eq!(
        database.query("SELECT count(*), min(n), max(n), count(b) FROM t"),
        "3000|1|1|3000"
    );
    assert_eq!(database.query("SELECT count(*) FROM segue.quarantine"), "0");
}

const MOVED: &str = "a row that was set aside may be in another place by now";

/// Why it begins, each time that it does.
fn anew(up: &Up) -> Vec<Option<String>> {
    let news = up.events().into_iter().filter_map(|event| match event {
        Event::Backfill {
            news: News::Began { anew, .. },
            ..
        } => Some(anew),
        _ => None,
    });
    news.collect()
}
