//! How far a statement is, where PostgreSQL tells: the `pg_stat_progress`
//! views. There is none for `DROP INDEX CONCURRENTLY`, `VALIDATE CONSTRAINT`,
//! `REFRESH` and `DETACH`.

use std::collections::BTreeMap;

use super::{Error, Session, column};

/// How far the statement of one backend is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// In PostgreSQL's words, `building index: scanning table` for example.
    pub phase: String,
    /// Units done in this phase: blocks; tuples or bytes where there are no
    /// blocks; sessions waited out in a phase that waits.
    pub done: Option<u64>,
    /// Units in all in this phase.
    pub total: Option<u64>,
    /// The session that is waited for now.
    pub locker: Option<i32>,
}

/// How far each of `pids` is, those that PostgreSQL tells of.
///
/// Without `pg_read_all_stats` other roles' sessions are left out.
///
/// # Errors
/// As [`Session::execute`].
pub async fn of(session: &Session, pids: &[i32]) -> Result<BTreeMap<i32, Progress>, Error> {
    if pids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
    let sql = include_str!("progress/of.sql").replace(":pids", &pids.join(", "));
    let rows = session.query(&sql).await?;
    rows.iter()
        // All but the pid is NULL where our rights end.
        .filter(|row| row[1].is_some())
        .map(|row| {
            let number = |index: usize| row[index].as_deref().and_then(|text| text.parse().ok());
            let progress = Progress {
                phase: column(row, 1)?,
                done: number(2),
                total: number(3),
                locker: row[4].as_deref().and_then(|pid| pid.parse().ok()),
            };
            Ok((column(row, 0)?, progress))
        })
        .collect()
}
