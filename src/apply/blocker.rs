//! Whoever is in the way, in one line for people, and what would end it.

use std::fmt;
use std::time::Duration;

use super::human;
use crate::postgres::activity::Blocker;

/// One line: ``pid 4711 (alice, `psql`), idle in transaction for 3m: SELECT …``.
/// What our rights do not show is left out.
impl fmt::Display for Blocker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(gid) = &self.prepared {
            write!(formatter, "prepared transaction `{gid}`")?;
            if let Some(user) = &self.user {
                write!(formatter, " ({user})")?;
            }
            return match &self.transaction_age {
                Some(age) => write!(formatter, ", prepared {} ago", human(age)),
                None => Ok(()),
            };
        }
        write!(formatter, "pid {}", self.pid)?;
        match (&self.user, &self.application) {
            (Some(user), Some(application)) => write!(formatter, " ({user}, `{application}`)")?,
            (Some(user), None) => write!(formatter, " ({user})")?,
            (None, Some(application)) => write!(formatter, " (`{application}`)")?,
            (None, None) => {}
        }
        if let Some(state) = &self.state {
            write!(formatter, ", {state}")?;
            let age = if self.is_idle() {
                // It holds something by its session, since who knows when.
                None
            } else if self.is_active() {
                self.query_age
            } else {
                self.transaction_age
            };
            if let Some(age) = age {
                write!(formatter, " for {}", human(&age))?;
            }
            // A quick statement in an old transaction: the age that hurts is
            // the transaction's.
            if let (true, Some(query_age), Some(age)) =
                (self.is_active(), self.query_age, self.transaction_age)
                && age > query_age + Duration::from_secs(1)
            {
                write!(formatter, ", in a transaction open for {}", human(&age))?;
            }
        }
        match &self.query {
            Some(query) => write!(formatter, ": {query}"),
            None => Ok(()),
        }
    }
}

/// What is waited for, for people, by the name of its object and the `locktype`
/// in `pg_locks`: ``a lock on `t` ``, ``a row of `t` ``.
#[must_use]
pub fn lock(object: Option<&str>, lock_type: &str) -> String {
    match (lock_type, object) {
        // The only one that is waited for by name.
        ("advisory", Some(version)) => format!("the {version}"),
        ("advisory", None) => "an advisory lock".to_owned(),
        ("transactionid" | "tuple", Some(table)) => format!("a row of `{table}`"),
        ("transactionid" | "speculative token", None) => "a row".to_owned(),
        ("virtualxid", _) => "a snapshot".to_owned(),
        (_, Some(object)) => format!("a lock on `{object}`"),
        (_, None) => "a lock".to_owned(),
    }
}

impl Blocker {
    /// Whether the server hides from us what it does.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.user.is_some() && self.state.is_none() && self.prepared.is_none()
    }

    /// Which one, and what ends it.
    #[must_use]
    pub fn remedy_of(&self) -> String {
        match &self.prepared {
            Some(gid) => format!("prepared transaction `{gid}`: {}", self.remedy()),
            None => format!("pid {}: {}", self.pid, self.remedy()),
        }
    }

    /// What ends it, for people: ``ended by `SELECT pg_terminate_backend(4711)` ``.
    #[must_use]
    pub fn remedy(&self) -> String {
        let pid = self.pid;
        if let Some(gid) = &self.prepared {
            let gid = gid.replace('\'', "''");
            format!("ended by `COMMIT PREPARED '{gid}'` or `ROLLBACK PREPARED '{gid}'`")
        } else if self.is_segue() {
            "a segue at work, which ends by itself".to_owned()
        } else if self.is_against_wraparound() {
            format!(
                "a vacuum against wraparound, which gives way to nobody and is best left to end; `SELECT pg_cancel_backend({pid})` stops it until autovacuum comes again"
            )
        } else if self.is_autovacuum() {
            format!(
                "an autovacuum worker, most likely: it ends by itself, or by `SELECT pg_cancel_backend({pid})`"
            )
        } else if self.is_idle() {
            format!("held by its session until that ends: `SELECT pg_terminate_backend({pid})`")
        } else if self.is_active() {
            format!("ends with its statement, or by `SELECT pg_cancel_backend({pid})`")
        } else {
            format!("ended by its own COMMIT, or by `SELECT pg_terminate_backend({pid})`")
        }
    }

    fn is_active(&self) -> bool {
        self.state.as_deref() == Some("active")
    }

    /// Whether it says of itself that it runs a concurrent migration.
    pub(super) fn is_of_migration(&self) -> bool {
        self.application
            .as_deref()
            .is_some_and(|name| name.starts_with("segue: "))
    }

    /// Whether it is in no transaction.
    fn is_idle(&self) -> bool {
        self.state.as_deref() == Some("idle")
    }

    fn is_against_wraparound(&self) -> bool {
        let query = self.query.as_deref().unwrap_or_default();
        self.is_autovacuum() && query.ends_with("(to prevent wraparound)")
    }

    /// Whether it says of itself that it is a segue.
    fn is_segue(&self) -> bool {
        self.application
            .as_deref()
            .is_some_and(|name| name == "segue" || name.starts_with("segue:"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(blocker: &Blocker, line: &str, remedy: &str) {
        assert_eq!(blocker.to_string(), line);
        assert_eq!(blocker.remedy(), remedy);
    }

    fn alice() -> Blocker {
        Blocker {
            pid: 4711,
            user: Some("alice".to_owned()),
            application: Some("psql".to_owned()),
            state: Some("idle in transaction".to_owned()),
            transaction_age: Some(Duration::from_mins(3)),
            query_age: Some(Duration::from_secs(179)),
            wait_event: Some("Client/ClientRead".to_owned()),
            query: Some("SELECT 1".to_owned()),
            ..Blocker::default()
        }
    }

    #[test]
    fn an_idle_transaction_shows_its_age() {
        check(
            &alice(),
            "pid 4711 (alice, `psql`), idle in transaction for 3m: SELECT 1",
            "ended by its own COMMIT, or by `SELECT pg_terminate_backend(4711)`",
        );
    }

    #[test]
    fn a_statement_shows_its_own_age_and_that_of_an_older_transaction() {
        let active = Blocker {
            state: Some("active".to_owned()),
            query_age: Some(Duration::from_secs(2)),
            ..alice()
        };
        check(
            &active,
            "pid 4711 (alice, `psql`), active for 2s, in a transaction open for 3m: SELECT 1",
            "ends with its statement, or by `SELECT pg_cancel_backend(4711)`",
        );
        check(
            &Blocker {
                transaction_age: Some(Duration::from_millis(2100)),
                ..active
            },
            "pid 4711 (alice, `psql`), active for 2s: SELECT 1",
            "ends with its statement, or by `SELECT pg_cancel_backend(4711)`",
        );
    }

    #[test]
    fn what_rights_hide_is_left_out() {
        check(
            &Blocker {
                pid: 12,
                user: Some("bob".to_owned()),
                ..Blocker::default()
            },
            "pid 12 (bob)",
            "ended by its own COMMIT, or by `SELECT pg_terminate_backend(12)`",
        );
    }

    #[test]
    fn a_prepared_transaction_is_named_by_its_identifier() {
        check(
            &Blocker {
                user: Some("alice".to_owned()),
                transaction_age: Some(Duration::from_hours(3)),
                prepared: Some("it's".to_owned()),
                ..Blocker::default()
            },
            "prepared transaction `it's` (alice), prepared 3.0h ago",
            "ended by `COMMIT PREPARED 'it''s'` or `ROLLBACK PREPARED 'it''s'`",
        );
    }

    #[test]
    fn an_idle_session_holds_by_itself() {
        let idle = Blocker {
            state: Some("idle".to_owned()),
            transaction_age: None,
            ..alice()
        };
        check(
            &idle,
            "pid 4711 (alice, `psql`), idle: SELECT 1",
            "held by its session until that ends: `SELECT pg_terminate_backend(4711)`",
        );
    }

    #[test]
    fn a_vacuum_against_wraparound_is_told_apart() {
        let worker = Blocker {
            pid: 12,
            application: Some("autovacuum worker".to_owned()),
            state: Some("active".to_owned()),
            query_age: Some(Duration::from_secs(2)),
            query: Some("autovacuum: VACUUM public.t".to_owned()),
            ..Blocker::default()
        };
        check(
            &worker,
            "pid 12 (`autovacuum worker`), active for 2s: autovacuum: VACUUM public.t",
            "an autovacuum worker, most likely: it ends by itself, or by `SELECT pg_cancel_backend(12)`",
        );
        let query = "autovacuum: VACUUM public.t (to prevent wraparound)".to_owned();
        check(
            &Blocker {
                query: Some(query),
                ..worker
            },
            "pid 12 (`autovacuum worker`), active for 2s: autovacuum: VACUUM public.t (to prevent wraparound)",
            "a vacuum against wraparound, which gives way to nobody and is best left to end; `SELECT pg_cancel_backend(12)` stops it until autovacuum comes again",
        );
    }

    #[test]
    fn a_segue_is_left_alone() {
        check(
            &Blocker {
                application: Some("segue: main/index.sql".to_owned()),
                state: Some("active".to_owned()),
                query_age: Some(Duration::from_secs(2)),
                query: None,
                transaction_age: None,
                ..alice()
            },
            "pid 4711 (alice, `segue: main/index.sql`), active for 2s",
            "a segue at work, which ends by itself",
        );
    }
}
