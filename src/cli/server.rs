//! A database of its own for one command.

use clap::Args;

use super::context::Context;
use super::error::Error;
use super::report::Report;
use crate::postgres::Target;
use crate::postgres::scratch::Scratch;
use crate::postgres::target::Environment;
use crate::postgres::throwaway::{self, Throwaway};

/// Where a command runs that can do without a database of the user's.
#[derive(Args, Clone, Debug, Default)]
pub struct ServerArgs {
    /// Start a PostgreSQL server for this command and remove it afterwards
    ///
    /// From the newest server binaries installed here, or those in `SEGUE_PG_BIN`; `[throwaway]`
    /// in segue.toml chooses a major version and settings.
    #[arg(long)]
    pub throwaway: bool,

    /// Make a database on this server for this command and drop it afterwards
    ///
    /// For servers with extensions or settings that are not installed here. The role needs
    /// CREATEDB; the database in the URL is only connected to.
    #[arg(long, value_name = "URL", conflicts_with = "throwaway")]
    pub on: Option<String>,
}

/// The database that a command works on.
pub(super) struct Server {
    target: Target,
    own: Own,
}

/// What was made for the command.
enum Own {
    Nothing,
    /// Stops when it is dropped.
    Throwaway(Throwaway),
    /// Belongs to nobody once its session ends.
    Scratch(Box<Scratch>),
}

/// Name of the database on a throwaway server.
const DATABASE: &str = "postgres";

impl ServerArgs {
    /// Starts the server or makes the database, if one is wanted. Blocks.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) async fn start(
        &self,
        context: &Context,
        report: &mut Report,
    ) -> Result<Server, Error> {
        self.start_or(context, report, Context::target).await
    }

    /// As [`ServerArgs::start`], with the development database in place of the
    /// one to deploy to.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) async fn start_for_development(
        &self,
        context: &Context,
        report: &mut Report,
    ) -> Result<Server, Error> {
        self.start_or(context, report, Context::dev_target).await
    }

    /// Two places are one too many.
    ///
    /// # Errors
    /// If the command line names a database beside.
    pub(super) fn refuse_another(&self, context: &Context) -> Result<(), Error> {
        // clap sees no conflict with a global option before the command's name.
        let own = [("--throwaway", self.throwaway), ("--on", self.on.is_some())];
        let own = own.iter().find(|(_, is_given)| *is_given);
        if let (Some((own, _)), Some(other)) = (own, context.database_option()) {
            return Err(Error::usage(format!("`{own}` is in place of `{other}`"))
                .help("leave out one of the two"));
        }
        Ok(())
    }

    async fn start_or(
        &self,
        context: &Context,
        report: &mut Report,
        target: impl FnOnce(&Context, &mut Report) -> Result<Target, Error>,
    ) -> Result<Server, Error> {
        self.refuse_another(context)?;
        if self.throwaway {
            return Server::throwaway(&context.throwaway());
        }
        let Some(url) = &self.on else {
            return Ok(Server {
                target: target(context, report)?,
                own: Own::Nothing,
            });
        };
        let target = context.resolve(url)?;
        let scratch = Scratch::create(&target, context.connect_wait()).await?;
        Ok(Server {
            target: scratch.target(),
            own: Own::Scratch(Box::new(scratch)),
        })
    }
}

impl Server {
    /// A throwaway server. Blocks.
    ///
    /// # Errors
    /// See [`Error`].
    fn throwaway(options: &throwaway::Options) -> Result<Self, Error> {
        let throwaway = Throwaway::start(options)?;
        Ok(Self {
            // Whatever the environment says is of other servers.
            target: Target::resolve(Some(&throwaway.url(DATABASE)), &Environment::default())?,
            own: Own::Throwaway(throwaway),
        })
    }

    /// A throwaway server of this major version: that of `SEGUE_PG_BIN`, or
    /// any other that is installed. Blocks.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) fn of_major(context: &Context, major: u32) -> Result<Self, Error> {
        let mut options = throwaway::Options {
            major: Some(major),
            ..context.throwaway()
        };
        // One folder holds the binaries of one version.
        let is_elsewhere = throwaway::find_servers(&options)
            .iter()
            .all(|found| found.major != major);
        if is_elsewhere {
            options.bin = None;
        }
        Self::throwaway(&options).map_err(|error| {
            error.help(format!(
                "install the server of PostgreSQL {major}, or take {major} out of `majors` in segue.toml"
            ))
        })
    }

    /// Whether it is gone after the command.
    pub(super) fn is_own(&self) -> bool {
        !matches!(self.own, Own::Nothing)
    }

    /// Its database.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Removes what was made; tells if that could not be done.
    pub(super) async fn stop(self, report: &mut Report) {
        match self.own {
            Own::Nothing => {}
            Own::Throwaway(throwaway) => drop(throwaway),
            Own::Scratch(scratch) => {
                if let Err(error) = (*scratch).drop().await {
                    report.note(&format!("a scratch database was not dropped: {error}"));
                }
            }
        }
    }
}
