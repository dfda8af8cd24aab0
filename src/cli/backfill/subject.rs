//! Which backfill is meant, and all that is known of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::backfill::standing::SetAside;
use crate::backfill::{Backfill, Standing};
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::outcome::Outcome;
use crate::cli::report::Report;
use crate::history::{History, Progress};
use crate::migration::{Migration, Name};
use crate::postgres::ledger::{Ledger, Wish};
use crate::postgres::standby::Standby;
use crate::postgres::{Session, Target};
use crate::text::{names, nearest};

/// What a database and a folder know of backfills.
pub(super) struct Known {
    target: Target,
    owner: Option<String>,
    /// `None` while the server is away.
    link: Option<Link>,
    pub project: String,
    /// Those of the folder, by name.
    pub migrations: Vec<Migration>,
    pub history: History,
    /// Those that have begun, by their files' names of today.
    pub standings: BTreeMap<Name, Standing>,
    /// There, locks of the primary cannot be seen.
    pub is_standby: bool,
}

/// A connection, and what was found there.
struct Link {
    session: Session,
    ledger: Ledger,
}

/// One backfill.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// Its file.
    pub name: Name,
    /// Its name in the ledger, which follows the file's with the next run.
    pub recorded: Name,
    /// What the file says; `None` if there is none any more, or it is none any
    /// more.
    pub directive: Option<Backfill>,
    /// How far it is; `None` before it has begun.
    pub standing: Option<Standing>,
    /// Who runs it, and what came of it.
    pub course: Course,
}

/// Where a backfill stands, locks included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// Not begun.
    Pending,
    /// By the session with this pid, which a standby does not know.
    Running(Option<i32>),
    /// Its runner is gone.
    Interrupted,
    /// Ended with this error.
    Failed(String),
    /// Done.
    Applied,
    /// Given up.
    Abandoned,
}

impl Course {
    /// Whether there is something left to do.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self, Self::Applied | Self::Abandoned)
    }

    /// One word.
    pub(crate) fn state(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running(_) => "running",
            Self::Interrupted => "interrupted",
            Self::Failed(_) => "failed",
            Self::Applied => "applied",
            Self::Abandoned => "abandoned",
        }
    }

    /// Who runs it now.
    pub(crate) fn pid(&self) -> Option<i32> {
        match self {
            Self::Running(pid) => *pid,
            _ => None,
        }
    }

    /// With what it ended.
    pub(crate) fn error(&self) -> Option<&str> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl Known {
    /// Connects and reads; writes nothing.
    pub(super) async fn read(context: &Context, report: &mut Report) -> Result<Self, Error> {
        report.notes(context.notices());
        let mut known = Self {
            target: context.target(report)?,
            owner: context.owner(),
            link: None,
            project: context.project(),
            migrations: context.valid_migrations(report)?,
            history: History::default(),
            standings: BTreeMap::new(),
            is_standby: false,
        };
        let session = Session::connect(&known.target, context.connect_wait()).await?;
        known.follow(session).await?;
        known.reread().await?;
        Ok(known)
    }

    async fn follow(&mut self, session: Session) -> Result<(), Error> {
        let ledger = Ledger::find(&session, &self.project, self.owner.as_deref()).await?;
        self.link = Some(Link { session, ledger });
        Ok(())
    }

    /// Reads again what may have changed, over a new connection if need be.
    pub(super) async fn reread(&mut self) -> Result<(), Error> {
        if self.link.as_ref().is_none_or(|link| link.session.is_lost()) {
            self.link = None;
            let session = Session::connect(&self.target, Duration::ZERO).await?;
            self.follow(session).await?;
        }
        let Link { session, ledger } = self.link()?;
        // Locks come first in a history: who ends meanwhile is seen as ended.
        let mut history = ledger.history(session).await?;
        let mut standings = ledger.standings(session).await?;
        let is_standby = Standby::look(session).await?.is_some();
        history.follow(&self.project, &self.migrations);
        for renamed in &history.renamed {
            if let Some(standing) = standings.remove(&renamed.from) {
                standings.insert(renamed.to.clone(), standing);
            }
        }
        self.history = history;
        self.standings = standings;
        self.is_standby = is_standby;
        Ok(())
    }

    fn link(&self) -> Result<&Link, Error> {
        let link = self.link.as_ref();
        link.ok_or_else(|| Error::new(Outcome::Failed, "the connection to the server was lost"))
    }

    /// Whether there is no connection now: another one may be had later.
    pub(super) fn is_away(&self) -> bool {
        self.link.as_ref().is_none_or(|link| link.session.is_lost())
    }

    /// The role that connects.
    pub(super) fn role(&self) -> &str {
        self.target.user()
    }

    /// Rows that it has set aside, the oldest first.
    pub(super) async fn set_aside(&self, subject: &Subject) -> Result<Vec<SetAside>, Error> {
        let Link { session, ledger } = self.link()?;
        Ok(ledger.set_aside(session, &subject.recorded).await?)
    }

    /// Writes a wish down, and reads what came of it; whether it changed
    /// anything.
    pub(super) async fn wish(&mut self, subject: &Subject, wish: &Wish) -> Result<bool, Error> {
        let Link { session, ledger } = self.link()?;
        let name = &subject.recorded;
        let changed = match (&subject.standing, &subject.directive) {
            // There is nothing to take back.
            (None, _) if matches!(wish, Wish::Resume | Wish::Rate(None)) => false,
            (None, Some(backfill)) => {
                if !ledger.has_backfills() {
                    return Err(Error::usage(format!("`{name}` has not begun"))
                        .help("`segue up` makes the tables that a wish is written into"));
                }
                ledger.wish_before(session, name, backfill, wish).await?
            }
            _ => ledger.wish(session, name, wish).await?,
        };
        self.reread().await?;
        Ok(changed)
    }

    /// Ends the connection in good order.
    pub(super) async fn close(self) {
        if let Some(link) = self.link {
            link.session.close().await;
        }
    }

    /// All backfills that the folder or the ledger has, by name.
    pub(super) fn all(&self) -> Vec<Subject> {
        let files = self.migrations.iter();
        let files = files.filter(|migration| migration.backfill.is_some());
        let names: BTreeSet<&Name> = files
            .map(|migration| &migration.name)
            .chain(self.standings.keys())
            .collect();
        names.into_iter().map(|name| self.subject(name)).collect()
    }

    /// Those that are neither applied nor given up.
    pub(super) fn open(&self) -> Vec<Subject> {
        let all = self.all().into_iter();
        all.filter(|one| one.course.is_open()).collect()
    }

    fn subject(&self, name: &Name) -> Subject {
        let file = self.migrations.iter().find(|one| one.name == *name);
        let mut renamed = self.history.renamed.iter();
        let recorded = renamed.find(|one| one.to == *name);
        Subject {
            name: name.clone(),
            recorded: recorded.map_or_else(|| name.clone(), |one| one.from.clone()),
            directive: file.and_then(|file| Some(file.backfill.as_ref()?.value.clone())),
            standing: self.standings.get(name).cloned(),
            course: match self.history.progress(&self.project, name) {
                Progress::Pending => Course::Pending,
                Progress::Running(pid) => Course::Running(Some(pid)),
                // Locks of the primary cannot be seen: it may well run.
                Progress::Interrupted if self.is_standby => Course::Running(None),
                Progress::Interrupted => Course::Interrupted,
                Progress::Failed(error) => Course::Failed(error),
                Progress::Applied => Course::Applied,
                Progress::Abandoned => Course::Abandoned,
            },
        }
    }

    /// The one that is called so, or the only one that is open.
    pub(super) fn one(&self, name: Option<&str>) -> Result<Subject, Error> {
        match name {
            Some(name) => self.named(&Name::new(name)),
            None => self.only(),
        }
    }

    fn only(&self) -> Result<Subject, Error> {
        let mut open = self.open();
        match open.len() {
            0 => Err(Error::usage("no backfill is open")
                .help("`segue status -v` lists the migrations, `segue backfill status NAME` tells of one that has ended")),
            1 => Ok(open.remove(0)),
            _ => Err(Error::usage(format!(
                "several backfills are open: {}",
                names(open.iter().map(|one| &one.name))
            ))
            .help("name the one that is meant")),
        }
    }

    fn named(&self, name: &Name) -> Result<Subject, Error> {
        let all = self.all();
        if let Some(subject) = all.iter().find(|one| one.name == *name) {
            return Ok(subject.clone());
        }
        if self.migrations.iter().any(|one| one.name == *name)
            || self.history.records.contains_key(name)
        {
            return Err(Error::usage(format!("`{name}` is no backfill"))
                .help("`segue status` tells how far other migrations are"));
        }
        let error = Error::usage(format!("no backfill is named `{name}`"));
        let known = all.iter().map(|one| one.name.as_str());
        Err(match nearest(name.as_str(), known) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None if all.is_empty() => error.help("neither the folder nor the ledger has any"),
            None => error.help(format!(
                "there is {}",
                names(all.iter().map(|one| &one.name))
            )),
        })
    }
}
