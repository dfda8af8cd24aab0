//! A snapshot, and later again, in a transaction with locks, only what has
//! changed since.
//!
//! [`Baseline::read`] keeps beside the snapshot which catalog rows each object
//! was made of. [`changed`] compares that with the catalogs as they are, finds
//! what else has the names of what changed in its text, and reads only that.
//! The three SQL files say why this is enough.

use std::collections::{BTreeMap, BTreeSet};

use super::template::{self, ALWAYS, Scope};
use super::torn::{Readings, Seen};
use super::{Arriving, Entity, QUERIES, Reading, SETTINGS, looking, read_here};
use crate::postgres::{Error, Rows, Session, column, literal};
use crate::schema::ObjectId;

/// Kind and oid to name.
type Everywhere = BTreeMap<(String, u32), String>;

/// A row of a catalog: oid of the catalog and its own.
type Node = (u32, u32);

/// The schema before a change.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// What there was.
    pub reading: Reading,
    /// What objects were made of, as a hash.
    listing: BTreeMap<Node, i64>,
    /// Their names, as a hash; not of every catalog.
    names: BTreeMap<Node, i64>,
    /// What is, or matters, in the text of any object.
    everywhere: Everywhere,
    /// The oldest transaction under way then: each one before it was over.
    since: String,
    /// The catalogs that objects are in, by oid.
    catalogs: BTreeMap<u32, &'static str>,
}

/// The schema after a change.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    /// All that there is now.
    pub reading: Reading,
    /// What was read again, or is gone; the other objects are as they were.
    pub again: BTreeSet<ObjectId>,
}

impl Baseline {
    /// Reads everything in one repeatable-read, read-only transaction; the
    /// session must not be in one.
    ///
    /// # Errors
    /// [`Error::Server`], [`Error::Lost`].
    pub async fn read(session: &Session) -> Result<Self, Error> {
        let mut readings = Readings::alone();
        loop {
            if let Some(done) = readings.settle(Self::read_once(session).await).await {
                return done;
            }
        }
    }

    async fn read_once(session: &Session) -> Result<Seen<Self>, Error> {
        looking(session, async {
            let since = session
                .value("SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::pg_catalog.xid")
                .await?
                .ok_or_else(|| Error::protocol("no snapshot"))?;
            let catalogs = session.rows(&catalogs_sql()).await?;
            let everywhere = session.rows(EVERYWHERE).await?;
            let listing = session.rows(&listing_sql(session, &since)).await?;
            let names = session.rows(&names_sql(|_| ">= 1".to_owned())).await?;
            let arriving = read_here(session, &Scope::All).await?;
            let catalogs = catalogs_of(catalogs).await?;
            let everywhere = everywhere_of(everywhere).await?;
            let listing = hashes_of(listing).await?;
            let names = hashes_of(names).await?;
            let (reading, is_torn) = arriving.assemble().await?;
            let baseline = Self {
                reading,
                listing,
                names,
                everywhere,
                since,
                catalogs,
            };
            Ok((baseline, is_torn))
        })
        .await
    }
}

/// The schema as it is now for the session, which is in a transaction: other
/// sessions' changes that are not committed do not count, its own do.
///
/// What is rendered is read only where something has changed, or names of
/// changed things are in it, so that locks of others on something else do not
/// matter. The transaction's settings and locks are as before afterwards, also
/// after an error of the server.
///
/// # Errors
/// [`Error::Server`], a lock timeout for example; the transaction can go on.
/// [`Error::Lost`].
pub async fn changed(session: &Session, baseline: &Baseline) -> Result<Changed, Error> {
    let mut readings = Readings::default();
    loop {
        if let Some(done) = readings.settle(changed_once(session, baseline).await).await {
            return done;
        }
    }
}

async fn changed_once(session: &Session, baseline: &Baseline) -> Result<Seen<Changed>, Error> {
    let entered = enter(session).await?;
    let sent = async {
        let everywhere = session.rows(EVERYWHERE).await?;
        let listing = session.rows(&listing_sql(session, &baseline.since)).await?;
        settled(entered).await?;
        let scope = baseline.scope(session, everywhere, listing).await?;
        let only = scope.as_ref().map_or(&Scope::All, |(scope, _)| scope);
        Ok((read_here(session, only).await?, scope))
    }
    .await;
    leave(session, sent, |(arriving, scope)| {
        baseline.changed(arriving, scope)
    })
    .await
}

/// Reads everything for a session in a transaction, which is as before
/// afterwards as with [`changed`]; but this waits for whoever has locked
/// anything.
///
/// # Errors
/// As [`changed`].
pub async fn read_within(session: &Session) -> Result<Reading, Error> {
    let mut readings = Readings::default();
    loop {
        if let Some(done) = readings.settle(read_within_once(session).await).await {
            return done;
        }
    }
}

async fn read_within_once(session: &Session) -> Result<Seen<Reading>, Error> {
    let entered = enter(session).await?;
    let sent = async {
        settled(entered).await?;
        read_here(session, &Scope::All).await
    }
    .await;
    leave(session, sent, Arriving::assemble).await
}

/// Sends what makes a transaction ready for reading.
async fn enter(session: &Session) -> Result<[Rows<'_>; 2], Error> {
    let savepoint = session.rows(&format!("SAVEPOINT {SAVEPOINT}")).await?;
    Ok([savepoint, session.rows(SETTINGS).await?])
}

/// Waits until that is done.
async fn settled(entered: [Rows<'_>; 2]) -> Result<(), Error> {
    for rows in entered {
        rows.finish().await?;
    }
    Ok(())
}

/// Goes back to how the transaction was, without waiting for the rows that
/// still come in.
async fn leave<S, T, F: Future<Output = Result<T, Error>>>(
    session: &Session,
    sent: Result<S, Error>,
    finish: impl FnOnce(S) -> F,
) -> Result<T, Error> {
    let back = session
        .rows(&format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}"))
        .await?;
    let released = session
        .rows(&format!("RELEASE SAVEPOINT {SAVEPOINT}"))
        .await?;
    let finished = match sent {
        Ok(sent) => finish(sent).await,
        Err(error) => Err(error),
    };
    let back = back.finish().await;
    let released = released.finish().await;
    let finished = finished?;
    back.and(released)?;
    Ok(finished)
}

/// Marks where [`changed`] began.
const SAVEPOINT: &str = "segue_changed";

/// What the text of any object may depend on. Ordinary roles may read the view.
///
/// Operators are rendered with or without their namespace, as the parser would
/// find them or not, and implicit casts let it find others.
const EVERYWHERE: &str = "\
SELECT 'role', oid, rolname FROM pg_catalog.pg_roles \
UNION ALL SELECT 'tablespace', oid, spcname FROM pg_catalog.pg_tablespace \
UNION ALL SELECT 'cast', oid, xmin::pg_catalog.text FROM pg_catalog.pg_cast \
WHERE castcontext = 'i' AND oid >= 16384";

/// Beyond this share of all objects, everything is read.
const SHARE_MAX: usize = 2;

impl Baseline {
    /// What is to be read again, and which objects are gone; `None` for
    /// everything.
    async fn scope(
        &self,
        session: &Session,
        everywhere: Rows<'_>,
        listing: Rows<'_>,
    ) -> Result<Option<(Scope, BTreeSet<Entity>)>, Error> {
        let everywhere = everywhere_of(everywhere).await?;
        let listing = hashes_of(listing).await?;
        // A new role or one that is gone is named nowhere else.
        let is_other = |(key, name): (&(String, u32), &String)| match everywhere.get(key) {
            Some(now) => now != name,
            None => key.0 == "cast",
        };
        let is_new = |key: &(String, u32)| key.0 == "cast" && !self.everywhere.contains_key(key);
        if self.everywhere.iter().any(is_other) || everywhere.keys().any(is_new) {
            return Ok(None);
        }
        let changed: BTreeSet<Node> = listing
            .iter()
            .filter(|(node, hash)| self.listing.get(node) != Some(hash))
            .map(|(node, _)| *node)
            .collect();
        let gone = self
            .reading
            .entities
            .keys()
            .filter(|entity| !ALWAYS.contains(&entity.catalog))
            .filter(|entity| {
                let node = self.node(entity);
                node.is_none_or(|node| !listing.contains_key(&node))
            })
            .copied()
            .collect();
        // What is new has no dependents that are not new or changed, too.
        let known: Vec<Node> = changed
            .iter()
            .filter(|node| self.listing.contains_key(node))
            .copied()
            .collect();
        let mut nodes = changed;
        if !known.is_empty() {
            let mut rows = session.rows(&self.dependents_sql(session, &known)).await?;
            while let Some(row) = rows.next().await? {
                nodes.insert((column(&row, 0)?, column(&row, 1)?));
            }
        }
        let mut only: BTreeMap<&'static str, BTreeSet<u32>> = BTreeMap::new();
        let mut count = 0;
        for (catalog, oid) in nodes {
            if let Some(name) = self.catalogs.get(&catalog) {
                only.entry(name).or_default().insert(oid);
                count += 1;
            }
        }
        let is_most = count * SHARE_MAX > listing.len();
        Ok((!is_most).then_some((Scope::Only(only), gone)))
    }

    /// The snapshot before with what was read again in it.
    async fn changed(
        &self,
        arriving: Arriving<'_>,
        scope: Option<(Scope, BTreeSet<Entity>)>,
    ) -> Result<Seen<Changed>, Error> {
        let Some((scope, gone)) = scope else {
            let (reading, is_torn) = arriving.assemble().await?;
            let before = self.reading.entities.values();
            let again = before.chain(reading.entities.values()).cloned().collect();
            return Ok((Changed { reading, again }, is_torn));
        };
        // Copied while the server is at work.
        let mut reading = self.reading.clone();
        let mut again = BTreeSet::new();
        let stale: Vec<Entity> = reading
            .entities
            .keys()
            .filter(|entity| scope.has(entity) || gone.contains(entity))
            .copied()
            .collect();
        // All go before any comes: names may have changed places.
        for entity in stale {
            if let Some(id) = reading.entities.remove(&entity) {
                reading.snapshot.objects.remove(&id);
                again.insert(id);
            }
        }
        let (read, is_torn) = arriving.assemble().await?;
        again.extend(read.snapshot.objects.keys().cloned());
        reading.snapshot.objects.extend(read.snapshot.objects);
        reading.entities.extend(read.entities);
        Ok((Changed { reading, again }, is_torn))
    }

    fn node(&self, entity: &Entity) -> Option<Node> {
        let mut catalogs = self.catalogs.iter();
        let (catalog, _) = catalogs.find(|(_, name)| **name == entity.catalog)?;
        Some((*catalog, entity.oid))
    }

    fn dependents_sql(&self, session: &Session, nodes: &[Node]) -> String {
        let values: Vec<_> = nodes
            .iter()
            .map(|node @ (catalog, oid)| {
                let name = self.names.get(node).map(|name| format!("'{name}'"));
                let name = name.as_deref().unwrap_or("NULL");
                format!("('{catalog}'::pg_catalog.oid, '{oid}'::pg_catalog.oid, {name}::pg_catalog.int8)")
            })
            .collect();
        let names = names_sql(|catalog| {
            let of = nodes
                .iter()
                .filter(|(of, _)| self.catalogs.get(of) == Some(&catalog));
            let oids: Vec<_> = of.map(|(_, oid)| oid.to_string()).collect();
            format!("= ANY ('{{{}}}'::pg_catalog.oid[])", oids.join(","))
        });
        let sql = template::of_lines(include_str!("dependents.sql"), major(session));
        sql.replace("$changed", &values.join(", "))
            .replace("$names", &names)
    }
}

fn major(session: &Session) -> u32 {
    session.server_version() / 10_000
}

/// Lists what objects are made of.
fn listing_sql(session: &Session, since: &str) -> String {
    let sql = template::of_lines(include_str!("listing.sql"), major(session));
    let age = format!("pg_catalog.age({}::pg_catalog.xid)", literal(since));
    sql.replace("$since", &format!("(SELECT {age})"))
}

/// Lists names; `which` compares an oid of a catalog.
fn names_sql(which: impl Fn(&str) -> String) -> String {
    let catalogs = [
        ("$relation(", "pg_class"),
        ("$type(", "pg_type"),
        ("$routine(", "pg_proc"),
        ("$schema(", "pg_namespace"),
    ];
    let sql = include_str!("names.sql").to_owned();
    catalogs.into_iter().fold(sql, |sql, (marker, catalog)| {
        let which = which(catalog);
        template::replace(&sql, marker, |oid| format!("{oid} {which}"))
    })
}

/// Oids of the catalogs that objects are in.
fn catalogs_sql() -> String {
    let names: BTreeSet<_> = QUERIES.iter().map(|query| literal(query.catalog)).collect();
    let names: Vec<_> = names.into_iter().collect();
    format!(
        "SELECT oid, relname FROM pg_catalog.pg_class \
         WHERE relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND relname IN ({})",
        names.join(", ")
    )
}

async fn catalogs_of(mut rows: Rows<'_>) -> Result<BTreeMap<u32, &'static str>, Error> {
    let mut catalogs = BTreeMap::new();
    while let Some(row) = rows.next().await? {
        let name = row[1].as_deref();
        let query = QUERIES.iter().find(|query| Some(query.catalog) == name);
        let query = query.ok_or_else(|| Error::protocol("an unknown catalog"))?;
        catalogs.insert(column(&row, 0)?, query.catalog);
    }
    Ok(catalogs)
}

async fn everywhere_of(mut rows: Rows<'_>) -> Result<Everywhere, Error> {
    let mut everywhere = BTreeMap::new();
    while let Some(row) = rows.next().await? {
        let key = (column(&row, 0)?, column(&row, 1)?);
        everywhere.insert(key, column(&row, 2)?);
    }
    Ok(everywhere)
}

async fn hashes_of(mut rows: Rows<'_>) -> Result<BTreeMap<Node, i64>, Error> {
    let mut hashes = BTreeMap::new();
    while let Some(row) = rows.next().await? {
        hashes.insert((column(&row, 0)?, column(&row, 1)?), column(&row, 2)?);
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests;
