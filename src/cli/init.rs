//! `segue init`

use clap::Args;

use super::context::Context;
use super::error::Error;
use super::outcome::Outcome;
use super::report::{self, Line, Report};
use crate::apply::up::greet;
use crate::postgres::ledger::Ledger;
use crate::postgres::{Session, pooler};

/// Make segue's own tables ahead of the first `up`, or print how a DBA makes them
///
/// `segue up` makes namespace segue by itself where its role may create one. Where it may not,
/// somebody who may runs what --print-sql prints. Several deploy roles share the tables through a
/// role that owns them and of which they are members: --owner here, `[ledger] owner` in segue.toml.
#[derive(Args, Clone, Debug)]
pub struct InitArgs {
    /// Print the SQL in place of running it; needs no database
    #[arg(long)]
    pub print_sql: bool,

    /// Role that owns segue's tables; otherwise `[ledger] owner` in segue.toml
    #[arg(long, value_name = "ROLE")]
    pub owner: Option<String>,

    /// Roles that may read segue's tables, with commas between
    #[arg(long, value_name = "ROLES", value_delimiter = ',')]
    pub readers: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    args: &InitArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let owner = args.owner.clone().or_else(|| context.owner());
    if args.print_sql {
        report::result(&Ledger::script(owner.as_deref(), &args.readers))?;
        return Ok(Outcome::Done);
    }
    let target = context.target(report)?;
    let session = Session::connect(&target, context.connect_wait()).await?;
    greet(&session).await?;
    // The ledger's lock would stay behind in a pooler that shares sessions.
    let second = session.sibling(context.connect_wait()).await?;
    pooler::two(&session, &second).await?;
    second.close().await;
    let mut found = Ledger::find(&session, &context.project(), owner.as_deref()).await?;
    let before = found.version();
    found.prepare(&session).await?;
    if !args.readers.is_empty() {
        found.grant(&session, &args.readers).await?;
    }
    session.close().await;
    let text = match (before, found.version()) {
        (None, _) => "the ledger is made, in namespace segue".to_owned(),
        (Some(from), Some(to)) if from != to => {
            format!("the ledger is upgraded from version {from} to {to}")
        }
        _ => "the ledger was there already, in namespace segue".to_owned(),
    };
    report.line_unless_quiet(&Line::done("Done", text));
    Ok(Outcome::Done)
}
