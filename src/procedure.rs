//! What a statement that refuses a transaction block leaves behind, and the
//! next step: facts in, a [`Next`] out.
//!
//! Such a statement can die half-way, its runner can die while it goes on, and
//! somebody else may do the same by hand. So nothing is concluded from how a
//! statement ended, only from what the catalogs say afterwards: look, decide,
//! do one thing, look again. Looking and doing is left to
//! [`crate::apply::standalone`].

use serde::{Deserialize, Serialize};

use crate::statement::{Digest, Kind};

pub mod create_index;
pub mod detach_partition;
pub mod drop_index;
pub mod object;
pub mod other;
pub mod partitioned_index;
pub mod prepare_transaction;
pub mod reindex;

pub use create_index::CreateIndex;
pub use object::Object;
pub use other::Nature;
pub use reindex::Reindex;

/// A statement that refuses a transaction block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// `CREATE INDEX CONCURRENTLY`
    CreateIndex(CreateIndex),
    /// `DROP INDEX CONCURRENTLY`
    DropIndex,
    /// `REINDEX`
    Reindex(Reindex),
    /// `ALTER TABLE … DETACH PARTITION … CONCURRENTLY`
    DetachPartition,
    /// What makes, drops or changes something that has a row of its own.
    Object(Object),
    /// Any other.
    Other(Nature),
}

impl Work {
    /// What a statement is; `digest` is `None` if the parser does not know it.
    #[must_use]
    pub fn of(digest: Option<&Digest>, sql: &str, is_rerunnable: bool) -> Self {
        match digest.map(|digest| &digest.kind) {
            Some(Kind::CreateIndexConcurrently {
                index,
                if_not_exists,
                ..
            }) => Self::CreateIndex(CreateIndex {
                name: index.clone(),
                if_not_exists: *if_not_exists,
                sql: sql.to_owned(),
            }),
            // PostgreSQL takes one only, and says so itself.
            Some(Kind::DropIndexConcurrently { indexes, .. }) if indexes.len() == 1 => {
                Self::DropIndex
            }
            Some(Kind::Reindex {
                target,
                concurrently,
            }) => Self::Reindex(Reindex::of(target, *concurrently)),
            Some(Kind::DetachPartitionConcurrently { .. }) => Self::DetachPartition,
            Some(kind) if let Some(object) = Object::of(kind, sql) => Self::Object(object),
            _ if is_rerunnable => Self::Other(Nature::Harmless),
            Some(
                Kind::Vacuum { .. }
                | Kind::Analyze { .. }
                | Kind::Cluster { .. }
                | Kind::RefreshMaterializedView { .. }
                | Kind::AlterSystem { .. }
                | Kind::Discard { .. },
            ) => Self::Other(Nature::Harmless),
            Some(Kind::Call { .. } | Kind::Do) | None => Self::Other(Nature::Commits),
            Some(_) => Self::Other(Nature::Once),
        }
    }

    /// The next step.
    #[must_use]
    pub fn next(&self, looked: &Looked) -> Next {
        match self {
            Self::CreateIndex(wanted) => create_index::next(wanted, looked),
            Self::DropIndex => drop_index::next(looked),
            Self::Reindex(wanted) => reindex::next(*wanted, looked),
            Self::DetachPartition => detach_partition::next(looked),
            Self::Object(object) => object::next(object, looked),
            Self::Other(nature) => other::next(*nature, looked),
        }
    }

    /// The next step to remove what a try has left behind that will not be
    /// tried again; [`Next::Done`] with a reason if something stays.
    #[must_use]
    pub fn clean_up(&self, looked: &Looked) -> Next {
        match self {
            Self::CreateIndex(wanted) => create_index::clean_up(wanted, looked),
            Self::DropIndex => drop_index::clean_up(looked),
            Self::Reindex(_) => reindex::clean_up(looked),
            Self::DetachPartition => detach_partition::clean_up(looked),
            Self::Object(object) => object::clean_up(object, looked),
            Self::Other(_) => Next::Done { reason: None },
        }
    }
}

/// All that a decision about one statement needs to know.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// `server_version_num`, for example 150018.
    pub server_version: u32,
    /// The table that the statement works on; `None` if there is none.
    pub table: Option<Table>,
    /// The indexes that this table has now, by OID. Of `REINDEX` those of its
    /// partitions and TOAST tables too; where it names no table, only what
    /// other tries of that kind have left.
    pub indexes: Vec<Index>,
    /// OID of the index or the partition that the statement's name means now.
    pub named: Option<u32>,
    /// The partition that is to be detached, if it is one of this table.
    pub partition: Option<Partition>,
    /// The state of the [`Object`], as far as the statement can change it;
    /// `None` if it is not there.
    pub object: Option<String>,
    /// Other sessions that hold SHARE UPDATE EXCLUSIVE or more on the table,
    /// as every builder does; 0 is a prepared transaction. Autovacuum is left
    /// out: it builds nothing, and gives way by itself.
    pub holders: Vec<i32>,
    /// What an earlier try of this very statement wrote down before it ran.
    pub intent: Option<Trace>,
    /// How the try of this run ended; `None` before it.
    pub ended: Option<Ended>,
}

/// A table, as the catalogs know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its OID.
    pub oid: u32,
    /// Qualified and quoted where needed, for people and for SQL.
    pub name: String,
    /// Whether it is partitioned.
    pub is_partitioned: bool,
}

/// An index, as the catalogs know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its OID.
    pub oid: u32,
    /// Its bare name.
    pub name: String,
    /// Qualified and quoted where needed, for people and for SQL.
    pub qualified: String,
    /// `indisvalid`, `indisready` and `indislive` in one: queries use it, and
    /// writers keep it up.
    pub is_valid: bool,
    /// Whether we may use its namespace, without which it cannot be dropped.
    /// Of TOAST tables that is the superuser's.
    pub is_in_reach: bool,
    /// As `pg_get_indexdef` tells it.
    pub definition: String,
    /// Whether it is the one that the statement makes; `None` where the text
    /// does not decide, as with expressions, to which the server adds casts.
    pub is_same: Option<bool>,
}

/// What an earlier try wrote down before it ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Whether the server answered with an error; else it was interrupted.
    pub failed: bool,
    /// OIDs of the indexes that the table had before.
    pub indexes_before: Vec<u32>,
    /// OID of what it drops, rebuilds or detaches.
    pub target: Option<u32>,
    /// What else there was before.
    pub before: Before,
}

/// What else there was before a statement ran, as the ledger keeps it: JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Before {
    /// OIDs of transient indexes that another `REINDEX CONCURRENTLY` had left.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<u32>,
    /// Whether the partition was one of the table that it is detached from.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub was_partition: bool,
    /// Whether the partition was half detached already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub was_detaching: bool,
    /// Number of the transaction that was about to be prepared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    /// Fingerprint of the statements of that transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<String>,
    /// State of the [`Object`]; `None` if it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
}

/// A partition, as the catalogs know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Qualified and quoted where needed, for people and for SQL.
    pub name: String,
    /// Whether it is half detached: no row goes there any more, and queries on
    /// the partitioned table do not see those that it has.
    pub is_detaching: bool,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Without an error.
    Well,
    /// With one that another try may cure: lock timeout, deadlock,
    /// serialization failure.
    Curable,
    /// With one that no other try cures.
    Failed,
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Run the statement.
    Run,
    /// Nothing: it is done.
    Done {
        /// Why it counts as done, where it was not simply run.
        reason: Option<String>,
    },
    /// Wait until these sessions have let go of the table, then look again.
    WaitFor {
        /// Their pids; 0 is a prepared transaction.
        pids: Vec<i32>,
    },
    /// Drop this index concurrently, then look again.
    Drop {
        /// Its OID.
        oid: u32,
        /// Its name, qualified.
        name: String,
    },
    /// Detach this partition for good, then look again. There is no way back.
    Finalize {
        /// The partitioned table, qualified.
        parent: String,
        /// The partition, qualified.
        partition: String,
    },
    /// Do it partition by partition, by [`partitioned_index`].
    Expand,
    /// Report the error that the try ended with.
    Fail,
    /// Report this.
    Refuse(Refusal),
    /// What became of an earlier try cannot be known: report this, unless the
    /// user has said whether the statement is done.
    Ask(Refusal),
}

/// Why a statement is not run, in the parts of a diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// At the statement: why here.
    pub label: String,
    /// Facts.
    pub notes: Vec<String>,
    /// What to type or do.
    pub help: String,
}

impl Looked {
    /// What is to be kept of this for whoever finds the statement interrupted.
    #[must_use]
    pub fn before(&self) -> Before {
        Before {
            leftovers: reindex::leftovers(self).map(|index| index.oid).collect(),
            was_partition: self.partition.is_some(),
            was_detaching: self
                .partition
                .as_ref()
                .is_some_and(|partition| partition.is_detaching),
            transaction: None,
            block: None,
            object: self.object.clone(),
        }
    }

    /// Whether `index` was not there before the intent was written.
    fn is_new(&self, index: &Index) -> bool {
        self.intent
            .as_ref()
            .is_some_and(|intent| !intent.indexes_before.contains(&index.oid))
    }

    fn wait(&self) -> Option<Next> {
        (!self.holders.is_empty()).then(|| Next::WaitFor {
            pids: self.holders.clone(),
        })
    }

    /// Removes what is half-way, unless somebody may still be working on it:
    /// `DROP INDEX CONCURRENTLY` would wait for a build that runs and then
    /// drop the finished index.
    fn wait_or_drop(&self, index: &Index) -> Next {
        self.wait().unwrap_or_else(|| Next::Drop {
            oid: index.oid,
            name: index.qualified.clone(),
        })
    }
}

impl Next {
    fn done(reason: impl Into<String>) -> Self {
        Self::Done {
            reason: Some(reason.into()),
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// An index of table `public.t` with this OID and name; `shape` is `valid`
    /// or `invalid`, then `same`, `other` or `perhaps`.
    pub(crate) fn index(oid: u32, name: &str, shape: &str) -> Index {
        Index {
            oid,
            name: name.to_owned(),
            qualified: format!("public.{name}"),
            is_valid: shape.starts_with("valid"),
            is_in_reach: true,
            definition: format!("CREATE INDEX {name} ON public.t USING btree (a)"),
            is_same: match shape.rsplit(' ').next() {
                Some("same") => Some(true),
                Some("other") => Some(false),
                _ => None,
            },
        }
    }

    /// Table `public.t` on PostgreSQL 15 with these indexes.
    pub(crate) fn looked(indexes: Vec<Index>) -> Looked {
        Looked {
            server_version: 150_000,
            table: Some(Table {
                oid: 1,
                name: "public.t".to_owned(),
                is_partitioned: false,
            }),
            indexes,
            ..Looked::default()
        }
    }

    /// An interrupted try before which the table had these indexes.
    #[expect(clippy::unnecessary_wraps, reason = "for a field that is an option")]
    pub(crate) fn intent(indexes_before: &[u32], target: Option<u32>) -> Option<Trace> {
        Some(Trace {
            failed: false,
            indexes_before: indexes_before.to_vec(),
            target,
            before: Before::default(),
        })
    }

    /// One line per decision, a refusal as its parts.
    pub(crate) fn shown(next: &Next) -> String {
        match next {
            Next::Run => "run".to_owned(),
            Next::Done { reason: None } => "done".to_owned(),
            Next::Done {
                reason: Some(reason),
            } => format!("done: {reason}"),
            Next::WaitFor { pids } => format!("wait for {pids:?}"),
            Next::Drop { oid, name } => format!("drop {name} ({oid})"),
            Next::Finalize { parent, partition } => format!("finalize {partition} of {parent}"),
            Next::Expand => "expand".to_owned(),
            Next::Fail => "fail".to_owned(),
            Next::Refuse(refusal) | Next::Ask(refusal) => {
                let verb = match next {
                    Next::Ask(_) => "ask",
                    _ => "refuse",
                };
                let mut lines = vec![format!("{verb}: {}", refusal.message)];
                lines.push(format!("label: {}", refusal.label));
                lines.extend(refusal.notes.iter().map(|note| format!("note: {note}")));
                lines.push(format!("help: {}", refusal.help));
                lines.join("\n")
            }
        }
    }
}
