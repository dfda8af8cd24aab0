//! A database and a folder, and the library's `up` run in them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use segue::apply::abandon::{Abandoned, abandon};
use segue::apply::{
    Answer, Answers, ApplyError, Event, Events, Interrupt, Outcome, Run, Settings, Signal, Signals,
    Until, Verdict, up,
};
use segue::diagnostic::render::{Style, render};
use segue::files;
use segue::migration::Name;
use segue::postgres::Target;
use segue::postgres::target::Environment;

use crate::support::{
    Project, Server, TestDatabase, TestSession, assert_text, wait_for, wait_until,
};

/// Far longer than a test waits.
const RETRY_FOR: Duration = Duration::from_secs(20);

/// A database, a folder, and the library's `up` run in them.
pub struct Case<'a> {
    pub database: TestDatabase<'a>,
    pub project: Project,
    /// `--jobs`
    pub jobs: usize,
}

/// `up` under way, in a runtime of its own that can die at once.
pub struct Running {
    runtime: tokio::runtime::Runtime,
    told: Arc<Mutex<String>>,
    signals: tokio::sync::watch::Sender<Signals>,
    result: mpsc::Receiver<String>,
}

impl Running {
    /// Waits until it has told this line.
    pub fn wait_until_told(&self, line: &str) {
        wait_until(line, || {
            let told = self.told.lock().expect("not poisoned");
            told.lines().any(|told| told == line)
        });
    }

    /// As Ctrl-C does.
    pub fn interrupt(&self) {
        self.signals.send_replace(Signals {
            first: Some(Signal::Interrupt),
            interrupts: 1,
            ..Signals::default()
        });
    }

    /// What it told, and how it ended.
    pub fn wait(self) -> String {
        self.result
            .recv_timeout(crate::support::PATIENCE)
            .expect("up ends")
    }

    /// As `kill -9` does: the sockets are closed, nothing else happens.
    pub fn kill(self) {
        self.runtime.shutdown_background();
    }
}

impl Case<'static> {
    /// On the shared server.
    pub fn new() -> Self {
        Self::on(Server::shared())
    }
}

impl<'a> Case<'a> {
    /// A table `t` with three rows, made by the first migration.
    pub fn on(server: &'a Server) -> Self {
        let case = Self {
            database: TestDatabase::on(server),
            project: Project::new(),
            jobs: 1,
        };
        case.project.file(
            "1-table.sql",
            "CREATE TABLE t (a int, b int);\nINSERT INTO t VALUES (1, 1), (2, 1), (3, 1);\n",
        );
        check(&case.up(), "settled\n");
        case
    }

    /// Writes the concurrent migration.
    pub fn concurrent(&self, sql: &str) {
        let header = "-- segue: begin-concurrent-migration-with: 1-table.sql\n";
        self.project.file("2-tail.sql", &format!("{header}{sql}"));
    }

    /// Writes the standalone migration.
    pub fn standalone(&self, sql: &str) {
        self.project
            .file("2-alone.sql", &format!("-- segue: no-txn\n{sql}"));
    }

    fn run(
        &self,
        interrupt: Interrupt,
        retry_for: Duration,
        answers: Vec<Answer>,
    ) -> (Run, tokio::sync::mpsc::UnboundedReceiver<Event>) {
        let environment = Environment::new(BTreeMap::new(), None);
        let (events, receiver) = Events::channel();
        let run = Run {
            target: Target::resolve(Some(&self.database.url()), &environment).expect("a target"),
            connect_wait: Duration::from_secs(5),
            environment,
            project: "main".to_owned(),
            owner: None,
            verification: None,
            settings: Settings {
                until: Until::Settled,
                jobs: self.jobs,
                lock_timeout: Duration::from_millis(50),
                retry_for,
                concurrent_wait: Duration::from_secs(20),
                commit_wait: Duration::from_secs(20),
                on_conflict: segue::plan::OnConflict::Wait,
                isolation: None,
                strict: false,
                stalled_after: Duration::from_secs(30),
                fold: false,
                answers: Answers::new(answers),
                backfill: segue::backfill::throttle::Limits::default(),
                batch_rows_max: None,
                let_go: false,
            },
            events,
            interrupt,
        };
        (run, receiver)
    }

    pub fn start(&self) -> Running {
        self.start_with(RETRY_FOR, Vec::new())
    }

    fn start_with(&self, retry_for: Duration, answers: Vec<Answer>) -> Running {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let (sender, result) = mpsc::channel();
        let folder = self.project.path().join("migrations");
        let (signals, interrupt) = Interrupt::channel();
        let (run, mut events) = self.run(interrupt, retry_for, answers);
        let told = Arc::new(Mutex::new(String::new()));
        let telling = Arc::clone(&told);
        runtime.spawn(async move {
            let (migrations, problems) =
                files::read(std::slice::from_ref(&folder)).expect("a folder");
            assert_eq!(problems, []);
            let telling = tokio::spawn(async move {
                while let Some(event) = events.recv().await {
                    let mut told = telling.lock().expect("not poisoned");
                    told.push_str(&tell(&event));
                }
                telling
            });
            let outcome = Box::pin(up::up(&run, migrations)).await;
            // The last sender ends the telling.
            drop(run);
            let told = telling.await.expect("no panic");
            let text = told.lock().expect("not poisoned").clone() + &ended(outcome);
            let folder = folder.display().to_string();
            let _ = sender.send(text.replace(&folder, "migrations"));
        });
        Running {
            runtime,
            told,
            signals,
            result,
        }
    }

    pub fn up(&self) -> String {
        self.start().wait()
    }

    /// `up --retry-for 0s`
    pub fn up_without_retries(&self) -> String {
        self.start_with(Duration::ZERO, Vec::new()).wait()
    }

    /// `up --redo NAME:NUMBER`, or `--done`
    pub fn up_answered(&self, name: &str, number: usize, verdict: Verdict) -> String {
        let name = Name::new(name);
        let answer = Answer {
            name,
            number,
            verdict,
        };
        self.start_with(RETRY_FOR, vec![answer]).wait()
    }

    /// `segue abandon`, in the same words.
    pub fn abandon(&self, name: &str) -> String {
        let folder = self.project.path().join("migrations");
        let (migrations, _) = files::read(&[folder]).expect("a folder");
        let (_, interrupt) = Interrupt::channel();
        let (run, mut events) = self.run(interrupt, RETRY_FOR, Vec::new());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let result = runtime.block_on(Box::pin(abandon(&run, &migrations, &Name::new(name))));
        let mut text = String::new();
        while let Ok(event) = events.try_recv() {
            text.push_str(&tell(&event));
            if let Event::Settled { .. } = event {
                text.push_str("the deployment is settled\n");
            }
        }
        text + &match result {
            Ok(Abandoned::Now) => "abandoned\n".to_owned(),
            Ok(Abandoned::Already) => "abandoned already\n".to_owned(),
            Err(error) => format!("error: {error}\n"),
        }
    }

    /// Name and validity of the indexes of `t`.
    pub fn indexes(&self) -> String {
        self.database.query(
            "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
             WHERE i.indrelid = 't'::regclass ORDER BY 1",
        )
    }

    /// Waits until a statement that begins so runs, and waits for somebody; of
    /// several the one that waits at a gate, and not for another one's row.
    pub fn wait_for_statement(&self, beginning: &str) -> i32 {
        let session = self.database.session();
        wait_for(beginning, || {
            let pid = session.query(&format!(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                 AND state = 'active' AND wait_event_type = 'Lock' AND query LIKE '%{beginning}%' AND pid <> pg_backend_pid() \
                 ORDER BY wait_event <> 'advisory', pid LIMIT 1"
            ));
            pid.parse().ok()
        })
    }

    /// Waits until the build for this partition waits for whoever holds its
    /// table: that of another one may wait too, for a moment.
    pub fn wait_for_build_of(&self, partition: &str) -> i32 {
        self.wait_for_statement(&format!("CREATE INDEX CONCURRENTLY%ON public.{partition} "))
    }

    pub fn wait_until_gone(&self, pid: i32) {
        let session = self.database.session();
        wait_until("a backend to end", || {
            let left = session.query(&format!("SELECT 1 FROM pg_stat_activity WHERE pid = {pid}"));
            left.is_empty()
        });
    }

    /// Runs `up` until the statement that begins so has to wait, and kills
    /// the runner and all backends that wait with it.
    pub fn dies_while_waiting(&self, beginning: &str) {
        let running = self.start();
        self.wait_for_statement(beginning);
        running.kill();
        let session = self.database.session();
        wait_until("backends to end", || {
            session
                .query(&format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
                     AND query LIKE '%{beginning}%' AND pid <> pg_backend_pid()"
                ))
                .is_empty()
        });
    }

    /// Runs `up` until the statement is done whose end the ledger does not know
    /// yet, and kills runner and backend there.
    pub fn dies_before_the_mark(&self) {
        let gate = self.database.session();
        gate.run("SELECT pg_advisory_lock(4711)");
        gate.run(
            "CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN new; END $$;
             CREATE TRIGGER gate BEFORE UPDATE ON segue.intent FOR EACH ROW WHEN (new.state = 'done') EXECUTE FUNCTION gate()",
        );
        self.dies_while_waiting("UPDATE segue.intent");
        gate.run("DROP TRIGGER gate ON segue.intent; DROP FUNCTION gate()");
    }

    pub fn terminate(&self, pid: i32) {
        self.database
            .run(&format!("SELECT pg_terminate_backend({pid})"));
        self.wait_until_gone(pid);
    }

    /// A session that has written to `t` and not committed.
    pub fn writer(&self) -> TestSession {
        let session = self.database.session();
        session.run("BEGIN");
        session.run("INSERT INTO t VALUES (4, 4)");
        session
    }
}

/// Compares what a run told.
#[track_caller]
pub fn check(told: &str, expected: &str) {
    assert_text("what the run told", told, expected);
}

/// The lines that matter here.
fn tell(event: &Event) -> String {
    match event {
        Event::StatementBegan { number, of, .. } => format!("statement {number} of {of}\n"),
        Event::StatementSkipped { number, reason, .. } => {
            format!("statement {number} is done: {reason}\n")
        }
        Event::PartitionBegan {
            partition,
            number,
            of,
            ..
        } => format!("partition {number} of {of}: {partition}\n"),
        Event::BlockRetried { attempt: 1, .. } => "the block is tried again\n".to_owned(),
        Event::ConnectionLost { .. } => "the connection was lost\n".to_owned(),
        Event::StatementRetried {
            number, attempt: 1, ..
        } => format!("statement {number} is tried again\n"),
        Event::Repaired { what, .. } => format!("repaired: {what}\n"),
        // Waits for another transaction to end are seen or not, as it happens;
        // those for a relation are what is tested.
        Event::WaitingForLock {
            relation: Some(relation),
            lock,
            blockers,
        } if lock.as_deref().is_none_or(|lock| lock == "relation") => {
            format!("waits for {} session on {relation}\n", blockers.len())
        }
        Event::RunsElsewhere { name, .. } => format!("{name} runs elsewhere\n"),
        Event::MigrationDone { name, .. } => format!("{name} is done\n"),
        Event::MigrationFailed { diagnostic, .. } => render(diagnostic, Style::Plain),
        _ => String::new(),
    }
}

fn ended(outcome: Result<Outcome, ApplyError>) -> String {
    match outcome {
        Ok(Outcome::Settled) => "settled\n".to_owned(),
        Ok(Outcome::Ready) => "ready\n".to_owned(),
        Ok(Outcome::Unsettled(_)) => "not settled\n".to_owned(),
        Ok(Outcome::Mismatched(mismatch)) => format!("{}\n", mismatch.summary()),
        Err(ApplyError::Partly {
            statements, error, ..
        }) => format!("{}statements done: {statements}\n", ended(Err(*error))),
        Err(ApplyError::Migration { diagnostic, .. }) => render(&diagnostic, Style::Plain),
        Err(error) => format!("error: {error}\n"),
    }
}
