//! Where states are visited.

use std::collections::BTreeMap;

use clap::Args;
use tokio::sync::Mutex;

use super::runner::Stop;
use crate::apply::up::up;
use crate::apply::{Events, Interrupt, Outcome as Applied, Run, Settings, Until, script};
use crate::backfill::throttle::Limits;
use crate::cli::bounds::Bounds;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::report::Report;
use crate::migration::Migration;
use crate::postgres::target::Environment;
use crate::postgres::throwaway::{self, Throwaway, find_servers};
use crate::postgres::{Session, Target, ident};
use crate::visit::{States, Then, Visit};

/// Where.
#[derive(Args, Clone, Debug, Default)]
pub struct GroundArgs {
    /// Keep nothing, and use nothing that was kept
    #[arg(long)]
    pub no_cache: bool,
}

/// A server, found.
#[derive(Debug)]
pub(super) struct Ground {
    options: throwaway::Options,
    major: u32,
    version: String,
}

impl Ground {
    pub(super) async fn find(
        _args: &GroundArgs,
        context: &Context,
        _states: &States,
    ) -> Result<Self, Error> {
        let options = context.throwaway();
        let found = find_servers(&options);
        let found = found
            .into_iter()
            .find(|one| options.major.is_none_or(|major| one.major == major));
        let found = found.ok_or_else(|| Error::usage("no server"))?;
        Ok(Self {
            options,
            major: found.major,
            version: found.version,
        })
    }

    pub(super) fn major(&self) -> u32 {
        self.major
    }

    pub(super) fn print(&self, visit: &Visit, states: &States) -> String {
        states
            .fingerprint(visit)
            .with(self.version.as_bytes())
            .to_string()
    }

    pub(super) async fn start(
        &self,
        context: &Context,
        states: &States,
        _report: &mut Report,
    ) -> Result<Server, Error> {
        let throwaway = Throwaway::start(&self.options)?;
        let target = Target::resolve(Some(&throwaway.url("postgres")), &Environment::default())?;
        let target = target.disposable();
        if let Some(path) = context.before() {
            script::run(&target, context.connect_wait(), &path).await?;
        }
        Ok(Server {
            _throwaway: throwaway,
            control: target.with_database("template1"),
            model: target,
            states: states.clone(),
            settings: Settings {
                backfill: Limits::none(),
                fold: false,
                ..Bounds::default().settings(context, Until::Settled, false)
            },
            made: Mutex::new((BTreeMap::new(), 0)),
        })
    }
}

/// A server under use.
pub(super) struct Server {
    _throwaway: Throwaway,
    control: Target,
    model: Target,
    states: States,
    settings: Settings,
    made: Mutex<(BTreeMap<usize, String>, usize)>,
}

const WAIT: std::time::Duration = std::time::Duration::from_secs(5);

impl Server {
    pub(super) async fn open(
        &self,
        visit: &Visit,
        interrupt: &Interrupt,
    ) -> Result<Result<Visited<'_>, String>, Stop> {
        let mut made = self.made.lock().await;
        let (templates, number) = &mut *made;
        let control = Session::connect(&self.control, WAIT)
            .await
            .map_err(Error::from)?;
        if !templates.contains_key(&visit.settled) {
            let before = templates.range(..visit.settled).next_back();
            let model = before.map_or("postgres", |(_, name)| name.as_str());
            *number += 1;
            let name = format!("segue_state_{number}");
            let sql = format!("CREATE DATABASE {} TEMPLATE {}", ident(&name), ident(model));
            control.execute(&sql).await.map_err(Error::from)?;
            let target = self.model.with_database(&name);
            let migrations = self.states.migrations()[..visit.settled].to_vec();
            if let Err(why) = self
                .up(&target, migrations, Until::Settled, interrupt)
                .await?
            {
                return Ok(Err(why));
            }
            templates.insert(visit.settled, name);
        }
        *number += 1;
        let name = format!("segue_visit_{number}");
        let model = &templates[&visit.settled];
        let sql = format!("CREATE DATABASE {} TEMPLATE {}", ident(&name), ident(model));
        control.execute(&sql).await.map_err(Error::from)?;
        control.close().await;
        drop(made);
        let mut visited = Visited {
            server: self,
            target: self.model.with_database(&name),
        };
        if let Err(why) = visited.go(visit, interrupt).await? {
            return Ok(Err(why));
        }
        Ok(Ok(visited))
    }

    async fn up(
        &self,
        target: &Target,
        migrations: Vec<Migration>,
        until: Until,
        interrupt: &Interrupt,
    ) -> Result<Result<(), String>, Stop> {
        let (events, receiver) = Events::channel();
        let run = Run {
            target: target.clone(),
            connect_wait: WAIT,
            environment: Environment::default(),
            project: self.states.project().to_owned(),
            owner: None,
            verification: None,
            settings: Settings {
                until,
                ..self.settings.clone()
            },
            events,
            interrupt: interrupt.clone(),
        };
        let ended = Box::pin(up(&run, migrations)).await;
        drop(receiver);
        match ended {
            Ok(Applied::Unsettled(_)) => Ok(Err("unsettled".to_owned())),
            Ok(_) => Ok(Ok(())),
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    pub(super) async fn stop(self, _report: &mut Report) {}
}

/// A database in a state.
pub(super) struct Visited<'a> {
    server: &'a Server,
    target: Target,
}

impl Visited<'_> {
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        vec![
            ("DATABASE_URL".to_owned(), self.target.uri()),
            ("PGHOST".to_owned(), self.target.hosts()),
            ("PGUSER".to_owned(), self.target.user().to_owned()),
            ("PGDATABASE".to_owned(), self.target.database().to_owned()),
        ]
    }

    pub(super) async fn go(
        &mut self,
        visit: &Visit,
        interrupt: &Interrupt,
    ) -> Result<Result<(), String>, Stop> {
        let all = self.server.states.migrations();
        let settled = all[..visit.settled].to_vec();
        let gone = self
            .server
            .up(&self.target, settled.clone(), Until::Settled, interrupt)
            .await?;
        if gone.is_err() {
            return Ok(gone);
        }
        match &visit.then {
            Then::Nothing => Ok(Ok(())),
            Then::Ready(also) => {
                let mut migrations = settled;
                migrations.extend(also.iter().map(|index| all[*index].clone()));
                self.server
                    .up(&self.target, migrations, Until::Ready, interrupt)
                    .await
            }
            _ => Ok(Err("no way there yet".to_owned())),
        }
    }

    pub(super) async fn close(self) -> Result<(), Stop> {
        let control = Session::connect(&self.server.control, WAIT)
            .await
            .map_err(Error::from)?;
        let name = ident(self.target.database());
        control
            .execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
            .await
            .map_err(Error::from)?;
        control.close().await;
        Ok(())
    }
}
