//! Transaction and statement mode, and pools that are not reset.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{has_ledger, through};
use crate::support::{PgBouncer, Project, TestDatabase, TestSession, assert_text};

const REFUSED: &str = "
    error: the connection goes through a pooler in transaction or statement mode: two sessions were given the same server process
    help: segue's locks and settings belong to its sessions: give the URL of the server itself, or of a pool in session mode, as `--direct-url` or SEGUE_DIRECT_URL
";

/// What `up` says before it refuses.
fn refused(project: &Project, arguments: &[&str]) {
    let run = project.segue(arguments);
    let error = run.stderr.find("error:").map_or("", |at| &run.stderr[at..]);
    let error: Vec<_> = error
        .lines()
        .filter(|line| !line.starts_with("note:"))
        .collect();
    assert_text("stderr", &error.join("\n"), REFUSED);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{arguments:?}");
}

#[test]
fn transaction_mode_is_refused_before_anything_runs() {
    let database = TestDatabase::new();
    let pooler = PgBouncer::start(&database, &["pool_mode = transaction"]);
    let project = through(&database, &pooler);
    project.segue(&["up"]).expect(
        "",
        "
             Planned 1 migration in one transaction, then 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
        error: the connection goes through a pooler in transaction or statement mode: two sessions were given the same server process
        help: segue's locks and settings belong to its sessions: give the URL of the server itself, or of a pool in session mode, as `--direct-url` or SEGUE_DIRECT_URL
        ",
        2,
    );
    assert!(!has_ledger(&database));
    // Nothing of ours is left in the pool's processes.
    assert_eq!(
        pooler.session().query(
            "SELECT current_setting('segue.session', true), current_setting('idle_session_timeout'), \
             (SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database WHERE locktype = 'advisory' AND datname = current_database())"
        ),
        "|0|0"
    );
    project
        .segue(&["up", "--direct-url", &database.url()])
        .expect_success();
    assert_eq!(
        database.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 't_a'::regclass"),
        "t"
    );
}

#[test]
fn every_command_that_writes_refuses_it() {
    for mode in ["transaction", "statement"] {
        let database = TestDatabase::new();
        let pooler = PgBouncer::start(&database, &[&format!("pool_mode = {mode}")]);
        let project = through(&database, &pooler);
        refused(&project, &["init"]);
        refused(&project, &["adopt", "--up-to", "1-t.sql", "--write"]);
        project.write("new.sql", "SELECT 1;\n");
        refused(
            &project,
            &["add", "new.sql", "--database-url", &pooler.url()],
        );
        assert!(!has_ledger(&database));
        project
            .segue(&["up", "--until", "ready", "--direct-url", &database.url()])
            .expect_success();
        refused(&project, &["up"]);
        refused(&project, &["settle"]);
        refused(&project, &["abandon", "2-i.sql"]);
    }
}

#[test]
fn a_pool_that_takes_turns_is_seen_too() {
    let database = TestDatabase::new();
    let settings = ["pool_mode = transaction", "server_round_robin = 1"];
    for idle in 1..=4 {
        let pooler = PgBouncer::start(&database, &settings);
        let project = through(&database, &pooler);
        let others: Vec<TestSession> = (0..idle).map(|_| pooler.session()).collect();
        let begun: Vec<_> = others.iter().map(|other| other.query("BEGIN")).collect();
        assert_eq!(begun.len(), idle);
        for other in &others {
            other.run("COMMIT");
        }
        let run = project.segue(&["up"]);
        assert!(
            run.status == 2 && run.stderr.contains("in transaction or statement mode"),
            "{idle} processes: {}",
            run.stderr
        );
        assert!(!has_ledger(&database), "{idle} processes");
    }
}

#[test]
fn a_pool_that_others_use_is_seen_too() {
    let database = TestDatabase::new();
    let settings = ["pool_mode = transaction", "default_pool_size = 5"];
    let pooler = PgBouncer::start(&database, &settings);
    let project = through(&database, &pooler);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let session = pooler.session();
                while !is_over.load(Ordering::Relaxed) {
                    session.run("SELECT pg_sleep(0.001)");
                }
            });
        }
        let runs: Vec<_> = (0..20).map(|_| project.segue(&["up"])).collect();
        is_over.store(true, Ordering::Relaxed);
        for run in runs {
            let is_seen = run.status == 2 && run.stderr.contains("through a pooler");
            assert!(is_seen, "{}", run.stderr);
        }
    });
    assert!(!has_ledger(&database));
}

#[test]
fn commands_that_only_read_work_in_transaction_mode() {
    let database = TestDatabase::new();
    let pooler = PgBouncer::start(&database, &["pool_mode = transaction"]);
    let project = through(&database, &pooler);
    project
        .segue(&["up", "--direct-url", &database.url()])
        .expect_success();
    project
        .segue(&["write-schema", "--database-url", &database.url()])
        .expect_success();
    project.segue(&["plan"]).expect_success();
    project.segue(&["status"]).expect_success();
    project.segue(&["verify"]).expect_success();
    project
        .segue(&["wait", "settled"])
        .expect("settled: deployment 1\n", "", 0);
    // Nobody listens in a process that others use.
    assert_eq!(pooler.session().query("SELECT pg_listening_channels()"), "");
}

/// Statement mode refuses transactions: what needs none works.
#[test]
fn commands_that_only_read_in_statement_mode() {
    let database = TestDatabase::new();
    let pooler = PgBouncer::start(&database, &["pool_mode = statement"]);
    let project = through(&database, &pooler);
    project
        .segue(&["up", "--direct-url", &database.url()])
        .expect_success();
    project
        .segue(&["write-schema", "--database-url", &database.url()])
        .expect_success();
    project.segue(&["plan"]).expect_success();
    project.segue(&["status"]).expect_success();
    project.segue(&["wait", "settled"]).expect_success();
    project.segue(&["verify"]).expect(
        "",
        "
        error: transaction blocks not allowed in statement pooling mode (SQLSTATE 08P01)
        help: this is a pooler's word: give the URL of the server itself as `--direct-url` or SEGUE_DIRECT_URL
        ",
        4,
    );
}

#[test]
fn a_pool_that_is_not_reset_is_refused() {
    let database = TestDatabase::new();
    let settings = ["pool_mode = session", "server_reset_query ="];
    let pooler = PgBouncer::start(&database, &settings);
    let project = through(&database, &pooler);
    let holder = pooler.session();
    holder.run("SET segue.session = '1'");
    drop(holder);
    project.segue(&["up"]).expect(
        "",
        "
        error: the connection goes through a pooler that does not reset server processes: a new session found the settings of an earlier one
        help: segue's settings would stay behind in the sessions of others: set `server_reset_query = DISCARD ALL` in the pooler and `pool_mode = session`, or give the URL of the server itself as `--direct-url` or SEGUE_DIRECT_URL
        ",
        2,
    );
}
