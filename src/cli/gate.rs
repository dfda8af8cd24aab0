//! `segue gate`

use clap::{ArgGroup, Args, ValueEnum};

use super::context::Context;
use super::error::Error;
use super::outcome::Outcome;
use super::report::{self, Report, gate_json, gate_text};
use crate::apply::up::bootstrap;
use crate::compatibility::Rules;
use crate::gate::{Meeting, Running, Way, When};
use crate::history::History;
use crate::migration::Migration;
use crate::postgres::ledger::Ledger;
use crate::postgres::tellers::tellers;
use crate::postgres::{self, Session};
use crate::version::Version;

/// Say whether code and schema may meet, now and after the pending migrations
///
/// By the rules of [versions] in segue.toml: code A.B.C needs schema >= A.B, < A+1 unless they say
/// otherwise. Versions of the schema are those that migrations bring by `schema-version`.
///
/// Reads only.
///
/// Exit statuses: 0 allowed, 1 forbidden.
#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("whose").required(true).args(["app", "running"])))]
pub struct GateArgs {
    /// The version of the code: 3.1 or 3.1.4
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub app: Option<Version>,

    /// Ask for each version that sessions of the database tell, by `application_name` or
    /// `segue.app_version`: whether one forbids what is pending
    #[arg(long)]
    pub running: bool,

    /// With which schema it has to be allowed
    #[arg(long, value_enum, default_value_t, conflicts_with = "running")]
    pub when: WhenArg,

    /// Print JSON, by docs/json/gate.schema.json
    #[arg(long)]
    pub json: bool,
}

/// With which schema the code has to be allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum WhenArg {
    /// The one that there is
    Now,
    /// The one that there is once all that is pending is applied
    After,
    /// Both, and each version in between
    #[default]
    Always,
}

impl From<WhenArg> for When {
    fn from(argument: WhenArg) -> Self {
        match argument {
            WhenArg::Now => Self::Now,
            WhenArg::After => Self::After,
            WhenArg::Always => Self::Always,
        }
    }
}

fn version(text: &str) -> Result<Version, String> {
    Version::parse_short(text).map_err(|error| format!("{error}; write `3.1` or `3.1.0`"))
}

/// What was asked, and the answer.
#[derive(Debug)]
pub struct Answer {
    /// Whose migrations.
    pub project: String,
    /// The versions of the schema, from now on.
    pub way: Way,
    /// About which code.
    pub about: About,
}

/// The code that was asked about.
#[derive(Debug)]
pub enum About {
    /// One version.
    App(Version, Vec<Meeting>),
    /// All that run.
    Running(Running, Vec<(Version, Vec<Meeting>)>),
}

impl Answer {
    /// Whether everything that was asked about is allowed.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        match &self.about {
            About::App(_, meetings) => meetings.iter().all(Meeting::is_allowed),
            About::Running(running, asked) => {
                let mut meetings = asked.iter().flat_map(|(_, meetings)| meetings);
                meetings.all(Meeting::is_allowed)
                    && (running.unread.is_empty() || self.way.ahead.is_empty())
            }
        }
    }

    /// A session that seems to tell a version by its name, and is not read.
    #[must_use]
    fn unheard(&self) -> Option<&str> {
        let About::Running(running, _) = &self.about else {
            return None;
        };
        let mut names = running.silent.iter();
        names.find_map(|one| one.application.as_deref().filter(|name| has_version(name)))
    }
}

/// Whether a name has something like a version in it: `queue/v1.2`.
fn has_version(name: &str) -> bool {
    let words = name.split(|one: char| !one.is_ascii_alphanumeric() && one != '.');
    let mut words = words.map(|word| word.strip_prefix('v').unwrap_or(word));
    words.any(|word| word.contains('.') && Version::parse_short(word).is_ok())
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    args: &GateArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let target = context.target(report)?;
    let migrations = context.valid_migrations(report)?;
    let versions = &context.config().versions;
    let answer = match Session::connect(&target, context.connect_wait()).await {
        Ok(session) => {
            let answer = ask(args, context, &session, &migrations).await?;
            session.close().await;
            answer
        }
        // A migration is to make it: nobody is connected to it, and it has no
        // version.
        Err(postgres::Error::Connect(error))
            if bootstrap::makes_database(&migrations) && bootstrap::is_absence(&error) =>
        {
            report.note(&error.to_string());
            let way = Way::new(&migrations, &History::default());
            let about = about(args, versions.rules(), &way, Running::default());
            let project = context.project();
            Answer {
                project,
                way,
                about,
            }
        }
        Err(error) => return Err(error.into()),
    };
    if args.json {
        report::result_json(&gate_json::answer(&answer))?;
    } else {
        report::result(&gate_text::answer(&answer, report.is_verbose()))?;
    }
    if let Some(name) = answer.unheard() {
        let why = if versions.reads_names() {
            "`app-name` of [versions] does not match it"
        } else {
            r"`app-name = 'NAME/v?(\d+\.\d+\.\d+)'` in [versions] would read it"
        };
        report.note(&format!(
            "`{name}` looks as if it told a version of the code, and nobody hears it: {why}"
        ));
    }
    Ok(if answer.is_allowed() {
        Outcome::Done
    } else {
        Outcome::No
    })
}

async fn ask(
    args: &GateArgs,
    context: &Context,
    session: &Session,
    migrations: &[Migration],
) -> Result<Answer, Error> {
    let project = context.project();
    let owner = context.owner();
    let ledger = Ledger::find(session, &project, owner.as_deref()).await?;
    let mut history = ledger.history(session).await?;
    history.follow(&project, migrations);
    let way = Way::new(migrations, &history);
    let versions = &context.config().versions;
    let running = if args.running {
        Running::new(tellers(session, &project).await?, versions.told_by())
    } else {
        Running::default()
    };
    let about = about(args, versions.rules(), &way, running);
    Ok(Answer {
        project,
        way,
        about,
    })
}

fn about(args: &GateArgs, rules: &Rules, way: &Way, running: Running) -> About {
    if let Some(app) = args.app {
        return About::App(app, way.ask(rules, app, args.when.into()));
    }
    let asked = running.ask(rules, way);
    About::Running(running, asked)
}
