//! What a catalog query may say beside SQL.
//!
//! - A line that begins with `--@15 ` is part of the query from major version
//!   15 on, one with `--@<15 ` below that; `--@15 --@<17 ` asks for both.
//! - `$only(c.oid)`: of those that are to be read; `true` if that is all.
//! - `$owned(c.oid)`: not a member of an extension, by the query's catalog.
//! - `$namespace(n.nspname)`: not one of the system's, nor segue's.
//! - `$acl(c.relacl, c.relowner, 'r')`: what a column labelled `:acl` wants, of
//!   a list of privileges, the object's owner, and its type as `acldefault` has
//!   it (an SQL expression). NULL where nothing was ever granted or revoked, so
//!   that it costs nothing there.
//! - `$options(s.srvoptions)`: foreign options for a column labelled
//!   `:options`, without values that may be secret.
//! - `$settings(d.oid, r.oid)`: for a column labelled `:json`, the settings of
//!   `ALTER DATABASE` and `ALTER ROLE`, by database and role, 0 for none;
//!   without values that may be secret.
//! - `$comment(p.oid)`, `$labels(p.oid)`: the object's comment, and for a column
//!   labelled `:json` its security labels, by the query's catalog;
//!   `$shared_comment` and `$shared_labels` where those are kept for the whole
//!   cluster.
//!
//! Arguments hold no parentheses.

use std::collections::{BTreeMap, BTreeSet};

use super::Entity;

/// Names of foreign options whose values are shown; of all others only that
/// they are there. None of them is for a secret: they say where something is
/// and how it is read. A value with `=` or `@` is not shown all the same, as it
/// could be a whole connection string.
const SHOWN_OPTIONS: &str = "\
'analyze_sampling', 'async_capable', 'batch_size', 'column_name', 'dbname', 'delimiter', \
'encoding', 'escape', 'extensions', 'fdw_startup_cost', 'fdw_tuple_cost', 'fetch_size', \
'filename', 'force_not_null', 'force_null', 'format', 'header', 'host', 'hostaddr', \
'keep_connections', 'null', 'parallel_abort', 'parallel_commit', 'port', 'quote', 'schema', \
'schema_name', 'sslmode', 'table', 'table_name', 'truncatable', 'updatable', \
'use_remote_estimate'";

/// Catalogs that are read as a whole each time. They have few rows, and an
/// ordinary role cannot see which of them have changed: the views in place of
/// the catalogs have no xmin, nor has one of which only columns may be read.
pub(super) const ALWAYS: &[&str] = &[
    "pg_authid",
    "pg_database",
    "pg_default_acl",
    "pg_subscription",
    "pg_user_mapping",
];

/// Which entities to read.
#[derive(Clone, Debug)]
pub(super) enum Scope {
    /// All.
    All,
    /// These oids, by catalog, and what is in [`ALWAYS`].
    Only(BTreeMap<&'static str, BTreeSet<u32>>),
}

impl Scope {
    /// Whether it is to be read.
    pub(super) fn has(&self, entity: &Entity) -> bool {
        let Self::Only(oids) = self else {
            return true;
        };
        let oids = oids.get(entity.catalog);
        ALWAYS.contains(&entity.catalog) || oids.is_some_and(|oids| oids.contains(&entity.oid))
    }
}

/// The SQL of a query; `None` if nothing of its catalog is to be read.
pub(super) fn expand(sql: &str, catalog: &str, major: u32, scope: &Scope) -> Option<String> {
    let only = match scope {
        Scope::Only(_) if ALWAYS.contains(&catalog) => None,
        Scope::All => None,
        Scope::Only(oids) => Some(oids.get(catalog).filter(|oids| !oids.is_empty())?),
    };
    let lines = of_lines(sql, major);
    let lines = replace(&lines, "$only(", |oid| match only {
        None => "true".to_owned(),
        Some(oids) => {
            let oids: Vec<_> = oids.iter().map(u32::to_string).collect();
            format!("{oid} = ANY ('{{{}}}'::pg_catalog.oid[])", oids.join(","))
        }
    });
    let lines = replace(&lines, "$owned(", |oid| {
        format!(
            "NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS member \
             WHERE member.classid = 'pg_catalog.{catalog}'::pg_catalog.regclass \
             AND member.objid = {oid} AND member.deptype = 'e')"
        )
    });
    let lines = replace(&lines, "$namespace(", |name| {
        format!("({name} !~ '^pg_' AND {name} NOT IN ('information_schema', 'segue'))")
    });
    let lines = replace(&lines, "$acl(", |arguments| {
        let [acl, owner, kind] = arguments.split(", ").collect::<Vec<_>>()[..] else {
            panic!("$acl(acl, owner, type): {arguments}");
        };
        format!(
            "CASE WHEN {acl} IS NOT NULL THEN pg_catalog.json_build_array({acl}, \
             pg_catalog.acldefault(({kind})::\"char\", {owner}), \
             pg_catalog.pg_get_userbyid({owner})) END"
        )
    });
    let lines = replace(&lines, "$settings(", settings);
    let lines = [
        ("$comment(", "pg_description", "objsubid = 0"),
        ("$shared_comment(", "pg_shdescription", "true"),
    ]
    .into_iter()
    .fold(lines, |lines, (marker, comments, whole)| {
        replace(&lines, marker, |oid| {
            format!(
                "(SELECT described.description FROM pg_catalog.{comments} AS described \
                 WHERE described.objoid = {oid} AND {whole} \
                 AND described.classoid = 'pg_catalog.{catalog}'::pg_catalog.regclass)"
            )
        })
    });
    let lines = [
        ("$labels(", "pg_seclabel", "objsubid = 0"),
        ("$shared_labels(", "pg_shseclabel", "true"),
    ]
    .into_iter()
    .fold(lines, |lines, (marker, labels, whole)| {
        replace(&lines, marker, |oid| {
            format!(
                "(SELECT pg_catalog.jsonb_object_agg(labelled.provider, labelled.label) \
                 FROM pg_catalog.{labels} AS labelled \
                 WHERE labelled.objoid = {oid} AND {whole} \
                 AND labelled.classoid = 'pg_catalog.{catalog}'::pg_catalog.regclass)"
            )
        })
    });
    Some(replace(&lines, "$options(", |options| {
        format!(
            "CASE WHEN {options} IS NOT NULL THEN (SELECT pg_catalog.json_agg(CASE \
             WHEN pg_catalog.split_part(one, '=', 1) IN ({SHOWN_OPTIONS}) \
             AND pg_catalog.substr(one, pg_catalog.strpos(one, '=') + 1) !~ '[=@]' THEN one \
             ELSE pg_catalog.split_part(one, '=', 1) || '=present' END) \
             FROM pg_catalog.unnest({options}) AS one) END"
        )
    }))
}

/// The lines that are for a major version.
pub(super) fn of_lines(sql: &str, major: u32) -> String {
    let mut lines = String::with_capacity(sql.len());
    for line in sql.lines() {
        if let Some(kept) = of_major(line, major) {
            lines.push_str(kept);
            lines.push('\n');
        }
    }
    lines
}

/// What is left of a line for a major version, if anything.
fn of_major(line: &str, major: u32) -> Option<&str> {
    let Some(conditional) = line.trim_start().strip_prefix("--@") else {
        return Some(line);
    };
    let (version, rest) = conditional.split_once(' ').unwrap_or((conditional, ""));
    let holds = match version.strip_prefix('<') {
        Some(below) => major < below.parse().expect("a major version after --@<"),
        None => major >= version.parse().expect("a major version after --@"),
    };
    if holds { of_major(rest, major) } else { None }
}

/// Custom settings (`app.jwt_secret`) have a dot in their names, and only what
/// the server knows has none; of those none that can be set this way is secret.
fn settings(arguments: &str) -> String {
    let Some((database, role)) = arguments.split_once(", ") else {
        panic!("$settings(database, role): {arguments}");
    };
    format!(
        "(SELECT pg_catalog.jsonb_object_agg(pg_catalog.split_part(one, '=', 1), \
         CASE WHEN pg_catalog.split_part(one, '=', 1) ~ '[.]' THEN 'present' \
         ELSE pg_catalog.substr(one, pg_catalog.strpos(one, '=') + 1) END) \
         FROM pg_catalog.pg_db_role_setting AS stored \
         CROSS JOIN LATERAL pg_catalog.unnest(stored.setconfig) AS settings (one) \
         WHERE stored.setdatabase = {database} AND stored.setrole = {role})"
    )
}

/// Replaces each `marker argument)`.
pub(super) fn replace(sql: &str, marker: &str, by: impl Fn(&str) -> String) -> String {
    let mut parts = sql.split(marker);
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (argument, rest) = part.split_once(')').expect("a closed marker");
        replaced.push_str(&by(argument));
        replaced.push_str(rest);
    }
    replaced
}

#[cfg(test)]
mod tests;
