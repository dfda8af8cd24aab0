//! `segue write-schema`

use clap::Args;

use super::bounds::Bounds;
use super::context::Context;
use super::error::Error;
use super::hook::HookArgs;
use super::outcome::Outcome;
use super::patience::{LOCK_TIMEOUT, PatienceArgs, of_reading};
use super::report::{Line, Report, phrase};
use super::run;
use super::server::ServerArgs;
use crate::apply::check;
use crate::apply::survey::{self, Survey};
use crate::apply::{self, Until};
use crate::files::expected;
use crate::migration::Migration;
use crate::plan::{Options, Place};
use crate::postgres::ledger::Ledger;
use crate::postgres::{Session, Target};
use crate::schema::{ObjectId, Snapshot};

/// Write the expected schema, from a development database or from the migrations alone
///
/// The expected schema is the one that a database has when all migrations are applied, concurrent
/// ones too. It is kept in a folder for each major version of PostgreSQL, `expected-schema/pg17`
/// for example, a file for each object; that of the server's version is written, others stay as
/// they are. `segue add` does this for each new migration by itself.
///
/// The database is that of `--database-url`, `--direct-url` or `SEGUE_DEV_DATABASE_URL`; other
/// variables are not read, since they may name a production database. With `--throwaway` or `--on`
/// all migrations are replayed on a new database, which is the way to be sure: what was changed by
/// hand in a development database is written too.
///
/// Exit statuses: 0 written, or nothing to write; 1 the database has not the folder's migrations,
/// and nothing was written.
#[derive(Args, Clone, Debug)]
pub struct WriteSchemaArgs {
    #[command(flatten)]
    pub server: ServerArgs,

    #[command(flatten)]
    pub patience: PatienceArgs,
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    args: &WriteSchemaArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let migrations = context.migrations(report)?;
    let server = args.server.start_dev(context, report).await?;
    let is_own = args.server.throwaway || args.server.on.is_some();
    let replayed = if is_own {
        replay(context, report, server.target(), migrations.clone()).await
    } else {
        Ok(())
    };
    let read = match replayed {
        Ok(()) => settled_schema(context, server.target(), migrations, args.patience).await,
        Err(error) => Err(error),
    };
    server.stop(report).await;
    let (major, snapshot) = read?;
    write(context, report, major, snapshot)?;
    Ok(Outcome::Done)
}

/// Applies the whole history.
async fn replay(
    context: &Context,
    report: &mut Report,
    target: &Target,
    migrations: Vec<Migration>,
) -> Result<(), Error> {
    let settings = Bounds::default().settings(context, Until::Settled, false);
    // What is written is not verified against what it replaces.
    run::run(
        context,
        report,
        target,
        settings,
        None,
        &HookArgs::default(),
        async |run| Box::pin(apply::up::up(run, migrations)).await,
    )
    .await?;
    Ok(())
}

/// The schema of a database that has all of the folder's migrations and no
/// others, and the server's major version.
async fn settled_schema(
    context: &Context,
    target: &Target,
    mut migrations: Vec<Migration>,
    patience: PatienceArgs,
) -> Result<(u32, Snapshot), Error> {
    let session = Session::connect(target, context.connect_wait()).await?;
    let owner = context.owner();
    let ledger = Ledger::find(&session, &context.project(), owner.as_deref()).await?;
    let options = Options::default();
    let survey = survey::survey(&session, &ledger, &mut migrations, &options, None).await?;
    refuse_unsettled(&survey)?;
    let reading = check::read(&session, LOCK_TIMEOUT, patience.retry_for())
        .await
        .map_err(of_reading)?;
    let snapshot = reading.snapshot;
    let major = session.server_version() / 10_000;
    session.close().await;
    Ok((major, snapshot))
}

/// # Errors
/// The schema of such a database is not the one when all is settled.
fn refuse_unsettled(survey: &Survey) -> Result<(), Error> {
    let pending = || {
        let names = survey.graph.migrations().map(|migration| &migration.name);
        let names = names.filter(|name| !survey.history.is_closed(name));
        format!("in the folder, and not done: {}", phrase::names(names))
    };
    let foreign = |names| format!("applied, and not in the folder: {}", phrase::names(names));
    let reasons = match &survey.plan.place {
        Place::Equal => return Ok(()),
        Place::Behind { .. } => vec![pending()],
        Place::Ahead { missing } => vec![foreign(missing)],
        Place::Diverged { missing, .. } => vec![pending(), foreign(missing)],
    };
    let mut error = Error::new(
        Outcome::No,
        "the database has not the migrations of the folder, so its schema is not the expected one",
    );
    error.notes = reasons;
    error = error.note("nothing was written");
    if let Place::Behind { .. } = survey.plan.place {
        error = error.help("`segue up` applies what is pending");
    }
    Err(error.help("`segue write-schema --throwaway` replays the folder's migrations instead"))
}

/// Writes what is not there yet, and tells.
///
/// # Errors
/// What cannot be written.
pub(super) fn write(
    context: &Context,
    report: &mut Report,
    major: u32,
    mut snapshot: Snapshot,
) -> Result<(), Error> {
    let folder = context.expected_schema();
    // What cannot be read is written over; if it cannot be, that is told.
    let old = expected::read(&folder, major);
    let mut before = match &old {
        Ok(Some(old)) => old.clone(),
        Ok(None) | Err(_) => Snapshot::default(),
    };
    let idle = context.rules().apply_to_all([&mut snapshot, &mut before]);
    report.notes(&phrase::idle_rules(&idle));
    let is_changed = expected::write(&folder, major, &snapshot)?;
    let place = folder.join(format!("pg{major}"));
    let place = place.display();
    if !is_changed {
        let objects = phrase::count(snapshot.objects.len(), "object");
        let text = format!("`{place}`: {objects}, nothing has changed");
        report.line_unless_quiet(&Line::active("Unchanged", text));
        return Ok(());
    }
    match old {
        Ok(Some(_)) => tell_changes(report, &before, &snapshot),
        Ok(None) => {}
        Err(error) => report.note(&format!("what was there is replaced: {error}")),
    }
    let objects = phrase::count(snapshot.objects.len(), "object");
    report.line_unless_quiet(&Line::done("Written", format!("`{place}`: {objects}")));
    Ok(())
}

/// Most objects that are told one by one.
const TOLD_MAX: usize = 20;

fn tell_changes(report: &mut Report, before: &Snapshot, after: &Snapshot) {
    let mut changes: Vec<(&'static str, &ObjectId)> = Vec::new();
    for (id, attributes) in &after.objects {
        match before.objects.get(id) {
            None => changes.push(("Added", id)),
            Some(old) if old != attributes => changes.push(("Changed", id)),
            Some(_) => {}
        }
    }
    let removed = before.objects.keys();
    let removed = removed.filter(|id| !after.objects.contains_key(*id));
    changes.extend(removed.map(|id| ("Removed", id)));
    changes.sort_by(|one, other| one.1.cmp(other.1));
    // To leave out a single one saves nothing.
    let shown = match changes.len() {
        few if few <= TOLD_MAX + 1 || report.is_verbose() => few,
        _ => TOLD_MAX,
    };
    for (verb, id) in &changes[..shown] {
        report.line_unless_quiet(&Line::active(verb, id.to_string()));
    }
    let more = changes.len() - shown;
    if more > 0 {
        let text = format!(
            "{} more objects; `-v` lists them",
            phrase::thousands(more as u64)
        );
        report.line_unless_quiet(&Line::active("And", text));
    }
}
