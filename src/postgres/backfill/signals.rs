//! One look at all that a backfill may have to wait for: catalogs, the user's
//! query and the flag file → [`Reading`].

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::backfill::throttle::{
    Answer, Archive, Limits, Reading, Standby, Unseen, Vacuum, Vacuums,
};
use crate::files;
use crate::postgres::{Error, Failure, Session, Table, Target, TextRow, column};

/// Where the batches run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Oid of the table.
    pub relation: u32,
    /// Process of the session that runs the batches.
    pub pid: i32,
    /// When its server was started, and whether that is a standby: who names
    /// several hosts may get another one each time.
    server: String,
}

impl Place {
    /// That of `session`, which works on the table with this oid.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn of(session: &Session, relation: u32) -> Result<Self, Error> {
        Ok(Self {
            relation,
            pid: session.backend().pid,
            server: Sight::of(session).await?.server,
        })
    }
}

/// Which server it is, and how much of it a role may see.
#[derive(Debug)]
struct Sight {
    /// Other roles' sessions, standbys and vacuums in full.
    all: bool,
    /// The folder in which files wait for the archive.
    archive: bool,
    server: String,
}

impl Sight {
    async fn of(session: &Session) -> Result<Self, Error> {
        let rows = session.query(include_str!("signals/sight.sql")).await?;
        let row = rows
            .first()
            .ok_or_else(|| Error::protocol("no row of rights"))?;
        let is = |index: usize| Ok::<_, Error>(column::<String>(row, index)? == "t");
        Ok(Self {
            all: is(0)?,
            archive: is(1)?,
            server: column(row, 2)?,
        })
    }
}

/// Bounds of a session that looks.
const BOUNDS: &str = "SET default_transaction_read_only = on; SET statement_timeout = '5s'; SET lock_timeout = '1s'; SET idle_in_transaction_session_timeout = '10s'";

/// A session that looks at what its limits ask for.
///
/// It is not the one that runs the batches, since who waits for a batch is seen
/// only while it runs. The catalog query is planned once: that takes ten times
/// as long as to run it.
#[derive(Debug)]
pub struct Looker {
    session: Session,
    limits: Limits,
    sight: Sight,
}

impl Looker {
    /// Connects to `target`, once.
    ///
    /// # Errors
    /// [`Error::Connect`], as [`Session::execute`]; [`Error::Protocol`] if it
    /// is not the server of `place`.
    pub async fn open(target: &Target, limits: &Limits, place: &Place) -> Result<Self, Error> {
        let session = Session::connect(target, Duration::ZERO).await?;
        session.execute(BOUNDS).await?;
        let sight = Sight::of(&session).await?;
        if sight.server != place.server {
            return Err(Error::protocol("another server than that of the batches"));
        }
        let prepare = format!("PREPARE segue_look AS {}", sql(limits, place, &sight));
        session.execute(&prepare).await?;
        Ok(Self {
            session,
            limits: limits.clone(),
            sight,
        })
    }

    /// One look: the catalogs, the user's query in a transaction of its own,
    /// the flag file.
    ///
    /// # Errors
    /// As [`Session::execute`]; then it is of no use any more. That the user's
    /// query fails is an [`Answer`].
    pub async fn look(&self) -> Result<Reading, Error> {
        let rows = self.session.query("EXECUTE segue_look").await?;
        let row = rows
            .first()
            .ok_or_else(|| Error::protocol("no row of signals"))?;
        let mut reading = reading(row, &self.limits, &self.sight)?;
        if let Some(query) = &self.limits.query {
            reading.query = Some(ask(&self.session, query).await?);
        }
        if let Some(path) = self.limits.flag_file.clone() {
            // A network's file system may take its time.
            let look = tokio::task::spawn_blocking(move || files::flag::look(&path));
            let answer = look.await;
            reading.flag = Some(answer.unwrap_or_else(|error| Answer::failed(&error.to_string())));
        }
        Ok(reading)
    }
}

/// The catalog query: a column for each thing to look at, NULL where `limits`
/// do not ask.
fn sql(limits: &Limits, place: &Place, sight: &Sight) -> String {
    let folder = if sight.archive {
        include_str!("signals/archive_folder.sql")
    } else {
        "SELECT NULL::pg_catalog.int8 AS waiting, NULL::pg_catalog.timestamptz AS failing_since"
    };
    let position = "SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_wal_flush_lsn() - '0/0' END";
    let follows_wal = limits.replication_lag.is_some() || limits.wal_rate.is_some();
    let columns = [
        (follows_wal, position),
        (
            limits.replication_lag.is_some(),
            include_str!("signals/standbys.sql"),
        ),
        (
            limits.archive_backlog.is_some(),
            include_str!("signals/archive.sql"),
        ),
        (
            limits.lock_waiters.is_some(),
            include_str!("signals/waiters.sql"),
        ),
        (
            limits.vacuum != Vacuums::Never,
            include_str!("signals/vacuums.sql"),
        ),
        (
            limits.running_queries.is_some(),
            include_str!("signals/running.sql"),
        ),
    ];
    let columns = columns.map(|(is_asked, sql)| if is_asked { sql } else { "NULL" });
    format!("SELECT ({})", columns.join("),\n(\n"))
        .replace(":folder", folder)
        .replace(":relation", &place.relation.to_string())
        .replace(":pid", &place.pid.to_string())
        .replace(":sees_all", &sight.all.to_string())
}

#[derive(Deserialize)]
struct Follower {
    application: String,
    address: String,
    is_seen: bool,
    replayed: Option<u64>,
    lag: Option<f64>,
}

#[derive(Deserialize)]
struct Archived {
    waiting: Option<u64>,
    failing: Option<String>,
    failing_for: Option<f64>,
}

#[derive(Default, Deserialize)]
struct Waiters {
    all: u64,
    blocked: u64,
}

#[derive(Deserialize)]
struct Vacuumed {
    relation: String,
    is_to_prevent_wraparound: bool,
}

fn reading(row: &TextRow, limits: &Limits, sight: &Sight) -> Result<Reading, Error> {
    let followers: Vec<Follower> = json(row, 1)?.unwrap_or_default();
    let archive: Option<Archived> = json(row, 2)?;
    let waiters: Waiters = json(row, 3)?.unwrap_or_default();
    let vacuums: Vec<Vacuumed> = json(row, 4)?.unwrap_or_default();
    let mut unseen = Vec::new();
    if followers
        .iter()
        .any(|one| !one.is_seen && !limits.ignores(&one.application))
    {
        unseen.push(Unseen::Standbys);
    }
    if archive.is_some() && !sight.archive {
        unseen.push(Unseen::Archive);
    }
    if limits.running_queries.is_some() && !sight.all {
        unseen.push(Unseen::Sessions);
    }
    let vacuums = vacuums.into_iter().map(|one| Vacuum {
        relation: one.relation,
        is_to_prevent_wraparound: one.is_to_prevent_wraparound,
    });
    Ok(Reading {
        wal_bytes: json(row, 0)?,
        standbys: standbys(followers),
        archive: archive.map(|archive| Archive {
            waiting: archive.waiting,
            failing: archive.failing,
            failing_for: archive.failing_for.map(seconds),
        }),
        blocked: waiters.blocked,
        waiters: waiters.all.saturating_sub(waiters.blocked),
        vacuums: vacuums.collect(),
        running: json(row, 5)?.unwrap_or_default(),
        query: None,
        flag: None,
        unseen,
    })
}

/// Those that are seen, with the address where a name stands for several.
fn standbys(followers: Vec<Follower>) -> Vec<Standby> {
    let names: Vec<String> = followers
        .iter()
        .map(|one| one.application.clone())
        .collect();
    let is_shared = |name: &str| names.iter().filter(|other| *other == name).count() > 1;
    let seen = followers.into_iter().filter(|one| one.is_seen);
    let standby = |one: Follower| Standby {
        name: match one.application.as_str() {
            "" => one.address,
            name if is_shared(name) => format!("{name} ({})", one.address),
            name => name.to_owned(),
        },
        application: one.application,
        replayed: one.replayed,
        lag: one.lag.map(seconds),
    };
    seen.map(standby).collect()
}

/// None where a clock was set back in between.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Column `index`, `None` where it is NULL.
fn json<T: DeserializeOwned>(row: &TextRow, index: usize) -> Result<Option<T>, Error> {
    let Some(text) = row.get(index).and_then(Option::as_deref) else {
        return Ok(None);
    };
    let value = serde_json::from_str(text);
    value
        .map(Some)
        .map_err(|error| Error::Protocol(format!("a column of signals: {error}")))
}

/// Begins the transaction of the user's query.
const BEGIN: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = '1s'";

/// What the user's query says.
async fn ask(session: &Session, query: &str) -> Result<Answer, Error> {
    session.execute(BEGIN).await?;
    let asked = session.table(query).await;
    let answer = match asked {
        Ok(table) => answer(&table),
        Err(error) if error.failure() == Failure::ConnectionLost => return Err(error),
        Err(error) => Answer::failed(&error.to_string()),
    };
    session.execute("ROLLBACK").await?;
    Ok(answer)
}

fn answer(table: &Table) -> Answer {
    match table.rows.as_slice() {
        [row] if row.len() == 1 => Answer::of_value(row[0].as_deref()),
        [row] => Answer::failed(&format!(
            "{} columns, and one is to say whether to wait",
            row.len()
        )),
        rows => Answer::failed(&format!(
            "{} rows, and one is to say whether to wait",
            rows.len()
        )),
    }
}
