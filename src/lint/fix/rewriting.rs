//! One statement that holds others up → what of it stays, what goes to the
//! tail, and what comes when that is done.

use std::ops::Range;

use pg_query::protobuf::{
    AlterTableCmd, AlterTableStmt, AlterTableType, ConstrType, Constraint, IndexStmt, RangeVar,
};
use pg_query::{Node, NodeEnum};
use serde_json::Value;

use super::name::{chosen, identifier};
use super::words::Words;
use crate::lint::tree;
use crate::statement::RelationName;

/// A kind of work in the tail; each gets a file of its own, so that builds,
/// which wait for old snapshots, do not run beside what holds one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    /// `CREATE INDEX CONCURRENTLY`
    Builds,
    /// `VALIDATE CONSTRAINT`
    Validates,
}

/// What becomes of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rewriting {
    /// The table.
    pub(super) table: RelationName,
    /// Bytes of its text that are replaced, in order and apart from each other.
    pub(super) edits: Vec<(Range<usize>, String)>,
    /// Whether nothing of it stays.
    pub(super) is_cut: bool,
    /// Statements for the tail.
    pub(super) tail: Vec<(Work, String)>,
    /// What a file with nothing but these statements would be called.
    pub(super) subjects: Vec<(Work, String)>,
    /// Statements for when these kinds of work are done.
    pub(super) ending: Vec<(Work, String)>,
    /// What later statements may rely on.
    pub(super) gone: Vec<Gone>,
    /// What else is to be known.
    pub(super) notes: Vec<String>,
}

impl Rewriting {
    /// Whether the statement is one that it puts into another file.
    pub(super) fn writes(&self, text: &str) -> bool {
        let mut all = self.tail.iter().chain(&self.ending);
        all.any(|(_, sql)| sql == text)
    }
}

/// What is not there any more right after the statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// An index, perhaps a constraint's.
    Index {
        /// Its name, if the statement gives it one.
        name: Option<String>,
        /// Whether rows are unique by it.
        is_unique: bool,
        /// Whether a constraint of the name goes too, so that an earlier one
        /// may have been dropped for it.
        is_constraint: bool,
    },
    /// That a constraint is known to hold for all rows.
    Validity {
        /// Its name.
        name: String,
        /// Whether it may be a CHECK of the author's, by which the server
        /// proves other things.
        is_proof: bool,
    },
    /// That a column is not null.
    NotNull,
}

/// Why a statement is left to its author; a clause after "because".
pub(super) type Reason = String;

/// What `rules` say is changed; `None` if they say nothing of this statement.
///
/// # Errors
/// Why it cannot be changed by rule.
pub(super) fn of(
    text: &str,
    node: &NodeEnum,
    rules: &[&str],
    is_partitioned: impl Fn(&RelationName) -> bool,
) -> Result<Option<Rewriting>, Reason> {
    let rewriting = match node {
        NodeEnum::IndexStmt(index) if rules.contains(&"index-not-concurrently") => {
            Some(self::index(text, index)?)
        }
        NodeEnum::AlterTableStmt(alter) => self::alter(text, alter, rules)?,
        _ => None,
    };
    if let Some(rewriting) = &rewriting
        && is_partitioned(&rewriting.table)
        && !matches!(node, NodeEnum::IndexStmt(_))
    {
        return Err(format!(
            "`{}` is partitioned, where a constraint has to be added partition by partition",
            rewriting.table
        ));
    }
    Ok(rewriting)
}

fn qualified(name: &RelationName) -> String {
    match &name.namespace {
        Some(namespace) => format!("{}.{}", identifier(namespace), identifier(&name.name)),
        None => identifier(&name.name),
    }
}

fn index(text: &str, index: &IndexStmt) -> Result<Rewriting, Reason> {
    let table = index.relation.as_ref().ok_or("it names no table")?;
    if !table.inh {
        return Err(
            "an index `ON ONLY` a partitioned table is made in steps of its own".to_owned(),
        );
    }
    let words = Words::of(text);
    let at = words.find("INDEX").ok_or("its words are not understood")?;
    let end = words
        .end_of_word(at)
        .ok_or("its words are not understood")?;
    let mut concurrent = text.to_owned();
    let mut notes = Vec::new();
    if let Some(range) = words.if_not_exists_after(at) {
        concurrent.replace_range(range, "");
        notes.push(
            "without `IF NOT EXISTS`, which would pass over an invalid index; segue looks whether the same index is there already".to_owned(),
        );
    }
    concurrent.insert_str(end, " CONCURRENTLY");
    let name = Some(index.idxname.clone()).filter(|name| !name.is_empty());
    let table = tree::relation(table);
    Ok(Rewriting {
        subjects: vec![(
            Work::Builds,
            name.clone()
                .unwrap_or_else(|| format!("{}-index", table.name)),
        )],
        table,
        edits: Vec::new(),
        is_cut: true,
        tail: vec![(Work::Builds, concurrent)],
        ending: Vec::new(),
        gone: vec![Gone::Index {
            name,
            is_unique: index.unique,
            is_constraint: false,
        }],
        notes,
    })
}

/// `ALTER TABLE` on its way.
struct Altering<'a> {
    text: &'a str,
    head: &'a str,
    table: RelationName,
    written: &'a RangeVar,
    is_if_exists: bool,
    rewriting: Rewriting,
    /// New text of an action; `None`: it goes.
    becomes: Vec<(usize, Option<String>)>,
}

fn alter(text: &str, alter: &AlterTableStmt, rules: &[&str]) -> Result<Option<Rewriting>, Reason> {
    let Some(written) = &alter.relation else {
        return Ok(None);
    };
    let commands: Vec<&AlterTableCmd> = alter.cmds.iter().filter_map(tree::command).collect();
    if !commands.iter().any(|command| is_wanted(command, rules)) {
        return Ok(None);
    }
    let parts = Words::of(text).alter();
    let parts = parts.filter(|parts| parts.actions.len() == commands.len());
    let parts = parts.ok_or("its words are not understood")?;
    let table = tree::relation(written);
    let mut altering = Altering {
        text,
        head: &text[parts.head.clone()],
        table: table.clone(),
        written,
        is_if_exists: alter.missing_ok,
        rewriting: Rewriting {
            table,
            edits: Vec::new(),
            is_cut: false,
            tail: Vec::new(),
            subjects: Vec::new(),
            ending: Vec::new(),
            gone: Vec::new(),
            notes: Vec::new(),
        },
        becomes: Vec::new(),
    };
    for (index, command) in commands.iter().enumerate() {
        if is_wanted(command, rules) {
            altering.command(index, &text[parts.actions[index].clone()], command)?;
        }
    }
    Ok(Some(altering.finish(&parts.actions)))
}

/// Whether `rules` find fault with a command that can be mended.
fn is_wanted(command: &AlterTableCmd, rules: &[&str]) -> bool {
    let any = |of: &[&str]| of.iter().any(|rule| rules.contains(rule));
    match command.subtype() {
        AlterTableType::AtSetNotNull => any(&["set-not-null-scans"]),
        AlterTableType::AtValidateConstraint => any(&["foreign-key-not-valid", "check-not-valid"]),
        AlterTableType::AtAddConstraint => {
            let Some(constraint) = tree::added_constraint(command) else {
                return false;
            };
            match constraint.contype() {
                ConstrType::ConstrForeign => {
                    !constraint.skip_validation && any(&["foreign-key-not-valid"])
                }
                ConstrType::ConstrCheck => !constraint.skip_validation && any(&["check-not-valid"]),
                ConstrType::ConstrUnique | ConstrType::ConstrPrimary => {
                    constraint.indexname.is_empty()
                        && any(&["constraint-builds-index", "set-not-null-scans"])
                }
                _ => false,
            }
        }
        _ => false,
    }
}

impl Altering<'_> {
    fn command(
        &mut self,
        index: usize,
        action: &str,
        command: &AlterTableCmd,
    ) -> Result<(), Reason> {
        match command.subtype() {
            AlterTableType::AtSetNotNull => {
                let check = self.check_not_null(&command.name)?;
                self.becomes.push((index, Some(check)));
                let head = self.head;
                let ending = &mut self.rewriting.ending;
                ending.push((Work::Validates, format!("{head} {action}")));
                self.drop_check(&command.name);
                self.rewriting.gone.push(Gone::NotNull);
            }
            AlterTableType::AtValidateConstraint => {
                self.becomes.push((index, None));
                self.validate(&command.name, true);
            }
            _ => {
                let constraint = tree::added_constraint(command).ok_or("it is not understood")?;
                match constraint.contype() {
                    ConstrType::ConstrForeign | ConstrType::ConstrCheck => {
                        self.not_valid(index, action, constraint)?;
                    }
                    _ => self.using_index(index, constraint)?,
                }
            }
        }
        Ok(())
    }

    /// The name of the CHECK that stands for `SET NOT NULL` for a while. Not
    /// what the server would choose for the constraint itself, from 18 on.
    fn check_name(&self, column: &str) -> String {
        chosen(&self.table.name, Some(column), "not_null_check")
    }

    /// Whether the constraint is one that is validated already.
    fn validates(&self, constraint: &str) -> bool {
        self.rewriting
            .gone
            .iter()
            .any(|gone| matches!(gone, Gone::Validity { name, .. } if name == constraint))
    }

    fn check_not_null(&mut self, column: &str) -> Result<String, Reason> {
        let name = self.check_name(column);
        if self.validates(&name) {
            return Err(format!(
                "two of its actions demand that `{column}` is not null"
            ));
        }
        self.validate(&name, false);
        Ok(format!(
            "ADD CONSTRAINT {} CHECK ({} IS NOT NULL) NOT VALID",
            identifier(&name),
            identifier(column)
        ))
    }

    fn drop_check(&mut self, column: &str) {
        let drop = format!(
            "{} DROP CONSTRAINT {}",
            self.head,
            identifier(&self.check_name(column))
        );
        self.rewriting.ending.push((Work::Validates, drop));
    }

    fn validate(&mut self, constraint: &str, is_proof: bool) {
        self.rewriting.tail.push((
            Work::Validates,
            format!(
                "{} VALIDATE CONSTRAINT {}",
                self.head,
                identifier(constraint)
            ),
        ));
        self.rewriting
            .subjects
            .push((Work::Validates, format!("validate-{constraint}")));
        self.rewriting.gone.push(Gone::Validity {
            name: constraint.to_owned(),
            is_proof,
        });
    }

    /// `NOT VALID` behind a foreign key or CHECK.
    fn not_valid(
        &mut self,
        index: usize,
        action: &str,
        constraint: &Constraint,
    ) -> Result<(), Reason> {
        let mut action = action.to_owned();
        let name = if constraint.conname.is_empty() {
            let (columns, label) = if constraint.contype() == ConstrType::ConstrForeign {
                (Some(tree::strings(&constraint.fk_attrs).join("_")), "fkey")
            } else {
                (only_column(constraint.raw_expr.as_deref()), "check")
            };
            let name = chosen(&self.table.name, columns.as_deref(), label);
            let words = Words::of(&action);
            let add = words.find("ADD").and_then(|add| words.end_of_word(add));
            let add = add.ok_or("its words are not understood")?;
            action.insert_str(add, &format!(" CONSTRAINT {}", identifier(&name)));
            name
        } else {
            constraint.conname.clone()
        };
        if self.validates(&name) {
            return Err(format!(
                "it has no name, and another one would get `{name}`"
            ));
        }
        action.push_str(" NOT VALID");
        self.becomes.push((index, Some(action)));
        let is_proof = constraint.contype() == ConstrType::ConstrCheck;
        self.validate(&name, is_proof);
        Ok(())
    }

    /// A unique or primary key, on an index that is built before.
    fn using_index(&mut self, index: usize, constraint: &Constraint) -> Result<(), Reason> {
        if self.is_if_exists {
            return Err("an index cannot be made `IF EXISTS` its table".to_owned());
        }
        if !constraint.options.is_empty() || !constraint.indexspace.is_empty() {
            return Err("its index has storage options".to_owned());
        }
        if constraint.without_overlaps {
            return Err("an index `WITHOUT OVERLAPS` cannot be built before".to_owned());
        }
        let keys = tree::strings(&constraint.keys);
        let including = tree::strings(&constraint.including);
        if keys.is_empty() {
            return Err("its columns are not understood".to_owned());
        }
        let is_primary = constraint.contype() == ConstrType::ConstrPrimary;
        let name = match (constraint.conname.as_str(), is_primary) {
            ("", true) => chosen(&self.table.name, None, "pkey"),
            ("", false) => {
                let columns = [keys.as_slice(), including.as_slice()].concat().join("_");
                chosen(&self.table.name, Some(&columns), "key")
            }
            (name, _) => name.to_owned(),
        };
        let list = |columns: &[&str]| -> String {
            let columns: Vec<String> = columns.iter().map(|column| identifier(column)).collect();
            columns.join(", ")
        };
        let mut build = format!(
            "CREATE UNIQUE INDEX CONCURRENTLY {} ON {} ({})",
            identifier(&name),
            qualified(&tree::relation(self.written)),
            list(&keys)
        );
        if !including.is_empty() {
            build.extend([" INCLUDE (", &list(&including), ")"]);
        }
        if constraint.nulls_not_distinct {
            build.push_str(" NULLS NOT DISTINCT");
        }
        self.rewriting.tail.push((Work::Builds, build));
        self.rewriting.subjects.push((Work::Builds, name.clone()));
        let mut becomes = None;
        let kind = if is_primary {
            // Taking the index makes the columns NOT NULL: without a CHECK
            // that says so, by a scan under ACCESS EXCLUSIVE.
            let checks = keys.iter().map(|key| self.check_not_null(key));
            let checks = checks.collect::<Result<Vec<_>, _>>()?;
            becomes = Some(checks.join(", "));
            "PRIMARY KEY"
        } else {
            "UNIQUE"
        };
        let mut take = format!(
            "{} ADD CONSTRAINT {name} {kind} USING INDEX {name}",
            self.head,
            name = identifier(&name)
        );
        if constraint.deferrable {
            take.push_str(" DEFERRABLE");
        }
        if constraint.initdeferred {
            take.push_str(" INITIALLY DEFERRED");
        }
        self.rewriting.ending.push((Work::Builds, take));
        if is_primary {
            for key in &keys {
                self.drop_check(key);
            }
        }
        self.becomes.push((index, becomes));
        self.rewriting.gone.push(Gone::Index {
            name: Some(name),
            is_unique: true,
            is_constraint: true,
        });
        Ok(())
    }

    /// The edits that make the statement what it becomes.
    fn finish(mut self, actions: &[Range<usize>]) -> Rewriting {
        let becomes = |index: usize| {
            let mut all = self.becomes.iter();
            all.find(|(at, _)| *at == index).map(|(_, text)| text)
        };
        let stays = |index: usize| !matches!(becomes(index), Some(None));
        let last_kept = (0..actions.len()).rev().find(|index| stays(*index));
        let Some(last_kept) = last_kept else {
            self.rewriting.is_cut = true;
            return self.rewriting;
        };
        let mut edits = Vec::new();
        for index in 0..actions.len() {
            let range = actions[index].clone();
            match becomes(index) {
                Some(Some(text)) => edits.push((range, text.clone())),
                // With the comma behind it.
                Some(None) if index < last_kept => {
                    edits.push((range.start..actions[index + 1].start, String::new()));
                }
                _ => {}
            }
        }
        if last_kept + 1 < actions.len() {
            let end = actions[actions.len() - 1].end;
            edits.push((actions[last_kept].end..end, String::new()));
        }
        self.rewriting.edits = edits;
        debug_assert!(
            self.rewriting
                .edits
                .iter()
                .all(|(range, _)| range.end <= self.text.len())
        );
        self.rewriting
    }
}

/// The column of a condition that is about one alone.
fn only_column(condition: Option<&Node>) -> Option<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
            Value::Object(fields) => {
                if let Some(parts) = fields.get("ColumnRef").map(|column| &column["fields"]) {
                    let last = parts.as_array().and_then(|parts| parts.last());
                    let name = last.and_then(|last| last["node"]["String"]["sval"].as_str());
                    let name = name.unwrap_or("*").to_owned();
                    if !found.contains(&name) {
                        found.push(name);
                    }
                }
                fields.values().for_each(|value| collect(value, found));
            }
            _ => {}
        }
    }
    let tree = serde_json::to_value(condition?).ok()?;
    let mut found = Vec::new();
    collect(&tree, &mut found);
    match found.as_slice() {
        [one] if one != "*" => Some(one.clone()),
        _ => None,
    }
}
