//! Tree → the locks that it takes on what it names.

use pg_query::protobuf::{
    AlterTableCmd, AlterTableStmt, AlterTableType, ConstrType, Constraint, CreateStmt, DropStmt,
    ObjectType, ReindexObjectType, RenameStmt, VacuumStmt,
};
use pg_query::{Node, NodeEnum};
use serde_json::Value;

use super::names::{flag, relation};
use super::relations;
use crate::statement::{LockMode, Locks};

/// What `node` locks; nothing where that cannot be told from its text.
pub(crate) fn of(node: &NodeEnum) -> Locks {
    let mut locks = Locks::default();
    collect(node, &mut locks);
    locks
}

fn collect(node: &NodeEnum, locks: &mut Locks) {
    use LockMode as Mode;
    let mut on = |table: Option<&pg_query::protobuf::RangeVar>, mode| {
        if let Some(table) = table {
            locks.add(relation(table), mode);
        }
    };
    match node {
        NodeEnum::AlterTableStmt(alter) => alter_table(alter, locks),
        NodeEnum::RenameStmt(rename) => self::rename(rename, locks),
        NodeEnum::AlterObjectSchemaStmt(alter) => {
            on(alter.relation.as_ref(), Mode::AccessExclusive);
        }
        NodeEnum::DropStmt(drop) => self::drop(drop, locks),
        NodeEnum::TruncateStmt(truncate) => each(&truncate.relations, Mode::AccessExclusive, locks),
        NodeEnum::LockStmt(lock) => {
            let place = usize::try_from(lock.mode - 1).ok();
            if let Some(mode) = place.and_then(|place| Mode::ALL.get(place)) {
                each(&lock.relations, *mode, locks);
            }
        }
        NodeEnum::IndexStmt(index) => {
            let mode = if index.concurrent {
                Mode::ShareUpdateExclusive
            } else {
                Mode::Share
            };
            on(index.relation.as_ref(), mode);
        }
        NodeEnum::ReindexStmt(reindex) => {
            let is_index = reindex.kind() == ReindexObjectType::ReindexObjectIndex;
            let mode = match (flag(&reindex.params, "concurrently", false), is_index) {
                (true, _) => Mode::ShareUpdateExclusive,
                (false, true) => Mode::AccessExclusive,
                (false, false) => Mode::Share,
            };
            on(reindex.relation.as_ref(), mode);
        }
        NodeEnum::CreateTrigStmt(trigger) => {
            on(trigger.relation.as_ref(), Mode::ShareRowExclusive);
            on(trigger.constrrel.as_ref(), Mode::AccessShare);
        }
        NodeEnum::RuleStmt(rule) => on(rule.relation.as_ref(), Mode::AccessExclusive),
        NodeEnum::CreatePolicyStmt(policy) => on(policy.table.as_ref(), Mode::AccessExclusive),
        NodeEnum::AlterPolicyStmt(policy) => on(policy.table.as_ref(), Mode::AccessExclusive),
        NodeEnum::CreateStatsStmt(create) => {
            each(&create.relations, Mode::ShareUpdateExclusive, locks);
        }
        NodeEnum::VacuumStmt(vacuum) => self::vacuum(vacuum, locks),
        NodeEnum::ClusterStmt(cluster) => on(cluster.relation.as_ref(), Mode::AccessExclusive),
        NodeEnum::RefreshMatViewStmt(refresh) => {
            let mode = if refresh.concurrent {
                Mode::Exclusive
            } else {
                Mode::AccessExclusive
            };
            on(refresh.relation.as_ref(), mode);
        }
        NodeEnum::CommentStmt(comment) => {
            remark(comment.objtype(), comment.object.as_deref(), locks);
        }
        NodeEnum::SecLabelStmt(label) => remark(label.objtype(), label.object.as_deref(), locks),
        NodeEnum::CreateStmt(create) => self::create(create, locks),
        NodeEnum::CreateSchemaStmt(create) => {
            let elements = create.schema_elts.iter();
            for element in elements.filter_map(|node| node.node.as_ref()) {
                collect(element, locks);
            }
        }
        NodeEnum::InsertStmt(_)
        | NodeEnum::UpdateStmt(_)
        | NodeEnum::DeleteStmt(_)
        | NodeEnum::MergeStmt(_)
        | NodeEnum::SelectStmt(_)
        | NodeEnum::CopyStmt(_)
        | NodeEnum::CreateTableAsStmt(_)
        | NodeEnum::ViewStmt(_) => query(node, locks),
        _ => {}
    }
}

/// Every relation in a list of them.
fn each(nodes: &[Node], mode: LockMode, locks: &mut Locks) {
    for node in nodes {
        if let Some(NodeEnum::RangeVar(table)) = &node.node {
            locks.add(relation(table), mode);
        }
    }
}

fn vacuum(vacuum: &VacuumStmt, locks: &mut Locks) {
    let mode = if vacuum.is_vacuumcmd && flag(&vacuum.options, "full", false) {
        LockMode::AccessExclusive
    } else {
        LockMode::ShareUpdateExclusive
    };
    for node in &vacuum.rels {
        if let Some(NodeEnum::VacuumRelation(vacuumed)) = &node.node
            && let Some(table) = &vacuumed.relation
        {
            locks.add(relation(table), mode);
        }
    }
}

fn drop(drop: &DropStmt, locks: &mut Locks) {
    let kind = drop.remove_type();
    let mode = if drop.concurrent {
        LockMode::ShareUpdateExclusive
    } else {
        LockMode::AccessExclusive
    };
    for node in &drop.objects {
        if let Some(about) = relations::about(kind, Some(node)) {
            locks.add(about, mode);
        }
    }
}

/// `COMMENT` and `SECURITY LABEL`: of a part of a table that is no column, it
/// is the part that is locked.
fn remark(kind: ObjectType, object: Option<&Node>, locks: &mut Locks) {
    let mode = match kind {
        ObjectType::ObjectTabconstraint
        | ObjectType::ObjectTrigger
        | ObjectType::ObjectRule
        | ObjectType::ObjectPolicy => LockMode::AccessShare,
        _ => LockMode::ShareUpdateExclusive,
    };
    if let Some(about) = relations::about(kind, object) {
        locks.add(about, mode);
    }
}

fn rename(rename: &RenameStmt, locks: &mut Locks) {
    let mode = match rename.rename_type() {
        // An index is renamed while it is in use.
        ObjectType::ObjectIndex => LockMode::ShareUpdateExclusive,
        _ => LockMode::AccessExclusive,
    };
    if let Some(table) = &rename.relation {
        locks.add(relation(table), mode);
    }
}

/// The new table is nobody else's yet; what it refers to is.
fn create(create: &CreateStmt, locks: &mut Locks) {
    let parents = if create.partbound.is_some() {
        LockMode::AccessExclusive
    } else {
        LockMode::ShareUpdateExclusive
    };
    each(&create.inh_relations, parents, locks);
    for element in create.table_elts.iter().chain(&create.constraints) {
        references(element, locks);
        if let Some(NodeEnum::TableLikeClause(like)) = &element.node
            && let Some(table) = &like.relation
        {
            locks.add(relation(table), LockMode::AccessShare);
        }
    }
    if let Some(table) = &create.relation {
        locks.0.remove(&relation(table));
    }
}

/// The tables that constraints of a table or a column refer to.
fn references(node: &Node, locks: &mut Locks) {
    match &node.node {
        Some(NodeEnum::Constraint(constraint)) => {
            if let (true, Some(table)) = (is_foreign_key(constraint), &constraint.pktable) {
                locks.add(relation(table), LockMode::ShareRowExclusive);
            }
        }
        Some(NodeEnum::ColumnDef(column)) => {
            for constraint in &column.constraints {
                references(constraint, locks);
            }
        }
        _ => {}
    }
}

fn is_foreign_key(constraint: &Constraint) -> bool {
    constraint.contype() == ConstrType::ConstrForeign
}

fn alter_table(alter: &AlterTableStmt, locks: &mut Locks) {
    let commands = alter.cmds.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::AlterTableCmd(command)) => Some(command.as_ref()),
        _ => None,
    });
    let Some(table) = alter.relation.as_ref().map(relation) else {
        return;
    };
    for command in commands {
        locks.add(table.clone(), mode_of(command));
        if let Some(definition) = &command.def {
            references(definition, locks);
            partition(command, definition, locks);
        }
    }
}

/// The other table of `ATTACH`, `DETACH` and `INHERIT`.
fn partition(command: &AlterTableCmd, definition: &Node, locks: &mut Locks) {
    let other = match &definition.node {
        Some(NodeEnum::PartitionCmd(partition)) => partition.name.as_ref(),
        Some(NodeEnum::RangeVar(parent)) => Some(parent),
        _ => None,
    };
    let mode = match command.subtype() {
        // Of `DETACH … CONCURRENTLY` too, in its second transaction.
        AlterTableType::AtAttachPartition
        | AlterTableType::AtDetachPartition
        | AlterTableType::AtDetachPartitionFinalize => LockMode::AccessExclusive,
        AlterTableType::AtAddInherit => LockMode::ShareUpdateExclusive,
        AlterTableType::AtDropInherit => LockMode::AccessShare,
        _ => return,
    };
    if let Some(other) = other {
        locks.add(relation(other), mode);
    }
}

/// As `AlterTableGetLockLevel` of PostgreSQL 14 to 18 has it.
fn mode_of(command: &AlterTableCmd) -> LockMode {
    use AlterTableType as Of;
    match command.subtype() {
        Of::AtSetStatistics
        | Of::AtSetOptions
        | Of::AtResetOptions
        | Of::AtClusterOn
        | Of::AtDropCluster
        | Of::AtValidateConstraint
        | Of::AtAttachPartition
        | Of::AtDetachPartitionFinalize => LockMode::ShareUpdateExclusive,
        Of::AtSetRelOptions | Of::AtResetRelOptions | Of::AtReplaceRelOptions => options(command),
        Of::AtEnableTrig
        | Of::AtEnableAlwaysTrig
        | Of::AtEnableReplicaTrig
        | Of::AtDisableTrig
        | Of::AtEnableTrigAll
        | Of::AtDisableTrigAll
        | Of::AtEnableTrigUser
        | Of::AtDisableTrigUser => LockMode::ShareRowExclusive,
        Of::AtAddConstraint => match command.def.as_ref().and_then(|node| node.node.as_ref()) {
            Some(NodeEnum::Constraint(constraint)) if is_foreign_key(constraint) => {
                LockMode::ShareRowExclusive
            }
            _ => LockMode::AccessExclusive,
        },
        Of::AtDetachPartition => match command.def.as_ref().and_then(|node| node.node.as_ref()) {
            Some(NodeEnum::PartitionCmd(partition)) if partition.concurrent => {
                LockMode::ShareUpdateExclusive
            }
            _ => LockMode::AccessExclusive,
        },
        _ => LockMode::AccessExclusive,
    }
}

/// Storage parameters: most do not disturb anybody.
fn options(command: &AlterTableCmd) -> LockMode {
    const EXCLUSIVE: [&str; 9] = [
        "buffering",
        "fastupdate",
        "gin_pending_list_limit",
        "pages_per_range",
        "autosummarize",
        "security_barrier",
        "security_invoker",
        "check_option",
        "user_catalog_table",
    ];
    let list = match command.def.as_ref().and_then(|node| node.node.as_ref()) {
        Some(NodeEnum::List(list)) => list.items.as_slice(),
        _ => &[],
    };
    let is_exclusive = list.iter().any(|node| match &node.node {
        Some(NodeEnum::DefElem(option)) => EXCLUSIVE.contains(&option.defname.as_str()),
        _ => false,
    });
    if is_exclusive {
        LockMode::AccessExclusive
    } else {
        LockMode::ShareUpdateExclusive
    }
}

/// Reads, and what they write to. `WITH` may hold writes too.
fn query(node: &NodeEnum, locks: &mut Locks) {
    let digest = relations::of(node);
    for table in &digest.touches {
        if !digest.makes.contains(table) {
            locks.add(table.clone(), LockMode::AccessShare);
        }
    }
    if let NodeEnum::CopyStmt(copy) = node
        && let (true, Some(table)) = (copy.is_from, &copy.relation)
    {
        locks.add(relation(table), LockMode::RowExclusive);
    }
    if let Ok(tree) = serde_json::to_value(node) {
        writes(&tree, locks);
    }
}

/// Statements that write may stand anywhere in the tree, and so may `FOR
/// UPDATE`, which without names is of all the tables beside it.
fn writes(tree: &Value, locks: &mut Locks) {
    match tree {
        Value::Array(values) => values.iter().for_each(|value| writes(value, locks)),
        Value::Object(fields) => {
            for (name, value) in fields {
                if ["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"].contains(&name.as_str())
                {
                    target(&value["relation"], LockMode::RowExclusive, locks);
                }
                writes(value, locks);
            }
            if let (Some(Value::Array(clauses)), Some(Value::Array(from))) =
                (fields.get("locking_clause"), fields.get("from_clause"))
                && !clauses.is_empty()
            {
                for table in from {
                    target(&table["node"]["RangeVar"], LockMode::RowShare, locks);
                }
            }
        }
        _ => {}
    }
}

fn target(table: &Value, mode: LockMode, locks: &mut Locks) {
    use crate::statement::RelationName;
    if let (Some(namespace), Some(name)) = (table["schemaname"].as_str(), table["relname"].as_str())
    {
        let name = match namespace {
            "" => RelationName::bare(name),
            namespace => RelationName::qualified(namespace, name),
        };
        locks.add(name, mode);
    }
}
