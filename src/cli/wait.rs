//! `segue wait`

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::context::Context;
use super::duration::HumanDuration;
use super::error::Error;
use super::outcome::Outcome;
use super::plan::makes_database;
use super::report::json::VERSION;
use super::report::{self, Line, Report};
use super::signal;
use crate::apply::up::bootstrap;
use crate::history::Deployment;
use crate::migration::Migration;
use crate::postgres::connect::ConnectError;
use crate::postgres::ledger::Ledger;
use crate::postgres::{self, Session, Target, listen, pooler, transaction};
use crate::readiness::{Goal, Looker, Verdict};

/// Wait until this folder is ready, or settled
///
/// Ready: all batch migrations of the folder are applied and the deployment that applied the last
/// of them is marked ready. Settled: its concurrent migrations are done too. It listens on channel
/// segue and reads the tables, which alone decide, after each notification and every 2 seconds. A
/// server that is down, a database that does not exist yet, and a standby are all waited out.
///
/// Prints the deployment and ends with 0; with 5 when the time is over. It ends with 1 when a
/// deployment of this folder fails while it waits and nobody else works on it. One that had failed
/// before is told and waited past, since the next one is still to come; so is one whose runner has
/// died.
#[derive(Args, Clone, Copy, Debug)]
pub struct WaitArgs {
    /// What to wait for
    #[arg(value_name = "STATE", default_value = "ready")]
    pub goal: GoalArg,

    /// How long
    #[arg(long, value_name = "D", default_value = "10m")]
    pub timeout: HumanDuration,

    /// Print the result as JSON, by docs/json/wait.schema.json
    #[arg(long)]
    pub json: bool,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GoalArg {
    /// The batch is committed: new code may serve
    Ready,
    /// The concurrent migrations are done too
    Settled,
}

impl From<GoalArg> for Goal {
    fn from(goal: GoalArg) -> Self {
        match goal {
            GoalArg::Ready => Self::Ready,
            GoalArg::Settled => Self::Settled,
        }
    }
}

/// A notification may be lost, or never be sent through a pooler: read again
/// after this long in any case.
const PAUSE: Duration = Duration::from_secs(2);

/// Pause between two tries to connect.
const CONNECT_PAUSE: Duration = Duration::from_millis(250);

/// A server that does not answer for so long is as good as gone.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(args: WaitArgs, context: &Context, report: &mut Report) -> Result<Outcome, Error> {
    let target = context.target(report)?;
    let migrations = context.valid_migrations(report)?;
    let interrupt = signal::listen()?;
    let mut wait = Wait {
        args,
        context,
        looker: Looker::new(&context.project(), args.goal.into()),
        until: Instant::now() + args.timeout.0,
        last: None,
    };
    tokio::select! {
        ended = wait.run(&target, &migrations, report) => ended,
        signal = interrupt.first() => Ok(signal.into()),
    }
}

struct Wait<'a> {
    args: WaitArgs,
    context: &'a Context,
    looker: Looker,
    until: Instant,
    /// What was missing when we looked last.
    last: Option<String>,
}

/// Why a session is of no more use.
enum Broken {
    /// Begin anew.
    Lost(String),
    /// Give up.
    Fatal(Error),
}

impl Wait<'_> {
    async fn run(
        &mut self,
        target: &Target,
        migrations: &[Migration],
        report: &mut Report,
    ) -> Result<Outcome, Error> {
        loop {
            let session = match self.connect(target, migrations).await {
                Ok(session) => session,
                Err(Broken::Fatal(error)) => return Err(error),
                Err(Broken::Lost(reason)) => {
                    self.tell(report, reason)?;
                    self.sleep(CONNECT_PAUSE).await?;
                    continue;
                }
            };
            match self.watch(session, migrations, report).await {
                Ok(outcome) => return Ok(outcome),
                Err(Broken::Fatal(error)) => return Err(error),
                Err(Broken::Lost(reason)) => {
                    self.tell(report, reason)?;
                    self.sleep(CONNECT_PAUSE).await?;
                }
            }
        }
    }

    async fn connect(&self, target: &Target, migrations: &[Migration]) -> Result<Session, Broken> {
        let patience = self.left().min(ANSWER_MAX);
        let connecting = Session::connect(target, Duration::ZERO);
        match tokio::time::timeout(patience, connecting).await {
            Ok(Ok(session)) => Ok(session),
            // The role that connects may be made by the same migrations.
            Ok(Err(postgres::Error::Connect(error)))
                if makes_database(migrations) && bootstrap::is_absence(&error) =>
            {
                Err(Broken::Lost(error.to_string()))
            }
            Ok(Err(error)) => Err(broken(error)),
            Err(_) => Err(Broken::Lost(format!("no answer from {target}"))),
        }
    }

    /// Looks at the state whenever something may have changed.
    async fn watch(
        &mut self,
        mut session: Session,
        migrations: &[Migration],
        report: &mut Report,
    ) -> Result<Outcome, Broken> {
        // LISTEN before reading: a NOTIFY between the two would be lost.
        let is_listening =
            !is_pooled(&session).await && self.answer(listen::listen(&session)).await?;
        let is_standby = self.answer(transaction::is_standby(&session)).await?;
        let mut ledger = None;
        loop {
            let looked = self.look(&session, migrations, &mut ledger, is_standby);
            match looked.await? {
                Verdict::Reached(deployment) => {
                    self.reached(deployment.as_deref()).map_err(Broken::Fatal)?;
                    session.close().await;
                    return Ok(Outcome::Done);
                }
                Verdict::Failed { reason } => {
                    return Err(Broken::Fatal(
                        Error::new(Outcome::No, reason)
                            .help("`segue status` says what stands; `segue up` tries again"),
                    ));
                }
                Verdict::NotYet { missing } => self.tell(report, missing).map_err(Broken::Fatal)?,
            }
            let pause = self.looker.pause(PAUSE, Instant::now()).min(self.left());
            if is_listening {
                match tokio::time::timeout(pause, listen::notified(&mut session)).await {
                    // The state has changed, or it is time to look again.
                    Ok(true) | Err(_) => {}
                    Ok(false) => return Err(Broken::Lost("the connection was lost".to_owned())),
                }
            } else {
                tokio::time::sleep(pause).await;
            }
            self.check_time().map_err(Broken::Fatal)?;
        }
    }

    /// Looks once. `ledger` is kept for the next look once it is there: what is
    /// found anew costs two round trips, at the moment that counts.
    async fn look(
        &mut self,
        session: &Session,
        migrations: &[Migration],
        ledger: &mut Option<Ledger>,
        is_standby: bool,
    ) -> Result<Verdict, Broken> {
        let owner = self.context.owner();
        let project = self.context.project();
        let reading = async {
            let found = match ledger.take() {
                Some(found) => found,
                None => Ledger::find(session, &project, owner.as_deref()).await?,
            };
            let history = found.history(session).await.map(|mut history| {
                history.follow(&project, migrations);
                history
            });
            // It may be made meanwhile.
            *ledger = Some(found).filter(|found| found.version().is_some());
            history
        };
        let history = self.answer(reading).await?;
        Ok(self
            .looker
            .look(migrations, &history, is_standby, Instant::now()))
    }

    /// An answer of the server, unless it takes too long.
    async fn answer<T>(
        &self,
        asking: impl Future<Output = Result<T, postgres::Error>>,
    ) -> Result<T, Broken> {
        match tokio::time::timeout(ANSWER_MAX, asking).await {
            Ok(answer) => answer.map_err(broken),
            Err(_) => Err(Broken::Lost("the server does not answer".to_owned())),
        }
    }

    /// Tells what is missing, once.
    fn tell(&mut self, report: &mut Report, missing: String) -> Result<(), Error> {
        if self.last.as_ref() != Some(&missing) {
            report.line_unless_quiet(&Line::notable("Waiting", missing.clone()));
            self.last = Some(missing);
        }
        self.check_time()
    }

    fn check_time(&self) -> Result<(), Error> {
        if self.left() > Duration::ZERO {
            return Ok(());
        }
        let Self { args, last, .. } = self;
        let goal = Goal::from(args.goal);
        let mut error = Error::new(
            Outcome::TimedOut,
            format!("not {} after {}", goal.as_str(), args.timeout),
        )
        .help("`--timeout` sets how long to wait");
        error.notes.extend(last.clone());
        Err(error)
    }

    async fn sleep(&self, pause: Duration) -> Result<(), Error> {
        tokio::time::sleep(pause.min(self.left())).await;
        self.check_time()
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    fn reached(&self, deployment: Option<&Deployment>) -> Result<(), Error> {
        let goal = Goal::from(self.args.goal);
        if self.args.json {
            return report::result_json(&to_json(&self.context.project(), goal, deployment));
        }
        report::result(&match deployment {
            Some(deployment) => format!("{}: deployment {}\n", goal.as_str(), deployment.id),
            None => format!("{}: the folder has no migrations\n", goal.as_str()),
        })
    }
}

/// Whether a pooler would have us listen in a server process that others use,
/// and that others' notifications then come to. What cannot be found out soon
/// counts as no: without a notification it is looked every few seconds anyway.
async fn is_pooled(session: &Session) -> bool {
    let looking = async {
        let second = session.sibling(Duration::ZERO).await?;
        let seen = pooler::two(session, &second).await;
        second.close().await;
        seen
    };
    matches!(
        tokio::time::timeout(PAUSE, looking).await,
        Ok(Err(postgres::Error::Pooled(_)))
    )
}

/// By `docs/json/wait.schema.json`.
fn to_json(project: &str, goal: Goal, deployment: Option<&Deployment>) -> Value {
    json!({
        "version": VERSION,
        "project": project,
        "state": goal.as_str(),
        "deployment": deployment.map(|deployment| deployment.id),
        "ready_at": deployment.and_then(|deployment| deployment.ready_at.as_ref()),
        "settled_at": deployment.and_then(|deployment| deployment.settled_at.as_ref()),
    })
}

/// Whether a later try may go better.
fn broken(error: postgres::Error) -> Broken {
    match error {
        postgres::Error::Connect(
            error @ (ConnectError::NotAccepting { .. }
            | ConnectError::Unreachable { .. }
            | ConnectError::WrongKind { .. }
            | ConnectError::NoDatabase { .. }
            | ConnectError::TooManyConnections { .. }
            | ConnectError::NoAnswer { .. }
            | ConnectError::Refused { .. }),
        ) => Broken::Lost(error.to_string()),
        postgres::Error::Lost(reason) => Broken::Lost(reason),
        error if error.failure() == postgres::Failure::ConnectionLost => {
            Broken::Lost(error.to_string())
        }
        error => Broken::Fatal(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::report::schema;

    #[test]
    fn json_follows_its_schema() {
        schema::check("wait", &to_json("main", Goal::Ready, None));
    }
}
