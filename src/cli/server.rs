//! A database of its own for one command.

use clap::Args;

use super::context::Context;
use super::error::Error;
use super::report::Report;
use crate::apply::script;
use crate::postgres::scratch::Scratch;
use crate::postgres::target::Environment;
use crate::postgres::throwaway::{self, Throwaway};
use crate::postgres::{Session, Target};

/// Where a command runs that can do without a database of the user's.
#[derive(Args, Clone, Debug, Default)]
pub struct ServerArgs {
    /// Start a PostgreSQL server for this command and remove it afterwards
    ///
    /// From the newest server binaries installed here, or in the folders of `SEGUE_PG_BIN` (`:`
    /// between them); `[throwaway]` in segue.toml chooses a major version, settings and an SQL file
    /// that is run first. A role that is missing there is made, NOLOGIN.
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
    /// Starts the server or makes the database, if one is wanted; otherwise
    /// the database that the command line or the environment names. Blocks.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) async fn start(
        &self,
        context: &Context,
        report: &mut Report,
    ) -> Result<Server, Error> {
        self.start_or(context, || context.target(report)).await
    }

    /// As [`ServerArgs::start`], otherwise the development database.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) async fn start_dev(
        &self,
        context: &Context,
        report: &mut Report,
    ) -> Result<Server, Error> {
        self.start_or(context, || context.dev_target(report)).await
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
        other: impl FnOnce() -> Result<Target, Error>,
    ) -> Result<Server, Error> {
        self.refuse_another(context)?;
        if self.throwaway {
            return Server::throwaway(context, &context.throwaway()).await;
        }
        let Some(url) = &self.on else {
            return Ok(Server {
                target: other()?,
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

/// The first database of a throwaway server.
///
/// # Errors
/// None in practice: the URL is ours.
fn target_of(throwaway: &Throwaway) -> Result<Target, Error> {
    // Whatever the environment says is of other servers.
    let environment = Environment::default();
    let target = Target::resolve(Some(&throwaway.url(DATABASE)), &environment)?;
    Ok(target.disposable())
}

/// Gives a new throwaway server what `[throwaway]` says: its SQL file.
///
/// # Errors
/// The file's; nothing else has been run then.
async fn prepare(target: &Target, context: &Context) -> Result<(), Error> {
    // PostgreSQL comments on its first database, and no other one has that in
    // its schema.
    let session = Session::connect(target, context.connect_wait()).await?;
    let uncomment = format!("COMMENT ON DATABASE {DATABASE} IS NULL");
    session.execute(&uncomment).await?;
    session.close().await;
    let Some(path) = context.before() else {
        return Ok(());
    };
    Ok(script::run(target, context.connect_wait(), &path).await?)
}

impl Server {
    /// A throwaway server. Blocks.
    ///
    /// # Errors
    /// See [`Error`].
    async fn throwaway(context: &Context, options: &throwaway::Options) -> Result<Self, Error> {
        let throwaway = Throwaway::start(options)?;
        let target = target_of(&throwaway)?;
        prepare(&target, context).await?;
        Ok(Self {
            target,
            own: Own::Throwaway(throwaway),
        })
    }

    /// A throwaway server of this major version. Blocks.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) async fn of_major(context: &Context, major: u32) -> Result<Self, Error> {
        let options = throwaway::Options {
            major: Some(major),
            ..context.throwaway()
        };
        let is_named = !options.bins.is_empty();
        Self::throwaway(context, &options).await.map_err(|error| {
            let error = if is_named {
                error.help("SEGUE_PG_BIN may name several folders, `:` between them; without it all that are installed are found")
            } else {
                error
            };
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
