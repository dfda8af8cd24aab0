//! `--on-ready` and `--on-settled`: commands of the user that are run when the
//! ledger says so.
//!
//! One runs at a time, beside whatever the run goes on to do; [`process`] is
//! one command from its start to its end.

use std::time::{Duration, Instant};

use clap::Args;
use tokio::sync::mpsc;

use super::duration::HumanDuration;
use super::error::Error;
use super::outcome::Outcome;
use crate::apply::{Event, Interrupt};
use crate::backoff::Backoff;
use crate::readiness::Goal;

mod process;

/// Commands that are run when a state is reached.
#[derive(Args, Clone, Debug)]
pub struct HookArgs {
    /// Run this by `sh -c` when the folder is ready, while the tail goes on
    ///
    /// After the COMMIT that makes it ready, and also when it was ready before: whenever `segue up
    /// --until ready && COMMAND` would have run it, so that a run after a crash runs it again. Its
    /// environment has `SEGUE_PROJECT`, `SEGUE_DEPLOYMENT`, `SEGUE_STATE`, `SEGUE_FINGERPRINT`,
    /// `SEGUE_SCHEMA_VERSION` and `SEGUE_MIGRATION`; its standard input is empty, and what it prints is told on standard error.
    /// The run waits for its end. If it fails, the deployment is ready all the same and the tail goes
    /// on; the exit status is 6, and running again runs it again.
    #[arg(long, value_name = "COMMAND")]
    pub on_ready: Option<String>,

    /// Run this by `sh -c` when the folder is settled
    ///
    /// As --on-ready, and after its end.
    #[arg(long, value_name = "COMMAND")]
    pub on_settled: Option<String>,

    /// How long such a command may take
    ///
    /// After it, and at a second SIGINT or SIGTERM, the command and what it has started get SIGTERM,
    /// and 5 seconds later SIGKILL.
    #[arg(long, value_name = "D", default_value = "10m")]
    pub hook_timeout: HumanDuration,
}

/// None.
impl Default for HookArgs {
    fn default() -> Self {
        Self {
            on_ready: None,
            on_settled: None,
            hook_timeout: HumanDuration(TIMEOUT),
        }
    }
}

/// As `default_value` has it.
const TIMEOUT: Duration = Duration::from_mins(10);

impl HookArgs {
    fn command(&self, goal: Goal) -> Option<&String> {
        match goal {
            Goal::Ready => self.on_ready.as_ref(),
            Goal::Settled => self.on_settled.as_ref(),
        }
    }
}

/// `--on-ready` or `--on-settled`.
pub(crate) fn option(goal: Goal) -> &'static str {
    match goal {
        Goal::Ready => "--on-ready",
        Goal::Settled => "--on-settled",
    }
}

/// What there is to tell of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Whose.
    pub goal: Goal,
    /// What.
    pub what: What,
}

/// What a command does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// It begins.
    Began {
        /// Of which deployment.
        deployment: Option<i64>,
    },
    /// It has printed a line.
    Output {
        /// Where.
        stream: Stream,
        /// Without its end; cut where it is very long.
        line: String,
    },
    /// It has ended.
    Ended {
        /// After this long.
        duration: Duration,
        /// Why that is a failure; `None` if it is none.
        failure: Option<String>,
        /// When it is tried again, if it is.
        again: Option<Duration>,
    },
}

/// One of a command's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// How often a command is run that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tries {
    /// Once, by a run that ends.
    One,
    /// Until it succeeds or a later deployment is there, by a service.
    Endless,
}

/// The commands of a run.
#[derive(Debug)]
pub(super) struct Hooks {
    args: HookArgs,
    tries: Tries,
    interrupt: Interrupt,
    ready: State,
    settled: State,
    running: Option<Running>,
    sender: mpsc::Sender<Told>,
    receiver: mpsc::Receiver<Told>,
    failed: Vec<(Goal, String)>,
    is_closed: bool,
}

/// What is to be done for a goal.
#[derive(Debug, Default)]
struct State {
    due: Option<Due>,
    /// What was done last.
    done: Option<Call>,
}

/// A command that is to be run.
#[derive(Clone, Debug)]
struct Due {
    call: Call,
    backoff: Backoff,
    not_before: Instant,
}

#[derive(Debug)]
struct Running {
    goal: Goal,
    due: Due,
}

/// A command with what it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Call {
    command: String,
    deployment: Option<i64>,
    environment: Vec<(&'static str, String)>,
}

/// First pause before a command is tried again, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(10));

/// Why a command failed that nobody has begun.
const NOT_RUN: &str = "it was not run: a signal came before";

/// Lines that may wait to be told: a command that prints faster than it can be
/// told waits itself.
const LINES_MAX: usize = 64;

impl Hooks {
    /// None of them has been run.
    pub(super) fn new(args: &HookArgs, tries: Tries, interrupt: Interrupt) -> Self {
        let (sender, receiver) = mpsc::channel(LINES_MAX);
        Self {
            args: args.clone(),
            tries,
            interrupt,
            ready: State::default(),
            settled: State::default(),
            running: None,
            sender,
            receiver,
            failed: Vec::new(),
            is_closed: false,
        }
    }

    /// Takes in an event: a state that is reached makes its command due.
    pub(super) fn heed(&mut self, event: &Event) {
        let Event::Reached {
            goal,
            project,
            deployment,
            migration,
            fingerprint,
            schema_version,
        } = event
        else {
            return;
        };
        let Some(command) = self.args.command(*goal).cloned() else {
            return;
        };
        let number = deployment.map(|number| number.to_string());
        let call = Call {
            command,
            deployment: *deployment,
            environment: vec![
                ("SEGUE_PROJECT", project.clone()),
                ("SEGUE_DEPLOYMENT", number.unwrap_or_default()),
                ("SEGUE_STATE", goal.as_str().to_owned()),
                ("SEGUE_FINGERPRINT", fingerprint.clone()),
                (
                    "SEGUE_SCHEMA_VERSION",
                    schema_version.map_or_else(String::new, |version| version.to_string()),
                ),
                (
                    "SEGUE_MIGRATION",
                    migration
                        .as_ref()
                        .map(ToString::to_string)
                        .unwrap_or_default(),
                ),
            ],
        };
        let is_at_it = self.running.as_ref().is_some_and(|running| {
            running.goal == *goal && running.due.call.deployment == call.deployment
        });
        let state = self.state(*goal);
        let is_same = |other: &Call| other.deployment == call.deployment;
        let is_known = state.done.as_ref().is_some_and(is_same)
            || state.due.as_ref().is_some_and(|due| is_same(&due.call));
        if is_at_it || is_known {
            return;
        }
        if self.is_closed {
            self.failed.push((*goal, NOT_RUN.to_owned()));
        } else {
            self.state(*goal).due = Some(Due {
                call,
                backoff: Backoff::new(PAUSE.0, PAUSE.1),
                not_before: Instant::now(),
            });
        }
    }

    /// Whether nothing runs and nothing is due.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_none() && self.ready.due.is_none() && self.settled.due.is_none()
    }

    /// The command that runs now.
    pub(super) fn running(&self) -> Option<Goal> {
        self.running.as_ref().map(|running| running.goal)
    }

    /// No command begins any more, nor is one tried again; the one that runs
    /// may end.
    pub(super) fn close(&mut self) {
        self.tries = Tries::One;
        self.is_closed = true;
        for goal in [Goal::Ready, Goal::Settled] {
            if self.state(goal).due.take().is_some() {
                self.failed.push((goal, NOT_RUN.to_owned()));
            }
        }
    }

    /// What failed, in order, with reasons.
    pub(super) fn failures(&self) -> &[(Goal, String)] {
        &self.failed
    }

    /// Starts what is due, and waits for something to tell; for ever where
    /// nothing is. May be dropped at any time and called again.
    pub(super) async fn next(&mut self) -> Told {
        if self.running.is_none() {
            let Some((goal, not_before)) = self.soonest() else {
                return std::future::pending().await;
            };
            tokio::time::sleep_until(not_before.into()).await;
            let due = self.state(goal).due.take().expect("it is the soonest");
            return self.start(goal, due);
        }
        let told = self.receiver.recv().await.expect("the sender is ours");
        self.take(told)
    }

    /// Which is due first, `--on-ready` before `--on-settled`.
    fn soonest(&self) -> Option<(Goal, Instant)> {
        let due = |goal, state: &State| Some((goal, state.due.as_ref()?.not_before));
        let ready = due(Goal::Ready, &self.ready);
        let settled = due(Goal::Settled, &self.settled);
        match (ready, settled) {
            (Some(ready), Some(settled)) if settled.1 < ready.1 => Some(settled),
            (Some(ready), _) => Some(ready),
            (None, settled) => settled,
        }
    }

    fn start(&mut self, goal: Goal, due: Due) -> Told {
        let command = process::Command {
            goal,
            line: due.call.command.clone(),
            environment: due.call.environment.clone(),
            timeout: self.args.hook_timeout.0,
            interrupt: self.interrupt.clone(),
        };
        tokio::spawn(command.run(self.sender.clone()));
        let deployment = due.call.deployment;
        self.running = Some(Running { goal, due });
        Told {
            goal,
            what: What::Began { deployment },
        }
    }

    /// Takes in what a command does.
    fn take(&mut self, mut told: Told) -> Told {
        let What::Ended { failure, again, .. } = &mut told.what else {
            return told;
        };
        let Some(Running { goal, mut due }) = self.running.take() else {
            return told;
        };
        match failure {
            None => self.state(goal).done = Some(due.call),
            Some(reason) => match self.tries {
                Tries::One => {
                    self.failed.push((goal, reason.clone()));
                    self.state(goal).done = Some(due.call);
                }
                Tries::Endless => {
                    let pause = due.backoff.pause();
                    due.not_before = Instant::now() + pause;
                    let state = self.state(goal);
                    // One of a later deployment takes its place.
                    if state.due.is_none() {
                        *again = Some(pause);
                        state.due = Some(due);
                    }
                }
            },
        }
        told
    }

    fn state(&mut self, goal: Goal) -> &mut State {
        match goal {
            Goal::Ready => &mut self.ready,
            Goal::Settled => &mut self.settled,
        }
    }
}

/// What a run comes to, given which of its commands failed: it is ready, so
/// the status is that of a deployment of which something is left to do.
///
/// # Errors
/// That of the run itself, or that a command failed.
pub(super) fn judge(
    ended: Result<Outcome, Error>,
    failures: &[(Goal, String)],
) -> Result<Outcome, Error> {
    let Some(((goal, reason), others)) = failures.split_first() else {
        return ended;
    };
    let said = |(goal, reason): &(Goal, String)| {
        format!("the command of `{}` failed: {reason}", option(*goal))
    };
    let mut error = match ended {
        Err(error) => {
            let mut error = error;
            error.notes.extend(failures.iter().map(said));
            return Err(error);
        }
        Ok(_) => Error::new(Outcome::Unsettled, said(&(*goal, reason.clone()))),
    };
    error.notes.extend(others.iter().map(said));
    let is_settled = failures.iter().any(|(goal, _)| *goal == Goal::Settled);
    let stands = if is_settled {
        "the deployment is ready, and its tail is done"
    } else {
        "the deployment is ready"
    };
    Err(error
        .note(stands)
        .help("running this again runs the command again"))
}
