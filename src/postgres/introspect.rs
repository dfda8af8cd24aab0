//! The catalogs → [`Snapshot`].
//!
//! One query per kind of catalog row, each in its `.sql` file in
//! `introspect/`, all pipelined. What the files may say beside SQL is
//! [`template`]'s; what rows become is [`assemble`]'s.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;

use super::{Error, Session};
use crate::schema::{ObjectId, Snapshot};

mod acl;
mod assemble;
mod rendered;
mod template;

use assemble::Assembly;
use template::Scope;

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
    "pg_database" Part "database_role_settings",
    "pg_authid" Part "role_membership",
    "pg_class" Part "column",
    "pg_proc" Decoration "aggregate",
    "pg_type" Part "type_column",
    "pg_type" Part "domain_constraint",
    "pg_opclass" Part "operator_class_operator",
    "pg_opclass" Part "operator_class_function",
    "pg_opfamily" Part "operator_family_operator",
    "pg_opfamily" Part "operator_family_function",
    "pg_publication" Part "publication_table",
}

/// What shapes the text that `pg_get_*` functions render, set for the
/// transaction.
const SETTINGS: &str = "\
SELECT pg_catalog.set_config(name, value, true) FROM (VALUES \
('search_path', ''), ('DateStyle', 'ISO, YMD'), ('IntervalStyle', 'postgres'), \
('TimeZone', 'UTC'), ('quote_all_identifiers', 'off'), ('extra_float_digits', '1'), \
('bytea_output', 'hex')) AS settings (name, value)";

/// A snapshot and where its objects came from.
#[derive(Debug, Default)]
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
    session
        .execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .await?;
    let reading = read_here(session, &Scope::All).await;
    let ended = session.execute("ROLLBACK").await;
    let reading = reading?;
    ended?;
    Ok(reading)
}

/// Reads in the transaction that the session is in; settings are local to it.
async fn read_here(session: &Session, scope: &Scope) -> Result<Reading, Error> {
    let major = session.server_version() / 10_000;
    session.execute(SETTINGS).await?;
    let replies = QUERIES
        .iter()
        .filter_map(|query| {
            let sql = template::expand(query.sql, query.catalog, major, scope)?;
            Some((query, sql))
        })
        .map(async |(query, sql)| Ok::<_, Error>((query, session.table(&sql).await?)));
    // All are sent before the first reply is awaited.
    let mut assembly = Assembly::default();
    for (query, table) in try_join_all(replies).await? {
        assembly.add(query.catalog, query.role, &table)?;
    }
    Ok(assembly.finish())
}
