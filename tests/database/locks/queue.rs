//! How we queue: briefly, seldom, and not at all while it is known to be in
//! vain.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::idle_reader;
use crate::support::{Project, TestDatabase, TestSession, wait_until};

/// Watches who queues for the tables of a database.
struct Sampler {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<BTreeMap<String, f64>>,
}

impl Sampler {
    /// `whom`: a condition on `pg_stat_activity`.
    fn start(database: &TestDatabase<'_>, whom: &str) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let ending = Arc::clone(&ends);
        let session = database.session();
        let sql = format!(
            "SELECT l.pid || ' ' || l.waitstart, extract(epoch FROM clock_timestamp() - l.waitstart) \
             FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
             WHERE NOT l.granted AND l.locktype = 'relation' AND a.datname = current_database() AND {whom}"
        );
        let thread = std::thread::spawn(move || {
            let mut waits = BTreeMap::new();
            while !ending.load(Ordering::Relaxed) {
                for line in session.query(&sql).lines() {
                    let (wait, age) = line.split_once('|').expect("two columns");
                    let age: f64 = age.parse().unwrap_or_default();
                    let longest: &mut f64 = waits.entry(wait.to_owned()).or_default();
                    *longest = longest.max(age);
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            waits
        });
        Self { ends, thread }
    }

    /// How long each wait was, in seconds.
    fn end(self) -> Vec<f64> {
        self.ends.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .expect("no panic")
            .into_values()
            .collect()
    }
}

const OURS: &str = "a.application_name LIKE 'segue%'";

/// `lock_timeout` is 50 ms; the server may be late on a busy machine.
const WAIT_MAX: f64 = 0.4;

#[track_caller]
fn waits_outside_the_queue(file: &str) {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    database.run("CREATE TABLE t (a int)");
    let reader = idle_reader(&database);
    project.file("1.sql", file);
    let all = Sampler::start(&database, OURS);
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("Waiting");
    // What was in the queue when it was told is out of it.
    std::thread::sleep(Duration::from_millis(400));
    let later = Sampler::start(&database, OURS);
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(later.end(), Vec::<f64>::new());
    let waits = all.end();
    assert!(
        !waits.is_empty() && waits.iter().all(|wait| *wait < WAIT_MAX),
        "{waits:?}"
    );
    reader.run("COMMIT");
    let free = Instant::now();
    run.wait().expect_success();
    let late = free.elapsed();
    assert!(late < Duration::from_secs(4), "{late:?}");
    project.has_nothing_to_do();
}

#[test]
fn the_batch_does_not_queue_while_a_reader_is_in_the_way() {
    waits_outside_the_queue("ALTER TABLE t ADD COLUMN b int;\n");
}

#[test]
fn a_standalone_statement_does_not_queue_while_a_reader_is_in_the_way() {
    waits_outside_the_queue("-- segue: no-txn\nALTER TABLE t ADD COLUMN b int;\n");
}

#[test]
fn a_block_of_a_standalone_file_does_not_queue_while_a_reader_is_in_the_way() {
    waits_outside_the_queue("-- segue: no-txn\nBEGIN;\nALTER TABLE t ADD COLUMN b int;\nCOMMIT;\n");
}

#[test]
fn a_statement_that_refuses_a_transaction_does_not_queue_while_a_reader_is_in_the_way() {
    waits_outside_the_queue("-- segue: no-txn\nVACUUM FULL t;\n");
}

/// A pool of connections with short transactions, one of which always holds the
/// lock.
struct Traffic {
    ends: Arc<AtomicBool>,
    transactions: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl Traffic {
    fn start(database: &TestDatabase<'_>, connections: usize) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let transactions = Arc::new(AtomicUsize::new(0));
        let threads = (0..connections)
            .map(|_| {
                let (ends, count) = (Arc::clone(&ends), Arc::clone(&transactions));
                let session = TestSession::connect(&database.url());
                std::thread::spawn(move || {
                    while !ends.load(Ordering::Relaxed) {
                        session.run("SELECT count(*), pg_sleep(0.3 + random() * 0.3) FROM t");
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        Self {
            ends,
            transactions,
            threads,
        }
    }

    fn end(self) -> usize {
        self.ends.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("no panic");
        }
        self.transactions.load(Ordering::Relaxed)
    }
}

/// It is always one of the same processes that holds the lock, and never the
/// same transaction: tries go on.
#[test]
fn tries_go_on_on_a_table_that_is_never_free() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    database.run("CREATE TABLE t (a int)");
    let traffic = Traffic::start(&database, 6);
    wait_until("traffic", || {
        traffic.transactions.load(Ordering::Relaxed) > 6
    });
    project.file("1.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    let sampler = Sampler::start(&database, OURS);
    let run = project.spawn(&["up", "-v"]);
    run.wait_for_stderr("after try 3 was rolled back");
    traffic.end();
    run.wait().expect_success();
    let waits = sampler.end();
    assert!(waits.iter().all(|wait| *wait < WAIT_MAX), "{waits:?}");
    project.has_nothing_to_do();
}

/// A stranger's own DDL before us: what would be behind us is behind that one.
#[test]
fn a_stranger_who_queues_before_us_is_waited_for() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    database.run("CREATE TABLE t (a int)");
    let reader = idle_reader(&database);
    let stranger = database.session();
    stranger.run("SET application_name = 'dba'");
    let altering = stranger.start("ALTER TABLE t ADD COLUMN c int");
    wait_until("it to queue", || {
        database
            .query("SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND NOT granted")
            == "1"
    });
    // Beside the reader alone it would be had at once.
    project.file("1.sql", "ALTER TABLE t ALTER COLUMN a SET STATISTICS 50;\n");
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("Waiting");
    std::thread::sleep(Duration::from_millis(400));
    let later = Sampler::start(&database, OURS);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(later.end(), Vec::<f64>::new());
    reader.run("COMMIT");
    altering.wait().expect("altered");
    run.wait().expect("", "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
            Retrying the block in [t], after try 1 was rolled back in `1.sql`: canceling statement due to lock timeout (SQLSTATE 55P03)
             Waiting for a lock on `t`, held by pid [pid] (postgres, `dba`), active for [t]: ALTER TABLE t ADD COLUMN c int
                     ends with its statement, or by `SELECT pg_cancel_backend([pid])`
                 Ran `1.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 1)
             Settled after [t] (deployment 1)

        ", 0);
}
