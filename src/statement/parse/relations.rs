//! Tree → the names that it touches, makes and drops.

use std::collections::BTreeSet;

use pg_query::protobuf::{
    AlterObjectSchemaStmt, AlterTableType, ConstrType, Constraint, CreateStmt, DropStmt,
    ObjectType, RangeVar, RenameStmt,
};
use pg_query::{Node, NodeEnum};
use serde_json::Value;

use super::names::{dotted, object, relation, strings};
use crate::statement::{Columns, Digest, Kind, RelationName};

/// The names of a statement; its kind is left as `Other`.
pub(super) fn of(node: &NodeEnum) -> Digest {
    let mut names = Digest {
        kind: Kind::Other,
        touches: BTreeSet::new(),
        makes: BTreeSet::new(),
        drops: BTreeSet::new(),
        creates: BTreeSet::new(),
        adopts: BTreeSet::new(),
        uses: BTreeSet::new(),
        columns: Columns::default(),
    };
    collect(node, &mut names);
    // A relation may be named in any of two hundred kinds of nodes. Their
    // serialised form is walked instead, where it looks the same everywhere.
    if let Ok(tree) = serde_json::to_value(node) {
        Walk {
            queries: Vec::new(),
            touches: &mut names.touches,
            uses: &mut names.uses,
        }
        .visit(&tree);
        names.columns = super::columns::of(&tree);
    }
    if let NodeEnum::AlterTableStmt(alter) = node
        && alter.cmds.iter().any(takes_a_part)
    {
        names.adopts.extend(names.touches.iter().cloned());
    }
    names
}

/// Finds relations, and leaves out the names of `WITH` queries.
struct Walk<'a> {
    /// Names of the `WITH` queries that are visible here.
    queries: Vec<String>,
    touches: &'a mut BTreeSet<RelationName>,
    uses: &'a mut BTreeSet<RelationName>,
}

impl Walk<'_> {
    fn visit(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.visit(value)),
            Value::Object(fields) => {
                let text = |name: &str| fields.get(name).and_then(Value::as_str);
                if let (Some(name), Some(namespace), true) = (
                    text("relname"),
                    text("schemaname"),
                    fields.contains_key("relpersistence"),
                ) {
                    self.touch(namespace, name);
                    return;
                }
                // Of a function call, and of a type.
                for name in ["funcname", "names"] {
                    if let Some(strings) = fields.get(name).and_then(Value::as_array) {
                        self.uses.extend(self::name(strings));
                    }
                }
                let visible = self.queries.len();
                if let Some(with) = fields.get("with_clause") {
                    self.with_clause(with);
                }
                for (name, value) in fields {
                    if name != "with_clause" {
                        self.visit(value);
                    }
                }
                self.queries.truncate(visible);
            }
            _ => {}
        }
    }

    fn touch(&mut self, namespace: &str, name: &str) {
        if !namespace.is_empty() {
            self.touches
                .insert(RelationName::qualified(namespace, name));
        } else if !self.queries.iter().any(|query| query == name) {
            self.touches.insert(RelationName::bare(name));
        }
    }

    /// A query sees those before it, in `WITH RECURSIVE` all of them.
    fn with_clause(&mut self, with: &Value) {
        let queries = with["ctes"].as_array().map_or(&[][..], Vec::as_slice);
        let name = |query: &Value| {
            query["node"]["CommonTableExpr"]["ctename"]
                .as_str()
                .map(str::to_owned)
        };
        let recursive = with["recursive"].as_bool() == Some(true);
        if recursive {
            self.queries.extend(queries.iter().filter_map(name));
        }
        for query in queries {
            self.visit(query);
            if !recursive {
                self.queries.extend(name(query));
            }
        }
    }
}

/// A dotted name as the serialised form has it.
fn name(strings: &[Value]) -> Option<RelationName> {
    let strings: Vec<&str> = strings
        .iter()
        .filter_map(|string| string["node"]["String"]["sval"].as_str())
        .collect();
    dotted(&strings)
}

/// Whether a command of `ALTER TABLE` makes another table a part of this one,
/// or this one a part of another.
fn takes_a_part(node: &Node) -> bool {
    let Some(NodeEnum::AlterTableCmd(command)) = &node.node else {
        return false;
    };
    matches!(
        command.subtype(),
        AlterTableType::AtAttachPartition | AlterTableType::AtAddInherit
    )
}

/// Whether what comes into being by this name stays.
fn is_lasting(relation: &RangeVar) -> bool {
    relation.relpersistence != "t"
}

/// Names that are no `RangeVar`, and all that is made and dropped.
fn collect(node: &NodeEnum, names: &mut Digest) {
    match node {
        NodeEnum::CreateStmt(create) => {
            table(create, names);
        }
        NodeEnum::CreateForeignTableStmt(create) => {
            let relations = create
                .base_stmt
                .iter()
                .filter_map(|base| base.relation.as_ref());
            names.makes.extend(relations.map(relation));
        }
        NodeEnum::CreateTableAsStmt(create) => {
            let relations = create.into.iter().filter_map(|into| into.rel.as_ref());
            names.makes.extend(relations.clone().map(relation));
            if !create.if_not_exists {
                let created = relations.filter(|one| is_lasting(one));
                names.creates.extend(created.map(relation));
            }
        }
        NodeEnum::SelectStmt(select) => {
            let relations = select
                .into_clause
                .iter()
                .filter_map(|into| into.rel.as_ref());
            names.makes.extend(relations.map(relation));
        }
        NodeEnum::ViewStmt(create) => names.makes.extend(create.view.as_ref().map(relation)),
        NodeEnum::CreateSeqStmt(create) => {
            names.makes.extend(create.sequence.as_ref().map(relation));
        }
        NodeEnum::CompositeTypeStmt(create) => {
            names.makes.extend(create.typevar.as_ref().map(relation));
        }
        NodeEnum::IndexStmt(create) => {
            let index = beside(create.relation.as_ref(), &create.idxname);
            names.touches.extend(index.clone());
            names.makes.extend(index);
        }
        NodeEnum::CreateEnumStmt(create) => names.makes.extend(dotted(&strings(&create.type_name))),
        NodeEnum::CreateRangeStmt(create) => {
            names.makes.extend(dotted(&strings(&create.type_name)));
        }
        NodeEnum::CreateDomainStmt(create) => {
            names.makes.extend(dotted(&strings(&create.domainname)));
        }
        NodeEnum::CreateFunctionStmt(create) => {
            names.makes.extend(dotted(&strings(&create.funcname)));
        }
        NodeEnum::DefineStmt(define)
            if matches!(
                define.kind(),
                ObjectType::ObjectType | ObjectType::ObjectAggregate
            ) =>
        {
            names.makes.extend(dotted(&strings(&define.defnames)));
        }
        NodeEnum::CreateSchemaStmt(create) => {
            for element in create
                .schema_elts
                .iter()
                .filter_map(|node| node.node.as_ref())
            {
                collect(element, names);
            }
            // They are in that namespace, which they need not write.
            names.creates.clear();
        }
        NodeEnum::AlterTableStmt(alter) => {
            for command in &alter.cmds {
                if let Some(NodeEnum::AlterTableCmd(command)) = &command.node
                    && let Some(definition) = &command.def
                {
                    element_constraints(definition, alter.relation.as_ref(), names);
                }
            }
        }
        NodeEnum::RenameStmt(rename) => self::rename(rename, names),
        NodeEnum::AlterObjectSchemaStmt(alter) => change_namespace(alter, names),
        NodeEnum::DropStmt(drop) => self::drop(drop, names),
        NodeEnum::CommentStmt(comment) => {
            names
                .touches
                .extend(about(comment.objtype(), comment.object.as_deref()));
        }
        NodeEnum::SecLabelStmt(label) => {
            names
                .touches
                .extend(about(label.objtype(), label.object.as_deref()));
        }
        NodeEnum::AlterSeqStmt(alter) => owned_by(&alter.options, names),
        _ => {}
    }
    if let NodeEnum::CreateSeqStmt(create) = node {
        owned_by(&create.options, names);
    }
}

fn table(create: &CreateStmt, names: &mut Digest) {
    names.makes.extend(create.relation.as_ref().map(relation));
    if !create.if_not_exists {
        let created = create.relation.iter().filter(|one| is_lasting(one));
        names.creates.extend(created.map(relation));
    }
    for element in &create.table_elts {
        element_constraints(element, create.relation.as_ref(), names);
    }
    for constraint in &create.constraints {
        element_constraints(constraint, create.relation.as_ref(), names);
    }
}

/// An index has the namespace of its table.
fn beside(table: Option<&RangeVar>, name: &str) -> Option<RelationName> {
    (!name.is_empty()).then(|| RelationName {
        namespace: table.and_then(|table| relation(table).namespace),
        name: name.to_owned(),
    })
}

/// Constraints of a table or a column: some make an index, some take one.
fn element_constraints(node: &Node, table: Option<&RangeVar>, names: &mut Digest) {
    match &node.node {
        Some(NodeEnum::Constraint(constraint)) => self::constraint(constraint, table, names),
        Some(NodeEnum::ColumnDef(column)) => {
            for constraint in &column.constraints {
                element_constraints(constraint, table, names);
            }
        }
        _ => {}
    }
}

fn constraint(constraint: &Constraint, table: Option<&RangeVar>, names: &mut Digest) {
    let index = beside(table, &constraint.conname);
    let taken = beside(table, &constraint.indexname);
    let has_index = matches!(
        constraint.contype(),
        ConstrType::ConstrPrimary | ConstrType::ConstrUnique | ConstrType::ConstrExclusion
    );
    if has_index {
        // USING INDEX renames the index to the constraint.
        if index.is_some() && taken != index {
            names.drops.extend(taken.clone());
            names.touches.extend(index.clone());
            names.makes.extend(index);
        }
        names.touches.extend(taken);
    }
}

fn rename(rename: &RenameStmt, names: &mut Digest) {
    let new = |old: &RelationName| RelationName {
        namespace: old.namespace.clone(),
        name: rename.newname.clone(),
    };
    let old = match rename.rename_type() {
        ObjectType::ObjectTable
        | ObjectType::ObjectView
        | ObjectType::ObjectIndex
        | ObjectType::ObjectSequence
        | ObjectType::ObjectMatview
        | ObjectType::ObjectForeignTable => rename.relation.as_ref().map(relation),
        // The index of a constraint is renamed with it.
        ObjectType::ObjectTabconstraint => beside(rename.relation.as_ref(), &rename.subname),
        ObjectType::ObjectType
        | ObjectType::ObjectDomain
        | ObjectType::ObjectFunction
        | ObjectType::ObjectProcedure
        | ObjectType::ObjectRoutine
        | ObjectType::ObjectAggregate => rename
            .object
            .as_deref()
            .and_then(|node| dotted(&object(node))),
        _ => None,
    };
    if let Some(old) = old {
        if rename.relation.is_some() {
            names.touches.insert(old.clone());
            names.touches.insert(new(&old));
        }
        names.makes.insert(new(&old));
        names.adopts.insert(new(&old));
        names.drops.insert(old);
    }
}

fn change_namespace(alter: &AlterObjectSchemaStmt, names: &mut Digest) {
    let old = match &alter.relation {
        Some(old) => Some(relation(old)),
        None if is_named(alter.object_type()) => alter
            .object
            .as_deref()
            .and_then(|node| dotted(&object(node))),
        None => None,
    };
    if let Some(old) = old {
        let new = RelationName::qualified(&alter.newschema, &old.name);
        if alter.relation.is_some() {
            names.touches.insert(new.clone());
        }
        names.adopts.insert(new.clone());
        names.makes.insert(new);
        names.drops.insert(old);
    }
}

fn drop(drop: &DropStmt, names: &mut Digest) {
    let kind = drop.remove_type();
    for node in &drop.objects {
        names.touches.extend(about(kind, Some(node)));
        if is_named(kind) {
            names.drops.extend(dotted(&object(node)));
        }
    }
}

fn is_relation(kind: ObjectType) -> bool {
    matches!(
        kind,
        ObjectType::ObjectTable
            | ObjectType::ObjectView
            | ObjectType::ObjectIndex
            | ObjectType::ObjectSequence
            | ObjectType::ObjectMatview
            | ObjectType::ObjectForeignTable
    )
}

/// Relations, types and routines.
fn is_named(kind: ObjectType) -> bool {
    is_relation(kind)
        || matches!(
            kind,
            ObjectType::ObjectType
                | ObjectType::ObjectDomain
                | ObjectType::ObjectFunction
                | ObjectType::ObjectProcedure
                | ObjectType::ObjectRoutine
                | ObjectType::ObjectAggregate
        )
}

/// The relation that an object is, or is part of.
pub(super) fn about(kind: ObjectType, node: Option<&Node>) -> Option<RelationName> {
    let strings = object(node?);
    match kind {
        _ if is_relation(kind) => dotted(&strings),
        ObjectType::ObjectColumn
        | ObjectType::ObjectTabconstraint
        | ObjectType::ObjectTrigger
        | ObjectType::ObjectRule
        | ObjectType::ObjectPolicy => dotted(strings.split_last()?.1),
        _ => None,
    }
}

/// `OWNED BY table.column`; `OWNED BY NONE` has one word only.
fn owned_by(options: &[Node], names: &mut Digest) {
    let column = super::names::option(options, "owned_by").and_then(|option| option.arg.as_deref());
    if let Some(column) = column {
        names
            .touches
            .extend(about(ObjectType::ObjectColumn, Some(column)));
    }
}
