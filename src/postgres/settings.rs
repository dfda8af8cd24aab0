//! What a session is set to, and how it gets clean again.

use std::sync::LazyLock;
use std::time::Duration;

use aho_corasick::AhoCorasick;

use super::{Error, Session, ident, keepalive, literal};

/// Back to what a session is at its start. `RESET ALL` alone is not that, and
/// `DISCARD ALL` would free our advisory locks and is refused in a transaction.
const CLEAN: &str = "RESET SESSION AUTHORIZATION;RESET ROLE;RESET ALL;DEALLOCATE ALL;CLOSE ALL;UNLISTEN *;DISCARD TEMP;DISCARD SEQUENCES";

/// How strings are read at the beginning of each file, and wherever one brings
/// the session's default back. The server's own default is the same, and
/// PostgreSQL 19 knows nothing else; where a database or a role has another,
/// files would mean one thing here and another there.
pub const STRINGS: &str = "SET standard_conforming_strings = on";

/// Statements, one message, for after one that has brought the session's
/// defaults back, as `RESET ALL` and `DISCARD ALL` do: ours again.
#[must_use]
pub fn after_reset(sql: &str) -> String {
    let mut words = sql.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    let is_all = words.any(|word| word.eq_ignore_ascii_case("all"));
    if is_all {
        format!("{STRINGS};{READ_WRITE}")
    } else {
        STRINGS.to_owned()
    }
}

/// What refuses a transaction block cannot be told otherwise.
const READ_WRITE: &str = "SET default_transaction_read_only = off";

/// The statement that sets the encoding of statements and rows.
#[must_use]
pub fn encoding(name: &str) -> String {
    format!("SET client_encoding = {}", literal(name))
}

/// The same until the transaction ends.
#[must_use]
pub fn encoding_local(name: &str) -> String {
    format!("SET LOCAL client_encoding = {}", literal(name))
}

/// Sets the encoding to UTF-8; what it was, if it was another one.
///
/// # Errors
/// As [`Session::execute`].
pub async fn replace_encoding(session: &Session) -> Result<Option<String>, Error> {
    let was = session.value("SHOW client_encoding").await?;
    let Some(was) = was.filter(|was| was != "UTF8") else {
        return Ok(None);
    };
    session.execute(&encoding("UTF8")).await?;
    Ok(Some(was))
}

/// How long the server lets a silent runner hold the locks of a transaction.
pub(super) const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(5);

/// Where the server can see a dead connection during a statement, let it: the
/// transaction is rolled back in any case. Soon, since others are told of a dead
/// runner only once its lock is free.
const WATCH_CLIENT: &str = if cfg!(target_os = "linux") {
    ";SELECT pg_catalog.set_config('client_connection_check_interval', '1s', false) FROM pg_catalog.pg_settings WHERE name = 'client_connection_check_interval' AND pg_catalog.version() LIKE '%linux%'"
} else {
    ";SET client_connection_check_interval = 0"
};

/// The statement that lets the server end a transaction whose runner stalls,
/// and free its locks.
#[must_use]
pub fn idle_in_transaction_local() -> String {
    format!(
        "SET LOCAL idle_in_transaction_session_timeout = {}",
        IDLE_IN_TRANSACTION.as_millis()
    )
}

/// Statements, one message, that clean the session of a batch and set it up.
/// Not one with BEGIN: `set_config` takes a snapshot, and READ WRITE is
/// refused after that where `default_transaction_read_only` is on.
#[must_use]
pub fn clean_batch(lock_timeout: Duration, server_version: u32) -> String {
    let mut sql = format!(
        "{CLEAN};SET lock_timeout = {};SET statement_timeout = 0;SET idle_session_timeout = 0;SET idle_in_transaction_session_timeout = {};SET client_encoding = 'UTF8';{STRINGS}",
        lock_timeout.as_millis(),
        IDLE_IN_TRANSACTION.as_millis(),
    );
    sql.push_str(WATCH_CLIENT);
    sql.push_str(";SELECT ");
    sql.push_str(&keepalive::columns());
    if server_version >= 170_000 {
        sql.push_str(";SET transaction_timeout = 0");
    }
    sql
}

/// Statements, one message, that clean a session that runs statements outside
/// of the batch: no timeout of any kind. READ WRITE is the default here as it
/// is in the batch.
#[must_use]
pub fn clean_builder(server_version: u32) -> String {
    let mut sql = format!(
        "{CLEAN};SET lock_timeout = 0;SET statement_timeout = 0;SET idle_session_timeout = 0;SET idle_in_transaction_session_timeout = 0;{READ_WRITE};SET client_encoding = 'UTF8';{STRINGS}"
    );
    // What goes on without its client is run with this off: see `timeouts`.
    sql.push_str(WATCH_CLIENT);
    sql.push_str(";SELECT ");
    sql.push_str(&keepalive::columns());
    if server_version >= 170_000 {
        sql.push_str(";SET transaction_timeout = 0");
    }
    sql
}

/// Statements, one message, that clean a session that runs a backfill: each of
/// its batches is planned for its own range, and where row security would hide
/// rows from it the server fails instead.
#[must_use]
pub fn clean_backfill(server_version: u32) -> String {
    let mut sql = clean_builder(server_version);
    sql.push_str(";SET plan_cache_mode = force_custom_plan;SET row_security = off");
    sql
}

/// Statements, one message, that bound a transaction of a backfill: how long it
/// may wait for a lock, and how long a statement of it may take.
#[must_use]
pub fn bound_batch(lock: Duration, statement: Duration) -> String {
    format!(
        "{};SET LOCAL lock_timeout = {};SET LOCAL statement_timeout = {}",
        idle_in_transaction_local(),
        lock.as_millis().max(1),
        statement.as_millis().clamp(1, MILLISECONDS_MAX),
    )
}

/// Longest time that a setting takes.
const MILLISECONDS_MAX: u128 = 2_147_483_647;

/// Whether `sql` may change `lock_timeout`.
#[must_use]
pub fn may_set_lock_timeout(sql: &str) -> bool {
    const WORD: &[u8] = b"lock_timeout";
    sql.as_bytes()
        .windows(WORD.len())
        .any(|window| window.eq_ignore_ascii_case(WORD))
}

/// What a batch cannot let a file choose: settings, and what resets them.
static BOUNDS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(["lock_timeout", "idle_in_transaction", "reset"])
        .expect("a few short words")
});

/// Whether `sql` may change what [`bounds`] holds.
#[must_use]
pub fn may_leave_bounds(sql: &str) -> bool {
    BOUNDS.is_match(sql)
}

/// Statements, one message, that lower `lock_timeout` to `cap` if it is longer
/// or off, and let the server free the locks of a runner that stalls, whatever
/// a file has set: the preamble of `pg_dump` turns both off.
///
/// A waiter on a table whose index is being built kills the build by deadlock
/// once it has waited longer than `deadlock_timeout`.
#[must_use]
pub fn bounds(cap: Duration) -> String {
    let millis = cap.as_millis();
    format!(
        "SELECT pg_catalog.set_config('lock_timeout', '{millis}', false) FROM pg_catalog.pg_settings WHERE name = 'lock_timeout' AND (setting::pg_catalog.int8 = 0 OR setting::pg_catalog.int8 > {millis});SET idle_in_transaction_session_timeout = {}",
        IDLE_IN_TRANSACTION.as_millis(),
    )
}

/// Statements that set another session of the same user up as `session` is:
/// what it has set, and who it acts as. The encoding is left out: what we send
/// is UTF-8.
///
/// # Errors
/// As [`Session::execute`].
pub async fn copy(session: &Session) -> Result<Vec<String>, Error> {
    let mut statements = vec![clean_builder(session.server_version())];
    for row in session.query(include_str!("settings/set.sql")).await? {
        let (Some(name), Some(value)) = (row[0].as_deref(), row[1].as_deref()) else {
            continue;
        };
        statements.push(match name {
            "session_authorization" => format!("SET SESSION AUTHORIZATION {}", ident(value)),
            "role" => format!("SET ROLE {}", ident(value)),
            name => format!(
                "SELECT pg_catalog.set_config({}, {}, false)",
                literal(name),
                literal(value)
            ),
        });
    }
    Ok(statements)
}

/// Half of the server's `deadlock_timeout`.
///
/// # Errors
/// As [`Session::execute`].
pub async fn lock_wait_max(session: &Session) -> Result<Duration, Error> {
    let millis = session
        .value("SELECT setting FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'")
        .await?;
    let millis: u64 = millis.and_then(|text| text.parse().ok()).unwrap_or(1000);
    Ok(Duration::from_millis((millis / 2).max(1)))
}

/// Whether an index is being built concurrently in this database, as far as
/// our rights let us see: what cannot be seen counts as yes.
///
/// # Errors
/// As [`Session::execute`].
pub async fn is_building(session: &Session) -> Result<bool, Error> {
    Ok(session
        .value(include_str!("settings/is_building.sql"))
        .await?
        .is_some())
}

/// Statements that fire what deferrable constraints and triggers have pending,
/// and then give each its own mode again; none if there is no such constraint.
///
/// By name: `SET CONSTRAINTS ALL` would hold for those that are made later in
/// the transaction too, and cannot be taken back.
///
/// # Errors
/// As [`Session::execute`].
pub async fn fire_deferred(session: &Session) -> Result<Vec<String>, Error> {
    let rows = session
        .query(include_str!("settings/deferrable.sql"))
        .await?;
    let (mut all, mut deferred) = (Vec::new(), Vec::new());
    for row in &rows {
        let (Some(namespace), Some(name)) = (row[0].as_deref(), row[1].as_deref()) else {
            continue;
        };
        let name = format!("{}.{}", ident(namespace), ident(name));
        if row[2].as_deref() == Some("t") {
            deferred.push(name.clone());
        }
        all.push(name);
    }
    let modes = [(all, "IMMEDIATE"), (deferred, "DEFERRED")];
    Ok(modes
        .into_iter()
        .filter(|(names, _)| !names.is_empty())
        .map(|(names, mode)| format!("SET CONSTRAINTS {} {mode}", names.join(", ")))
        .collect())
}
