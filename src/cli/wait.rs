//! `segue wait`

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::context::Context;
use super::duration::HumanDuration;
use super::error::Error;
use super::outcome::Outcome;
use super::report::json::VERSION;
use super::report::{self, Line, Report};
use super::signal;
use crate::apply::watch::{Away, Look, PAUSE, Watch, Watched};
use crate::history::Deployment;
use crate::postgres;
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

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(args: WaitArgs, context: &Context, report: &mut Report) -> Result<Outcome, Error> {
    let target = context.target(report)?;
    let migrations = context.valid_migrations(report)?;
    let interrupt = signal::listen()?;
    let mut watch = Watch::new(Watched {
        target,
        project: context.project(),
        owner: context.owner(),
        migrations: migrations.into(),
    });
    let mut wait = Wait {
        args,
        context,
        looker: Looker::new(&context.project(), args.goal.into()),
        until: Instant::now() + args.timeout.0,
        last: None,
    };
    tokio::select! {
        ended = wait.run(&mut watch, report) => {
            if ended.is_ok() {
                watch.close().await;
            }
            ended
        }
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

impl Wait<'_> {
    async fn run(&mut self, watch: &mut Watch, report: &mut Report) -> Result<Outcome, Error> {
        let migrations = Arc::clone(&watch.watched().migrations);
        loop {
            let pause = self.looker.pause(PAUSE, Instant::now());
            let missing = match tokio::time::timeout(self.left(), watch.next(pause)).await {
                Err(_) => return Err(self.timed_out()),
                Ok(Look::Away(Away { error, is_passing })) if !is_passing => {
                    return Err(error.into());
                }
                Ok(Look::Away(Away { error, .. })) => lost(&error),
                Ok(Look::Seen(seen)) => {
                    let now = Instant::now();
                    let (history, is_standby) = (&seen.history, seen.is_standby());
                    match self.looker.look(&migrations, history, is_standby, now) {
                        Verdict::Reached(deployment) => {
                            self.reached(deployment.as_deref())?;
                            return Ok(Outcome::Done);
                        }
                        Verdict::Failed { reason } => {
                            return Err(Error::new(Outcome::No, reason)
                                .help("`segue status` says what stands; `segue up` tries again"));
                        }
                        Verdict::NotYet { missing } => missing,
                    }
                }
            };
            self.tell(report, missing);
        }
    }

    /// Tells what is missing, once.
    fn tell(&mut self, report: &mut Report, missing: String) {
        if self.last.as_ref() != Some(&missing) {
            report.line_unless_quiet(&Line::notable("Waiting", missing.clone()));
            self.last = Some(missing);
        }
    }

    fn timed_out(&self) -> Error {
        let Self { args, last, .. } = self;
        let goal = Goal::from(args.goal);
        let mut error = Error::new(
            Outcome::TimedOut,
            format!("not {} after {}", goal.as_str(), args.timeout),
        )
        .help("`--timeout` sets how long to wait");
        error.notes.extend(last.clone());
        error
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

/// What has come in between, without repeating that it is an error.
fn lost(error: &postgres::Error) -> String {
    match error {
        postgres::Error::Lost(reason) => format!("the connection was lost ({reason})"),
        error => error.to_string(),
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
