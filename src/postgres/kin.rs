//! Whose index, partition or view a relation is.

use std::collections::BTreeSet;

use super::{Error, Session, column, literal};
use crate::migration::Name;
use crate::plan::{Kin, Named};

/// Looks up what is named; what is not there yet is nobody's.
///
/// # Errors
/// As [`Session::execute`].
pub async fn read(session: &Session, named: &BTreeSet<Named>) -> Result<Kin, Error> {
    let mut kin = Kin::default();
    if named.is_empty() {
        return Ok(kin);
    }
    let migrations: Vec<&Name> = named.iter().map(|one| &one.migration).collect();
    let text = |text: Option<&str>| {
        let value = text.map_or_else(|| "NULL".to_owned(), literal);
        format!("{value}::pg_catalog.text")
    };
    let rows: Vec<String> = named
        .iter()
        .enumerate()
        .map(|(place, one)| {
            format!(
                "({place}, {}, {}, {}, {})",
                text(one.relation.namespace.as_deref()),
                text(Some(&one.relation.name)),
                one.anywhere,
                text(one.validated.as_deref()),
            )
        })
        .collect();
    let sql = include_str!("kin/kin.sql").replace(":named", &rows.join(", "));
    for row in session.query(&sql).await? {
        let place: usize = column(&row, 0)?;
        kin.add(migrations[place].clone(), column(&row, 1)?);
    }
    Ok(kin)
}
