//! Where replays take place: databases of segue's own, on throwaway servers or
//! on a server of the user's.

use std::path::PathBuf;
use std::time::Duration;

use super::RehearseError;
use crate::apply::script;
use crate::postgres::scratch::Scratch;
use crate::postgres::target::Environment;
use crate::postgres::throwaway::{self, Throwaway};
use crate::postgres::{Session, Target, contents, ident, role};

/// What databases are made on.
#[derive(Clone, Debug)]
pub enum Place {
    /// Servers that are started for this, each given the SQL file first.
    Throwaway {
        /// Which server.
        options: Box<throwaway::Options>,
        /// SQL file that is run before anything else.
        before: Option<PathBuf>,
    },
    /// A server of the user's; the database is only connected to.
    On(Box<Target>),
}

impl Place {
    /// Whether what is made there is removed with all that databases share.
    #[must_use]
    pub fn is_throwaway(&self) -> bool {
        matches!(self, Self::Throwaway { .. })
    }
}

/// A server under use.
#[derive(Debug)]
pub(in crate::apply) struct Server {
    throwaway: Option<Throwaway>,
    /// Where databases are made from.
    control: Target,
    wait: Duration,
    made: usize,
}

/// A database of a replay.
#[derive(Debug)]
pub(in crate::apply) struct Database {
    pub(in crate::apply) target: Target,
    scratch: Option<Scratch>,
}

/// What every database on a throwaway server is a copy of: the SQL file may
/// have made extensions in it.
const MODEL: &str = "postgres";

/// What the names of replays' databases start with.
const NAME_PREFIX: &str = "segue_check_";

/// A database that nobody copies, to be connected to.
const CONTROL: &str = "template1";

impl Server {
    pub(in crate::apply) async fn start(
        place: &Place,
        wait: Duration,
    ) -> Result<Self, RehearseError> {
        let (options, before) = match place {
            Place::Throwaway { options, before } => (options, before),
            Place::On(target) => {
                return Ok(Self {
                    throwaway: None,
                    control: Target::clone(target),
                    wait,
                    made: 0,
                });
            }
        };
        let throwaway = Throwaway::start(options)?;
        // Whatever the environment says is of other servers.
        let environment = Environment::default();
        let model = Target::resolve(Some(&throwaway.url(MODEL)), &environment)
            .expect("the URL is ours")
            .disposable();
        if let Some(before) = before {
            script::run(&model, wait, before).await?;
        }
        Ok(Self {
            throwaway: Some(throwaway),
            control: model.with_database(CONTROL),
            wait,
            made: 0,
        })
    }

    /// The server, if it is one of ours.
    pub(in crate::apply) fn throwaway(&self) -> Option<&Throwaway> {
        self.throwaway.as_ref()
    }

    /// Whether it is removed afterwards, with all that its databases share.
    pub(in crate::apply) fn is_throwaway(&self) -> bool {
        self.throwaway.is_some()
    }

    /// A new database.
    pub(in crate::apply) async fn database(&mut self) -> Result<Database, RehearseError> {
        self.make(None).await
    }

    /// A copy of `database`, to which nobody is connected.
    pub(in crate::apply) async fn copy(
        &mut self,
        database: &Database,
    ) -> Result<Database, RehearseError> {
        self.make(Some(database)).await
    }

    async fn make(&mut self, model: Option<&Database>) -> Result<Database, RehearseError> {
        let model = model.map(|model| model.target.database());
        if self.throwaway.is_none() {
            let scratch = Scratch::create_as(&self.control, self.wait, model).await?;
            return Ok(Database {
                target: scratch.target(),
                scratch: Some(scratch),
            });
        }
        self.made += 1;
        let name = format!("{NAME_PREFIX}{}", self.made);
        let control = Session::connect(&self.control, self.wait).await?;
        let sql = format!(
            "CREATE DATABASE {} TEMPLATE {}",
            ident(&name),
            ident(model.unwrap_or(MODEL))
        );
        control.execute(&sql).await?;
        control.close().await;
        Ok(Database {
            target: self.control.with_database(&name),
            scratch: None,
        })
    }

    /// Removes a database.
    pub(in crate::apply) async fn drop(&self, database: Database) -> Result<(), RehearseError> {
        if let Some(scratch) = database.scratch {
            scratch.drop().await?;
            return Ok(());
        }
        let control = Session::connect(&self.control, self.wait).await?;
        let name = ident(database.target.database());
        control
            .execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
            .await?;
        control.close().await;
        Ok(())
    }

    /// What its databases share, a line each, sorted: roles and what is set for
    /// them, tablespaces; on a server of ours other databases too.
    pub(in crate::apply) async fn shared(&self) -> Result<Vec<String>, RehearseError> {
        let control = Session::connect(&self.control, self.wait).await?;
        let mut shared = role::shared(&control).await?;
        // Elsewhere others make them too.
        if self.throwaway.is_some() {
            shared.extend(contents::databases(&control, NAME_PREFIX).await?);
            shared.sort();
        }
        control.close().await;
        Ok(shared)
    }
}
