//! Tree → whether a statement with `$1…` for its bounds keeps to its range.
//!
//! Walked in its serialised form, as [`super::relations`] does: a condition may
//! stand in any query inside another.

use std::collections::{BTreeMap, BTreeSet};

use pg_query::NodeEnum;
use pg_query::protobuf::{AExprKind, BoolExprType, CmdType, JoinType};
use serde_json::{Map, Value};

use crate::statement::{OutOfRange, RelationName};

/// Everything that leaves the range, in the order in which it stands; `key` has
/// the names of the key's columns.
pub(super) fn out_of_range(
    node: &NodeEnum,
    table: &RelationName,
    key: &[&str],
) -> Option<Vec<OutOfRange>> {
    let tree = serde_json::to_value(node).ok()?;
    let mut names = Names::default();
    names.visit(&tree);
    let mut walk = Walk {
        table,
        key,
        names,
        placed: BTreeSet::new(),
        equal: Vec::new(),
        found: Vec::new(),
    };
    walk.equalities(&tree);
    walk.visit(&tree);
    walk.unplaced(&tree);
    let mut found = walk.found;
    found.sort_by_key(OutOfRange::at);
    Some(found)
}

/// What a qualifier may stand for, anywhere in the statement.
#[derive(Default)]
struct Names {
    /// `None`: for more than one, or for no table.
    tables: BTreeMap<String, Option<RelationName>>,
    /// Names of `WITH` queries.
    queries: BTreeSet<String>,
    /// Whether a column may come from a query and have any name.
    has_queries: bool,
    /// Columns of `JOIN … USING`.
    shared: BTreeSet<String>,
}

impl Names {
    fn visit(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.visit(value)),
            Value::Object(fields) => {
                if let Some(relation) = relation(fields) {
                    let alias = fields["alias"]["aliasname"].as_str();
                    let name = alias.unwrap_or(&relation.name).to_owned();
                    let is_other = |known: &Option<RelationName>| *known != Some(relation.clone());
                    let entry = self.tables.get(&name);
                    let entry = if entry.is_some_and(is_other) {
                        None
                    } else {
                        Some(relation)
                    };
                    self.tables.insert(name, entry);
                }
                if let Some(name) = fields.get("ctename").and_then(Value::as_str) {
                    self.queries.insert(name.to_owned());
                    self.has_queries = true;
                }
                self.has_queries |= ["RangeSubselect", "RangeFunction", "RangeTableFunc"]
                    .iter()
                    .any(|kind| fields.contains_key(*kind));
                if let Some(columns) = fields.get("using_clause").and_then(Value::as_array) {
                    self.shared.extend(strings(columns).map(str::to_owned));
                }
                fields.values().for_each(|value| self.visit(value));
            }
            _ => {}
        }
    }

    /// Whether a bare name is that of a `WITH` query.
    fn is_query(&self, relation: &RelationName) -> bool {
        relation.namespace.is_none() && self.queries.contains(&relation.name)
    }
}

struct Walk<'a> {
    table: &'a RelationName,
    key: &'a [&'a str],
    names: Names,
    /// Places of the parameters that keep rows out.
    placed: BTreeSet<i64>,
    /// Pairs of columns that a condition says are equal.
    equal: Vec<[Vec<String>; 2]>,
    found: Vec<OutOfRange>,
}

impl Walk<'_> {
    fn equalities(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.equalities(value)),
            Value::Object(fields) => {
                if let Some(expression) = fields.get("AExpr")
                    && operator(expression) == Some("=")
                {
                    let [one, other] =
                        ["lexpr", "rexpr"].map(|side| column(&expression[side]["node"]));
                    if let (Some((one, _)), Some((other, _))) = (one, other) {
                        self.equal.push([one, other]);
                    }
                }
                fields.values().for_each(|value| self.equalities(value));
            }
            _ => {}
        }
    }

    fn visit(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.visit(value)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.node(name, value);
                    self.visit(value);
                }
            }
            _ => {}
        }
    }

    fn node(&mut self, name: &str, value: &Value) {
        match name {
            "SelectStmt" => {
                self.condition(&value["where_clause"]);
                if let Some(into) = value["into_clause"]["rel"].as_object() {
                    self.found.push(OutOfRange::MakesTable(at(into)));
                }
            }
            "UpdateStmt" => {
                self.rows(value);
                self.sets(&value["relation"], &value["target_list"]);
            }
            "DeleteStmt" => self.rows(value),
            "JoinExpr" if value["jointype"] == JoinType::JoinInner as i32 => {
                self.condition(&value["quals"]);
            }
            "InsertStmt" => self.insert(value),
            "MergeStmt" => {
                let clauses = value["merge_when_clauses"].as_array();
                for clause in clauses.into_iter().flatten() {
                    let clause = &clause["node"]["MergeWhenClause"];
                    if clause["command_type"] == CmdType::CmdUpdate as i32 {
                        self.sets(&value["relation"], &clause["target_list"]);
                    }
                }
            }
            _ => {}
        }
    }

    /// `UPDATE` or `DELETE`, which without a condition are about all rows.
    fn rows(&mut self, statement: &Value) {
        if statement["where_clause"].is_null() {
            let relation = statement["relation"].as_object();
            self.found.push(OutOfRange::AllRows(relation.map_or(0, at)));
        } else {
            self.condition(&statement["where_clause"]);
        }
    }

    fn is_table(&self, relation: &Value) -> bool {
        let relation = relation.as_object().and_then(self::relation);
        relation.is_some_and(|one| one.may_be(self.table) && !self.names.is_query(&one))
    }

    /// The assignments of a statement that changes `relation`.
    fn sets(&mut self, relation: &Value, targets: &Value) {
        if !self.is_table(relation) {
            return;
        }
        for target in targets.as_array().into_iter().flatten() {
            let target = &target["node"]["ResTarget"];
            if let Some(column) = target["name"].as_str().filter(|one| self.key.contains(one)) {
                let at = target.as_object().map_or(0, at);
                self.found.push(OutOfRange::SetsKey(column.to_owned(), at));
            }
        }
    }

    fn insert(&mut self, insert: &Value) {
        let conflict = &insert["on_conflict_clause"];
        if !conflict.is_null() {
            self.sets(&insert["relation"], &conflict["target_list"]);
        } else if self.key != ["ctid"] && self.is_table(&insert["relation"]) {
            let relation = insert["relation"].as_object();
            self.found
                .push(OutOfRange::AddsRows(relation.map_or(0, at)));
        }
    }

    /// A condition that keeps out what is not meant, if bounds stand in it.
    fn condition(&mut self, condition: &Value) {
        let mut bounds = Vec::new();
        for one in conjuncts(condition) {
            let expression = &one["AExpr"];
            if operator(expression).is_none() {
                continue;
            }
            let [left, right] = ["lexpr", "rexpr"].map(|side| operands(&expression[side]["node"]));
            let (parameters, others) = match (parameters(&left), parameters(&right)) {
                (None, Some(parameters)) => (parameters, left),
                (Some(parameters), None) => (parameters, right),
                _ => continue,
            };
            self.placed.extend(parameters.iter().map(|(_, at)| *at));
            bounds.extend(parameters.first().copied());
            if !self.is_key(&others) {
                let place = others.first().and_then(|other| location(other));
                let place = place.or(parameters.first().map(|(_, at)| *at));
                self.found
                    .push(OutOfRange::NotTheKey(byte(place.unwrap_or(-1))));
            }
        }
        let is_lower = |number: i64| usize::try_from(number).is_ok_and(|n| n <= self.key.len());
        let lower = bounds.iter().filter(|(number, _)| is_lower(*number));
        if let Some((_, at)) = bounds.first()
            && [0, bounds.len()].contains(&lower.count())
        {
            self.found.push(OutOfRange::OneSided(byte(*at)));
        }
    }

    /// Whether these are the columns of the key, or certainly equal to them.
    fn is_key(&self, operands: &[&Value]) -> bool {
        operands.len() == self.key.len()
            && operands.iter().zip(self.key).all(|(operand, key)| {
                column(operand).is_some_and(|(fields, _)| {
                    self.is_key_column(&fields, key)
                        || self.equal.iter().any(|[one, other]| {
                            *one == fields && self.is_key_column(other, key)
                                || *other == fields && self.is_key_column(one, key)
                        })
                })
            })
    }

    fn is_key_column(&self, fields: &[String], key: &str) -> bool {
        let Some((name, qualifier)) = fields.split_last() else {
            return false;
        };
        let Some(qualifier) = qualifier.last() else {
            return name == key || self.names.has_queries;
        };
        let of_table = match self.names.tables.get(qualifier) {
            Some(Some(relation)) if !self.names.is_query(relation) => relation.may_be(self.table),
            // A query may call it as it likes.
            _ => return true,
        };
        name == key && (of_table || self.names.shared.contains(key))
    }

    /// Parameters that stand anywhere else.
    fn unplaced(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.unplaced(value)),
            Value::Object(fields) => {
                if let Some(parameter) = fields.get("ParamRef")
                    && let Some(at) = parameter["location"].as_i64()
                    && !self.placed.contains(&at)
                {
                    self.found.push(OutOfRange::NotACondition(byte(at)));
                }
                fields.values().for_each(|value| self.unplaced(value));
            }
            _ => {}
        }
    }
}

fn byte(location: i64) -> usize {
    usize::try_from(location).unwrap_or(0)
}

fn at(fields: &Map<String, Value>) -> usize {
    byte(fields.get("location").and_then(Value::as_i64).unwrap_or(0))
}

pub(super) fn relation(fields: &Map<String, Value>) -> Option<RelationName> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let (name, namespace) = (text("relname")?, text("schemaname")?);
    fields.contains_key("relpersistence").then(|| RelationName {
        namespace: Some(namespace.to_owned()).filter(|one| !one.is_empty()),
        name: name.to_owned(),
    })
}

pub(super) fn strings(nodes: &[Value]) -> impl Iterator<Item = &str> {
    nodes
        .iter()
        .filter_map(|node| node["node"]["String"]["sval"].as_str())
}

/// The name of a plain operator.
fn operator(expression: &Value) -> Option<&str> {
    let name = expression["name"].as_array()?;
    (expression["kind"] == AExprKind::AexprOp as i32)
        .then(|| strings(name).last())
        .flatten()
}

/// What a condition demands all at once.
fn conjuncts(condition: &Value) -> Vec<&Value> {
    let node = &condition["node"];
    match &node["BoolExpr"] {
        all if all["boolop"] == BoolExprType::AndExpr as i32 => {
            let args = all["args"].as_array().into_iter().flatten();
            args.flat_map(conjuncts).collect()
        }
        _ => vec![node],
    }
}

/// The fields of a row, or the one expression that it is.
fn operands(node: &Value) -> Vec<&Value> {
    match node["RowExpr"]["args"].as_array() {
        Some(args) => args.iter().map(|arg| &arg["node"]).collect(),
        None => vec![node],
    }
}

/// Number and place of each, if they are parameters and nothing else.
fn parameters(operands: &[&Value]) -> Option<Vec<(i64, i64)>> {
    let parameter = |operand: &&Value| {
        let parameter = &operand["ParamRef"];
        Some((
            parameter["number"].as_i64()?,
            parameter["location"].as_i64()?,
        ))
    };
    operands.iter().map(parameter).collect()
}

/// The fields of a column's name, and where it stands.
fn column(node: &Value) -> Option<(Vec<String>, i64)> {
    let column = &node["ColumnRef"];
    let fields = strings(column["fields"].as_array()?).map(str::to_owned);
    Some((fields.collect(), column["location"].as_i64()?))
}

/// Where an expression begins, if the tree says so.
fn location(node: &Value) -> Option<i64> {
    let fields = node.as_object()?.values().next()?;
    fields["location"].as_i64()
}
