//! Others beside a backfill: who holds rows, who cancels it, who wants it to
//! pause, and who needs it done.

use std::time::Duration;

use segue::apply::backfill::News;
use segue::apply::tail::Report;
use segue::apply::{Event, Outcome, Settings, Signal};
use segue::backfill::throttle::Limits;
use segue::migration::Name;
use segue::plan::OnConflict;

use super::{FILL, Gate, counted, fill, project, row, settles};
use crate::support::{Project, TestDatabase, Up, settings, wait_until};

/// Tries that others have spoilt, by their causes.
fn retried(up: &Up) -> Vec<String> {
    let causes = up.events().into_iter().filter_map(|event| match event {
        Event::StatementRetried { cause, .. } => Some(cause),
        _ => None,
    });
    causes.collect()
}

#[track_caller]
fn is_done_once(database: &TestDatabase<'_>, rows: usize) {
    assert_eq!(
        database.query("SELECT count(*), min(n), max(n) FROM t"),
        format!("{rows}|1|1")
    );
}

#[test]
fn a_row_that_an_application_holds_is_waited_for() {
    let database = TestDatabase::new();
    let project = project(&counted(1000), "t by id", FILL);
    let application = database.session();
    let mut up = {
        let ready = Settings {
            until: segue::apply::Until::Ready,
            ..settings()
        };
        let mut up = Up::start(&project, &database.url(), ready);
        up.wait().expect("ready");
        application.run("BEGIN; UPDATE t SET a = 7 WHERE id = 700");
        Up::start(&project, &database.url(), settings())
    };
    // All before it are done, and it is known for whom it waits.
    wait_until("the rows before it", || {
        database.query("SELECT cursor FROM segue.backfill") == "{699}"
    });
    let pid = application.pid();
    up.wait_for("whom it waits for", |event| match event {
        Event::BuildWaits { blockers, .. } => {
            blockers.iter().any(|one| one.pid == pid).then_some(())
        }
        _ => None,
    });
    application.run("COMMIT");
    assert_eq!(up.wait().expect("no error"), Outcome::Settled);
    assert!(
        retried(&up).iter().all(|cause| cause.contains("55P03")),
        "{:?}",
        retried(&up)
    );
    is_done_once(&database, 1000);
    assert_eq!(database.query("SELECT b FROM t WHERE id = 700"), "8");
    assert_eq!(database.query("SELECT count(*) FROM segue.quarantine"), "0");
}

#[test]
fn a_row_that_is_held_for_too_long_ends_it_and_the_next_run_goes_on() {
    let database = TestDatabase::new();
    let project = project(&counted(1000), "t by id", FILL);
    let application = database.session();
    application.run("CREATE TABLE other (id int)");
    let gate = settings();
    let short = Settings {
        retry_for: Duration::from_secs(1),
        ..gate.clone()
    };
    let ready = Settings {
        until: segue::apply::Until::Ready,
        ..gate
    };
    let mut up = Up::start(&project, &database.url(), ready);
    up.wait().expect("ready");
    application.run("BEGIN; UPDATE t SET a = 7 WHERE id = 700");
    let mut up = Up::start(&project, &database.url(), short);
    let Outcome::Unsettled(report) = up.wait().expect("ready") else {
        panic!("settled");
    };
    assert_eq!(
        report.failed[0].1.sqlstate.as_deref(),
        Some("55P03"),
        "{report:?}"
    );
    application.run("ROLLBACK");
    settles(&project, &database);
    is_done_once(&database, 1000);
}

/// The application waits for a row of the batch, and the batch for one of the
/// application's: whichever the server ends, no row is set aside.
#[test]
fn deadlocks_are_tried_again() {
    let database = TestDatabase::new();
    let gate = Gate::new(&database, 500);
    let project = project(&gate.setup(1000), "t by id", Gate::FILL);
    let mut up = Up::start(&project, &database.url(), settings());
    gate.wait();
    let application = database.session();
    // Rows are locked in the order of the key: 499 is the batch's by now.
    application.run("SET lock_timeout = 0; BEGIN; UPDATE t SET a = a WHERE id > 500 AND id <= 510");
    let waiting = application.start("UPDATE t SET a = a WHERE id = 499");
    gate.open();
    let got_it = waiting.wait();
    application.run(if got_it.is_ok() { "COMMIT" } else { "ROLLBACK" });
    assert_eq!(up.wait().expect("no error"), Outcome::Settled);
    assert_ne!(retried(&up), [""; 0]);
    is_done_once(&database, 1000);
    assert_eq!(database.query("SELECT count(*) FROM segue.quarantine"), "0");
}

#[test]
fn a_cancelled_batch_is_run_again() {
    let database = TestDatabase::new();
    let gate = Gate::new(&database, 500);
    let project = project(&gate.setup(1000), "t by id", Gate::FILL);
    let mut up = Up::start(&project, &database.url(), settings());
    let pid = gate.wait();
    database.query(&format!("SELECT pg_cancel_backend({pid})"));
    up.wait_for("another try", |event| {
        matches!(event, Event::StatementRetried { .. }).then_some(())
    });
    gate.open();
    assert_eq!(up.wait().expect("no error"), Outcome::Settled);
    is_done_once(&database, 1000);
}

#[test]
fn it_is_given_up_in_the_middle_of_a_batch() {
    let database = TestDatabase::new();
    let gate = Gate::new(&database, 500);
    let of = project(&gate.setup(1000), "t by id", Gate::FILL);
    let mut up = Up::start(&of, &database.url(), settings());
    gate.wait();
    let cli = Project::on(&database);
    for file in ["1-t.sql", "2-fill.sql"] {
        cli.write(
            &format!("migrations/{file}"),
            of.read(&format!("migrations/{file}")),
        );
    }
    cli.segue(&["abandon", "2-fill.sql"]).expect_success();
    assert_eq!(up.wait().expect("no error"), Outcome::Settled);
    assert_eq!(up.course(), "+2-fill.sql");
    assert_eq!(
        database.query("SELECT state FROM segue.migration WHERE file = '2-fill.sql'"),
        "abandoned"
    );
    assert_eq!(
        database.query("SELECT count(*) FROM t WHERE n = 1 AND id >= 500"),
        "0"
    );
}

#[test]
fn a_user_pauses_it_and_lets_it_go_on() {
    let database = TestDatabase::new();
    let gate = Gate::new(&database, 150);
    let project = project(&gate.setup(1000), "t by id", Gate::FILL);
    let mut up = Up::start(&project, &database.url(), settings());
    gate.wait();
    database.run("UPDATE segue.backfill SET paused_by = 'alice', paused_at = now()");
    gate.open();
    up.wait_for("the pause", |event| match event {
        Event::Backfill {
            news: News::Paused { by },
            ..
        } => Some(by.clone()),
        _ => None,
    });
    let cursor = database.query("SELECT cursor FROM segue.backfill");
    assert_eq!(
        database.query("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'segue: main/2-fill%' AND state LIKE 'idle in%'"),
        "0"
    );
    assert_eq!(database.query("SELECT cursor FROM segue.backfill"), cursor);
    database.run("UPDATE segue.backfill SET paused_by = NULL, paused_at = NULL");
    assert_eq!(up.wait().expect("no error"), Outcome::Settled);
    is_done_once(&database, 1000);
}

#[test]
fn a_signal_stops_it_and_the_next_run_goes_on_there() {
    let database = TestDatabase::new();
    let gate = Gate::new(&database, 150);
    let project = project(&gate.setup(1000), "t by id", Gate::FILL);
    let mut up = Up::start(&project, &database.url(), settings());
    gate.wait();
    up.signal(Signal::Terminate);
    let outcome = up.wait().expect("ready");
    let rows: u64 = database
        .query("SELECT rows FROM segue.backfill")
        .parse()
        .expect("a number");
    assert!(rows < 150, "{rows} rows");
    let Outcome::Unsettled(report) = outcome else {
        panic!("settled");
    };
    let stopped: Vec<(Name, u64)> = report
        .stopped
        .iter()
        .map(|(name, rows, _)| (name.clone(), *rows))
        .collect();
    assert_eq!(stopped, [(Name::new("2-fill.sql"), rows)]);
    assert_eq!(
        Report {
            stopped: report.stopped.clone(),
            ..Report::default()
        },
        *report
    );
    gate.open();
    settles(&project, &database);
    is_done_once(&database, 1000);
}

/// What ends it is applied in the same run.
#[test]
fn it_runs_before_the_migration_that_ends_it() {
    let database = TestDatabase::new();
    let project = project(&counted(3000), "t by id within 7d pause 1h", FILL);
    project.write(
        "migrations/3-end.sql",
        "-- segue: end-concurrent-migration: 2-fill.sql\nALTER TABLE t ALTER b SET NOT NULL;\n",
    );
    let up = settles(&project, &database);
    assert_eq!(up.course(), "+2-fill.sql -2-fill.sql");
    is_done_once(&database, 3000);
    assert_eq!(
        row(&database),
        "2-fill.sql: 3000 rows, 3000 changed, cursor {3000}, 0 set aside, finished"
    );
}

/// A build and two backfills of other tables run side by side.
#[test]
fn it_runs_beside_a_build() {
    let database = TestDatabase::new();
    let gate = Gate::new(&database, 500);
    let project = project(
        &format!("{}\nCREATE TABLE u AS SELECT 1 AS a;", gate.setup(1000)),
        "t by id",
        Gate::FILL,
    );
    project.write(
        "migrations/3-build.sql",
        "-- segue: begin-concurrent-migration-with: 1-t.sql\nCREATE INDEX CONCURRENTLY u_a ON u (a);\n",
    );
    project.write(
        "migrations/4-other.sql",
        fill(
            "t by id",
            "SELECT 1 FROM t WHERE id > :lower AND id <= :upper;",
        ),
    );
    let mut up = Up::start(&project, &database.url(), settings());
    gate.wait();
    up.wait_for_begin("3-build.sql");
    gate.open();
    assert_eq!(up.wait().expect("no error"), Outcome::Settled);
    is_done_once(&database, 1000);
}

#[test]
fn it_waits_while_a_signal_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let flag = folder.path().join("stop");
    std::fs::write(&flag, "the night shift wants it quiet\n").expect("a file");
    let watching = Settings {
        backfill: Limits {
            every: Duration::from_millis(100),
            flag_file: Some(flag.clone()),
            ..Limits::none()
        },
        ..settings()
    };
    let database = TestDatabase::new();
    let project = project(&counted(1000), "t by id", FILL);
    let mut up = Up::start(&project, &database.url(), watching);
    let signals = up.wait_for("the signal", |event| match event {
        Event::Backfill {
            news: News::Throttled { signals, .. },
            ..
        } => Some(signals.clone()),
        _ => None,
    });
    assert_eq!(signals.len(), 1);
    assert!(signals[0].contains("the night shift"), "{signals:?}");
    wait_until("the row", || {
        database.query("SELECT throttled_by::text LIKE '%the night shift%', throttled_since IS NOT NULL, rows FROM segue.backfill") == "t|t|0"
    });
    std::fs::remove_file(&flag).expect("removed");
    assert_eq!(up.wait().expect("no error"), Outcome::Settled);
    is_done_once(&database, 1000);
    assert_eq!(
        database.query("SELECT throttled_by, throttled_since FROM segue.backfill"),
        "{}|"
    );
}

/// A batch that needs the table has it cancelled; it goes on afterwards.
#[test]
fn a_batch_preempts_it_and_it_goes_on_from_its_cursor() {
    let database = TestDatabase::new();
    let gate = Gate::new(&database, 500);
    let project = project(&gate.setup(1000), "t by id", Gate::FILL);
    let mut first = Up::start(&project, &database.url(), settings());
    gate.wait();
    project.write(
        "migrations/3-column.sql",
        "ALTER TABLE t ADD COLUMN c int;\n",
    );
    let preempts = Settings {
        on_conflict: OnConflict::Preempt,
        ..settings()
    };
    let mut second = Up::start(&project, &database.url(), preempts);
    second.wait_for("readiness", |event| {
        matches!(event, Event::Ready { .. }).then_some(())
    });
    first.wait_for("that it makes way", |event| {
        matches!(event, Event::Preempted { .. }).then_some(())
    });
    gate.open();
    assert_eq!(first.wait().expect("no error"), Outcome::Settled);
    assert_eq!(second.wait().expect("no error"), Outcome::Settled);
    is_done_once(&database, 1000);
}

/// Places of rows are others then: none is left out.
#[test]
fn a_table_that_is_rewritten_meanwhile_is_done_anew_by_place() {
    let database = TestDatabase::new();
    let gate = Gate::new(&database, 700);
    let setup = format!(
        "{}\nDELETE FROM t WHERE id BETWEEN 300 AND 600;",
        gate.setup(3000)
    );
    let project = project(
        &setup,
        "t by ctid",
        "UPDATE t SET b = gate(id) WHERE ctid > :lower AND ctid <= :upper AND b IS NULL;",
    );
    let mut up = Up::start(&project, &database.url(), settings());
    gate.wait();
    database.run("UPDATE segue.backfill SET paused_by = 'alice', paused_at = now()");
    gate.open();
    up.wait_for("the pause", |event| {
        let is_pause = matches!(
            event,
            Event::Backfill {
                news: News::Paused { .. },
                ..
            }
        );
        is_pause.then_some(())
    });
    database.run("VACUUM FULL t");
    database.run("UPDATE segue.backfill SET paused_by = NULL, paused_at = NULL");
    assert_eq!(up.wait().expect("no error"), Outcome::Settled);
    let began: Vec<Option<String>> = up
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Backfill {
                news: News::Began { anew, .. },
                ..
            } => Some(anew),
            _ => None,
        })
        .collect();
    assert_eq!(
        began,
        [
            None,
            Some("the table has been rewritten, and its rows have moved".to_owned())
        ]
    );
    assert_eq!(
        database.query("SELECT count(*) FROM t WHERE b IS NULL"),
        "0"
    );
}
