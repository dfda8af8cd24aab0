//! One server with one database, a proxy before it, and `segue up` run in it.

use std::time::{Duration, Instant};

use super::super::RehearseError;
use super::super::grounds::{Database, Server};
use super::holder::Holder;
use super::segue::{Ended, Segue};
use super::{Ground, TRY_MAX};
use crate::postgres::proxy::{Proxy, Sprung};
use crate::postgres::target::Environment;
use crate::postgres::throwaway::Throwaway;
use crate::postgres::throwaway::crash::Crash;
use crate::postgres::{Error, Session, Target, activity, role};
use crate::rehearsal::torture::{At, Blow, Fault, Hold, Moment, Request, Spot, Wait};

/// Port of the proxy, which names its socket beside the server's.
const PROXY_PORT: u16 = 5433;

/// How long what a killed run has left goes on beside the next one.
const BESIDE: Duration = Duration::from_millis(700);

/// What became of a run.
#[derive(Debug)]
pub(super) enum Run {
    /// It ended.
    Ended(Ended),
    /// It was still there after [`TRY_MAX`], and was killed.
    Hung(Ended),
}

/// A server with a database and a proxy.
pub(super) struct Arena<'a> {
    ground: &'a Ground<'a>,
    server: Server,
    database: Database,
    proxy: Proxy,
    /// A database of the server that nobody copies or drops.
    control: Target,
    /// Whether the last blow hit.
    pub(super) has_hit: bool,
}

impl<'a> Arena<'a> {
    pub(super) async fn new(ground: &'a Ground<'a>) -> Result<Self, RehearseError> {
        let mut server = Server::start(&ground.place, ground.wait).await?;
        let database = server.database().await?;
        let throwaway = throwaway(&server);
        let control = Target::resolve(Some(&throwaway.url("postgres")), &Environment::default())
            .expect("the URL is ours");
        if !ground.roles.is_empty() {
            let session = Session::connect(&control, ground.wait).await?;
            for name in ground.roles {
                role::create(&session, name).await?;
            }
            session.close().await;
        }
        let folder = throwaway.socket_dir();
        let socket = |port| folder.join(format!(".s.PGSQL.{port}"));
        let proxy = Proxy::start(&socket(throwaway.port()), &socket(PROXY_PORT));
        let proxy = proxy.map_err(RehearseError::Process)?;
        Ok(Self {
            ground,
            server,
            database,
            proxy,
            control,
            has_hit: false,
        })
    }

    /// A session with the database, beside the proxy.
    pub(super) async fn session(&self) -> Result<Session, RehearseError> {
        Ok(Session::connect(&self.database.target, self.ground.wait).await?)
    }

    /// What was asked so far.
    pub(super) fn heard(&self) -> Vec<Request> {
        self.proxy.heard()
    }

    /// The database's name, which differs from none of another arena.
    pub(super) fn target(&self) -> &Target {
        &self.database.target
    }

    fn start(&self) -> Result<Segue, RehearseError> {
        let url = throwaway(&self.server).url_at(PROXY_PORT, self.database.target.database());
        let segue = self.ground.program.start(&url);
        segue.map_err(RehearseError::Process)
    }

    /// Runs `segue up` to its end, hit by `blow` on the way.
    pub(super) async fn run(&mut self, blow: Option<&Blow>) -> Result<Run, RehearseError> {
        self.proxy.forget();
        self.has_hit = blow.is_none();
        if let Some(blow) = blow {
            let moment = match &blow.at {
                At::Moment(moment) => *moment,
                At::Wait(_) => Moment::Before,
            };
            self.proxy.trap(&blow.spot, moment);
        }
        let mut segue = self.start()?;
        let deadline = Instant::now() + TRY_MAX;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let sprung = tokio::select! {
                status = segue.wait() => {
                    let status = status.map_err(RehearseError::Process)?;
                    return Ok(Run::Ended(segue.ended(status).await));
                }
                sprung = self.proxy.sprung() => sprung,
                () = tokio::time::sleep(left) => {
                    segue.kill().await;
                    let status = segue.wait().await.map_err(RehearseError::Process)?;
                    return Ok(Run::Hung(segue.ended(status).await));
                }
            };
            let Some(blow) = blow else {
                self.proxy.go_on();
                continue;
            };
            let struck = Box::pin(self.strike(blow, &sprung, &mut segue)).await;
            self.proxy.go_on();
            self.has_hit |= struck?;
        }
    }

    /// Does what the blow says; whether that could be done.
    async fn strike(
        &mut self,
        blow: &Blow,
        sprung: &Sprung,
        segue: &mut Segue,
    ) -> Result<bool, RehearseError> {
        let At::Wait(wait) = &blow.at else {
            tokio::time::sleep(Duration::from_millis(blow.delay_ms)).await;
            return self.inflict(blow.fault, sprung, segue).await;
        };
        let Some(pid) = sprung.backend else {
            return Ok(false);
        };
        let (phases, holder) = self.climb(wait.hold, Some(wait.nth), pid).await?;
        let Some(holder) = holder else {
            return Ok(false);
        };
        let is_there = phases.len() == wait.nth;
        if is_there {
            self.inflict(blow.fault, sprung, segue).await?;
        }
        holder.close_after(BESIDE);
        Ok(is_there)
    }

    async fn inflict(
        &self,
        fault: Fault,
        sprung: &Sprung,
        segue: &mut Segue,
    ) -> Result<bool, RehearseError> {
        let throwaway = throwaway(&self.server);
        let crash = async |how| {
            // Those who try to connect meanwhile are to find nobody.
            let (crashed, ()) = tokio::join!(throwaway.crash(how), async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                self.proxy.go_on();
            });
            crashed.map_err(RehearseError::Crash)
        };
        match (fault, sprung.backend) {
            (Fault::KillSegue, _) => segue.kill().await,
            (Fault::Cut, _) => self.proxy.cut(sprung.connection),
            (Fault::CutAll, _) => self.proxy.cut_all(),
            (Fault::StopServer, _) => crash(Crash::Immediate).await?,
            (Fault::KillServer, _) => crash(Crash::Kill).await?,
            (_, None) => return Ok(false),
            (Fault::KillBackend, Some(pid)) => throwaway
                .kill_backend(pid)
                .await
                .map_err(RehearseError::Crash)?,
            (Fault::FillDisk, Some(pid)) => throwaway
                .fill_disk(pid)
                .await
                .map_err(RehearseError::Crash)?,
            (Fault::Terminate | Fault::Cancel, Some(pid)) => {
                let control = self.control().await?;
                if fault == Fault::Cancel {
                    activity::cancel(&control, pid).await?;
                } else {
                    activity::terminate(&control, pid).await?;
                }
                control.close().await;
            }
        }
        Ok(true)
    }

    async fn control(&self) -> Result<Session, RehearseError> {
        Ok(Session::connect(&self.control, self.ground.wait).await?)
    }

    /// Lets the statement at which the proxy has stopped go on from one wait
    /// for other sessions to the next, to the `nth` or to its end; the phases
    /// in which it waited, and who holds it up in the last one.
    async fn climb(
        &self,
        hold: Hold,
        nth: Option<usize>,
        pid: i32,
    ) -> Result<(Vec<String>, Option<Holder>), RehearseError> {
        let open = async || match Holder::open(self.target(), self.ground.wait, hold).await {
            Ok(holder) => Ok(Some(holder)),
            // What it wants to lock is locked, by segue or by the statement.
            Err(RehearseError::Postgres(Error::Server(_))) => Ok(None),
            Err(error) => Err(error),
        };
        let control = self.control().await?;
        let mut phases = Vec::new();
        let mut holder = open().await?;
        self.proxy.go_on();
        while let Some(current) = &holder {
            let phase = current.holds_up(&control, pid).await?;
            let Some(phase) = phase else { break };
            phases.push(phase);
            if nth == Some(phases.len()) {
                break;
            }
            let next = open().await?;
            if let Some(last) = std::mem::replace(&mut holder, next) {
                last.close().await;
            }
        }
        control.close().await;
        Ok((phases, holder))
    }

    /// Runs `segue up`, undisturbed but for others that hold up each of its
    /// concurrent statements; the phases in which those wait.
    pub(super) async fn probe(&mut self, hold: Hold) -> Result<Vec<(Spot, Wait)>, RehearseError> {
        self.proxy.trap_concurrent();
        let mut found = Vec::new();
        let mut segue = self.start()?;
        loop {
            let sprung = tokio::select! {
                status = segue.wait() => {
                    status.map_err(RehearseError::Process)?;
                    return Ok(found);
                }
                sprung = self.proxy.sprung() => sprung,
            };
            if let Some(pid) = sprung.backend {
                let spot = sprung.spot;
                let (phases, holder) = self.climb(hold, None, pid).await?;
                if let Some(holder) = holder {
                    holder.close().await;
                }
                for (index, phase) in phases.into_iter().enumerate() {
                    let nth = index + 1;
                    found.push((spot.clone(), Wait { hold, nth, phase }));
                }
            }
            self.proxy.go_on();
        }
    }
}

fn throwaway(server: &Server) -> &Throwaway {
    server.throwaway().expect("torture starts its own servers")
}
