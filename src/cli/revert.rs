//! `segue revert`

use clap::Args;

use super::answers::AnswerArgs;
use super::bounds::Bounds;
use super::context::Context;
use super::duration::HumanDuration;
use super::error::Error;
use super::on_conflict::OnConflictArg;
use super::on_mismatch::OnMismatchArgs;
use super::outcome::Outcome;
use super::report::{Line, Report};
use super::run;
use crate::apply::{self, Until};

/// Take back what was applied after a migration, newest first
///
/// Each migration `X.sql` is taken back by the file `X.revert.sql` beside it, and all of them in one
/// transaction where that can be; a file with `no-txn` runs statement by statement, and is resumed as
/// a migration is. Where one of them has no such file, nothing is done. What concurrent migrations
/// have left that are not done is removed first. Afterwards the ledger says that they are pending,
/// `segue up` applies them again, and the schema is compared with the one that the database had
/// before them, if a deployment has kept it.
///
/// The database is that of `--database-url`, `--direct-url` or `SEGUE_DEV_DATABASE_URL`; other
/// variables are not read, since they may name a production database.
///
/// Whatever happens, running it again is right: it finishes what is left, or says why it cannot.
/// `segue check` proves that the files take back all that their migrations do.
///
/// Exit statuses: 0 done, or nothing to take back; 2 usage; 3 something cannot be taken back, and
/// nothing was done; 4 failed; 5 timed out; 130 and 143 by signal with nothing changed.
#[derive(Args, Clone, Debug)]
pub struct RevertArgs {
    /// The migration that is the last one afterwards, or the version that it brings; `empty`: none is
    #[arg(long, value_name = "NAME")]
    pub to: String,

    #[command(flatten)]
    pub bounds: Bounds,

    /// How long to wait for the answer to a COMMIT [default: 10m]
    ///
    /// A synchronous standby that does not answer holds it up, for example.
    #[arg(long, value_name = "D")]
    pub commit_wait: Option<HumanDuration>,

    /// What to do when a lock is needed that a concurrent migration holds [default: wait]
    ///
    /// One that stays, or one of another project that shares the database.
    #[arg(long, value_name = "ACTION")]
    pub on_conflict: Option<OnConflictArg>,

    #[command(flatten)]
    pub answers: AnswerArgs,

    #[command(flatten)]
    pub check: OnMismatchArgs,
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    args: &RevertArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let mut settings = args.bounds.settings(context, Until::Settled, false);
    if let Some(bound) = args.commit_wait {
        settings.commit_wait = bound.0;
    }
    if let Some(action) = args.on_conflict {
        settings.on_conflict = action.into();
    }
    settings.answers = args.answers.answers();
    let migrations = context.migrations(report)?;
    let target = context.dev_target(report)?;
    let on_mismatch = args.check.on_mismatch(&context.config().up);
    let verification = Some(context.verification(on_mismatch));
    let work = async |run: &apply::Run| {
        Box::pin(apply::up::revert(run, migrations, &args.to))
            .await
            .map_err(Error::of_reversal)
    };
    let ended = run::tell(context, report, &target, settings, verification, work).await?;
    match ended {
        apply::Outcome::Ready => {
            report.line_unless_quiet(&Line::active("Left", "the tail for `segue settle`"));
            Ok(Outcome::Done)
        }
        // It runs no tail that could be left.
        apply::Outcome::Settled | apply::Outcome::Unsettled(_) => Ok(Outcome::Done),
        // Another run was quicker, and has taken back something else.
        apply::Outcome::Mismatched(mismatch) => {
            Err(Error::new(Outcome::Failed, mismatch.summary()))
        }
    }
}
