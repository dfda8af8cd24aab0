//! The server that states are visited on, and the databases on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use super::{Place, Stage, VisitError, kept};
use crate::apply::script;
use crate::postgres::scratch::Scratch;
use crate::postgres::target::Environment;
use crate::postgres::throwaway::kept::Kept;
use crate::postgres::throwaway::watch::Watch;
use crate::postgres::throwaway::{self, Throwaway};
use crate::postgres::{Error, Session, Target, database, ident, role};
use crate::visit::{Fingerprint, State};

/// Where the SQL file runs that comes first, and the model is copied from.
const FIRST: &str = "postgres";

/// A database that nobody copies, to be connected to.
const CONTROL: &str = "template1";

/// What our own statements need.
const CONTROL_SETTINGS: &str = "\
    SET default_transaction_read_only = off; \
    SET statement_timeout = 0; \
    SET lock_timeout = 0; \
    SET idle_session_timeout = 0";

/// The state without any migration, on a server of ours.
const MODEL: &str = "segue_model";

/// What names of templates start with; 32 hexadecimal digits follow.
const STATE_PREFIX: &str = "segue_state_";

/// What names of visitors' databases start with; a number follows.
const VISIT_PREFIX: &str = "segue_visit_";

/// Templates that are kept for later runs, those used last, and their bytes.
const TEMPLATES_MAX: usize = 200;
const TEMPLATES_BYTES_MAX: u64 = 4 << 30;

/// How to make databases; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Access {
    control: Target,
    wait: Duration,
    is_own: bool,
    made: Arc<AtomicUsize>,
    watch: Option<Watch>,
}

/// A database that somebody works in.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) target: Target,
    access: Access,
    scratch: Option<Scratch>,
}

/// A server, and what is put away on it.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) access: Access,
    /// What the user should know.
    pub(super) notes: Vec<String>,
    server: Server,
    /// What databases share, as it was when all was well.
    facts: Vec<String>,
    /// Whether that may change: it is a server for one state.
    may_change: bool,
    /// States that are known to change it.
    apart: BTreeSet<String>,
}

#[derive(Debug)]
enum Server {
    /// Stops when it is dropped.
    Own {
        throwaway: Box<Throwaway>,
        templates: BTreeSet<String>,
    },
    /// The user's, with what is put away as long as this lives.
    On(BTreeMap<String, Scratch>),
}

impl Access {
    /// Waits for the end of a server of ours, which comes by itself only if it
    /// fails or is killed; for ever on one of the user's.
    pub(super) async fn ended(&self) -> VisitError {
        match &self.watch {
            Some(watch) => VisitError::Ended {
                log: watch.ended().await,
            },
            None => std::future::pending().await,
        }
    }

    /// A session beside all databases of interest.
    pub(super) async fn control(&self) -> Result<Session, Error> {
        let session = Session::connect(&self.control, self.wait).await?;
        if self.is_own {
            // Whatever a visitor has set for the role.
            session.execute(CONTROL_SETTINGS).await?;
        }
        Ok(session)
    }

    /// Whether the server is one of ours.
    pub(super) fn is_own(&self) -> bool {
        self.is_own
    }

    /// A copy of `model`, to which nobody is connected.
    pub(super) async fn copy(&self, model: &str) -> Result<Database, Error> {
        if !self.is_own {
            let scratch = Scratch::create_as(&self.control, self.wait, Some(model)).await?;
            let control = self.control().await?;
            database::dress(&control, model, scratch.name()).await?;
            control.close().await;
            return Ok(self.scratch(scratch));
        }
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("{VISIT_PREFIX}{number}");
        let control = self.control().await?;
        database::copy(&control, model, &name).await?;
        control.close().await;
        Ok(Database {
            target: self.control.with_database(&name),
            access: self.clone(),
            scratch: None,
        })
    }

    fn scratch(&self, scratch: Scratch) -> Database {
        Database {
            target: scratch.target(),
            access: self.clone(),
            scratch: Some(scratch),
        }
    }
}

impl Database {
    /// How to make more of them.
    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// Removes it, whoever is connected to it.
    pub(super) async fn drop(self) -> Result<(), Error> {
        if let Some(scratch) = self.scratch {
            return scratch.drop().await;
        }
        let control = self.access.control().await?;
        database::drop(&control, self.target.database()).await?;
        control.close().await;
        Ok(())
    }
}

impl Ground {
    /// Starts the server, or reaches the user's. `own`: it is for one state
    /// alone, and migrations may change what its databases share. Blocks.
    pub(super) async fn start(
        stage: &Stage,
        seed: Fingerprint,
        own: Option<Fingerprint>,
    ) -> Result<Self, VisitError> {
        let wait = stage.connect_wait;
        let (options, before, caches) = match &stage.place {
            Place::Throwaway {
                options,
                before,
                caches,
            } => (options, before, caches),
            Place::On(target) => {
                let access = Access {
                    control: Target::clone(target),
                    wait,
                    is_own: false,
                    made: Arc::default(),
                    watch: None,
                };
                return Ok(Self {
                    access,
                    notes: Vec::new(),
                    server: Server::On(BTreeMap::new()),
                    facts: Vec::new(),
                    may_change: true,
                    apart: BTreeSet::new(),
                });
            }
        };
        let key = kept::key(options, seed, own)?;
        let mut notes = Vec::new();
        // The second time it begins anew.
        for _ in 0..2 {
            let kept = if caches.is_empty() {
                None
            } else {
                take(caches, &key, &mut notes)
            };
            let throwaway = match kept {
                None => Throwaway::start(options)?,
                Some(kept) => match Throwaway::start_kept(options, kept) {
                    Ok(throwaway) => throwaway,
                    // What is kept is not that sound, or there is no starting.
                    Err(throwaway::Error::Start(_)) => continue,
                    Err(error) => return Err(error.into()),
                },
            };
            let is_resumed = throwaway.is_resumed();
            let mut ground = Self::on(throwaway, wait, own.is_some());
            ground.notes.append(&mut notes);
            if !is_resumed {
                ground.forget_all();
                ground.prepare(before.as_deref()).await?;
            } else if !ground.is_fit().await.unwrap_or(false) {
                // A visitor may have forbidden even us to connect.
                continue;
            }
            ground.keep_from_now_on();
            return Ok(ground);
        }
        // What is kept there does not come right.
        let mut ground = Self::on(Throwaway::start(options)?, wait, own.is_some());
        ground.prepare(before.as_deref()).await?;
        Ok(ground)
    }

    fn on(throwaway: Throwaway, wait: Duration, may_change: bool) -> Self {
        // Whatever the environment says is of other servers.
        let environment = Environment::default();
        let control = Target::resolve(Some(&throwaway.url(CONTROL)), &environment)
            .expect("the URL is ours")
            .disposable();
        let apart = throwaway.kept().map(Kept::remembered);
        Self {
            access: Access {
                control,
                wait,
                is_own: true,
                made: Arc::default(),
                watch: Some(throwaway.watch()),
            },
            notes: Vec::new(),
            server: Server::Own {
                throwaway: Box::new(throwaway),
                templates: BTreeSet::new(),
            },
            facts: Vec::new(),
            may_change,
            apart: apart.unwrap_or_default(),
        }
    }

    /// Gives a new server what `[throwaway]` says, and makes the model.
    async fn prepare(&mut self, before: Option<&std::path::Path>) -> Result<(), VisitError> {
        let first = self.access.control.with_database(FIRST);
        if let Some(before) = before {
            script::run(&first, self.access.wait, before).await?;
        }
        let control = self.access.control().await?;
        // PostgreSQL comments on its first database, and no other one has that.
        let uncomment = format!("COMMENT ON DATABASE {} IS NULL", ident(FIRST));
        control.execute(&uncomment).await?;
        let name = format!("{VISIT_PREFIX}0");
        database::copy(&control, FIRST, &name).await?;
        database::put_away(&control, &name, MODEL).await?;
        control.close().await;
        self.facts = self.look().await?;
        self.note_facts();
        Ok(())
    }

    /// Whether what an earlier run has left is what it says. Databases that are
    /// no templates are dropped: a visitor was killed, or has made them.
    async fn is_fit(&mut self) -> Result<bool, VisitError> {
        let Server::Own {
            throwaway,
            templates,
        } = &mut self.server
        else {
            return Ok(true);
        };
        self.facts = throwaway.kept().map(Kept::noted).unwrap_or_default();
        let control = self.access.control().await?;
        let mut has_model = false;
        for name in database::names(&control).await? {
            if name == MODEL {
                has_model = true;
            } else if name.starts_with(STATE_PREFIX) {
                templates.insert(name);
            }
        }
        control.close().await;
        self.heal(true).await?;
        Ok(has_model && self.is_as_it_was().await)
    }

    /// What databases share, and what is in those that nobody visits.
    async fn look(&self) -> Result<Vec<String>, Error> {
        let mut facts = Vec::new();
        for name in [FIRST, CONTROL] {
            let target = self.access.control.with_database(name);
            let session = Session::connect(&target, self.access.wait).await?;
            facts.push(database::catalogs(&session).await?);
            if name == CONTROL {
                facts.extend(role::shared(&session).await?);
                facts.extend(database::system_settings(&session).await?);
            }
            session.close().await;
        }
        facts.sort();
        Ok(facts)
    }

    /// Whether no visitor of a server of ours has left anything.
    pub(super) async fn is_as_it_was(&self) -> bool {
        let look = async {
            let control = self.access.control().await?;
            let names = database::names(&control).await?;
            control.close().await;
            let is_known = names.iter().all(|name| is_known(name) || is_visitor(name));
            Ok::<_, Error>(is_known && self.look().await? == self.facts)
        };
        look.await.unwrap_or_else(|error| {
            tracing::debug!(%error, "a server of ours cannot be looked at");
            false
        })
    }

    /// Takes away what visitors have left on a server of ours, where that can
    /// be done: roles, settings, and, if nobody is there, databases.
    pub(super) async fn heal(&self, is_empty: bool) -> Result<(), VisitError> {
        if let Server::On(_) = self.server {
            return Ok(());
        }
        let control = self.access.control().await?;
        let mut statements = Vec::new();
        if !database::system_settings(&control).await?.is_empty() {
            statements.extend(database::RESET_SYSTEM.map(ToOwned::to_owned));
        }
        for name in database::names(&control).await? {
            if is_empty && !is_known(&name) {
                statements.push(format!("DROP DATABASE {} WITH (FORCE)", ident(&name)));
            }
        }
        let now = role::shared(&control).await?;
        statements.extend(kept::strange_settings(&self.facts, &now));
        // What a role owns or may do is in databases that are gone.
        let roles = kept::strange_roles(&self.facts, &now).into_iter();
        statements.extend(roles.map(|name| format!("DROP ROLE {name}")));
        for statement in statements {
            // If it is not done, nothing of this is used again.
            if let Err(error) = control.execute(&statement).await {
                tracing::debug!(statement, %error, "something that was left stays");
            }
        }
        control.close().await;
        Ok(())
    }

    /// From now on the server's data outlives it, if it is to at all.
    fn keep_from_now_on(&mut self) {
        if let Server::Own { throwaway, .. } = &mut self.server
            && let Err(error) = throwaway.keep()
        {
            tracing::debug!(%error, "nothing is kept");
        }
    }

    fn forget_all(&self) {
        if let Server::Own { throwaway, .. } = &self.server
            && let Some(kept) = throwaway.kept()
        {
            kept.forget_all();
        }
    }

    fn note_facts(&self) {
        if let Server::Own { throwaway, .. } = &self.server
            && let Some(kept) = throwaway.kept()
            // Else the next run finds other facts than are noted.
            && let Err(error) = kept.note(&self.facts)
        {
            tracing::debug!(%error, "nothing is kept");
        }
    }

    /// The database of the state without any migration.
    pub(super) async fn model(&mut self) -> Result<String, VisitError> {
        let Server::On(templates) = &mut self.server else {
            return Ok(MODEL.to_owned());
        };
        if let Some(scratch) = templates.get(MODEL) {
            return Ok(scratch.name().to_owned());
        }
        let scratch = Scratch::create(&self.access.control, self.access.wait).await?;
        let name = scratch.name().to_owned();
        templates.insert(MODEL.to_owned(), scratch);
        Ok(name)
    }

    /// The database of a state that is put away.
    pub(super) fn find(&self, fingerprint: Fingerprint) -> Option<String> {
        let name = template_name(fingerprint);
        match &self.server {
            Server::Own { templates, .. } => templates.contains(&name).then_some(name),
            Server::On(templates) => templates.get(&name).map(|one| one.name().to_owned()),
        }
    }

    /// That a state is used now.
    pub(super) fn used(&self, fingerprint: Fingerprint, state: &State) {
        if let Server::Own { throwaway, .. } = &self.server
            && let Some(kept) = throwaway.kept()
        {
            kept.used(&template_name(fingerprint), &state.to_string());
        }
    }

    /// Whether a state is known to change what databases share.
    pub(super) fn is_apart(&self, fingerprint: Fingerprint) -> bool {
        !self.may_change && self.apart.contains(&template_name(fingerprint))
    }

    /// Puts a database away as that of a state; its name there. `None` if on
    /// the way something has changed that databases share, apart from `roles`,
    /// which segue has made: it is dropped then, and the state remembered.
    pub(super) async fn keep(
        &mut self,
        work: Database,
        fingerprint: Fingerprint,
        roles: &BTreeSet<String>,
    ) -> Result<Option<String>, VisitError> {
        let name = template_name(fingerprint);
        let (throwaway, templates) = match &mut self.server {
            Server::Own {
                throwaway,
                templates,
            } => (throwaway, templates),
            Server::On(templates) => {
                let Some(scratch) = work.scratch else {
                    return Ok(None);
                };
                let database = scratch.name().to_owned();
                templates.insert(name, scratch);
                return Ok(Some(database));
            }
        };
        let control = self.access.control().await?;
        // Migrations are connected to their own database.
        let mut now = role::shared(&control).await?;
        let others = self.facts.iter();
        now.extend(others.filter(|fact| !role::is_shared(fact)).cloned());
        now.sort();
        if !self.may_change && !is_same(&self.facts, &now, roles) {
            control.close().await;
            if let Some(kept) = throwaway.kept() {
                kept.remember(&name);
            }
            self.apart.insert(name);
            work.drop().await?;
            self.heal(false).await?;
            return Ok(None);
        }
        database::put_away(&control, work.target.database(), &name).await?;
        control.close().await;
        templates.insert(name.clone());
        self.facts = now;
        self.note_facts();
        Ok(Some(name))
    }

    /// Ends it: drops what is not kept, and stops a server of ours.
    pub(super) async fn end(mut self) -> Result<(), VisitError> {
        if let Server::On(templates) = self.server {
            for (_, scratch) in templates {
                scratch.drop().await?;
            }
            return Ok(());
        }
        self.trim().await
    }

    /// Drops the templates that were used least lately, beyond what may stay.
    async fn trim(&mut self) -> Result<(), VisitError> {
        let Server::Own {
            throwaway,
            templates,
        } = &mut self.server
        else {
            return Ok(());
        };
        let Some(kept) = throwaway.kept() else {
            return Ok(());
        };
        let control = self.access.control().await?;
        let mut newest: Vec<(Option<SystemTime>, &String)> = templates
            .iter()
            .map(|name| (kept.used_at(name), name))
            .collect();
        newest.sort_by(|one, other| other.cmp(one));
        let mut bytes = 0;
        for (index, (_, name)) in newest.into_iter().enumerate() {
            bytes += database::size(&control, name).await?;
            if index >= TEMPLATES_MAX || bytes > TEMPLATES_BYTES_MAX {
                database::drop(&control, name).await?;
                kept.forget(name);
            }
        }
        control.close().await;
        Ok(())
    }
}

fn template_name(fingerprint: Fingerprint) -> String {
    format!("{STATE_PREFIX}{:.32}", fingerprint.to_string())
}

/// The folder of a server's data, if one can be had; why not is noted.
fn take(caches: &[std::path::PathBuf], key: &str, notes: &mut Vec<String>) -> Option<Kept> {
    match Kept::take(caches, key) {
        Ok(kept) => {
            if kept.is_none() {
                // That will be over, and there is nothing for the user to do.
                tracing::debug!("other runs use all data that is kept");
            }
            kept
        }
        Err(failure) => {
            notes.push(format!(
                "states are made anew for this run: {failure}; SEGUE_CACHE_DIR names another folder"
            ));
            None
        }
    }
}

/// Whether a database is to stay from run to run.
fn is_known(name: &str) -> bool {
    name == MODEL || name.starts_with(STATE_PREFIX)
}

/// Whether somebody is at work in it, or its state is being made.
fn is_visitor(name: &str) -> bool {
    name.starts_with(VISIT_PREFIX)
}

/// Whether databases share the same as before, but for roles that segue made.
fn is_same(before: &[String], after: &[String], roles: &BTreeSet<String>) -> bool {
    let is_ours = |fact: &&String| {
        let mut names = roles.iter();
        names.any(|name| {
            [name.clone(), ident(name)]
                .iter()
                .any(|name| fact.starts_with(&format!("role {name} ")))
        })
    };
    let before: BTreeSet<&String> = before.iter().collect();
    let after: BTreeSet<&String> = after.iter().collect();
    before.is_subset(&after) && after.difference(&before).all(is_ours)
}
