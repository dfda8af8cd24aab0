//! Thousands of random writes by old code, new code and a backfill, in several
//! sessions at once: afterwards both columns say what the last write said.
//!
//! Each write also says in a column of its own, `said`, what it meant; the row's
//! lock makes the order the same. One session has rows for itself, which are
//! compared with a map in this process.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::thread;

use fastrand::Rng;

use super::database;
use crate::support::{TestDatabase, TestSession, assert_text};

/// How many writes; `SEGUE_SYNC_WRITES` says another number.
const WRITES: usize = 20_000;

const SESSIONS: usize = 4;

/// Rows that all sessions write.
const SHARED: i64 = 200;

#[derive(Clone, Copy, PartialEq)]
enum Table {
    Plain,
    Partitioned,
}

/// What a session writes, and what that leaves of its own rows.
struct Writer {
    rng: Rng,
    table: Table,
    /// The rows that only it writes, if it has some.
    own: Option<BTreeMap<i64, Option<i64>>>,
}

fn sql(value: Option<i64>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}

fn new_sql(value: Option<i64>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| format!("'v{value}'"))
}

impl Writer {
    fn id(&mut self) -> i64 {
        let id = self.rng.i64(0..SHARED);
        if self.own.is_some() {
            id + 1_000_000
        } else {
            id
        }
    }

    /// Another value than others write, or none.
    fn value(&mut self) -> Option<i64> {
        (self.rng.u8(..) > 40).then(|| self.rng.i64(0..50))
    }

    /// One write, by old or new code.
    #[expect(clippy::too_many_lines, reason = "a list of ways to write")]
    fn write(&mut self) -> String {
        let (id, value) = (self.id(), self.value());
        let (old, new) = (sql(value), new_sql(value));
        let known = self.own.as_ref().map(|own| own.get(&id).copied());
        let mut left = known.map(|known| known.map(|_| value));
        let text = match self.rng.u8(0..16) {
            0 | 1 => format!("UPDATE t SET a = {old}, said = {old} WHERE id = {id}"),
            2 => {
                left = known;
                format!("UPDATE t SET n = n + 1 WHERE id = {id}")
            }
            // A row as old code has read it, with its change.
            3 => {
                format!("UPDATE t SET id = id, n = n + 1, a = {old}, said = {old} WHERE id = {id}")
            }
            // A null that is there already says nothing.
            4 | 5 if value.is_none() => {
                format!(
                    "UPDATE t SET b = NULL, said = CASE WHEN b IS NULL THEN said END WHERE id = {id} AND (b IS NOT NULL OR a IS NULL)"
                )
            }
            4 | 5 => format!("UPDATE t SET b = {new}, said = {old} WHERE id = {id}"),
            // A row as new code has read it that knows both.
            6 => {
                left = known;
                format!("UPDATE t SET a = a, b = b, n = n + 1 WHERE id = {id}")
            }
            7 => format!(
                "UPDATE t SET a = {old}, b = {new}, said = {old} WHERE id = {id} AND (b IS DISTINCT FROM {new} OR a IS NOT DISTINCT FROM {old})"
            ),
            // Not the same: the new one holds, if it was changed.
            8 => {
                let other = self.rng.i64(50..100);
                left = known.map(|known| {
                    known.map(|before| if before == value { Some(other) } else { value })
                });
                format!(
                    "UPDATE t SET a = {other}, b = {new}, said = CASE WHEN b IS DISTINCT FROM {new} THEN {old} ELSE {other} END WHERE id = {id}"
                )
            }
            9 => {
                left = known.map(|_| None);
                format!("DELETE FROM t WHERE id = {id}")
            }
            10 if self.table == Table::Plain => {
                left = known.map(|_| Some(value));
                format!(
                    "INSERT INTO t (id, a, said) VALUES ({id}, {old}, {old}) ON CONFLICT (id) DO UPDATE SET a = EXCLUDED.a, said = EXCLUDED.said"
                )
            }
            11 if self.table == Table::Plain => {
                let value = value.or(Some(7));
                let (old, new) = (sql(value), new_sql(value));
                left = known.map(|_| Some(value));
                format!(
                    "INSERT INTO t (id, b, said) VALUES ({id}, {new}, {old}) ON CONFLICT (id) DO UPDATE SET b = EXCLUDED.b, said = EXCLUDED.said"
                )
            }
            10 | 12 => {
                left = known.map(|known| known.or(Some(value)));
                format!(
                    "INSERT INTO t (id, a, said) SELECT {id}, {old}, {old} WHERE NOT EXISTS (SELECT FROM t WHERE id = {id}) ON CONFLICT DO NOTHING"
                )
            }
            11 | 13 => {
                left = known.map(|known| known.or(Some(value)));
                format!(
                    "INSERT INTO t (id, b, said) SELECT {id}, {new}, {old} WHERE NOT EXISTS (SELECT FROM t WHERE id = {id}) ON CONFLICT DO NOTHING"
                )
            }
            14 if self.table == Table::Partitioned => {
                left = known;
                format!("UPDATE t SET part = 1 - part WHERE id = {id}")
            }
            14 => {
                left = known;
                format!("UPDATE t SET b = b || '', a = a + 0 WHERE id = {id}")
            }
            // A batch of the backfill.
            _ => {
                left = known;
                format!(
                    "UPDATE t SET b = 'v' || a WHERE id > {} AND id <= {id}",
                    id - 5
                )
            }
        };
        // One that leaves rows out has said nothing of them.
        if let (Some(own), Some(left)) = (&mut self.own, left) {
            let said_nothing = matches!(known, Some(Some(before)) if text.contains("AND (b IS") && {
                // What they leave out is decided by the row, filled or not.
                before != value && value.is_none() && !text.contains("a = NULL")
            });
            match left {
                Some(value) if !said_nothing => {
                    own.insert(id, value);
                }
                Some(_) => {}
                None => {
                    own.remove(&id);
                }
            }
        }
        text
    }
}
