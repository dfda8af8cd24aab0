//! A server of its own for one command.

use clap::Args;

use super::context::Context;
use super::error::Error;
use super::report::Report;
use crate::postgres::Target;
use crate::postgres::target::Environment;
use crate::postgres::throwaway::Throwaway;

/// Where a command runs that can do without a database of the user's.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct ServerArgs {
    /// Start a PostgreSQL server for this command and remove it afterwards
    ///
    /// From the newest server binaries installed here, or those in `SEGUE_PG_BIN`; `[throwaway]` in
    /// segue.toml chooses a major version and settings.
    #[arg(long, conflicts_with_all = ["database_url", "direct_url"])]
    pub throwaway: bool,
}

/// The database that a command works on.
pub(super) struct Server {
    target: Target,
    /// Stops when this is dropped.
    _throwaway: Option<Throwaway>,
}

/// Name of the database on a throwaway server.
const DATABASE: &str = "postgres";

impl ServerArgs {
    /// Starts the server if one is wanted. Blocks.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) fn start(self, context: &Context, report: &mut Report) -> Result<Server, Error> {
        if !self.throwaway {
            return Ok(Server {
                target: context.target(report)?,
                _throwaway: None,
            });
        }
        let throwaway = Throwaway::start(&context.throwaway())?;
        Ok(Server {
            // Whatever the environment says is of other servers.
            target: Target::resolve(Some(&throwaway.url(DATABASE)), &Environment::default())?,
            _throwaway: Some(throwaway),
        })
    }
}

impl Server {
    /// Its database.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }
}
