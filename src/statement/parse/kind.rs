//! Tree → [`Kind`].

use pg_query::protobuf::{
    AlterSubscriptionStmt, AlterSubscriptionType, AlterTableStmt, AlterTableType,
    CreateSubscriptionStmt, DiscardMode, DropStmt, FuncCall, IndexStmt, ObjectType,
    ReindexObjectType, ReindexStmt, SelectStmt, TransactionStmtKind, VacuumStmt, VariableSetKind,
    VariableSetStmt,
};
use pg_query::{Node, NodeEnum};

use super::names::{dotted, flag, object, option, relation, strings};
use crate::statement::{Kind, ReindexTarget, RelationName, TransactionControl};

/// What the statement is; `Other` if it is none that segue knows by name.
pub(super) fn of(node: &NodeEnum) -> Kind {
    known(node).unwrap_or(Kind::Other)
}

fn known(node: &NodeEnum) -> Option<Kind> {
    Some(match node {
        NodeEnum::IndexStmt(index) => create_index(index)?,
        NodeEnum::DropStmt(drop) => drop_index(drop)?,
        NodeEnum::ReindexStmt(reindex) => self::reindex(reindex)?,
        NodeEnum::VacuumStmt(vacuum) => self::vacuum(vacuum),
        NodeEnum::ClusterStmt(cluster) => Kind::Cluster {
            relation: cluster.relation.as_ref().map(relation),
        },
        NodeEnum::RefreshMatViewStmt(refresh) => Kind::RefreshMaterializedView {
            relation: relation(refresh.relation.as_ref()?),
            concurrently: refresh.concurrent,
        },
        NodeEnum::AlterTableStmt(alter) => alter_table(alter)?,
        NodeEnum::CreatedbStmt(create) => Kind::CreateDatabase {
            name: create.dbname.clone(),
        },
        NodeEnum::DropdbStmt(drop) => Kind::DropDatabase {
            name: drop.dbname.clone(),
            if_exists: drop.missing_ok,
        },
        NodeEnum::AlterDatabaseStmt(alter) => {
            let tablespace = option(&alter.options, "tablespace")?;
            Kind::AlterDatabaseTablespace {
                name: alter.dbname.clone(),
                tablespace: (*object(tablespace.arg.as_ref()?).first()?).to_owned(),
            }
        }
        NodeEnum::CreateTableSpaceStmt(create) => Kind::CreateTablespace {
            name: create.tablespacename.clone(),
        },
        NodeEnum::DropTableSpaceStmt(drop) => Kind::DropTablespace {
            name: drop.tablespacename.clone(),
            if_exists: drop.missing_ok,
        },
        NodeEnum::CreateSubscriptionStmt(create) => create_subscription(create),
        NodeEnum::AlterSubscriptionStmt(alter) => alter_subscription(alter),
        NodeEnum::DropSubscriptionStmt(drop) => Kind::DropSubscription {
            name: drop.subname.clone(),
            if_exists: drop.missing_ok,
        },
        NodeEnum::AlterSystemStmt(alter) => Kind::AlterSystem {
            setting: setting(alter.setstmt.as_ref()?),
        },
        // The same node renames a value; then it has an old one.
        NodeEnum::AlterEnumStmt(alter) if alter.old_val.is_empty() => Kind::AlterTypeAddValue {
            type_name: dotted(&strings(&alter.type_name))?,
            value: alter.new_val.clone(),
            if_not_exists: alter.skip_if_new_val_exists,
        },
        NodeEnum::CallStmt(call) => Kind::Call {
            routine: dotted(&strings(&call.funccall.as_ref()?.funcname))?,
        },
        NodeEnum::DoStmt(_) => Kind::Do,
        NodeEnum::TransactionStmt(transaction) => Kind::Transaction(control(transaction.kind())?),
        NodeEnum::VariableSetStmt(set) => Kind::Set {
            setting: setting(set),
            local: set.is_local || set.name.starts_with("TRANSACTION"),
        },
        NodeEnum::SelectStmt(select) => set_config(select)?,
        NodeEnum::DiscardStmt(discard) => Kind::Discard {
            all: discard.target() == DiscardMode::DiscardAll,
        },
        NodeEnum::CopyStmt(copy) => Kind::Copy {
            relation: copy.relation.as_ref().map(relation),
            from_stdin: copy.is_from && copy.filename.is_empty() && !copy.is_program,
        },
        _ => return None,
    })
}

fn create_index(index: &IndexStmt) -> Option<Kind> {
    let table = index.relation.as_ref()?;
    let has_expression = index.index_params.iter().any(|node| match &node.node {
        Some(NodeEnum::IndexElem(element)) => element.expr.is_some(),
        _ => false,
    });
    index.concurrent.then(|| Kind::CreateIndexConcurrently {
        index: Some(index.idxname.clone()).filter(|name| !name.is_empty()),
        table: relation(table),
        only: !table.inh,
        unique: index.unique,
        if_not_exists: index.if_not_exists,
        snapshot_holder: has_expression || index.where_clause.is_some(),
    })
}

fn drop_index(drop: &DropStmt) -> Option<Kind> {
    (drop.concurrent && drop.remove_type() == ObjectType::ObjectIndex).then(|| {
        Kind::DropIndexConcurrently {
            indexes: drop
                .objects
                .iter()
                .filter_map(|node| dotted(&object(node)))
                .collect(),
            if_exists: drop.missing_ok,
        }
    })
}

fn reindex(reindex: &ReindexStmt) -> Option<Kind> {
    let name = || reindex.relation.as_ref().map(relation);
    Some(Kind::Reindex {
        target: match reindex.kind() {
            ReindexObjectType::ReindexObjectIndex => ReindexTarget::Index(name()?),
            ReindexObjectType::ReindexObjectTable => ReindexTarget::Table(name()?),
            ReindexObjectType::ReindexObjectSchema => {
                ReindexTarget::Namespace(reindex.name.clone())
            }
            ReindexObjectType::ReindexObjectSystem | ReindexObjectType::ReindexObjectDatabase => {
                ReindexTarget::Database
            }
            ReindexObjectType::Undefined => return None,
        },
        concurrently: flag(&reindex.params, "concurrently", false),
    })
}

fn vacuum(vacuum: &VacuumStmt) -> Kind {
    let relations: Vec<RelationName> = vacuum
        .rels
        .iter()
        .filter_map(|node| match node.node.as_ref()? {
            NodeEnum::VacuumRelation(vacuumed) => vacuumed.relation.as_ref().map(relation),
            _ => None,
        })
        .collect();
    if vacuum.is_vacuumcmd {
        Kind::Vacuum {
            relations,
            full: flag(&vacuum.options, "full", false),
            analyze: flag(&vacuum.options, "analyze", false),
        }
    } else {
        Kind::Analyze { relations }
    }
}

fn alter_table(alter: &AlterTableStmt) -> Option<Kind> {
    let [
        Node {
            node: Some(NodeEnum::AlterTableCmd(command)),
        },
    ] = alter.cmds.as_slice()
    else {
        return None;
    };
    let table = relation(alter.relation.as_ref()?);
    let detached = || match command.def.as_ref()?.node.as_ref()? {
        NodeEnum::PartitionCmd(partition) => {
            Some((relation(partition.name.as_ref()?), partition.concurrent))
        }
        _ => None,
    };
    match command.subtype() {
        AlterTableType::AtValidateConstraint => Some(Kind::ValidateConstraint {
            table,
            constraint: command.name.clone(),
        }),
        AlterTableType::AtDetachPartition => {
            let (partition, concurrently) = detached()?;
            concurrently.then_some(Kind::DetachPartitionConcurrently {
                parent: table,
                partition,
                finalize: false,
            })
        }
        AlterTableType::AtDetachPartitionFinalize => Some(Kind::DetachPartitionConcurrently {
            parent: table,
            partition: detached()?.0,
            finalize: true,
        }),
        _ => None,
    }
}

fn create_subscription(create: &CreateSubscriptionStmt) -> Kind {
    let connects = flag(&create.options, "connect", true);
    Kind::CreateSubscription {
        name: create.subname.clone(),
        creates_slot: flag(&create.options, "create_slot", connects),
    }
}

fn alter_subscription(alter: &AlterSubscriptionStmt) -> Kind {
    Kind::AlterSubscription {
        name: alter.subname.clone(),
        refreshes: match alter.kind() {
            AlterSubscriptionType::AlterSubscriptionRefresh => true,
            AlterSubscriptionType::AlterSubscriptionSetPublication
            | AlterSubscriptionType::AlterSubscriptionAddPublication
            | AlterSubscriptionType::AlterSubscriptionDropPublication => {
                flag(&alter.options, "refresh", true)
            }
            _ => false,
        },
    }
}

fn control(kind: TransactionStmtKind) -> Option<TransactionControl> {
    Some(match kind {
        TransactionStmtKind::TransStmtBegin | TransactionStmtKind::TransStmtStart => {
            TransactionControl::Begin
        }
        TransactionStmtKind::TransStmtCommit => TransactionControl::Commit,
        TransactionStmtKind::TransStmtRollback => TransactionControl::Rollback,
        TransactionStmtKind::TransStmtSavepoint => TransactionControl::Savepoint,
        TransactionStmtKind::TransStmtRelease => TransactionControl::Release,
        TransactionStmtKind::TransStmtRollbackTo => TransactionControl::RollbackTo,
        TransactionStmtKind::TransStmtPrepare => TransactionControl::Prepare,
        TransactionStmtKind::TransStmtCommitPrepared => TransactionControl::CommitPrepared,
        TransactionStmtKind::TransStmtRollbackPrepared => TransactionControl::RollbackPrepared,
        TransactionStmtKind::Undefined => return None,
    })
}

fn setting(set: &VariableSetStmt) -> Option<String> {
    (set.kind() != VariableSetKind::VarResetAll).then(|| set.name.clone())
}

/// `SELECT set_config(…)`, once or more often, and nothing else.
fn set_config(select: &SelectStmt) -> Option<Kind> {
    if !select.from_clause.is_empty() || select.with_clause.is_some() {
        return None;
    }
    let calls = select
        .target_list
        .iter()
        .map(|target| {
            let NodeEnum::ResTarget(target) = target.node.as_ref()? else {
                return None;
            };
            match target.val.as_ref()?.node.as_ref()? {
                NodeEnum::FuncCall(call)
                    if strings(&call.funcname).last() == Some(&"set_config") =>
                {
                    Some(call.as_ref())
                }
                _ => None,
            }
        })
        .collect::<Option<Vec<_>>>()?;
    let setting = match calls.as_slice() {
        [] => return None,
        [call] => call.args.first().and_then(string_constant),
        _ => None,
    };
    Some(Kind::Set {
        setting,
        local: calls.iter().all(|call| is_local(call)),
    })
}

fn string_constant(node: &Node) -> Option<String> {
    use pg_query::protobuf::a_const::Val;
    let NodeEnum::AConst(constant) = node.node.as_ref()? else {
        return None;
    };
    match constant.val.as_ref()? {
        Val::Sval(string) => Some(string.sval.clone()),
        _ => None,
    }
}

/// Whether the third argument is the literal `true`.
fn is_local(call: &FuncCall) -> bool {
    use pg_query::protobuf::a_const::Val;
    let Some(NodeEnum::AConst(constant)) = call.args.get(2).and_then(|node| node.node.as_ref())
    else {
        return false;
    };
    matches!(&constant.val, Some(Val::Boolval(value)) if value.boolval)
}
