//! How much tables are used, from counters and locks; no lock on a table is
//! taken for it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, Session, column, ident, literal};
use crate::plan::Use;
use crate::statement::RelationName;

/// A relation's name as SQL.
fn sql(relation: &RelationName) -> String {
    match &relation.namespace {
        Some(namespace) => format!("{}.{}", ident(namespace), ident(&relation.name)),
        None => ident(&relation.name),
    }
}

/// The use of those of `relations` that are tables or materialized views, or
/// indexes of one; its partitions' counts as its own.
///
/// # Errors
/// As [`Session::execute`].
pub async fn of<'a>(
    session: &Session,
    relations: &BTreeSet<&'a RelationName>,
) -> Result<BTreeMap<&'a RelationName, Use>, Error> {
    let relations: Vec<&RelationName> = relations.iter().copied().collect();
    let mut all = BTreeMap::new();
    if relations.is_empty() {
        return Ok(all);
    }
    let rows = relations.iter().enumerate();
    let rows = rows.map(|(place, one)| format!("({place}, {})", literal(&sql(one))));
    let rows: Vec<String> = rows.collect();
    let sql = include_str!("usage/of.sql").replace(":relations", &rows.join(", "));
    for row in session.query(&sql).await? {
        let place: usize = column(&row, 0)?;
        let used = Use {
            table: column(&row, 1)?,
            uses: column(&row, 2)?,
            is_in_use: column::<String>(&row, 3)? == "t",
        };
        all.insert(relations[place], used);
    }
    Ok(all)
}
