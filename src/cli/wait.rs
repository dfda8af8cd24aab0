//! `segue wait`

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
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
use crate::migration::Name;
use crate::postgres;
use crate::readiness::{Goal, Looker, Verdict};
use crate::version::Version;

/// Wait until this folder is ready, or settled
///
/// Ready: all batch migrations of the folder are applied and the deployment that applied the last
/// of them is marked ready. Settled: its concurrent migrations are done too. It listens on channel
/// segue and reads the tables, which alone decide, after each notification and every 2 seconds. A
/// server that is down, a database that does not exist yet, and a standby are all waited out. On a
/// standby the answer is about that standby: it has replayed what makes it ready.
///
/// Prints the deployment and ends with 0; with 5 when the time is over. It ends with 1 when a
/// deployment of this folder fails while it waits and nobody else works on it. One that had failed
/// before is told and waited past, since the next one is still to come; so is one whose runner has
/// died. A deployment of a later folder that is ready without this folder's migrations has
/// superseded them: that is told, and waited past too, since another `segue up` may bring them; it
/// ends with 1 in place of 5 when the time is over and nobody did.
#[derive(Args, Clone, Debug)]
pub struct WaitArgs {
    /// What to wait for
    #[arg(value_name = "STATE", default_value = "ready")]
    pub goal: GoalArg,

    /// How long; 0s looks once
    #[arg(long, value_name = "D", default_value = "10m")]
    pub timeout: HumanDuration,

    /// Wait for this migration alone; no folder is read
    ///
    /// Ready: it is applied and a deployment since then is ready. Settled: the tails of those
    /// deployments are done too. A concurrent migration is both when it is applied.
    #[arg(long, value_name = "NAME", value_parser = name_of)]
    pub migration: Option<Name>,

    /// Print the result as JSON, by docs/json/wait.schema.json, whatever it is
    #[arg(long, conflicts_with = "exec")]
    pub json: bool,

    /// When it has come, become this command; takes the rest of the command line
    ///
    /// The command takes the place of segue: process id, signals and standard output are its own.
    /// Its environment has `SEGUE_PROJECT`, `SEGUE_STATE` (ready or settled), `SEGUE_DEPLOYMENT`,
    /// `SEGUE_FINGERPRINT`, `SEGUE_SCHEMA_VERSION` and `SEGUE_MIGRATION`. One that is not found ends
    /// with 127, one that cannot be run with 126.
    #[arg(long, value_name = "COMMAND", num_args = 1.., allow_hyphen_values = true)]
    pub exec: Vec<OsString>,
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

/// The longest that a single look takes.
const ONE_LOOK: Duration = Duration::from_secs(10);

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    args: &WaitArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let target = context.target(report)?;
    let project = context.project();
    let goal = args.goal.into();
    let (migrations, looker) = match &args.migration {
        Some(name) => (
            Vec::new(),
            Looker::of_migration(&project, goal, name.clone()),
        ),
        None => (
            context.valid_migrations(report)?,
            Looker::new(&project, goal),
        ),
    };
    let interrupt = signal::listen()?;
    let mut watch = Watch::new(Watched {
        target,
        project: project.clone(),
        owner: context.owner(),
        migrations: migrations.into(),
    });
    let mut wait = Wait {
        args,
        looker,
        until: Instant::now() + args.timeout.0,
        last: None,
    };
    let end = tokio::select! {
        end = wait.run(&mut watch, report) => end?,
        signal = interrupt.first() => return Ok(signal.into()),
    };
    let ended = wait.told(&end, &project, report);
    watch.close().await;
    if !args.exec.is_empty() {
        // A signal that came in between was heard by us, and by nobody later.
        // The task that hears it has its turn after the second.
        for _ in 0..2 {
            tokio::task::yield_now().await;
        }
        if let Some(signal) = interrupt.signals().first {
            return Ok(signal.into());
        }
    }
    if let (
        End::Reached {
            deployment,
            schema_version,
        },
        Ok(_),
        false,
    ) = (&end, &ended, args.exec.is_empty())
    {
        let deployment = deployment.as_deref();
        return Err(become_command(args, &project, deployment, *schema_version));
    }
    ended
}

/// A migration's name, also where its path is given.
fn name_of(text: &str) -> Result<Name, String> {
    let file = Path::new(text).file_name().and_then(OsStr::to_str);
    file.filter(|file| Path::new(file).extension() == Some(OsStr::new("sql")))
        .map(Name::new)
        .ok_or_else(|| "the name of a migration ends in `.sql`".to_owned())
}

struct Wait<'a> {
    args: &'a WaitArgs,
    looker: Looker,
    until: Instant,
    /// What was missing when we looked last.
    last: Option<String>,
}

/// How the wait has ended.
#[derive(Debug)]
enum End {
    /// It has come.
    Reached {
        /// By which deployment, if there was anything to deploy.
        deployment: Option<Box<Deployment>>,
        /// The version of the schema, if a migration has brought one.
        schema_version: Option<Version>,
    },
    /// A deployment has failed before our eyes.
    Failed { reason: String },
    /// The time is over, and this deployment is why.
    Superseded { by: i64 },
    /// The time is over.
    TimedOut,
}

impl End {
    /// As in `docs/json/wait.schema.json`.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Reached { .. } => "reached",
            Self::Failed { .. } => "failed",
            Self::Superseded { .. } => "superseded",
            Self::TimedOut => "timed_out",
        }
    }
}

impl Wait<'_> {
    async fn run(&mut self, watch: &mut Watch, report: &mut Report) -> Result<End, Error> {
        let migrations = Arc::clone(&watch.watched().migrations);
        // Whoever gives no time wants to know how it stands.
        let mut least = if self.args.timeout.0.is_zero() {
            ONE_LOOK
        } else {
            Duration::ZERO
        };
        loop {
            let pause = self.looker.pause(PAUSE, Instant::now());
            let left = self.until.saturating_duration_since(Instant::now());
            let left = left.max(std::mem::take(&mut least));
            let missing = match tokio::time::timeout(left, watch.next(pause)).await {
                Err(_) => {
                    return Ok(match self.looker.superseded_by() {
                        Some(by) => End::Superseded { by },
                        None => End::TimedOut,
                    });
                }
                Ok(Look::Away(Away { error, is_passing })) if !is_passing => {
                    return Err(error.into());
                }
                Ok(Look::Away(Away { error, .. })) => lost(&error),
                Ok(Look::Seen(seen)) => {
                    let now = Instant::now();
                    let (history, is_standby) = (&seen.history, seen.is_standby());
                    match self.looker.look(&migrations, history, is_standby, now) {
                        Verdict::Reached(deployment) => {
                            return Ok(End::Reached {
                                deployment,
                                schema_version: history.schema_version(),
                            });
                        }
                        Verdict::Failed { reason } => return Ok(End::Failed { reason }),
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

    /// Tells how it ended.
    fn told(&self, end: &End, project: &str, report: &mut Report) -> Result<Outcome, Error> {
        let goal = Goal::from(self.args.goal);
        let ended = match end {
            End::Reached { .. } => Ok(Outcome::Done),
            End::Failed { reason } => Err(Error::new(Outcome::No, reason.clone())
                .help("`segue status` says what stands; `segue up` tries again")),
            End::Superseded { by } => Err(self
                .late(
                    Outcome::No,
                    &format!(": superseded by deployment {by}, of a later folder"),
                )
                .help("`segue up` with these files would still bring what is pending")),
            End::TimedOut => Err(self
                .late(Outcome::TimedOut, "")
                .help("`--timeout` sets how long to wait")),
        };
        let reason = ended.as_ref().err().and_then(|error| error.message.clone());
        if self.args.json {
            report::result_json(&to_json(project, self.args, end, reason.as_deref()))?;
        } else if let End::Reached {
            deployment,
            schema_version,
        } = end
        {
            let mut by = match (deployment, &self.args.migration) {
                (Some(deployment), _) => format!("deployment {}", deployment.id),
                (None, Some(name)) => format!("`{name}` is applied"),
                (None, None) => "the folder has no migrations".to_owned(),
            };
            if let Some(version) = schema_version {
                // Writing into a string cannot fail.
                let _ = write!(by, ", schema {version}");
            }
            if self.args.exec.is_empty() {
                report::result(&format!("{}: {by}\n", goal.as_str()))?;
            } else {
                // Standard output is the command's.
                let verb = match goal {
                    Goal::Ready => "Ready",
                    Goal::Settled => "Settled",
                };
                report.line_unless_quiet(&Line::active(verb, by));
            }
        }
        ended
    }

    fn late(&self, outcome: Outcome, why: &str) -> Error {
        let Self { args, last, .. } = self;
        let goal = Goal::from(args.goal).as_str();
        let mut error = Error::new(outcome, format!("not {goal} after {}{why}", args.timeout));
        error.notes.extend(last.clone());
        error
    }
}

/// Replaces this process by the command; returns only if that cannot be.
fn become_command(
    args: &WaitArgs,
    project: &str,
    deployment: Option<&Deployment>,
    schema_version: Option<Version>,
) -> Error {
    // Some write `--exec -- COMMAND`.
    let mut words = args.exec.iter().skip_while(|word| *word == "--");
    let Some(program) = words.next() else {
        return Error::usage("`--exec` has no command");
    };
    let id = deployment.map(|deployment| deployment.id.to_string());
    let migration = deployment.and_then(|deployment| deployment.migration.as_ref());
    let fingerprint = deployment.map(|deployment| deployment.fingerprint.as_str());
    let version = schema_version.map(|version| version.to_string());
    let error = Command::new(program)
        .args(words)
        .env("SEGUE_PROJECT", project)
        .env("SEGUE_STATE", Goal::from(args.goal).as_str())
        .env("SEGUE_DEPLOYMENT", id.unwrap_or_default())
        .env("SEGUE_FINGERPRINT", fingerprint.unwrap_or_default())
        .env("SEGUE_SCHEMA_VERSION", version.unwrap_or_default())
        .env("SEGUE_MIGRATION", migration.map_or("", Name::as_str))
        .exec();
    let outcome = if error.kind() == ErrorKind::NotFound {
        Outcome::NotFound
    } else {
        Outcome::NotExecutable
    };
    let message = format!("cannot run `{}`: {error}", program.display());
    Error::new(outcome, message).note("what was waited for has come")
}

/// By `docs/json/wait.schema.json`.
fn to_json(project: &str, args: &WaitArgs, end: &End, reason: Option<&str>) -> Value {
    let (deployment, schema_version) = match end {
        End::Reached {
            deployment,
            schema_version,
        } => (deployment.as_deref(), *schema_version),
        _ => (None, None),
    };
    json!({
        "version": VERSION,
        "project": project,
        "state": Goal::from(args.goal).as_str(),
        "migration": args.migration.as_ref().map(Name::as_str),
        "outcome": end.as_str(),
        "reason": reason,
        "deployment": deployment.map(|deployment| deployment.id),
        "schema_version": schema_version.map(|version| version.to_string()),
        "ready_at": deployment.and_then(|deployment| deployment.ready_at.as_ref()),
        "settled_at": deployment.and_then(|deployment| deployment.settled_at.as_ref()),
        "superseded_by": match end {
            End::Superseded { by } => Some(by),
            _ => None,
        },
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
        let args = WaitArgs {
            goal: GoalArg::Ready,
            timeout: "1s".parse().expect("a duration"),
            migration: Some(Name::new("1.sql")),
            json: true,
            exec: Vec::new(),
        };
        let failed = End::Failed {
            reason: "no".to_owned(),
        };
        let reached = End::Reached {
            deployment: None,
            schema_version: Some(Version::new(3, 1, 0)),
        };
        let ends = [
            (reached, None),
            (failed, Some("no")),
            (End::Superseded { by: 2 }, Some("late")),
            (End::TimedOut, Some("late")),
        ];
        for (end, reason) in ends {
            schema::check("wait", &to_json("main", &args, &end, reason));
        }
    }
}
