//! Schedules on a real server: the two extremes, deadlines that move, and rows
//! that are estimated without being counted.

use segue::apply::Event;
use segue::apply::backfill::News;
use segue::backfill::Key;
use segue::backfill::pace::{Look, Source, Total};
use segue::postgres::backfill::{Keyset, estimate, facts};
use segue::statement::RelationName;

use super::{counted, project, row, settles};
use crate::support::{LibrarySession, TestDatabase, Up, settings, wait_until};

/// A millisecond for each row.
const SLOW: &str = "UPDATE t SET b = a + 1, n = n + 1 WHERE id > :lower AND id <= :upper \
     AND pg_sleep(0.001) IS NOT NULL;";

fn news(up: &Up) -> Vec<News> {
    let of_backfill = |event| match event {
        Event::Backfill { news, .. } => Some(news),
        _ => None,
    };
    up.events().into_iter().filter_map(of_backfill).collect()
}

fn impossible(up: &Up) -> Vec<String> {
    let why = |news| match news {
        News::Impossible { why } => Some(why),
        _ => None,
    };
    news(up).into_iter().filter_map(why).collect()
}

#[test]
fn what_cannot_be_done_in_time_fails_with_hardly_anything_done() {
    let database = TestDatabase::new();
    let project = project(&counted(200_000), "t by id within 5s batch-time 50ms", SLOW);
    let run = project.segue(&["up", "--no-fold", "--database-url", &database.url()]);
    assert_eq!(run.status, 6, "{}", run.stderr);
    let told = "error[backfill-impossible]: the backfill of `t` is impossible: needs ";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    assert!(
        run.stderr.contains("it would do with `within "),
        "{}",
        run.stderr
    );
    let rows: usize = database
        .query("SELECT rows FROM segue.backfill WHERE impossible LIKE 'impossible: needs %'")
        .parse()
        .expect("a number of rows");
    assert!(rows < 20_000, "{rows}");
    assert_eq!(
        database.query("SELECT state FROM segue.migration WHERE file = '2-fill.sql'"),
        "failed"
    );

    // More time makes it possible, from the start.
    let slow = super::fill("t by id within 10m batch-time 50ms", SLOW);
    project.write("migrations/2-fill.sql", slow);
    let mut up = Up::start(&project, &database.url(), settings());
    up.wait_for_begin("2-fill.sql");
    wait_until("batches", || {
        let past = "SELECT rows > 500 AND impossible IS NULL FROM segue.backfill";
        database.query(past) == "t"
    });
    assert_eq!(impossible(&up), Vec::<String>::new());

    // Less time than is left: it goes on, and says so once.
    database.run("UPDATE segue.backfill SET within = interval '10 s'");
    up.wait_for("impossible", |event| match event {
        Event::Backfill {
            news: News::Impossible { .. },
            ..
        } => Some(()),
        _ => None,
    });
    let rows = "SELECT rows FROM segue.backfill";
    let before = database.query(rows);
    wait_until("more batches", || database.query(rows) != before);
    assert_eq!(impossible(&up).len(), 1, "{:?}", impossible(&up));
    // A clock that jumps back a day takes it back.
    database.run("UPDATE segue.backfill SET began_at = began_at + interval '1 day'");
    wait_until("it is taken back", || {
        database.query("SELECT impossible IS NULL FROM segue.backfill") == "t"
    });
    up.signal(segue::apply::Signal::Interrupt);
    drop(up.wait());
}

#[test]
fn far_more_time_than_needed_goes_into_pauses() {
    let database = TestDatabase::new();
    let project = project(&counted(200), "t by id within 1h", SLOW);
    let up = settles(&project, &database);
    assert_eq!(impossible(&up), Vec::<String>::new());
    assert_eq!(
        row(&database),
        "2-fill.sql: 200 rows, 200 changed, cursor {200}, 0 set aside, finished"
    );
    // It has worked for a part of the time only, and ended long before.
    let times = "SELECT pause > interval '0', total BETWEEN 150 AND 250, \
         finished_at - began_at > 3 * interval '0.2 s', finished_at < began_at + within \
         FROM segue.backfill";
    assert_eq!(database.query(times), "t|t|t|t");
}

#[test]
fn what_lies_ahead_is_in_the_row() {
    let database = TestDatabase::new();
    let project = project(&counted(20_000), "t by id batch-time 50ms", SLOW);
    let mut up = Up::start(&project, &database.url(), settings());
    up.wait_for_begin("2-fill.sql");
    wait_until("a forecast", || {
        let told = "SELECT rows > 2000 AND latest_at > likely_at AND likely_at > earliest_at \
             AND likely_at > clock_timestamp() AND total BETWEEN 15000 AND 25000 \
             AND batch_rows > 0 AND pause = interval '0' AND impossible IS NULL FROM segue.backfill";
        database.query(told) == "t"
    });
    up.signal(segue::apply::Signal::Interrupt);
    drop(up.wait());
}

/// What is said of `t` by these columns, after `cursor`.
fn look(database: &TestDatabase<'_>, columns: &[&str], cursor: &[&str]) -> Look {
    let session = LibrarySession::connect(&database.url());
    let table = RelationName {
        namespace: None,
        name: "t".to_owned(),
    };
    let key = match columns {
        ["ctid"] => Key::Ctid,
        columns => Key::Columns(columns.iter().map(|&name| name.to_owned()).collect()),
    };
    let cursor: Vec<String> = cursor.iter().map(|&value| value.to_owned()).collect();
    let look = session.run(async |session| {
        let facts = facts(session, &table, &key).await?.expect("a table");
        let keyset = Keyset::new(&facts, &key);
        let cursor = (!cursor.is_empty()).then_some(&cursor);
        let end = (key == Key::Ctid).then_some("(99,65535)");
        estimate::look(session, &facts, &keyset, cursor, end).await
    });
    look.expect("an estimate")
}

#[track_caller]
fn near(value: f64, expected: f64, part: f64) {
    assert!(
        (value - expected).abs() <= expected * part,
        "{value}, not {expected}"
    );
}

#[test]
fn rows_are_estimated_by_statistics_samples_and_places() {
    let database = TestDatabase::new();
    database.run(
        "CREATE TABLE t (id bigint PRIMARY KEY, x int) WITH (autovacuum_enabled = off); \
         INSERT INTO t SELECT i::bigint * i, i FROM generate_series(1, 100000) i",
    );
    // Never analysed: a sample, which is all of a table of this size.
    let fresh = look(&database, &["id"], &["2500000000"]);
    assert_eq!((fresh.total, fresh.above), (100_000.0, 0.5));
    assert!(matches!(fresh.source, Source::Sample { .. }));

    database.run("ANALYZE t");
    let analysed = look(&database, &["id"], &["2500000000"]);
    assert_eq!(analysed.source, Source::Statistics { columns: 1 });
    near(analysed.total, 100_000.0, 0.01);
    // Half of the rows, a quarter of the values.
    near(analysed.above, 0.5, 0.03);

    // The backfill writes half of the rows anew: half as much again for the
    // planner, and the fraction is what it was.
    database.run("UPDATE t SET x = 0 WHERE id <= 2500000000");
    let bloated = look(&database, &["id"], &["2500000000"]);
    near(bloated.total, 150_000.0, 0.05);
    near(bloated.above, 0.5, 0.03);
    let left = Total::new(&analysed).remaining(&bloated, 50_000);
    assert!(left.low <= 50_000 && 50_000 <= left.high, "{left:?}");
    assert!(left.likely.abs_diff(50_000) < 2500, "{left:?}");

    let place = look(&database, &["ctid"], &["(24,65535)"]);
    assert_eq!((place.above, place.source), (0.75, Source::Place));
}

#[test]
fn rows_of_partitions_and_of_several_columns_are_estimated() {
    let database = TestDatabase::new();
    database.run(
        "CREATE TABLE t (tenant int, id int, PRIMARY KEY (tenant, id)) PARTITION BY RANGE (tenant); \
         CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (2); \
         CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (2) TO (4); \
         CREATE TABLE t3 PARTITION OF t FOR VALUES FROM (4) TO (9); \
         INSERT INTO t SELECT i % 4, i FROM generate_series(1, 40000) i; \
         ANALYZE t1; ANALYZE t2",
    );
    let begin = look(&database, &["tenant", "id"], &[]);
    assert_eq!(begin.source, Source::Statistics { columns: 2 });
    near(begin.total, 40_000.0, 0.01);
    near(begin.above, 1.0, 0.0);
    // Within a tenant that has a quarter of all rows.
    near(
        look(&database, &["tenant", "id"], &["1", "20000"]).above,
        0.625,
        0.05,
    );
    near(
        look(&database, &["tenant", "id"], &["2", "0"]).above,
        0.5,
        0.05,
    );
}
