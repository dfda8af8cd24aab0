//! Tree → the columns that a statement about rows names.
//!
//! Walked in its serialised form, as [`super::relations`] does.

use std::collections::BTreeSet;

use pg_query::protobuf::CmdType;
use serde_json::{Map, Value};

use super::ranged::{relation, strings};
use crate::statement::{ColumnName, Columns, RelationName};

/// Statements whose columns count.
const ABOUT_ROWS: [&str; 8] = [
    "SelectStmt",
    "InsertStmt",
    "UpdateStmt",
    "DeleteStmt",
    "MergeStmt",
    "CopyStmt",
    "ViewStmt",
    "CreateTableAsStmt",
];

/// The columns of a statement, of its serialised tree.
pub(super) fn of(tree: &Value) -> Columns {
    let is_about_rows = |fields: &Map<String, Value>| {
        let mut names = fields.keys();
        names.any(|name| ABOUT_ROWS.contains(&name.as_str()))
    };
    let mut walk = Walk::default();
    if tree.as_object().is_some_and(is_about_rows) {
        walk.visit(tree);
    }
    walk.columns
}

/// What a name before a column may stand for.
struct Source {
    alias: String,
    /// `None`: a query, a function or the like, whose columns are its own.
    table: Option<RelationName>,
}

#[derive(Default)]
struct Walk {
    columns: Columns,
    /// Names of `WITH` queries that have come so far.
    queries: BTreeSet<String>,
    /// From the outermost query to the innermost.
    scope: Vec<Source>,
    /// Where the innermost begins.
    own: usize,
}

impl Walk {
    fn visit(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.visit(value)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.node(name, value);
                }
            }
            _ => {}
        }
    }

    fn node(&mut self, name: &str, value: &Value) {
        match name {
            "SelectStmt" | "DeleteStmt" => self.query(
                value,
                &["relation", "from_clause", "using_clause"],
                Self::visit,
            ),
            // Parts of a UNION stand in these without a name of their own.
            "larg" | "rarg" if value.get("target_list").is_some() => {
                self.query(value, &["from_clause"], Self::visit);
            }
            "UpdateStmt" => self.query(value, &["relation", "from_clause"], |walk, value| {
                walk.sets(&value["relation"], &value["target_list"]);
                walk.visit(value);
            }),
            "MergeStmt" => self.query(value, &["relation", "source_relation"], |walk, value| {
                for clause in nodes(&value["merge_when_clauses"]) {
                    let clause = &clause["MergeWhenClause"];
                    let targets = &clause["target_list"];
                    if clause["command_type"] == CmdType::CmdInsert as i32 {
                        walk.adds(&value["relation"], targets, "ResTarget");
                    } else {
                        walk.sets(&value["relation"], targets);
                    }
                }
                walk.visit(value);
            }),
            "InsertStmt" => self.insert(value),
            "CopyStmt" => self.copy(value),
            "ColumnRef" => self.column(value),
            _ => self.visit(value),
        }
    }

    /// What stands in a query, whose tables are in these of its fields.
    fn query(&mut self, query: &Value, from: &[&str], visit: fn(&mut Self, &Value)) {
        let (outer, end) = (self.own, self.scope.len());
        // They are visible in FROM already.
        for query in nodes(&query["with_clause"]["ctes"]) {
            let name = query["CommonTableExpr"]["ctename"].as_str();
            self.queries.extend(name.map(str::to_owned));
        }
        for field in from {
            self.sources(&query[*field]);
        }
        self.own = end;
        visit(self, query);
        self.scope.truncate(end);
        self.own = outer;
    }

    /// The sources of a FROM, not those of queries in it.
    fn sources(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.sources(value)),
            Value::Object(fields) => {
                if let Some(relation) = relation(fields) {
                    let alias = fields["alias"]["aliasname"].as_str();
                    let is_query =
                        relation.namespace.is_none() && self.queries.contains(&relation.name);
                    self.scope.push(Source {
                        alias: alias.unwrap_or(&relation.name).to_owned(),
                        table: Some(relation).filter(|_| !is_query),
                    });
                    return;
                }
                if let Some(alias) = fields
                    .get("alias")
                    .and_then(|one| one["aliasname"].as_str())
                {
                    self.scope.push(Source {
                        alias: alias.to_owned(),
                        table: None,
                    });
                }
                for (name, value) in fields {
                    if !["subquery", "quals", "functions", "with_clause"].contains(&name.as_str()) {
                        self.sources(value);
                    }
                }
            }
            _ => {}
        }
    }

    fn column(&mut self, column: &Value) {
        let names: Vec<&str> = column["fields"]
            .as_array()
            .map_or_else(Vec::new, |fields| strings(fields).collect());
        let fields = nodes(&column["fields"]);
        let is_star = fields.last().is_some_and(|one| one.get("AStar").is_some());
        let found = match (names.as_slice(), is_star) {
            ([], _) => all(&self.scope[self.own..], None),
            ([.., table], true) => self.of_source(table, None),
            ([name], false) => {
                let whole = self.of_source(name, None);
                if whole.is_empty() {
                    all(&self.scope, Some(name))
                } else {
                    whole
                }
            }
            ([.., table, name], false) => self.of_source(table, Some(name)),
        };
        self.columns.reads.extend(found);
    }

    /// A column of what is called so; of nothing if that is no table.
    fn of_source(&self, alias: &str, column: Option<&str>) -> Vec<ColumnName> {
        let source = self.scope.iter().rfind(|source| source.alias == alias);
        let table = source.and_then(|source| source.table.clone());
        table
            .map(|table| named(table, column))
            .into_iter()
            .collect()
    }

    fn sets(&mut self, table: &Value, targets: &Value) {
        let Some(table) = table.as_object().and_then(relation) else {
            return;
        };
        let set = nodes(targets).filter_map(|target| target["ResTarget"]["name"].as_str());
        self.columns
            .sets
            .extend(set.map(|name| named(table.clone(), Some(name))));
    }

    /// Columns of new rows; none are named if all are given.
    fn adds(&mut self, table: &Value, columns: &Value, kind: &str) {
        let Some(table) = table.as_object().and_then(relation) else {
            return;
        };
        let field = if kind == "String" { "sval" } else { "name" };
        let given = nodes(columns).filter_map(|column| column[kind][field].as_str());
        let given = given.map(|name| named(table.clone(), Some(name)));
        let before = self.columns.adds.len();
        self.columns.adds.extend(given);
        if self.columns.adds.len() == before && nodes(columns).next().is_none() {
            self.columns.adds.insert(named(table, None));
        }
    }

    /// Its query does not see the rows that are there; what comes behind does.
    fn insert(&mut self, insert: &Value) {
        self.adds(&insert["relation"], &insert["cols"], "ResTarget");
        self.query(insert, &[], |walk, insert| {
            walk.visit(&insert["with_clause"]);
            walk.visit(&insert["select_stmt"]);
        });
        self.query(insert, &["relation"], |walk, insert| {
            let conflict = &insert["on_conflict_clause"];
            walk.sets(&insert["relation"], &conflict["target_list"]);
            for part in ["target_list", "where_clause"] {
                walk.visit(&conflict[part]);
            }
            walk.visit(&insert["returning_clause"]);
        });
    }

    fn copy(&mut self, copy: &Value) {
        let columns = &copy["attlist"];
        if copy["is_from"] == true {
            self.adds(&copy["relation"], columns, "String");
        } else if let Some(table) = copy["relation"].as_object().and_then(relation) {
            let mut read: Vec<_> = nodes(columns)
                .filter_map(|column| column["String"]["sval"].as_str())
                .map(|name| named(table.clone(), Some(name)))
                .collect();
            if read.is_empty() {
                read.push(named(table, None));
            }
            self.columns.reads.extend(read);
        }
        self.visit(&copy["query"]);
    }
}

/// A column of each of these sources that is a table.
fn all(sources: &[Source], column: Option<&str>) -> Vec<ColumnName> {
    let tables = sources.iter().filter_map(|source| source.table.clone());
    tables.map(|table| named(table, column)).collect()
}

fn named(relation: RelationName, column: Option<&str>) -> ColumnName {
    ColumnName {
        relation,
        column: column.map(str::to_owned),
    }
}

/// The nodes of a list.
fn nodes(list: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    let nodes = list.as_array().into_iter().flatten();
    nodes.map(|node| &node["node"])
}
