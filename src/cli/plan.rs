//! `segue plan`

use clap::{Args, ValueEnum};

use super::bounds::Bounds;
use super::context::Context;
use super::error::Error;
use super::outcome::Outcome;
use super::report::{self, Report, forecast_json, forecast_text, plan_graph, plan_json, plan_text};
use super::server::ServerArgs;
use crate::apply::check::Expectation;
use crate::apply::forecast::{self, Forecast, Stage};
use crate::apply::rehearse::{Place, RehearseError};
use crate::apply::survey::{self, Survey};
use crate::apply::up::bootstrap;
use crate::apply::{OnMismatch, Until};
use crate::history::History;
use crate::migration::Migration;
use crate::plan::{Concurrent, Options};
use crate::postgres::ledger::Ledger;
use crate::postgres::throwaway::find_servers;
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

    /// Show too what the pending migrations will mean beside live traffic
    ///
    /// They are run on a copy of the schema, which the applied migrations of the folder make on a
    /// throwaway server of the same major version, or on the server of --on. For each statement:
    /// which locks it takes on which tables, how large those are and how much they are used, whether
    /// it reads, writes anew or only changes catalogs, disk and WAL, and which sessions would be in
    /// its way now. The live database is only read, for about a second.
    #[arg(long)]
    pub forecast: bool,

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
    if args.forecast {
        refuse(args)?;
    }
    let migrations = context.migrations(report)?;
    // A forecast is of the live database; --on is then where the copy is made.
    let server = if args.forecast {
        ServerArgs::default()
    } else {
        args.server.clone()
    };
    let server = server.start(context, report).await?;
    let options = Options {
        strict: args.strict || context.config().up.strict.unwrap_or(false),
        concurrent: if args.no_fold || !context.config().up.fold.unwrap_or(true) {
            Concurrent::Unfolded
        } else {
            Concurrent::Folded
        },
        ..Options::default()
    };
    let surveyed = look(context, server.target(), migrations, &options).await;
    let live = server.target().clone();
    server.stop(report).await;
    let survey = surveyed?;
    let forecast = match args.forecast {
        true if survey.plan.absent.is_some() => {
            report.note("there is no forecast for a database that does not exist yet");
            None
        }
        true => Some(self::forecast(args, context, live, &survey).await?),
        false => None,
    };
    let plan = &survey.plan;
    let links = plan_graph::links(plan, &survey.graph);
    match args.format {
        Format::Text => {
            let forecast = forecast.as_ref().map(forecast_text::forecast);
            report::result(&(plan_text::plan(plan) + &forecast.unwrap_or_default()))?;
        }
        Format::Json => {
            let mut json = plan_json::plan(plan, &links);
            if let Some(forecast) = &forecast {
                json["forecast"] = forecast_json::forecast(forecast);
            }
            report::result_json(&json)?;
        }
        Format::Mermaid => report::result(&plan_graph::mermaid(plan, &links))?,
        Format::Dot => report::result(&plan_graph::dot(plan, &links))?,
    }
    Ok(Outcome::Done)
}

/// What a forecast cannot be combined with.
fn refuse(args: &PlanArgs) -> Result<(), Error> {
    if args.server.throwaway {
        return Err(Error::usage(
            "`--forecast` is of a live database, and `--throwaway` names a new one",
        )
        .help(
            "leave out `--throwaway`: the copy of the schema is made on a throwaway server anyway",
        ));
    }
    if matches!(args.format, Format::Mermaid | Format::Dot) {
        return Err(Error::usage("`--forecast` is shown as text or JSON only")
            .help("`--format text` or `--format json`"));
    }
    Ok(())
}

async fn forecast(
    args: &PlanArgs,
    context: &Context,
    live: Target,
    survey: &Survey,
) -> Result<Forecast, Error> {
    let place = if let Some(url) = &args.server.on {
        Place::On(Box::new(context.resolve(url)?))
    } else {
        let session = Session::connect(&live, context.connect_wait()).await?;
        let major = session.server_version() / 10_000;
        session.close().await;
        let mut options = context.throwaway();
        // Another version is better than none, and told.
        let servers = find_servers(&options);
        let is_here = servers.iter().any(|server| server.major == major);
        options.major = is_here.then_some(major).or(options.major);
        Place::Throwaway {
            options: Box::new(options),
            before: context.before(),
        }
    };
    let rules = context.rules();
    let stage = Stage {
        live,
        place,
        connect_wait: context.connect_wait(),
        project: context.project(),
        rules: &rules,
        settings: Bounds::default().settings(context, Until::Settled, false),
    };
    forecast::forecast(&stage, survey)
        .await
        .map_err(|error| match error {
            RehearseError::Throwaway(error) => Error::from(error).help(
                "a forecast needs a server for a copy of the schema: install PostgreSQL's, name its binaries by SEGUE_PG_BIN, or give `--on URL`, a server on which segue may make a database and drop it",
            ),
            other => other.into(),
        })
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
            if bootstrap::makes_database(&migrations) && bootstrap::is_absence(&error) =>
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
    let mut survey = surveying.await?;
    survey.plan.strong_locks = survey::strong_locks(&session, &survey).await?;
    session.close().await;
    Ok(survey)
}
