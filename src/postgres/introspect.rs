//! The catalogs → [`Snapshot`].
//!
//! One query per kind of catalog row, each in its `.sql` file in
//! `introspect/`, all pipelined. What the files may say beside SQL is
//! [`template`]'s; what rows become is [`assemble`]'s.

use std::collections::BTreeMap;

use super::{Error, Rows, Session, Table};
use crate::schema::{ObjectId, Snapshot};

mod acl;
mod assemble;
mod baseline;
mod rendered;
mod template;
mod torn;

use assemble::Assembly;
pub use baseline::{Baseline, Changed, changed, read_within};
use template::Scope;
use torn::{Readings, Seen};

/// A row of a system catalog that stands for an object of a snapshot:
/// `pg_class` for relations, `pg_proc` for routines, and its oid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entity {
    /// Name of the catalog, `pg_class` for example.
    pub catalog: &'static str,
    /// Its oid there.
    pub oid: u32,
}

/// One query and the catalog whose oids its column `oid` gives.
struct Query {
    catalog: &'static str,
    /// Whether its rows are objects, or parts of objects that other queries
    /// made.
    role: Role,
    sql: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Each row is an object: columns `oid`, `namespace` (or NULL), `kind`,
    /// `name`, then its attributes.
    Object,
    /// Each row is a part of an object: columns `oid` (of the object), `part`
    /// (`columns`, for example), `key`, then its attributes. Makes the part.
    Part,
    /// As a part, but only adds attributes to what is there already, and a row
    /// for something that is not there is passed over; a NULL `part` means the
    /// object itself. Comments, for example.
    Decoration,
}

impl Role {
    /// How many columns come before the attributes.
    const fn fixed(self) -> usize {
        match self {
            Self::Object => 4,
            Self::Part | Self::Decoration => 3,
        }
    }
}

macro_rules! queries {
    ($($catalog:literal $role:ident $file:literal,)*) => {
        const QUERIES: &[Query] = &[$(Query {
            catalog: $catalog,
            role: Role::$role,
            sql: include_str!(concat!("introspect/", $file, ".sql")),
        },)*];
    };
}

// Objects before their parts, parts before what decorates them.
queries! {
    "pg_database" Object "database",
    "pg_authid" Object "role",
    "pg_namespace" Object "namespace",
    "pg_extension" Object "extension",
    "pg_class" Object "relation",
    "pg_statistic_ext" Object "statistics",
    "pg_proc" Object "routine",
    "pg_type" Object "type",
    "pg_operator" Object "operator",
    "pg_opclass" Object "operator_class",
    "pg_opfamily" Object "operator_family",
    "pg_cast" Object "cast",
    "pg_collation" Object "collation",
    "pg_conversion" Object "conversion",
    "pg_ts_config" Object "text_search_configuration",
    "pg_ts_dict" Object "text_search_dictionary",
    "pg_ts_parser" Object "text_search_parser",
    "pg_ts_template" Object "text_search_template",
    "pg_am" Object "access_method",
    "pg_language" Object "language",
    "pg_transform" Object "transform",
    "pg_event_trigger" Object "event_trigger",
    "pg_publication" Object "publication",
    "pg_subscription" Object "subscription",
    "pg_foreign_data_wrapper" Object "foreign_data_wrapper",
    "pg_foreign_server" Object "foreign_server",
    "pg_user_mapping" Object "user_mapping",
    "pg_default_acl" Object "default_privileges",
    "pg_class" Decoration "inheritance",
    "pg_class" Decoration "foreign_table",
    "pg_class" Decoration "sequence",
    "pg_class" Part "column",
    "pg_class" Part "constraint",
    "pg_class" Decoration "constraint_trigger",
    "pg_class" Part "index",
    "pg_class" Part "trigger",
    "pg_class" Part "rule",
    "pg_class" Part "policy",
    "pg_class" Decoration "relation_comment",
    "pg_class" Decoration "relation_label",
    "pg_class" Decoration "relation_dependency",
    "pg_statistic_ext" Decoration "statistics_comment",
    "pg_database" Part "database_role_settings",
    "pg_database" Part "parameter_privileges",
    "pg_authid" Part "role_membership",
    "pg_proc" Decoration "aggregate",
    "pg_proc" Decoration "routine_dependency",
    "pg_type" Part "type_column",
    "pg_type" Part "domain_constraint",
    "pg_opclass" Part "operator_class_operator",
    "pg_opclass" Part "operator_class_function",
    "pg_opfamily" Part "operator_family_operator",
    "pg_opfamily" Part "operator_family_function",
    "pg_publication" Part "publication_table",
}

/// What shapes the text that `pg_get_*` functions render, set for the
/// transaction. Compiling the queries takes longer than running them.
const SETTINGS: &str = "\
SELECT pg_catalog.set_config(name, value, true) FROM (VALUES \
('search_path', ''), ('DateStyle', 'ISO, YMD'), ('IntervalStyle', 'postgres'), \
('TimeZone', 'UTC'), ('quote_all_identifiers', 'off'), ('extra_float_digits', '1'), \
('bytea_output', 'hex'), ('standard_conforming_strings', 'on'), ('lc_monetary', 'C'), \
('jit', 'off')) AS settings (name, value)";

/// A snapshot and where its objects came from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Everything that there is, before any rules of the project.
    pub snapshot: Snapshot,
    /// Which catalog row is which object.
    pub entities: BTreeMap<Entity, ObjectId>,
}

/// Reads everything in one repeatable-read, read-only transaction; the session
/// must not be in one.
///
/// # Errors
/// [`Error::Server`], [`Error::Lost`].
pub async fn read(session: &Session) -> Result<Reading, Error> {
    let mut readings = Readings::alone();
    loop {
        let outcome = looking(session, async {
            read_here(session, &Scope::All).await?.assemble().await
        });
        if let Some(done) = readings.settle(outcome.await).await {
            return done;
        }
    }
}

/// Work in a repeatable-read, read-only transaction of its own, with the
/// settings that shape what is rendered.
async fn looking<T>(
    session: &Session,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let begun = session
        .rows("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .await?;
    let set = session.rows(SETTINGS).await?;
    let done = async {
        begun.finish().await?;
        set.finish().await?;
        work.await
    }
    .await;
    let ended = session.execute("ROLLBACK").await;
    let done = done?;
    ended?;
    Ok(done)
}

/// Queries that are sent, and whose rows come in.
struct Arriving<'a>(Vec<(&'static Query, Rows<'a>)>);

/// Sends the queries, in the transaction that the session is in.
async fn read_here<'a>(session: &'a Session, scope: &Scope) -> Result<Arriving<'a>, Error> {
    let major = session.server_version() / 10_000;
    let mut arriving = Vec::with_capacity(QUERIES.len());
    for query in QUERIES {
        if let Some(sql) = template::expand(query.sql, query.catalog, major, scope) {
            arriving.push((query, session.rows(&sql).await?));
        }
    }
    Ok(Arriving(arriving))
}

impl Arriving<'_> {
    /// Makes objects of the rows as they come, so that only the objects are
    /// ever in memory.
    async fn assemble(self) -> Result<Seen<Reading>, Error> {
        const ROWS: usize = 256;
        let mut assembly = Assembly::default();
        for (query, mut rows) in self.0 {
            let mut table = Table::default();
            while let Some(row) = rows.next().await? {
                table.rows.push(row);
                if table.rows.len() == ROWS {
                    table.labels.clone_from(&rows.labels);
                    assembly.add(query.catalog, query.role, &table)?;
                    table.rows.clear();
                }
            }
            table.labels = rows.labels;
            assembly.add(query.catalog, query.role, &table)?;
        }
        Ok(assembly.finish())
    }
}
