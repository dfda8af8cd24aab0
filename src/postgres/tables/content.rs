//! All rows of a table, as texts.

use crate::postgres::{Error, Session, ident};
use crate::rehearsal::backfill::Rows;

/// All rows of the table `name`, quoted as need be, by `key`; `None` if there
/// are more than `most`.
///
/// # Errors
/// As [`Session::execute`].
pub async fn content(
    session: &Session,
    name: &str,
    key: &[String],
    most: usize,
) -> Result<Option<Rows>, Error> {
    let order: Vec<String> = key.iter().map(|name| ident(name)).collect();
    let order = match order.as_slice() {
        [] => String::new(),
        columns => format!(" ORDER BY {}", columns.join(", ")),
    };
    let table = session
        .table(&format!("SELECT * FROM {name}{order} LIMIT {}", most + 1))
        .await?;
    if table.rows.len() > most {
        return Ok(None);
    }
    Ok(Some(Rows::new(table.labels, table.rows, key)))
}

/// As [`content`], with the columns in the order of their names: one that was
/// dropped and added again comes last.
///
/// # Errors
/// As [`Session::execute`].
pub async fn named_content(
    session: &Session,
    name: &str,
    most: usize,
) -> Result<Option<Rows>, Error> {
    let table = session
        .table(&format!("SELECT * FROM {name} LIMIT {}", most + 1))
        .await?;
    if table.rows.len() > most {
        return Ok(None);
    }
    let mut places: Vec<usize> = (0..table.labels.len()).collect();
    places.sort_by_key(|place| &table.labels[*place]);
    let labels = places.iter().map(|place| table.labels[*place].clone());
    let ordered = |row: &Vec<Option<String>>| -> Vec<Option<String>> {
        places.iter().map(|place| row[*place].clone()).collect()
    };
    let rows = table.rows.iter().map(ordered).collect();
    Ok(Some(Rows::new(labels.collect(), rows, &[])))
}
