//! A statement → the locks that it takes on tables until its transaction ends.
//!
//! Of what it names itself: partitions, tables of foreign keys that are dropped
//! and what a cascade reaches are not seen. `tests/database/lint.rs` compares
//! this with `pg_locks`.

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableCmd, AlterTableType, ConstrType, ObjectType, RangeVar};

use super::tree;
use crate::statement::RelationName;

/// A lock on a table, by PostgreSQL's names, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lock {
    /// Stops other changes of the schema, `VACUUM` too.
    ShareUpdateExclusive,
    /// Stops writers.
    Share,
    /// Stops writers, and others of its kind.
    ShareRowExclusive,
    /// Stops writers, and `SELECT … FOR UPDATE`.
    Exclusive,
    /// Stops everybody.
    AccessExclusive,
}

impl Lock {
    /// The name in `pg_locks`.
    #[must_use]
    pub const fn mode(self) -> &'static str {
        match self {
            Self::ShareUpdateExclusive => "ShareUpdateExclusiveLock",
            Self::Share => "ShareLock",
            Self::ShareRowExclusive => "ShareRowExclusiveLock",
            Self::Exclusive => "ExclusiveLock",
            Self::AccessExclusive => "AccessExclusiveLock",
        }
    }
}

/// The strongest lock of a statement on each table that it names, in the order
/// in which they are named; weaker ones than [`Lock::ShareUpdateExclusive`],
/// which stop no traffic, are left out.
#[must_use]
pub fn locks(node: &NodeEnum) -> Vec<(RelationName, Lock)> {
    let mut taken: Vec<(RelationName, Lock)> = Vec::new();
    let mut take =
        |name: RelationName, lock: Lock| match taken.iter_mut().find(|(one, _)| *one == name) {
            Some((_, strongest)) => *strongest = lock.max(*strongest),
            None => taken.push((name, lock)),
        };
    let named = |table: Option<&RangeVar>| table.map(tree::relation);
    match node {
        NodeEnum::AlterTableStmt(_) => {
            for (table, command) in tree::table_commands(node) {
                take(tree::relation(table), of_command(command));
                for (other, lock) in of_others(command) {
                    take(other, lock);
                }
            }
        }
        NodeEnum::IndexStmt(create) if !create.concurrent => {
            named(create.relation.as_ref()).map(|name| take(name, Lock::Share));
        }
        NodeEnum::RenameStmt(rename)
            if matches!(
                rename.rename_type(),
                ObjectType::ObjectTable
                    | ObjectType::ObjectColumn
                    | ObjectType::ObjectTabconstraint
                    | ObjectType::ObjectView
                    | ObjectType::ObjectMatview
            ) =>
        {
            named(rename.relation.as_ref()).map(|name| take(name, Lock::AccessExclusive));
        }
        NodeEnum::AlterObjectSchemaStmt(alter) => {
            named(alter.relation.as_ref()).map(|name| take(name, Lock::AccessExclusive));
        }
        NodeEnum::DropStmt(drop)
            if matches!(
                drop.remove_type(),
                ObjectType::ObjectTable | ObjectType::ObjectView | ObjectType::ObjectMatview
            ) =>
        {
            for object in &drop.objects {
                if let Some(name) = tree::dotted(&tree::object(object)) {
                    take(name, Lock::AccessExclusive);
                }
            }
        }
        NodeEnum::DropStmt(drop)
            if matches!(
                drop.remove_type(),
                ObjectType::ObjectTrigger | ObjectType::ObjectPolicy | ObjectType::ObjectRule
            ) =>
        {
            for object in &drop.objects {
                let parts = tree::object(object);
                if let Some((_, table)) = parts.split_last()
                    && let Some(name) = tree::dotted(table)
                {
                    take(name, Lock::AccessExclusive);
                }
            }
        }
        NodeEnum::TruncateStmt(truncate) => {
            for node in &truncate.relations {
                if let Some(NodeEnum::RangeVar(table)) = &node.node {
                    take(tree::relation(table), Lock::AccessExclusive);
                }
            }
        }
        NodeEnum::LockStmt(lock) => {
            let mode = match lock.mode {
                4 => Lock::ShareUpdateExclusive,
                5 => Lock::Share,
                6 => Lock::ShareRowExclusive,
                7 => Lock::Exclusive,
                8 => Lock::AccessExclusive,
                _ => return taken,
            };
            for node in &lock.relations {
                if let Some(NodeEnum::RangeVar(table)) = &node.node {
                    take(tree::relation(table), mode);
                }
            }
        }
        NodeEnum::CreateTrigStmt(create) => {
            named(create.relation.as_ref()).map(|name| take(name, Lock::ShareRowExclusive));
        }
        NodeEnum::CreatePolicyStmt(create) => {
            named(create.table.as_ref()).map(|name| take(name, Lock::AccessExclusive));
        }
        NodeEnum::RuleStmt(create) => {
            named(create.relation.as_ref()).map(|name| take(name, Lock::AccessExclusive));
        }
        NodeEnum::ClusterStmt(cluster) => {
            named(cluster.relation.as_ref()).map(|name| take(name, Lock::AccessExclusive));
        }
        NodeEnum::RefreshMatViewStmt(refresh) => {
            let lock = if refresh.concurrent {
                Lock::Exclusive
            } else {
                Lock::AccessExclusive
            };
            named(refresh.relation.as_ref()).map(|name| take(name, lock));
        }
        NodeEnum::CreateStmt(create) => {
            if create.partbound.is_some() {
                for node in &create.inh_relations {
                    if let Some(NodeEnum::RangeVar(parent)) = &node.node {
                        take(tree::relation(parent), Lock::AccessExclusive);
                    }
                }
            }
            let in_columns = create
                .table_elts
                .iter()
                .filter_map(tree::column)
                .flat_map(|column| &column.constraints);
            for constraint in create.table_elts.iter().chain(in_columns) {
                if let Some(target) = refers_to(tree::constraint(constraint)) {
                    take(target, Lock::ShareRowExclusive);
                }
            }
        }
        _ => {}
    }
    taken
}

fn refers_to(constraint: Option<&pg_query::protobuf::Constraint>) -> Option<RelationName> {
    let constraint = constraint.filter(|one| one.contype() == ConstrType::ConstrForeign)?;
    constraint.pktable.as_ref().map(tree::relation)
}

/// The lock on the table itself; `AlterTableGetLockLevel` of PostgreSQL's
/// `tablecmds.c`.
fn of_command(command: &AlterTableCmd) -> Lock {
    match command.subtype() {
        AlterTableType::AtSetStatistics
        | AlterTableType::AtClusterOn
        | AlterTableType::AtDropCluster
        | AlterTableType::AtSetOptions
        | AlterTableType::AtResetOptions
        | AlterTableType::AtSetRelOptions
        | AlterTableType::AtResetRelOptions
        | AlterTableType::AtValidateConstraint
        | AlterTableType::AtAttachPartition
        | AlterTableType::AtDetachPartitionFinalize => Lock::ShareUpdateExclusive,
        AlterTableType::AtDetachPartition if is_concurrent(command) => Lock::ShareUpdateExclusive,
        AlterTableType::AtEnableTrig
        | AlterTableType::AtEnableAlwaysTrig
        | AlterTableType::AtEnableReplicaTrig
        | AlterTableType::AtEnableTrigAll
        | AlterTableType::AtEnableTrigUser
        | AlterTableType::AtDisableTrig
        | AlterTableType::AtDisableTrigAll
        | AlterTableType::AtDisableTrigUser => Lock::ShareRowExclusive,
        AlterTableType::AtAddConstraint if refers_to(tree::added_constraint(command)).is_some() => {
            Lock::ShareRowExclusive
        }
        _ => Lock::AccessExclusive,
    }
}

/// `DETACH PARTITION … CONCURRENTLY`
fn is_concurrent(command: &AlterTableCmd) -> bool {
    match command.def.as_ref().and_then(|def| def.node.as_ref()) {
        Some(NodeEnum::PartitionCmd(partition)) => partition.concurrent,
        _ => false,
    }
}

/// The locks on other tables that a command names.
fn of_others(command: &AlterTableCmd) -> Vec<(RelationName, Lock)> {
    let mut taken = Vec::new();
    match command.subtype() {
        AlterTableType::AtAttachPartition | AlterTableType::AtDetachPartition => {
            if let Some(NodeEnum::PartitionCmd(partition)) =
                command.def.as_ref().and_then(|def| def.node.as_ref())
                && !partition.concurrent
            {
                let name = partition.name.as_ref().map(tree::relation);
                taken.extend(name.map(|name| (name, Lock::AccessExclusive)));
            }
        }
        AlterTableType::AtAddConstraint => {
            let target = refers_to(tree::added_constraint(command));
            taken.extend(target.map(|name| (name, Lock::ShareRowExclusive)));
        }
        AlterTableType::AtAddColumn => {
            let column = tree::added_column(command);
            let constraints = column.into_iter().flat_map(|column| &column.constraints);
            for constraint in constraints {
                let target = refers_to(tree::constraint(constraint));
                taken.extend(target.map(|name| (name, Lock::ShareRowExclusive)));
            }
        }
        _ => {}
    }
    taken
}
