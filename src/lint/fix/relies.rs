//! Whether statements around one that is to be moved rely on its being where
//! it is.

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableType, ConstrType, ObjectType, RenameStmt};
use serde_json::Value;

use super::rewriting::{Gone, Reason, Rewriting};
use super::words::Words;
use crate::lint::tree;
use crate::statement::RelationName;

/// A statement near the one that is moved.
pub(super) struct Near<'a> {
    pub(super) text: &'a str,
    /// `None`: the parser does not know it.
    pub(super) node: Option<&'a NodeEnum>,
    /// For people: `line 7`, or a file.
    pub(super) place: String,
}

/// Settings under which a statement means the same.
const HARMLESS: [&str; 7] = [
    "lock_timeout",
    "statement_timeout",
    "transaction_timeout",
    "idle_in_transaction_session_timeout",
    "client_min_messages",
    "maintenance_work_mem",
    "max_parallel_maintenance_workers",
];

/// Why a statement cannot be moved behind `near`, which comes before it.
pub(super) fn before(rewriting: &Rewriting, near: &Near<'_>) -> Option<Reason> {
    let place = &near.place;
    match near.node {
        Some(NodeEnum::VariableSetStmt(set)) if !HARMLESS.contains(&set.name.as_str()) => {
            return Some(format!(
                "`{}` is set before it ({place}), which another file would not see",
                if set.name.is_empty() {
                    "ALL"
                } else {
                    &set.name
                }
            ));
        }
        Some(node @ NodeEnum::SelectStmt(_)) if calls(node, "set_config") => {
            return Some(format!(
                "a setting is changed before it ({place}), which another file would not see"
            ));
        }
        _ => {}
    }
    for gone in &rewriting.gone {
        let Gone::Index {
            name,
            is_constraint,
            ..
        } = gone
        else {
            continue;
        };
        let drops_constraint = *is_constraint
            && has_command(near.node, &rewriting.table, |command| {
                command == AlterTableType::AtDropConstraint
            });
        let names = name
            .as_deref()
            .is_some_and(|name| Words::of(near.text).name(name));
        if drops_constraint || names {
            return Some(format!(
                "what it replaces is removed before it ({place}), and until the new one is built there would be neither: make the new one under another name, and remove the old one in a migration that ends it"
            ));
        }
    }
    None
}

/// Why a statement cannot be done after `near`, which comes behind it, in the
/// same file or a later one.
pub(super) fn after(rewriting: &Rewriting, near: &Near<'_>) -> Option<Reason> {
    let place = &near.place;
    let table = &rewriting.table;
    let mentions = Words::of(near.text).name(&table.name);
    let Some(node) = near.node else {
        return mentions.then(|| format!("the statement of {place} is not understood"));
    };
    if let NodeEnum::DoStmt(_) | NodeEnum::CallStmt(_) = node
        && mentions
    {
        return Some(format!("the code of {place} may rely on it"));
    }
    if moves(node, table) {
        return Some(format!("`{table}` is renamed, moved or dropped by {place}"));
    }
    let uses = |reason: &str| Some(format!("{place} {reason}"));
    for gone in &rewriting.gone {
        match gone {
            Gone::Index {
                name, is_unique, ..
            } => {
                if let Some(name) = name
                    && Words::of(near.text).name(name)
                {
                    return uses(&format!("names `{name}`, which would not be there yet"));
                }
                if *is_unique && has_conflict_clause(node) && mentions {
                    return uses("says ON CONFLICT, which needs the unique index");
                }
                if *is_unique && refers_to(node, table) {
                    return uses("adds a foreign key that needs the unique index");
                }
            }
            Gone::Validity { name, is_proof } => {
                let is_about = |command: AlterTableType| {
                    matches!(
                        command,
                        AlterTableType::AtSetNotNull
                            | AlterTableType::AtAttachPartition
                            | AlterTableType::AtAddInherit
                    )
                };
                if *is_proof && has_command(Some(node), table, is_about) {
                    return uses("relies on the constraint's being valid");
                }
                let touches = |command: AlterTableType| {
                    matches!(
                        command,
                        AlterTableType::AtDropConstraint | AlterTableType::AtAlterConstraint
                    )
                };
                if has_command(Some(node), table, touches) && Words::of(near.text).name(name) {
                    return uses(&format!("changes `{name}` again"));
                }
            }
            Gone::NotNull => {
                let needs = |command: AlterTableType| {
                    matches!(
                        command,
                        AlterTableType::AtAddIdentity
                            | AlterTableType::AtReplicaIdentity
                            | AlterTableType::AtDropNotNull
                            | AlterTableType::AtAttachPartition
                            | AlterTableType::AtAddInherit
                    )
                };
                if has_command(Some(node), table, needs) {
                    return uses("relies on the column's being NOT NULL, or takes it back");
                }
            }
        }
    }
    let takes = |command: AlterTableType| command == AlterTableType::AtDropColumn;
    if has_command(Some(node), table, takes) {
        return Some(format!("a column of `{table}` is dropped by {place}"));
    }
    None
}

fn may_be(one: &RelationName, other: &RelationName) -> bool {
    one.may_be(other)
}

/// Whether the table has another name or is gone afterwards, or a part of it
/// has.
fn moves(node: &NodeEnum, table: &RelationName) -> bool {
    match node {
        NodeEnum::RenameStmt(rename) => is_of(rename, table),
        NodeEnum::AlterObjectSchemaStmt(alter) => alter
            .relation
            .as_ref()
            .is_some_and(|relation| may_be(&tree::relation(relation), table)),
        NodeEnum::DropStmt(drop) => {
            drop.remove_type() == ObjectType::ObjectTable
                && drop.objects.iter().any(|object| {
                    tree::dotted(&tree::object(object)).is_some_and(|name| may_be(&name, table))
                })
        }
        _ => false,
    }
}

fn is_of(rename: &RenameStmt, table: &RelationName) -> bool {
    // A policy or trigger may change its name.
    let matters = matches!(
        rename.rename_type(),
        ObjectType::ObjectTable | ObjectType::ObjectColumn | ObjectType::ObjectTabconstraint
    );
    matters
        && rename
            .relation
            .as_ref()
            .is_some_and(|relation| may_be(&tree::relation(relation), table))
}

fn has_command(
    node: Option<&NodeEnum>,
    table: &RelationName,
    test: impl Fn(AlterTableType) -> bool,
) -> bool {
    let Some(node) = node else { return false };
    tree::table_commands(node)
        .into_iter()
        .any(|(relation, command)| {
            may_be(&tree::relation(relation), table) && test(command.subtype())
        })
}

fn has_conflict_clause(node: &NodeEnum) -> bool {
    matches!(node, NodeEnum::InsertStmt(insert) if insert.on_conflict_clause.is_some())
}

/// Whether a foreign key to the table comes into being.
fn refers_to(node: &NodeEnum, table: &RelationName) -> bool {
    fn visit(value: &Value, table: &RelationName) -> bool {
        match value {
            Value::Array(values) => values.iter().any(|value| visit(value, table)),
            Value::Object(fields) => {
                let name = |field: &str| {
                    let text = fields.get("pktable").map(|pktable| &pktable[field]);
                    text.and_then(Value::as_str).unwrap_or_default()
                };
                let is_it = name("relname") == table.name
                    && (name("schemaname").is_empty()
                        || table.namespace.is_none()
                        || table.namespace.as_deref() == Some(name("schemaname")));
                is_it || fields.values().any(|value| visit(value, table))
            }
            _ => false,
        }
    }
    let is_candidate = matches!(
        node,
        NodeEnum::CreateStmt(_) | NodeEnum::CreateForeignTableStmt(_)
    ) || tree::table_commands(node).iter().any(|(_, command)| {
        let foreign = |constraint: &pg_query::protobuf::Constraint| {
            constraint.contype() == ConstrType::ConstrForeign
        };
        tree::added_constraint(command).is_some_and(foreign)
            || tree::added_column(command).is_some()
    });
    is_candidate && serde_json::to_value(node).is_ok_and(|tree| visit(&tree, table))
}

/// Whether a function of this name is called.
fn calls(node: &NodeEnum, function: &str) -> bool {
    fn visit(value: &Value, function: &str) -> bool {
        match value {
            Value::Array(values) => values.iter().any(|value| visit(value, function)),
            Value::Object(fields) => {
                let called = fields.get("funcname").and_then(Value::as_array);
                let last = called.and_then(|parts| parts.last());
                last.is_some_and(|last| last["node"]["String"]["sval"] == *function)
                    || fields.values().any(|value| visit(value, function))
            }
            _ => false,
        }
    }
    serde_json::to_value(node).is_ok_and(|tree| visit(&tree, function))
}
