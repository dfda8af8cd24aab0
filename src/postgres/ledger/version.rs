//! The version of the schema, as the ledger has it: a column of its
//! migration's row, which a row of `segue.version` follows by triggers.

use std::time::Duration;

use super::Ledger;
use crate::postgres::{Error, timeouts};
use crate::version::Version;

/// Since when there are versions.
const SINCE: u32 = 7;

/// `'{3,1,0}'`, or NULL.
pub(super) fn literal(version: Option<Version>) -> String {
    version.map_or_else(
        || "NULL".to_owned(),
        |Version {
             major,
             minor,
             patch,
         }| format!("'{{{major},{minor},{patch}}}'"),
    )
}

/// A version as `3.1.0`, or NULL.
pub(super) fn parse(text: Option<&str>) -> Result<Option<Version>, Error> {
    let parsed = text.map(Version::parse).transpose();
    parsed.map_err(|_| Error::protocol("a schema version in the ledger is malformed"))
}

/// The version of a project's schema as JSON, for a statement; `project` is an
/// expression.
pub(super) fn json_sql(project: &str) -> String {
    format!("coalesce('\"' || segue.schema_version({project}) || '\"', 'null')")
}

impl Ledger {
    /// Whether it is new enough to know versions.
    pub(super) fn has_versions(&self) -> bool {
        self.version.is_some_and(|version| version >= SINCE)
    }

    /// What is selected from `segue.migration`: whoever only reads does not
    /// upgrade.
    pub(super) fn schema_version_column(&self) -> &'static str {
        if self.has_versions() {
            "pg_catalog.array_to_string(schema_version, '.')"
        } else {
            "NULL"
        }
    }

    /// The first statement of a transaction that brings another version: it
    /// waits until everybody has ended who relies on the one that there is, as
    /// long as `lock_timeout` lets it.
    #[must_use]
    pub fn fence_sql(&self) -> String {
        let project = super::literal(&self.project);
        // No row comes of it, where those of others are counted.
        format!(
            "SELECT FROM pg_catalog.pg_advisory_xact_lock(segue.version_key({project})) AS held WHERE held IS NULL"
        )
    }

    /// The same wait before the transaction begins, whose own is then none: one
    /// that has one snapshot for all statements takes it before its first one
    /// waits, and would not see what was committed meanwhile. The lock is the
    /// session's until [`Self::unfence_outside_sql`].
    #[must_use]
    pub fn fence_outside_sql(&self) -> String {
        let project = super::literal(&self.project);
        format!(
            "SELECT FROM pg_catalog.pg_advisory_lock(segue.version_key({project})) AS held WHERE held IS NULL"
        )
    }

    /// Leaves the lock to the transaction alone.
    #[must_use]
    pub fn unfence_outside_sql(&self) -> String {
        let project = super::literal(&self.project);
        format!(
            "SELECT FROM pg_catalog.pg_advisory_unlock(segue.version_key({project})) AS freed WHERE freed IS NULL"
        )
    }

    /// Outside a transaction: frees the lock if the session has it.
    #[must_use]
    pub fn unfence_if_held_sql(&self) -> String {
        let project = super::literal(&self.project);
        format!(
            "SELECT pg_catalog.pg_advisory_unlock(k.key) FROM (SELECT segue.version_key({project})) AS k (key), pg_catalog.pg_locks AS l WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted AND l.mode = 'ExclusiveLock' AND l.pid = pg_catalog.pg_backend_pid() AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AND l.classid::pg_catalog.int8 << 32 | l.objid::pg_catalog.int8 = k.key"
        )
    }

    /// Statements for the beginning of a transaction of the ledger's own, in a
    /// session without timeouts, that brings another version.
    #[must_use]
    pub fn fence_within_sql(&self, lock_timeout: Duration) -> Vec<String> {
        vec![timeouts::lock_timeout_local(lock_timeout), self.fence_sql()]
    }
}
