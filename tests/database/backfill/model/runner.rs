//! The real program, run again and again, with whatever may happen to it.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::Sum;
use crate::support::{Background, Project, Server, TestDatabase, TestSession, wait_until};

/// Beyond this many a round only lets it run.
const MISHAPS: u64 = 12;

/// Crashes of the server in a round.
const CRASHES: u64 = 2;

/// Longer than any of it takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(5);

pub struct Runner<'a> {
    server: &'a Server,
    database: &'a TestDatabase<'a>,
    project: &'a Project,
    random: fastrand::Rng,
    sum: Sum,
}

impl<'a> Runner<'a> {
    pub fn new(
        server: &'a Server,
        database: &'a TestDatabase<'a>,
        project: &'a Project,
        random: fastrand::Rng,
    ) -> Self {
        Self {
            server,
            database,
            project,
            random,
            sum: Sum::default(),
        }
    }

    pub fn sum(self) -> Sum {
        self.sum
    }

    /// Until the deployment is ready.
    pub fn expand(&mut self) {
        self.project
            .segue(&["up", "--until", "ready"])
            .expect_success();
    }

    /// Until the backfill is done, whatever happens.
    pub fn fill(&mut self) {
        loop {
            let before = self.batches();
            let run = self.project.spawn(&["settle"]);
            self.sum.runs += 1;
            if self.sum.runs > MISHAPS {
                run.wait_within(PATIENCE).expect_success();
                break;
            }
            if self.has_mishap(run, before) {
                break;
            }
        }
        self.sum.batches = self.batches().expect("the server is up");
        let open = "SELECT count(*) FROM segue.backfill WHERE finished_at IS NULL";
        assert_eq!(self.database.query(open), "0");
    }

    /// Committed so far; `None` while the server is down.
    fn batches(&self) -> Option<u64> {
        let session = TestSession::try_connect(&self.database.url()).ok()?;
        let batches = session.try_query("SELECT coalesce(sum(batches), 0) FROM segue.backfill");
        Some(batches.ok()?.parse().expect("a count"))
    }

    /// Lets a run come some way, and then something happens. Whether it is done.
    fn has_mishap(&mut self, mut run: Background<'_>, before: Option<u64>) -> bool {
        let enough = before.unwrap_or_default() + self.random.u64(1..6);
        wait_until("some batches", || {
            run.has_ended() || self.batches().is_some_and(|batches| batches >= enough)
        });
        std::thread::sleep(Duration::from_micros(self.random.u64(..20_000)));
        if run.has_ended() {
            // It has nothing left to do, or a crash of the server was too much
            // for it; what is left the next one does.
            let run = run.wait_within(PATIENCE);
            assert!(matches!(run.status, 0 | 6), "{}", run.stderr);
            return run.status == 0;
        }
        match self.random.u8(..10) {
            0..5 => {
                run.kill();
                let status = run.wait_within(PATIENCE).status;
                self.sum.kills += u64::from(status == 137);
                status == 0
            }
            5 => {
                run.signal(Signal::SIGTERM);
                let run = run.wait_within(PATIENCE);
                assert!(matches!(run.status, 0 | 6 | 143), "{}", run.stderr);
                self.sum.terminations += u64::from(run.status != 0);
                run.status == 0
            }
            6 | 7 if self.sum.crashes < CRASHES => {
                self.server.crash();
                self.sum.crashes += 1;
                let run = run.wait_within(PATIENCE);
                assert!(matches!(run.status, 0 | 4 | 5 | 6), "{}", run.stderr);
                run.status == 0
            }
            _ => {
                self.pauses();
                let run = run.wait_within(PATIENCE);
                assert_eq!(run.status, 0, "{}", run.stderr);
                true
            }
        }
    }

    /// Pauses the backfill, sees that it stands still, and lets it go on.
    fn pauses(&mut self) {
        if self.project.segue(&["backfill", "pause"]).status != 0 {
            // It was done just now.
            return;
        }
        // After the batch at hand; those of this backfill come every 20 ms.
        wait_until("the backfill to stand still", || {
            let before = self.batches();
            std::thread::sleep(Duration::from_millis(300));
            self.batches() == before
        });
        let resumed = self.project.segue(&["backfill", "resume"]);
        if resumed.status != 0 {
            // The batch at hand was the last one.
            let open = "SELECT count(*) FROM segue.backfill WHERE finished_at IS NULL";
            assert_eq!(self.database.query(open), "0", "{}", resumed.stderr);
            return;
        }
        self.sum.pauses += 1;
    }
}
