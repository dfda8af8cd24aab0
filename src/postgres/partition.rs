//! A partition and the table that it belongs to.

use super::{Error, Session};
use crate::procedure::Partition;

/// The partition, if it is one of `parent`, half detached or not.
///
/// # Errors
/// As [`Session::execute`].
pub async fn partition(
    session: &Session,
    parent: u32,
    partition: u32,
) -> Result<Option<Partition>, Error> {
    let sql = include_str!("partition/attached.sql")
        .replace(":parent", &parent.to_string())
        .replace(":partition", &partition.to_string());
    let rows = session.query(&sql).await?;
    rows.first()
        .map(|row| {
            Ok(Partition {
                name: super::column(row, 0)?,
                is_detaching: row[1].as_deref() == Some("t"),
            })
        })
        .transpose()
}
