//! `segue verify`

use std::time::{Duration, Instant};

use clap::Args;

use super::context::Context;
use super::error::Error;
use super::outcome::Outcome;
use super::patience::{LOCK_TIMEOUT, PatienceArgs, of_reading};
use super::report::{self, Report, verify_json, verify_text};
use crate::apply::OnMismatch;
use crate::apply::check::{self, Checked, Expectation, Looking, Stage};
use crate::apply::survey::{self, Survey};
use crate::history::Progress;
use crate::migration::{Kind, Migration, Name};
use crate::plan::{ExpectedSchema, Options};
use crate::postgres::ledger::Ledger;
use crate::postgres::{Session, Target};
use crate::schema::Diff;

/// Compare the live schema with what is legal now
///
/// Legal is the expected schema, without what concurrent migrations change that are not done. While
/// one of them runs, or was interrupted, the schema may be as before it, as after it, or half-way.
///
/// A database that lacks migrations of this folder, or has others, has another schema than the
/// folder expects; it is said so, and is no drift. Then the schema is compared with the one that
/// the last settled deployment left, if nothing was applied since.
///
/// Reads only, and needs no more than CONNECT and the right to read the ledger.
///
/// Exit statuses: 0 all is well, 1 it is not, or cannot be verified, 2 usage, for example no
/// expected schema for this version of PostgreSQL.
#[derive(Args, Clone, Copy, Debug)]
pub struct VerifyArgs {
    /// Print JSON, by docs/json/verify.schema.json
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub patience: PatienceArgs,
}

/// What verifying a database gave.
#[derive(Debug)]
pub struct Verified {
    /// Whose migrations.
    pub project: String,
    /// Major version of the server.
    pub major: u32,
    /// What could be done.
    pub state: State,
}

/// Whether the schema could be verified, and what that gave.
#[derive(Debug)]
pub enum State {
    /// Its place is that of the folder.
    Checked(Box<Checked>),
    /// The folder's expected schema is not that of this database.
    Elsewhere {
        /// Batch migrations that are not applied.
        pending: Vec<Name>,
        /// Applied ones that the folder lacks.
        missing: Vec<Name>,
        /// What differs from the schema that the last settled deployment left;
        /// `None` if that cannot be told.
        drift: Option<(i64, Diff)>,
        /// How long it took.
        duration: Duration,
    },
}

impl Verified {
    /// Whether all is well.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match &self.state {
            State::Checked(checked)
                if checked.verdict.is_legal() && !checked.blind.iter().any(|one| one.is_total) =>
            {
                Outcome::Done
            }
            _ => Outcome::No,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    args: VerifyArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let target = context.target(report)?;
    let migrations = context.migrations(report)?;
    let verified = look(context, &target, migrations, args.patience.retry_for()).await?;
    if args.json {
        report::result_json(&verify_json::verified(&verified))?;
    } else {
        report::result(&verify_text::verified(&verified, report))?;
    }
    Ok(verified.outcome())
}

async fn look(
    context: &Context,
    target: &Target,
    mut migrations: Vec<Migration>,
    retry_for: Duration,
) -> Result<Verified, Error> {
    let began = Instant::now();
    let session = Session::connect(target, context.connect_wait()).await?;
    let verification = context.verification(OnMismatch::Fail);
    let expectation = Expectation::new(&verification, session.server_version())?;
    match expectation.known() {
        ExpectedSchema::Present => {}
        ExpectedSchema::OtherMajors { major, there } => {
            return Err(expectation.lacks(*major, there).into());
        }
        ExpectedSchema::Absent | ExpectedSchema::NotAsked => {
            let folder = verification.folder.display();
            return Err(Error::usage(format!("there is no expected schema in `{folder}`"))
                .help("`segue write-schema` writes it from a database; `--expected-schema DIR` names another folder"));
        }
    }
    let owner = context.owner();
    let ledger = Ledger::find(&session, &context.project(), owner.as_deref()).await?;
    // What of the plan cannot be verified is no error here.
    let options = Options::default();
    let survey = survey::survey(&session, &ledger, &mut migrations, &options, None).await?;
    let (pending, missing) = elsewhere(&survey);
    let looking = Looking {
        expectation: &expectation,
        ledger: &ledger,
        survey: &survey,
        lock_timeout: LOCK_TIMEOUT,
        patience: retry_for,
    };
    let state = if pending.is_empty() && missing.is_empty() {
        let checked = looking
            .look(&session, Stage::Asked)
            .await
            .map_err(of_reading)?;
        if checked.verdict.is_legal() || checked.overtaken.is_empty() {
            State::Checked(Box::new(checked))
        } else {
            // A newer folder was applied while it was looked at.
            State::Elsewhere {
                pending,
                missing: checked.overtaken,
                drift: None,
                duration: checked.duration,
            }
        }
    } else {
        State::Elsewhere {
            drift: check::drift(&looking, &session).await?,
            pending,
            missing,
            duration: began.elapsed(),
        }
    };
    let major = expectation.major();
    session.close().await;
    Ok(Verified {
        project: context.project(),
        major,
        state,
    })
}

/// Migrations of the batch that are pending, and those that the folder lacks.
/// Concurrent ones that are not done are known by their diffs, unless their
/// partner is still to come.
fn elsewhere(survey: &Survey) -> (Vec<Name>, Vec<Name>) {
    let is_open = |name: &Name| {
        let progress = survey.history.progress(&survey.plan.project, name);
        !matches!(progress, Progress::Applied | Progress::Abandoned)
    };
    let pending = survey
        .graph
        .migrations()
        .filter(|migration| migration.kind != Kind::Concurrent && is_open(&migration.name))
        .map(|migration| migration.name.clone());
    (pending.collect(), survey.plan.place.missing().to_vec())
}
