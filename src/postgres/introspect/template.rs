//! What a catalog query may say beside SQL.
//!
//! - A line that begins with `--@15 ` is part of the query from major version
//!   15 on, one with `--@<15 ` below that.
//! - `$only(c.oid)`: of those that are to be read; `true` if that is all.
//! - `$owned(c.oid)`: not a member of an extension, by the query's catalog.
//! - `$namespace(n.nspname)`: not one of the system's, nor segue's.

use std::collections::BTreeMap;

/// Which entities to read.
#[derive(Clone, Debug)]
pub(super) enum Scope {
    /// All.
    All,
    /// These oids, by catalog.
    Only(BTreeMap<&'static str, Vec<u32>>),
}

/// The SQL of a query; `None` if nothing of its catalog is to be read.
pub(super) fn expand(sql: &str, catalog: &str, major: u32, scope: &Scope) -> Option<String> {
    let only = match scope {
        Scope::All => None,
        Scope::Only(oids) => Some(oids.get(catalog).filter(|oids| !oids.is_empty())?),
    };
    let mut lines = String::with_capacity(sql.len());
    for line in sql.lines() {
        let kept = match line.trim_start().strip_prefix("--@") {
            None => Some(line),
            Some(conditional) => {
                let (version, rest) = conditional.split_once(' ').unwrap_or((conditional, ""));
                let holds = match version.strip_prefix('<') {
                    Some(below) => major < below.parse().expect("a major version after --@<"),
                    None => major >= version.parse().expect("a major version after --@"),
                };
                holds.then_some(rest)
            }
        };
        if let Some(kept) = kept {
            lines.push_str(kept);
            lines.push('\n');
        }
    }
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
    Some(replace(&lines, "$namespace(", |name| {
        format!("({name} !~ '^pg_' AND {name} NOT IN ('information_schema', 'segue'))")
    }))
}

/// Replaces each `marker argument)`; arguments hold no parentheses.
fn replace(sql: &str, marker: &str, by: impl Fn(&str) -> String) -> String {
    let mut parts = sql.split(marker);
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (argument, rest) = part.split_once(')').expect("a closed marker");
        replaced.push_str(&by(argument));
        replaced.push_str(rest);
    }
    replaced
}
