//! What PostgreSQL's parser says of one statement, in plain types.

use std::collections::BTreeSet;
use std::fmt;

use super::{Columns, TransactionControl};

/// Name of a relation, type or routine as a statement writes it: folded to
/// lower case where it was not quoted, without quotes.
///
/// Shown for people, `app.users` for example; SQL is made from its fields by a
/// quoting type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationName {
    /// The namespace, if it is written.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl RelationName {
    /// A name without a namespace.
    #[must_use]
    pub fn bare(name: impl Into<String>) -> Self {
        Self {
            namespace: None,
            name: name.into(),
        }
    }

    /// A name in a namespace.
    #[must_use]
    pub fn qualified(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: Some(namespace.into()),
            name: name.into(),
        }
    }

    /// Whether the two may be the same relation: a name without a namespace may
    /// be in any.
    #[must_use]
    pub fn may_be(&self, other: &Self) -> bool {
        self.name == other.name
            && (self.namespace.is_none()
                || other.namespace.is_none()
                || self.namespace == other.namespace)
    }
}

impl fmt::Display for RelationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}.")?;
        }
        f.write_str(&self.name)
    }
}

/// What a statement is and whom it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// What it is.
    pub kind: Kind,
    /// Every relation and index that it names, those of [`Digest::makes`] and
    /// [`Digest::drops`] among them; names of `WITH` queries left out. What
    /// stands in strings (function bodies, `'t'::regclass`) is not seen.
    pub touches: BTreeSet<RelationName>,
    /// Relations, indexes (those of named constraints too), types and routines
    /// that it creates or renames something to. An index without a name is not
    /// among them: PostgreSQL chooses one. Enum values are in [`Kind`].
    pub makes: BTreeSet<RelationName>,
    /// The same kinds of names that are gone afterwards.
    pub drops: BTreeSet<RelationName>,
    /// Tables and materialized views that have certainly not been there before:
    /// without `IF NOT EXISTS`, not temporary, in the namespace that is written
    /// or else on the search path.
    pub creates: BTreeSet<RelationName>,
    /// Relations that may be, or have as a part, an older one afterwards: by
    /// another name, in another namespace, by `ATTACH PARTITION` or `INHERIT`.
    pub adopts: BTreeSet<RelationName>,
    /// Routines and types that it names, PostgreSQL's own among them. Operators
    /// are not seen.
    pub uses: BTreeSet<RelationName>,
    /// The columns that a statement about rows names.
    pub columns: Columns,
}

/// What `REINDEX` rebuilds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReindexTarget {
    /// One index.
    Index(RelationName),
    /// All indexes of a table.
    Table(RelationName),
    /// All of a namespace.
    Namespace(String),
    /// All of the database, or its catalogs (`SYSTEM`).
    Database,
}

/// The statements that segue knows by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `CREATE INDEX CONCURRENTLY`
    CreateIndexConcurrently {
        /// Its name; it gets the namespace of its table.
        index: Option<String>,
        /// The table.
        table: RelationName,
        /// `ON ONLY`
        only: bool,
        /// `UNIQUE`
        unique: bool,
        /// `IF NOT EXISTS`
        if_not_exists: bool,
        /// Expression or partial index: its build holds a snapshot, so that
        /// other builds wait for it.
        snapshot_holder: bool,
    },
    /// `DROP INDEX CONCURRENTLY`
    DropIndexConcurrently {
        /// One: PostgreSQL takes no more, though its grammar does.
        indexes: Vec<RelationName>,
        /// `IF EXISTS`
        if_exists: bool,
    },
    /// `REINDEX`
    Reindex {
        /// What is rebuilt.
        target: ReindexTarget,
        /// `CONCURRENTLY`
        concurrently: bool,
    },
    /// `VACUUM`
    Vacuum {
        /// Empty: the whole database.
        relations: Vec<RelationName>,
        /// `FULL`
        full: bool,
        /// `ANALYZE`
        analyze: bool,
    },
    /// `ANALYZE`
    Analyze {
        /// Empty: the whole database.
        relations: Vec<RelationName>,
    },
    /// `CLUSTER`
    Cluster {
        /// `None`: all tables that were clustered before.
        relation: Option<RelationName>,
    },
    /// `REFRESH MATERIALIZED VIEW`
    RefreshMaterializedView {
        /// The view.
        relation: RelationName,
        /// `CONCURRENTLY`
        concurrently: bool,
    },
    /// `ALTER TABLE … DETACH PARTITION … CONCURRENTLY` or `FINALIZE`
    DetachPartitionConcurrently {
        /// The partitioned table.
        parent: RelationName,
        /// The partition.
        partition: RelationName,
        /// `FINALIZE`, which a transaction block allows.
        finalize: bool,
    },
    /// `ALTER TABLE … VALIDATE CONSTRAINT`, and nothing else
    ValidateConstraint {
        /// The table.
        table: RelationName,
        /// The constraint.
        constraint: String,
    },
    /// `CREATE DATABASE`
    CreateDatabase {
        /// Its name.
        name: String,
    },
    /// `DROP DATABASE`
    DropDatabase {
        /// Its name.
        name: String,
        /// `IF EXISTS`
        if_exists: bool,
    },
    /// `ALTER DATABASE … SET TABLESPACE`
    AlterDatabaseTablespace {
        /// The database.
        name: String,
        /// Where it goes.
        tablespace: String,
    },
    /// `CREATE TABLESPACE`
    CreateTablespace {
        /// Its name.
        name: String,
    },
    /// `DROP TABLESPACE`
    DropTablespace {
        /// Its name.
        name: String,
        /// `IF EXISTS`
        if_exists: bool,
    },
    /// `CREATE SUBSCRIPTION`
    CreateSubscription {
        /// Its name.
        name: String,
        /// Whether it creates a replication slot on the publisher.
        creates_slot: bool,
    },
    /// `ALTER SUBSCRIPTION`
    AlterSubscription {
        /// Its name.
        name: String,
        /// Whether it fetches the publisher's list of tables.
        refreshes: bool,
    },
    /// `DROP SUBSCRIPTION`; refuses a transaction block if it has a slot, which
    /// the statement does not tell
    DropSubscription {
        /// Its name.
        name: String,
        /// `IF EXISTS`
        if_exists: bool,
    },
    /// `ALTER SYSTEM`
    AlterSystem {
        /// `None`: `RESET ALL`.
        setting: Option<String>,
    },
    /// `ALTER TYPE … ADD VALUE`
    AlterTypeAddValue {
        /// The enum.
        type_name: RelationName,
        /// The value.
        value: String,
        /// `IF NOT EXISTS`
        if_not_exists: bool,
    },
    /// `CALL`
    Call {
        /// The procedure.
        routine: RelationName,
    },
    /// `DO`
    Do,
    /// `BEGIN`, `COMMIT`, `ROLLBACK` and their like
    Transaction(TransactionControl),
    /// `SET`, `SET ROLE`, `SET SESSION AUTHORIZATION`, `RESET`, and a `SELECT`
    /// of nothing but `set_config`
    Set {
        /// The setting, `role` for `SET ROLE`; `None` if it is all of them
        /// (`RESET ALL`), several, or a computed one.
        setting: Option<String>,
        /// `SET LOCAL`, `SET TRANSACTION`: until the transaction ends.
        local: bool,
    },
    /// `DISCARD`
    Discard {
        /// `DISCARD ALL`
        all: bool,
    },
    /// `COPY`
    Copy {
        /// The table; `None`: a query.
        relation: Option<RelationName>,
        /// `FROM STDIN`
        from_stdin: bool,
    },
    /// Everything else.
    Other,
}

impl Digest {
    /// Whether PostgreSQL certainly refuses it in a transaction block (25001).
    ///
    /// `false` also where its text does not decide: partitioned tables, slots,
    /// a `COMMIT` in a procedure. There the server tells, before anything is
    /// done.
    #[must_use]
    pub fn refuses_transaction_block(&self) -> bool {
        match &self.kind {
            Kind::CreateIndexConcurrently { .. }
            | Kind::DropIndexConcurrently { .. }
            | Kind::Vacuum { .. }
            | Kind::CreateDatabase { .. }
            | Kind::DropDatabase { .. }
            | Kind::AlterDatabaseTablespace { .. }
            | Kind::CreateTablespace { .. }
            | Kind::DropTablespace { .. }
            | Kind::AlterSystem { .. }
            | Kind::Transaction(
                TransactionControl::CommitPrepared | TransactionControl::RollbackPrepared,
            ) => true,
            Kind::Reindex {
                target,
                concurrently,
            } => {
                *concurrently
                    || matches!(
                        target,
                        ReindexTarget::Namespace(_) | ReindexTarget::Database
                    )
            }
            Kind::Cluster { relation } => relation.is_none(),
            Kind::DetachPartitionConcurrently { finalize, .. } => !finalize,
            Kind::CreateSubscription { creates_slot, .. } => *creates_slot,
            Kind::AlterSubscription { refreshes, .. } => *refreshes,
            Kind::Discard { all } => *all,
            Kind::Analyze { .. }
            | Kind::RefreshMaterializedView { .. }
            | Kind::ValidateConstraint { .. }
            | Kind::DropSubscription { .. }
            | Kind::AlterTypeAddValue { .. }
            | Kind::Call { .. }
            | Kind::Do
            | Kind::Transaction(_)
            | Kind::Set { .. }
            | Kind::Copy { .. }
            | Kind::Other => false,
        }
    }
}
