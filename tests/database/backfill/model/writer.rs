//! Code that writes without a pause, and remembers what it was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Error, NoTls};

use super::SPACE;
use crate::support::{TestDatabase, server_runtime, wait_until};

/// Which column it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// `old`.
    Old,
    /// `new`.
    New,
}

/// What one writer was told.
#[derive(Debug)]
pub struct Told {
    pub writer: u64,
    /// Begun.
    pub operations: u64,
    /// Rows that answers said to be written.
    pub rows: u64,
    /// Deadlocks and the like: nothing was done.
    pub refused: u64,
    /// Operations without an answer.
    pub unknown: Vec<u64>,
}

/// One at work.
#[derive(Debug)]
pub struct Writer {
    over: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    task: JoinHandle<Told>,
}

impl Writer {
    pub fn start(database: &TestDatabase<'_>, code: Code, number: u64, seed: u64) -> Self {
        let (over, done) = (Arc::default(), Arc::default());
        let mut hand = Hand {
            url: database.url(),
            code,
            random: fastrand::Rng::with_seed(seed),
            over: Arc::clone(&over),
            done: Arc::clone(&done),
            told: Told {
                writer: number,
                operations: 0,
                rows: 0,
                refused: 0,
                unknown: Vec::new(),
            },
        };
        let task = server_runtime().spawn(async move {
            hand.work().await;
            hand.told
        });
        Self { over, done, task }
    }

    /// How many operations it has begun.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Waits until it has begun so many more.
    #[track_caller]
    pub fn does(&self, more: u64) {
        let enough = self.done() + more;
        wait_until("a writer to go on", || {
            assert!(!self.task.is_finished(), "it has failed");
            self.done() >= enough
        });
    }

    #[track_caller]
    pub fn stop(self) -> Told {
        self.over.store(true, Ordering::Relaxed);
        wait_until("a writer to end", || self.task.is_finished());
        server_runtime().block_on(self.task).expect("no panic")
    }
}

struct Hand {
    url: String,
    code: Code,
    random: fastrand::Rng,
    over: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    told: Told,
}

/// What becomes of an operation that the server has not confirmed.
enum Fate {
    Refused,
    Unknown,
}

impl Hand {
    async fn work(&mut self) {
        while !self.over.load(Ordering::Relaxed) {
            let Ok((client, connection)) = tokio_postgres::connect(&self.url, NoTls).await else {
                // The server is down.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            tokio::spawn(connection);
            while !self.over.load(Ordering::Relaxed) && !client.is_closed() {
                self.told.operations += 1;
                self.done.fetch_add(1, Ordering::Relaxed);
                match self.operate(&client).await {
                    Ok(rows) => self.told.rows += rows,
                    Err(error) => match fate(&error) {
                        Fate::Refused => {
                            self.told.refused += 1;
                            // Ends a transaction that it had begun; if the
                            // connection is gone, the loop sees it.
                            let _ = client.batch_execute("ROLLBACK").await;
                        }
                        Fate::Unknown => self.told.unknown.push(self.told.operations),
                    },
                }
            }
        }
    }

    /// A row that may be there or not; some are in demand.
    fn row(&mut self) -> i64 {
        if self.random.u8(..3) == 0 {
            SPACE / 2 + self.random.i64(..20)
        } else {
            self.random.i64(1..=SPACE)
        }
    }

    /// Does one; how many rows the answer says it has written.
    async fn operate(&mut self, client: &Client) -> Result<u64, Error> {
        let first = self.row();
        match self.random.u8(..20) {
            0..6 => rows(client, &self.update(first, first)).await,
            6 | 7 => rows(client, &self.update(first, first + 9)).await,
            8 | 9 => rows(client, &self.insert(first, "NOTHING")).await,
            10..14 => {
                let column = self.column();
                let conflict = format!(
                    "UPDATE SET {column} = excluded.{column}, version = item.version + 1,
                     writer = excluded.writer, operation = excluded.operation"
                );
                rows(client, &self.insert(first, &conflict)).await
            }
            14 => rows(client, &self.delete(first)).await,
            15 => {
                // Not about what is kept in sync.
                let touch = format!("UPDATE item SET touched = touched + 1 WHERE id = {first}");
                client.batch_execute(&touch).await?;
                Ok(0)
            }
            16 => {
                let update = self.update(first, first);
                client.batch_execute("BEGIN").await?;
                rows(client, &update).await?;
                client.batch_execute("ROLLBACK").await?;
                Ok(0)
            }
            17 => {
                // Against the backfill's order.
                let second = self.row();
                let (low, high) = (first.min(second), first.max(second));
                let writes = [self.update(high, high), self.update(low, low)];
                client.batch_execute("BEGIN").await?;
                let mut written = rows(client, &writes[0]).await?;
                if low != high {
                    written += rows(client, &writes[1]).await?;
                }
                client.batch_execute("COMMIT").await?;
                Ok(written)
            }
            18 => {
                // Gone and back in one transaction.
                let (delete, insert) = (self.delete(first), self.insert(first, "NOTHING"));
                client.batch_execute("BEGIN").await?;
                let written = rows(client, &delete).await? + rows(client, &insert).await?;
                client.batch_execute("COMMIT").await?;
                Ok(written)
            }
            _ => rows(client, &self.copy(first)).await,
        }
    }

    fn column(&self) -> &'static str {
        match self.code {
            Code::Old => "old",
            Code::New => "new",
        }
    }

    /// Unlike any other operation's.
    fn value(&self) -> String {
        let value = self.told.writer * 1_000_000_000 + self.told.operations;
        match self.code {
            Code::Old => value.to_string(),
            Code::New => format!("'v{value}'"),
        }
    }

    /// With the rows that it has written in table `done`.
    fn logged(&self, write: &str, is_delete: bool) -> String {
        let (writer, operation) = (self.told.writer, self.told.operations);
        format!(
            "WITH written AS ({write}) INSERT INTO done (id, version, writer, operation, is_delete)
             SELECT id, version, {writer}, {operation}, {is_delete} FROM written"
        )
    }

    fn update(&self, first: i64, last: i64) -> String {
        let (writer, operation) = (self.told.writer, self.told.operations);
        let (column, value) = (self.column(), self.value());
        self.logged(
            &format!(
                "UPDATE item SET {column} = {value}, version = version + 1,
                        writer = {writer}, operation = {operation}
                  WHERE id BETWEEN {first} AND {last} RETURNING id, version"
            ),
            false,
        )
    }

    fn insert(&self, id: i64, conflict: &str) -> String {
        let (writer, operation) = (self.told.writer, self.told.operations);
        let (column, value) = (self.column(), self.value());
        self.logged(
            &format!(
                "INSERT INTO item (id, version, writer, operation, {column})
                 VALUES ({id}, nextval('incarnation') << 24, {writer}, {operation}, {value})
                 ON CONFLICT (id) DO {conflict} RETURNING id, version"
            ),
            false,
        )
    }

    fn delete(&self, id: i64) -> String {
        self.logged(
            &format!("DELETE FROM item WHERE id = {id} RETURNING id, version + 1 AS version"),
            true,
        )
    }

    /// Several rows of which some are there, in one statement.
    fn copy(&self, first: i64) -> String {
        let (writer, operation) = (self.told.writer, self.told.operations);
        let (column, value) = (self.column(), self.value());
        self.logged(
            &format!(
                "INSERT INTO item (id, version, writer, operation, {column})
                 SELECT id, nextval('incarnation') << 24, {writer}, {operation}, {value}
                   FROM generate_series({first}, {first} + 4) AS id
                 ON CONFLICT (id) DO UPDATE SET {column} = excluded.{column}, version = item.version + 1,
                    writer = excluded.writer, operation = excluded.operation
                 RETURNING id, version"
            ),
            false,
        )
    }
}

async fn rows(client: &Client, sql: &str) -> Result<u64, Error> {
    client.execute(sql, &[]).await
}

fn fate(error: &Error) -> Fate {
    match error.code().map(tokio_postgres::error::SqlState::code) {
        // Deadlock.
        Some("40P01") => Fate::Refused,
        // The connection is lost, or the server ends it.
        None | Some("57P01" | "57P02" | "57P03") => Fate::Unknown,
        Some(_) => panic!("{error:?}"),
    }
}
