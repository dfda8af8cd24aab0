//! A statement → what there is after it.

use pg_query::protobuf::{
    AlterObjectSchemaStmt, AlterTableCmd, AlterTableType, CreateFunctionStmt, CreateStmt, DropStmt,
    IndexStmt, ObjectType, RangeVar, RenameStmt, VariableSetKind, VariableSetStmt,
};
use pg_query::{Node, NodeEnum};

use super::super::tree::{self, dotted, object, option, relation, strings};
use super::definition::{add_column, add_constraint};
use super::{ColumnType, Constraint, ConstraintKind, Enum, Relation, RelationKind, Routine, State};
use crate::migration::Kind;
use crate::statement::{RelationName, body_ends_transaction};

impl State {
    /// A statement has run.
    pub(in crate::lint) fn apply(&mut self, node: &NodeEnum) {
        self.statements += 1;
        self.sync(node);
        match node {
            NodeEnum::CreateStmt(create) => self.create_table(create),
            NodeEnum::CreateForeignTableStmt(create) => {
                if let Some(table) = create
                    .base_stmt
                    .as_ref()
                    .and_then(|base| base.relation.as_ref())
                {
                    self.make(table, RelationKind::Foreign, false);
                }
            }
            NodeEnum::CreateTableAsStmt(create) => {
                let kind = match create.objtype() {
                    ObjectType::ObjectMatview => RelationKind::MaterializedView,
                    _ => RelationKind::Table,
                };
                if let Some(into) = create.into.as_ref().and_then(|into| into.rel.as_ref())
                    && let Some(made) = self.make(into, kind, create.if_not_exists)
                {
                    made.has_rows = true;
                }
            }
            NodeEnum::SelectStmt(select) => {
                if let Some(into) = select
                    .into_clause
                    .as_ref()
                    .and_then(|into| into.rel.as_ref())
                {
                    self.make(into, RelationKind::Table, false);
                }
                self.set_config(select);
            }
            NodeEnum::ViewStmt(create) => {
                if let Some(view) = &create.view {
                    self.make(view, RelationKind::View, create.replace);
                }
            }
            NodeEnum::CreateSeqStmt(create) => {
                if let Some(sequence) = &create.sequence {
                    self.make(sequence, RelationKind::Sequence, create.if_not_exists);
                }
            }
            NodeEnum::IndexStmt(create) => self.create_index(create),
            NodeEnum::CreateSchemaStmt(create) => {
                // What stands inside without a namespace is made in this one.
                let before = self.search_path.replace(vec![create.schemaname.clone()]);
                for element in create
                    .schema_elts
                    .iter()
                    .filter_map(|one| one.node.as_ref())
                {
                    self.apply(element);
                }
                self.search_path = before;
            }
            NodeEnum::AlterTableStmt(alter) => {
                if let Some(table) = &alter.relation {
                    for command in alter.cmds.iter().filter_map(tree::command) {
                        self.alter_table(table, command);
                    }
                }
            }
            NodeEnum::RenameStmt(rename) => self.rename(rename),
            NodeEnum::AlterObjectSchemaStmt(alter) => self.set_namespace(alter),
            NodeEnum::DropStmt(drop) => self.drop(drop),
            NodeEnum::CreateEnumStmt(_) | NodeEnum::AlterEnumStmt(_) => self.enums(node),
            NodeEnum::CreateFunctionStmt(create) => self.create_routine(create),
            NodeEnum::InsertStmt(insert) => self.fill(insert.relation.as_ref()),
            NodeEnum::CopyStmt(copy) if copy.is_from => self.fill(copy.relation.as_ref()),
            NodeEnum::VariableSetStmt(set) => self.set(set),
            _ => {}
        }
    }

    fn enums(&mut self, node: &NodeEnum) {
        match node {
            NodeEnum::CreateEnumStmt(create) => {
                if let Some(name) = dotted(&strings(&create.type_name)) {
                    let made = Some(self.file());
                    let key = self.new_name(&name);
                    let added = std::collections::BTreeMap::new();
                    self.enums.insert(key, Enum { made, added });
                }
            }
            NodeEnum::AlterEnumStmt(alter) if alter.old_val.is_empty() => {
                if let Some(name) = dotted(&strings(&alter.type_name)) {
                    let file = self.file();
                    let key = super::find(&self.enums, &name, self.search_path.as_deref())
                        .unwrap_or_else(|| self.new_name(&name));
                    let added = &mut self.enums.entry(key).or_default().added;
                    added.entry(alter.new_val.clone()).or_insert(file);
                }
            }
            _ => {}
        }
    }

    fn create_routine(&mut self, create: &CreateFunctionStmt) {
        let Some(name) = dotted(&strings(&create.funcname)) else {
            return;
        };
        let text = |name: &str| {
            let option = option(&create.options, name)?;
            match option.arg.as_deref()?.node.as_ref()? {
                NodeEnum::String(string) => Some(string.sval.clone()),
                NodeEnum::List(list) => strings(&list.items).first().map(|&one| one.to_owned()),
                _ => None,
            }
        };
        let volatility = text("volatility");
        let body = text("as").unwrap_or_default();
        let returns = create.return_type.as_ref();
        let routine = Routine {
            is_volatile: volatility.is_none_or(|one| one == "volatile"),
            ends_transaction: create.is_procedure
                && text("language").is_some_and(|language| language == "plpgsql")
                && body_ends_transaction(&body),
            is_of_trigger: returns.is_some_and(|name| {
                matches!(
                    strings(&name.names).last(),
                    Some(&("trigger" | "event_trigger"))
                )
            }),
        };
        let key = self.new_name(&name);
        self.routines.insert(key, routine);
    }

    /// Rows have been written into a table.
    fn fill(&mut self, table: Option<&RangeVar>) {
        let key = table.and_then(|table| self.key(&relation(table)));
        if let Some(table) = key.and_then(|key| self.relations.get_mut(&key)) {
            table.has_rows = true;
        }
    }

    /// A relation has been made, unless it is known and `keeps` says that an
    /// older one stays.
    fn make(&mut self, name: &RangeVar, kind: RelationKind, keeps: bool) -> Option<&mut Relation> {
        let is_temporary = name.relpersistence == "t" || name.schemaname == "pg_temp";
        let name = relation(name);
        if keeps && self.key(&name).is_some() {
            return None;
        }
        let key = self.new_name(&name);
        let made = Relation {
            kind: if is_temporary {
                RelationKind::Temporary
            } else {
                kind
            },
            made: Some(self.file()),
            ..Relation::default()
        };
        self.relations.insert(key.clone(), made);
        self.relations.get_mut(&key)
    }

    fn create_table(&mut self, create: &CreateStmt) {
        let Some(name) = &create.relation else {
            return;
        };
        let kind = if create.partspec.is_some() {
            RelationKind::Partitioned
        } else {
            RelationKind::Table
        };
        let file = self.file();
        let is_partition = create.partbound.is_some();
        let parents: Vec<RelationName> = create
            .inh_relations
            .iter()
            .filter_map(|node| match node.node.as_ref()? {
                NodeEnum::RangeVar(parent) => Some(relation(parent)),
                _ => None,
            })
            .collect();
        // Its columns are those of its parent, as it is now.
        let inherited: Vec<_> = parents
            .iter()
            .filter_map(|parent| self.relation(parent))
            .flat_map(|parent| parent.columns.clone())
            .collect();
        let Some(table) = self.make(name, kind, create.if_not_exists) else {
            return;
        };
        table.columns.extend(inherited);
        if is_partition {
            table.parent = parents.first().cloned();
        }
        let table_name = &name.relname;
        for node in &create.table_elts {
            if let Some(column) = tree::column(node) {
                add_column(table, table_name, column, file);
            } else if let Some(constraint) = tree::constraint(node) {
                add_constraint(table, table_name, constraint, None, true, file);
            }
        }
    }

    fn create_index(&mut self, create: &IndexStmt) {
        let Some(table) = &create.relation else {
            return;
        };
        let table = relation(table);
        if create.idxname.is_empty() {
            return;
        }
        let name = RelationName {
            namespace: self.key(&table).unwrap_or_else(|| table.clone()).namespace,
            name: create.idxname.clone(),
        };
        if create.if_not_exists && self.key(&name).is_some() {
            return;
        }
        let made = Relation {
            kind: RelationKind::Index,
            made: Some(self.file()),
            table: Some(table),
            index_columns: create
                .index_params
                .iter()
                .filter_map(index_column)
                .collect(),
            ..Relation::default()
        };
        let key = self.new_name(&name);
        self.relations.insert(key, made);
    }

    fn alter_table(&mut self, table: &RangeVar, command: &AlterTableCmd) {
        if command.subtype() == AlterTableType::AtValidateConstraint
            && let Some(name) = &self.concurrent
        {
            self.validated.push((name.clone(), relation(table)));
        }
        let file = self.file();
        let name = relation(table);
        let older_part = match command.subtype() {
            AlterTableType::AtAttachPartition => self.attach(&name, command),
            AlterTableType::AtAddInherit => {
                self.inherit(&name, command);
                false
            }
            _ => false,
        };
        let key = self.key(&name).unwrap_or_else(|| self.new_name(&name));
        let known = self.relations.entry(key).or_default();
        known.has_older_parts |= older_part;
        match command.subtype() {
            AlterTableType::AtAddColumn => {
                if let Some(column) = tree::added_column(command)
                    && !(command.missing_ok && known.columns.contains_key(&column.colname))
                {
                    add_column(known, &table.relname, column, file);
                }
            }
            AlterTableType::AtDropColumn => {
                known.columns.remove(&command.name);
                // A CHECK that names the column goes with it.
                known
                    .constraints
                    .retain(|_, constraint| !proves(constraint, &command.name));
            }
            AlterTableType::AtAlterColumnType => {
                let column = known.columns.entry(command.name.clone()).or_default();
                column.data_type = command
                    .def
                    .as_deref()
                    .and_then(tree::column)
                    .and_then(|column| ColumnType::of(column.type_name.as_ref()?));
            }
            AlterTableType::AtSetNotNull => {
                known
                    .columns
                    .entry(command.name.clone())
                    .or_default()
                    .is_not_null = true;
            }
            AlterTableType::AtDropNotNull => {
                known
                    .columns
                    .entry(command.name.clone())
                    .or_default()
                    .is_not_null = false;
                known.constraints.retain(|name, constraint| {
                    !(name.ends_with("_not_null") && proves(constraint, &command.name))
                });
            }
            AlterTableType::AtAddConstraint => {
                if let Some(constraint) = tree::added_constraint(command) {
                    let is_valid = !constraint.skip_validation;
                    add_constraint(known, &table.relname, constraint, None, is_valid, file);
                }
            }
            AlterTableType::AtValidateConstraint => {
                if let Some(constraint) = known.constraints.get_mut(&command.name) {
                    constraint.is_valid = true;
                }
            }
            AlterTableType::AtDropConstraint => {
                known.constraints.remove(&command.name);
            }
            _ => {}
        }
    }

    /// A partition has been attached; whether it is older than its parent.
    fn attach(&mut self, parent: &RelationName, command: &AlterTableCmd) -> bool {
        let partition = match command.def.as_deref().and_then(|def| def.node.as_ref()) {
            Some(NodeEnum::PartitionCmd(partition)) => partition.name.as_ref().map(relation),
            _ => None,
        };
        let Some(partition) = partition else {
            return false;
        };
        let key = self.key(&partition);
        if let Some(known) = key.and_then(|key| self.relations.get_mut(&key))
            && known.kind != RelationKind::Index
        {
            known.parent = Some(parent.clone());
        }
        !self.is_new(&partition)
    }

    /// A table has got a parent, which has it as a part from now on.
    fn inherit(&mut self, child: &RelationName, command: &AlterTableCmd) {
        let Some(NodeEnum::RangeVar(parent)) =
            command.def.as_deref().and_then(|def| def.node.as_ref())
        else {
            return;
        };
        let is_older = !self.is_new(child);
        if let Some(key) = self.key(&relation(parent))
            && let Some(parent) = self.relations.get_mut(&key)
        {
            parent.has_older_parts |= is_older;
        }
    }

    fn rename(&mut self, rename: &RenameStmt) {
        let new = rename.newname.as_str();
        match (rename.rename_type(), &rename.relation) {
            (ObjectType::ObjectColumn, Some(table)) => {
                let key = self.key(&relation(table));
                if let Some(table) = key.and_then(|key| self.relations.get_mut(&key)) {
                    if let Some(column) = table.columns.remove(&rename.subname) {
                        table.columns.insert(new.to_owned(), column);
                    }
                    for constraint in table.constraints.values_mut() {
                        if let ConstraintKind::Check { not_null } = &mut constraint.kind {
                            for column in not_null.iter_mut().filter(|one| **one == rename.subname)
                            {
                                new.clone_into(column);
                            }
                        }
                    }
                }
            }
            (ObjectType::ObjectTabconstraint, Some(table)) => {
                let key = self.key(&relation(table));
                if let Some(table) = key.and_then(|key| self.relations.get_mut(&key))
                    && let Some(constraint) = table.constraints.remove(&rename.subname)
                {
                    table.constraints.insert(new.to_owned(), constraint);
                }
            }
            (
                ObjectType::ObjectTable
                | ObjectType::ObjectForeignTable
                | ObjectType::ObjectView
                | ObjectType::ObjectMatview
                | ObjectType::ObjectIndex
                | ObjectType::ObjectSequence,
                Some(old),
            ) => {
                if let Some(key) = self.key(&relation(old)) {
                    let to = RelationName {
                        namespace: key.namespace.clone(),
                        name: new.to_owned(),
                    };
                    self.move_relation(&key, to);
                }
            }
            (ObjectType::ObjectType, _) => {
                let old = rename
                    .object
                    .as_deref()
                    .and_then(|node| dotted(&object(node)));
                let key =
                    old.and_then(|old| super::find(&self.enums, &old, self.search_path.as_deref()));
                if let Some(key) = key
                    && let Some(one) = self.enums.remove(&key)
                {
                    let name = new.to_owned();
                    self.enums.insert(RelationName { name, ..key }, one);
                }
            }
            (ObjectType::ObjectSchema, _) => self.rename_namespace(&rename.subname, new),
            _ => {}
        }
    }

    fn rename_namespace(&mut self, old: &str, new: &str) {
        let inside: Vec<_> = self
            .relations
            .keys()
            .filter(|key| key.namespace.as_deref() == Some(old))
            .cloned()
            .collect();
        for key in inside {
            let to = RelationName::qualified(new, &key.name);
            self.move_relation(&key, to);
        }
    }

    fn set_namespace(&mut self, alter: &AlterObjectSchemaStmt) {
        if let Some(key) = alter
            .relation
            .as_ref()
            .and_then(|one| self.key(&relation(one)))
        {
            let to = RelationName::qualified(&alter.newschema, &key.name);
            let to = self.new_name(&to);
            self.move_relation(&key, to);
        }
    }

    /// A relation has another name now; its indexes know it by that.
    fn move_relation(&mut self, from: &RelationName, to: RelationName) {
        let Some(moved) = self.relations.remove(from) else {
            return;
        };
        for other in self.relations.values_mut() {
            for link in [&mut other.table, &mut other.parent].into_iter().flatten() {
                if link.may_be(from) {
                    *link = to.clone();
                }
            }
        }
        self.relations.insert(to, moved);
    }

    fn drop(&mut self, drop: &DropStmt) {
        let names = drop.objects.iter().map(object);
        match drop.remove_type() {
            ObjectType::ObjectTable
            | ObjectType::ObjectForeignTable
            | ObjectType::ObjectView
            | ObjectType::ObjectMatview
            | ObjectType::ObjectIndex
            | ObjectType::ObjectSequence => {
                for name in names.filter_map(|strings| dotted(&strings)) {
                    if let Some(key) = self.key(&name) {
                        self.relations.remove(&key);
                        self.relations
                            .retain(|_, other| other.table.as_ref() != Some(&key));
                    }
                }
            }
            ObjectType::ObjectType => {
                for name in names.filter_map(|strings| dotted(&strings)) {
                    let key = super::find(&self.enums, &name, self.search_path.as_deref());
                    if let Some(key) = key {
                        self.enums.remove(&key);
                    }
                }
            }
            ObjectType::ObjectSchema => {
                for strings in names {
                    let namespace = strings.last().copied();
                    self.relations
                        .retain(|key, _| key.namespace.as_deref() != namespace);
                }
            }
            _ => {}
        }
    }

    fn set(&mut self, set: &VariableSetStmt) {
        // Outside of a transaction block it is void.
        if set.is_local
            && self
                .files
                .last()
                .is_some_and(|file| file.kind != Kind::Batch)
        {
            return;
        }
        match set.kind() {
            VariableSetKind::VarSetValue => {
                let values: Vec<String> = set.args.iter().filter_map(constant).collect();
                if set.name == "search_path" {
                    self.search_path = Some(values);
                } else {
                    self.settings.insert(set.name.clone(), values.join(", "));
                }
            }
            VariableSetKind::VarSetDefault | VariableSetKind::VarReset => {
                if set.name == "search_path" {
                    self.search_path = None;
                }
                self.settings.remove(&set.name);
            }
            VariableSetKind::VarResetAll => {
                self.search_path = None;
                self.settings.clear();
            }
            _ => {}
        }
    }

    /// `SELECT set_config('search_path', …)`, as dumps have it.
    fn set_config(&mut self, select: &pg_query::protobuf::SelectStmt) {
        for target in &select.target_list {
            let Some(NodeEnum::ResTarget(target)) = &target.node else {
                continue;
            };
            let value = target.val.as_deref().and_then(|value| value.node.as_ref());
            let Some(NodeEnum::FuncCall(call)) = value else {
                continue;
            };
            if strings(&call.funcname).last() != Some(&"set_config") {
                continue;
            }
            let arguments: Vec<Option<String>> = call.args.iter().map(constant).collect();
            if let [Some(name), Some(value), ..] = arguments.as_slice() {
                if name == "search_path" {
                    let path = value.split(',').map(|one| one.trim().trim_matches('"'));
                    self.search_path = Some(
                        path.filter(|one| !one.is_empty())
                            .map(str::to_owned)
                            .collect(),
                    );
                } else {
                    self.settings.insert(name.clone(), value.clone());
                }
            }
        }
    }
}

fn index_column(node: &Node) -> Option<String> {
    match &node.node {
        Some(NodeEnum::IndexElem(element)) => {
            Some(element.name.clone()).filter(|name| !name.is_empty())
        }
        _ => None,
    }
}

/// A constant as text.
fn constant(node: &Node) -> Option<String> {
    use pg_query::protobuf::a_const::Val;
    match node.node.as_ref()? {
        NodeEnum::AConst(constant) => match &constant.val {
            Some(Val::Sval(value)) => Some(value.sval.clone()),
            Some(Val::Ival(value)) => Some(value.ival.to_string()),
            Some(Val::Fval(value)) => Some(value.fval.clone()),
            Some(Val::Boolval(value)) => Some(value.boolval.to_string()),
            _ if constant.isnull => None,
            // Zero is left out of the message.
            _ => Some("0".to_owned()),
        },
        NodeEnum::TypeCast(cast) => constant(cast.arg.as_deref()?),
        NodeEnum::ColumnRef(column) => strings(&column.fields).last().map(|&one| one.to_owned()),
        _ => None,
    }
}

/// Whether the constraint demands that the column is not null.
fn proves(constraint: &Constraint, column: &str) -> bool {
    matches!(&constraint.kind, ConstraintKind::Check { not_null }
        if not_null.iter().any(|one| one == column))
}
