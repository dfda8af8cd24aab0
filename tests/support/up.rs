//! A run of the library's `up`, for tests that look at its events.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use segue::apply::up::up;
use segue::apply::{
    Answers, ApplyError, Event, Events, Interrupt, Outcome, Run, Settings, Signal, Signals, Until,
};
use segue::backfill::throttle::Limits;
use segue::files;
use segue::plan::OnConflict;
use segue::postgres::target::Environment;
use segue::text::Variables;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::library::target;
use super::project::Project;
use super::wait::{wait_for, wait_until};

/// A run that goes on beside the test; dropped, it is killed.
#[derive(Debug)]
pub struct Up {
    /// Absent once killed.
    runtime: Option<Runtime>,
    result: Option<JoinHandle<Result<Outcome, ApplyError>>>,
    receiver: RefCell<mpsc::UnboundedReceiver<Event>>,
    seen: RefCell<Vec<Event>>,
    signals: watch::Sender<Signals>,
}

/// What a run is told; the bounds are far longer than a test.
pub fn settings() -> Settings {
    Settings {
        until: Until::Settled,
        jobs: 2,
        lock_timeout: Duration::from_millis(50),
        retry_for: Duration::from_mins(1),
        concurrent_wait: Duration::from_mins(1),
        commit_wait: Duration::from_mins(1),
        isolation: None,
        stalled_after: Duration::from_secs(30),
        on_conflict: OnConflict::Wait,
        strict: false,
        // What is tested is the tail, and a fresh database would have none.
        fold: false,
        answers: Answers::default(),
        backfill: Limits::default(),
        batch_rows_max: None,
        let_go: false,
    }
}

impl Up {
    /// Starts a run of the project's migrations on the database at `url`.
    pub fn start(project: &Project, url: &str, settings: Settings) -> Self {
        Self::start_filled(project, url, settings, &Variables::default())
    }

    /// As [`Up::start`], where files may take these variables.
    pub fn start_filled(
        project: &Project,
        url: &str,
        settings: Settings,
        variables: &Variables,
    ) -> Self {
        let (events, receiver) = Events::channel();
        let (signals, interrupt) = Interrupt::channel();
        let run = Run {
            target: target(url),
            connect_wait: Duration::from_secs(5),
            environment: Environment::new(BTreeMap::new(), None),
            project: "main".to_owned(),
            owner: None,
            verification: None,
            settings,
            events,
            interrupt,
        };
        let folder = project.path().join("migrations");
        let (migrations, diagnostics) = files::read_filled(&[folder], variables).expect("a folder");
        assert_eq!(diagnostics, []);
        let runtime = Runtime::new().expect("a runtime");
        let result = runtime.spawn(async move { up(&run, migrations).await });
        Self {
            runtime: Some(runtime),
            result: Some(result),
            receiver: RefCell::new(receiver),
            seen: RefCell::default(),
            signals,
        }
    }

    /// A signal of the user.
    pub fn signal(&self, signal: Signal) {
        self.signals.send_modify(|signals| {
            signals.first.get_or_insert(signal);
            if signal == Signal::Interrupt {
                signals.interrupts += 1;
            }
        });
    }

    /// Ends at once, as by `kill -9`: nothing is sent on any connection.
    pub fn kill(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// All events so far.
    pub fn events(&self) -> Vec<Event> {
        let mut receiver = self.receiver.borrow_mut();
        let mut seen = self.seen.borrow_mut();
        while let Ok(event) = receiver.try_recv() {
            seen.push(event);
        }
        seen.clone()
    }

    /// Waits for an event of which `found` makes something.
    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, found: impl Fn(&Event) -> Option<T>) -> T {
        wait_for(what, || self.events().iter().find_map(&found))
    }

    /// Waits until `name` has begun; its pid.
    #[track_caller]
    pub fn wait_for_begin(&self, name: &str) -> i32 {
        self.wait_for(&format!("`{name}` to begin"), |event| match event {
            Event::MigrationBegan { name: of, pid, .. } if of.as_str() == name => Some(*pid),
            _ => None,
        })
    }

    /// Beginnings and ends of migrations so far, in their order: `+a.sql` has
    /// begun, `-a.sql` is done, `!a.sql` has failed.
    pub fn course(&self) -> String {
        let words: Vec<String> = self
            .events()
            .iter()
            .filter_map(|event| match event {
                Event::MigrationBegan { name, .. } => Some(format!("+{name}")),
                Event::MigrationDone { name, .. } => Some(format!("-{name}")),
                Event::MigrationFailed { name, .. } => Some(format!("!{name}")),
                _ => None,
            })
            .collect();
        words.join(" ")
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self) -> Result<Outcome, ApplyError> {
        let result = self.result.take().expect("not awaited before");
        wait_until("the run to end", || result.is_finished());
        let runtime = self.runtime.as_ref().expect("not killed");
        runtime.block_on(result).expect("no panic")
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
