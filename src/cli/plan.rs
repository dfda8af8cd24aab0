//! `segue plan`

use clap::{Args, ValueEnum};

use super::context::Context;
use super::error::Error;
use super::outcome::Outcome;
use super::report::{self, Report, plan_graph, plan_json, plan_text};
use super::server::ServerArgs;
use crate::apply::OnMismatch;
use crate::apply::check::Expectation;
use crate::apply::survey::{self, Survey};
use crate::apply::up::bootstrap;
use crate::history::History;
use crate::migration::Migration;
use crate::plan::Options;
use crate::postgres::ledger::Ledger;
use crate::postgres::{self, Session, Target};

/// Show what `up` would do, without doing it
///
/// Writes nothing anywhere, not even segue's own tables.
#[derive(Args, Clone, Debug)]
pub struct PlanArgs {
    /// Form of the output
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,

    /// Refuse pending files older than applied ones, and applied ones that were changed or are gone
    #[arg(long)]
    pub strict: bool,

    /// Run every concurrent migration by itself, after the transaction
    ///
    /// Otherwise one that has to run before readiness anyway, on tables that are new, or any on a
    /// database without tables, is folded into the batch's transaction: CREATE INDEX in place of
    /// CREATE INDEX CONCURRENTLY, and the like.
    #[arg(long)]
    pub no_fold: bool,

    #[command(flatten)]
    pub server: ServerArgs,
}

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs, by docs/json/plan.schema.json
    Json,
    /// A flow chart, drawn by GitHub and others
    Mermaid,
    /// A graph for Graphviz
    Dot,
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    args: &PlanArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let migrations = context.migrations(report)?;
    let server = args.server.start(context, report).await?;
    let options = Options {
        strict: args.strict || context.config().up.strict.unwrap_or(false),
        no_fold: args.no_fold || !context.config().up.fold.unwrap_or(true),
        ..Options::default()
    };
    let surveyed = look(context, server.target(), migrations, &options).await;
    server.stop(report).await;
    let survey = surveyed?;
    let plan = &survey.plan;
    let links = plan_graph::links(plan, &survey.graph);
    match args.format {
        Format::Text => report::result(&plan_text::plan(plan))?,
        Format::Json => report::result_json(&plan_json::plan(plan, &links))?,
        Format::Mermaid => report::result(&plan_graph::mermaid(plan, &links))?,
        Format::Dot => report::result(&plan_graph::dot(plan, &links))?,
    }
    Ok(Outcome::Done)
}

/// Whether the folder begins with a migration that can run while the database
/// is not there.
pub(super) fn makes_database(migrations: &[Migration]) -> bool {
    let first = migrations
        .iter()
        .min_by(|one, other| one.name.cmp(&other.name));
    first.is_some_and(|first| first.connection.is_some())
}

async fn look(
    context: &Context,
    target: &Target,
    mut migrations: Vec<Migration>,
    options: &Options,
) -> Result<Survey, Error> {
    let session = match Session::connect(target, context.connect_wait()).await {
        Ok(session) => session,
        Err(postgres::Error::Connect(error))
            if makes_database(&migrations) && bootstrap::is_absence(&error) =>
        {
            let options = Options {
                absent: Some(target.database().to_owned()),
                ..options.clone()
            };
            let project = context.project();
            let history = History::default();
            return Ok(survey::absent(
                history,
                &project,
                &mut migrations,
                &options,
            )?);
        }
        Err(error) => return Err(error.into()),
    };
    let owner = context.owner();
    let ledger = Ledger::find(&session, &context.project(), owner.as_deref()).await?;
    let verification = context.verification(OnMismatch::Fail);
    let expectation = Expectation::new(&verification, session.server_version())?;
    let surveying = survey::survey(
        &session,
        &ledger,
        &mut migrations,
        options,
        Some(&expectation),
    );
    let survey = surveying.await?;
    session.close().await;
    Ok(survey)
}
