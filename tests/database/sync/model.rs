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
use crate::support::{TestSession, assert_text};

/// How many writes; `SEGUE_SYNC_WRITES` says another number.
const WRITES: usize = 20_000;

const SESSIONS: usize = 4;

/// Rows that the other sessions share.
const ROWS: i64 = 200;

/// The first of the rows that one session has for itself.
const OWN: i64 = 1_000_000;

#[derive(Clone, Copy, PartialEq)]
enum Table {
    Plain,
    Partitioned,
}

/// A row as it should be.
#[derive(Clone, Copy)]
struct Row {
    /// What the last write said.
    value: Option<i64>,
    /// Whether anybody has written it since there are triggers.
    is_filled: bool,
}

impl Row {
    /// The new column.
    fn new_column(self) -> Option<i64> {
        self.value.filter(|_| self.is_filled)
    }

    fn filled(value: Option<i64>) -> Self {
        Self {
            value,
            is_filled: true,
        }
    }
}

/// A session, and what its writes leave of the rows that are its own.
struct Writer {
    rng: Rng,
    table: Table,
    own: Option<BTreeMap<i64, Row>>,
}

fn old_sql(value: Option<i64>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}

fn new_sql(value: Option<i64>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| format!("'v{value}'"))
}

/// What the new column leaves of a row: a null that was there says nothing.
fn by_new_code(row: Row, value: Option<i64>) -> Row {
    Row::filled(if row.new_column() == value {
        row.value
    } else {
        value
    })
}

impl Writer {
    fn new(seed: u64, table: Table, has_own: bool) -> Self {
        let row = |id| Row {
            value: Some(id % 50),
            is_filled: false,
        };
        Self {
            rng: Rng::with_seed(seed),
            table,
            own: has_own.then(|| (OWN..OWN + ROWS).map(|id| (id, row(id))).collect()),
        }
    }

    /// Changes the row in the model, if it is the session's own and there.
    fn set(&mut self, id: i64, change: impl FnOnce(Row) -> Row) {
        if let Some(row) = self.own.as_mut().and_then(|own| own.get_mut(&id)) {
            *row = change(*row);
        }
    }

    /// One write, by old or new code or by a backfill.
    fn write(&mut self) -> String {
        let first = if self.own.is_some() { OWN } else { 0 };
        let id = first + self.rng.i64(0..ROWS);
        let value = (self.rng.u8(..) > 40).then(|| self.rng.i64(0..50));
        let (old, new) = (old_sql(value), new_sql(value));
        match self.rng.u8(0..12) {
            0 | 1 => {
                self.set(id, |_| Row::filled(value));
                format!("UPDATE t SET a = {old}, said = {old} WHERE id = {id}")
            }
            2 => {
                self.set(id, |row| Row::filled(row.value));
                format!("UPDATE t SET n = n + 1 WHERE id = {id}")
            }
            3 | 4 => {
                self.set(id, |row| by_new_code(row, value));
                format!(
                    "UPDATE t SET b = {new}, said = (CASE WHEN b IS NOT DISTINCT FROM {new} THEN said ELSE {old} END)::int WHERE id = {id}"
                )
            }
            // Whole rows, as code has read them.
            5 => {
                self.set(id, |row| Row::filled(row.value));
                format!("UPDATE t SET id = id, a = a, b = b, n = n + 1 WHERE id = {id}")
            }
            6 => self.write_both(id, value),
            7 => {
                if let Some(own) = &mut self.own {
                    own.remove(&id);
                }
                format!("DELETE FROM t WHERE id = {id}")
            }
            8 if self.table == Table::Partitioned => {
                self.set(id, |row| Row::filled(row.value));
                format!("UPDATE t SET part = 1 - part WHERE id = {id}")
            }
            8 => {
                if let Some(own) = &mut self.own {
                    own.insert(id, Row::filled(value));
                }
                format!(
                    "INSERT INTO t (id, a, said) VALUES ({id}, {old}, {old}) ON CONFLICT (id) DO UPDATE SET a = EXCLUDED.a, said = EXCLUDED.said"
                )
            }
            9 if self.table == Table::Plain => {
                if let Some(own) = &mut self.own {
                    let row = own
                        .get(&id)
                        .map_or(Row::filled(value), |row| by_new_code(*row, value));
                    own.insert(id, row);
                }
                format!(
                    "INSERT INTO t (id, b, said) VALUES ({id}, {new}, {old}) ON CONFLICT (id) DO UPDATE SET b = EXCLUDED.b, said = (CASE WHEN t.b IS NOT DISTINCT FROM EXCLUDED.b THEN t.said ELSE EXCLUDED.said END)::int"
                )
            }
            9 | 10 if self.own.is_some() => {
                if let Some(own) = &mut self.own {
                    own.entry(id).or_insert(Row::filled(value));
                }
                let (column, given) = if self.rng.bool() {
                    ("b", &new)
                } else {
                    ("a", &old)
                };
                format!(
                    "INSERT INTO t (id, {column}, said) SELECT {id}, {given}, {old} WHERE NOT EXISTS (SELECT FROM t WHERE id = {id})"
                )
            }
            _ => {
                for id in id - 4..=id {
                    self.set(id, |row| Row::filled(row.value));
                }
                let lower = id - 5;
                format!("UPDATE t SET b = 'v' || a WHERE id > {lower} AND id <= {id}")
            }
        }
    }

    /// Both columns, and perhaps not the same: the new one holds if it changes.
    fn write_both(&mut self, id: i64, value: Option<i64>) -> String {
        let other = if self.rng.bool() {
            value
        } else {
            Some(self.rng.i64(50..100))
        };
        self.set(id, |row| {
            Row::filled(if row.new_column() == value {
                other
            } else {
                value
            })
        });
        let (old, new, other) = (old_sql(value), new_sql(value), old_sql(other));
        format!(
            "UPDATE t SET a = {other}, b = {new}, said = (CASE WHEN b IS DISTINCT FROM {new} THEN {old} ELSE {other} END)::int WHERE id = {id}"
        )
    }

    /// Writes in transactions of a few, some of which are rolled back.
    fn run(&mut self, session: &TestSession, writes: usize) {
        let mut done = 0;
        while done < writes {
            let before = self.own.clone();
            let count = self.rng.usize(1..8);
            let mut text = String::new();
            for _ in 0..count {
                let _ = writeln!(text, "{};", self.write());
            }
            done += count;
            if self.rng.u8(..) < 20 {
                text.push_str("SELECT 1 / 0;");
            }
            // One message is one transaction. Rolled back by itself, or since
            // two sessions waited for each other, or a row had moved.
            if let Err(error) = session.try_query(&text) {
                let code = error.code().map(|code| code.code().to_owned());
                let is_meant = matches!(code.as_deref(), Some("22012" | "40P01" | "40001"));
                assert!(is_meant, "{text}: {error:?}");
                self.own = before;
            }
        }
    }
}

fn check(table: Table) {
    let writes = std::env::var("SEGUE_SYNC_WRITES").map_or(WRITES, |writes| {
        writes.parse().expect("SEGUE_SYNC_WRITES is a number")
    });
    let seed = crate::support::ddl_steps::seed();
    let database = database();
    let session = database.session();
    session.run(match table {
        Table::Plain => {
            "CREATE TABLE t (id int PRIMARY KEY, a int, b text, said int, n int DEFAULT 0)"
        }
        Table::Partitioned => {
            "CREATE TABLE t (id int, part int DEFAULT 0, a int, b text, said int, n int DEFAULT 0) PARTITION BY LIST (part);
             CREATE TABLE t0 PARTITION OF t FOR VALUES IN (0);
             CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
             CREATE INDEX ON t (id)"
        }
    });
    for first in [0, OWN] {
        let last = first + ROWS - 1;
        session.run(&format!(
            "INSERT INTO t (id, a, said) SELECT i, i % 50, i % 50 FROM generate_series({first}, {last}) AS i"
        ));
    }
    session.run("SELECT segue.keep_in_sync('t', 'b', '''v'' || a', 'a', 'substr(b, 2)::int')");
    let own = run_all(&database.url(), table, seed, writes);
    assert_text(
        &format!("rows that are not what was said last, SEGUE_TEST_SEED={seed}"),
        &session.query(
            "SELECT * FROM t WHERE a IS DISTINCT FROM said OR b IS NOT NULL AND b IS DISTINCT FROM 'v' || said ORDER BY id",
        ),
        "",
    );
    // What the backfill has still to do.
    session.run("UPDATE t SET b = 'v' || a WHERE b IS NULL");
    let expected = own.iter().map(|(id, row)| match row.value {
        Some(value) => format!("{id}|{value}|v{value}"),
        None => format!("{id}||"),
    });
    assert_text(
        &format!("rows of one session's own, SEGUE_TEST_SEED={seed}"),
        &session.query(&format!(
            "SELECT id, a, b FROM t WHERE id >= {OWN} ORDER BY id"
        )),
        &expected.collect::<Vec<_>>().join("\n"),
    );
    session.run("SELECT segue.stop_sync('t', 'b')");
}

/// All sessions at once; the rows that one of them has for itself.
fn run_all(url: &str, table: Table, seed: u64, writes: usize) -> BTreeMap<i64, Row> {
    thread::scope(|scope| {
        let sessions: Vec<_> = (0..SESSIONS)
            .map(|number| {
                scope.spawn(move || {
                    let number_seed = u64::try_from(number).expect("small");
                    let mut one = Writer::new(seed.wrapping_add(number_seed), table, number == 0);
                    let session = TestSession::connect(url);
                    session.run("SET deadlock_timeout = '50ms'");
                    one.run(&session, writes / SESSIONS);
                    one.own
                })
            })
            .collect();
        let owned = sessions
            .into_iter()
            .filter_map(|one| one.join().expect("no panic"));
        owned.last().expect("one has rows of its own")
    })
}

#[test]
fn of_a_table() {
    check(Table::Plain);
}

#[test]
fn of_a_partitioned_table() {
    check(Table::Partitioned);
}
