//! Columns that triggers of `segue.keep_in_sync` fill, as far as migrations say.

use pg_query::protobuf::{DoStmt, FuncCall, SelectStmt, a_const};
use pg_query::{Node, NodeEnum};

use super::State;
use crate::lint::tree::strings;
use crate::statement::RelationName;

/// A column that is kept in sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sync {
    /// Whose; `None`: of a table that only the server can tell.
    table: Option<RelationName>,
    /// Which; `None`: one that only the server can tell.
    column: Option<String>,
    /// Whether another column follows from this one, too.
    pub is_both_ways: bool,
}

impl Sync {
    /// Whether it may fill this column of its table.
    #[must_use]
    pub fn fills(&self, column: &str) -> bool {
        self.column.as_deref().is_none_or(|one| one == column)
    }
}

impl State {
    /// Columns of the table that are kept in sync.
    pub fn syncs<'a>(&'a self, table: &'a RelationName) -> impl Iterator<Item = &'a Sync> {
        let all = self.syncs.iter();
        all.filter(|one| one.table.as_ref().is_none_or(|of| of.may_be(table)))
    }

    /// What a statement says of columns that are kept in sync.
    pub(super) fn sync(&mut self, node: &NodeEnum) {
        match node {
            NodeEnum::SelectStmt(select) => {
                for call in calls(select) {
                    let arguments = Arguments::of(call);
                    match strings(&call.funcname).as_slice() {
                        ["segue", "keep_in_sync"] => self.syncs.push(arguments.sync()),
                        ["segue", "stop_sync"] => {
                            let ended = arguments.sync();
                            self.syncs
                                .retain(|one| ended.table.is_none() || !is_same(one, &ended));
                        }
                        _ => {}
                    }
                }
            }
            NodeEnum::DoStmt(block) if holds_call(block) => self.syncs.push(Sync {
                table: None,
                column: None,
                is_both_ways: false,
            }),
            _ => {}
        }
    }
}

fn is_same(one: &Sync, other: &Sync) -> bool {
    let tables = one.table.as_ref().zip(other.table.as_ref());
    tables.is_some_and(|(one, other)| one.may_be(other))
        && one.column.is_some()
        && one.column == other.column
}

/// The functions that a query calls for its columns.
fn calls(select: &SelectStmt) -> impl Iterator<Item = &FuncCall> {
    let targets = select.target_list.iter();
    targets.filter_map(|target| match &target.node {
        Some(NodeEnum::ResTarget(target)) => match target.val.as_deref()?.node.as_ref()? {
            NodeEnum::FuncCall(call) => Some(&**call),
            _ => None,
        },
        _ => None,
    })
}

fn holds_call(block: &DoStmt) -> bool {
    block.args.iter().any(|argument| match &argument.node {
        Some(NodeEnum::DefElem(element)) => match element.arg.as_deref() {
            Some(Node {
                node: Some(NodeEnum::String(body)),
            }) => body.sval.contains("keep_in_sync"),
            _ => false,
        },
        _ => false,
    })
}

/// Arguments of one of the functions, by position or by name.
struct Arguments<'a> {
    relation: Option<&'a Node>,
    column: Option<&'a Node>,
    back_column: Option<&'a Node>,
}

impl<'a> Arguments<'a> {
    fn of(call: &'a FuncCall) -> Self {
        const BACK_COLUMN: usize = 3;
        let at = |position: usize, name: &str| {
            let named = call.args.iter().find_map(|one| match &one.node {
                Some(NodeEnum::NamedArgExpr(named)) if named.name == name => named.arg.as_deref(),
                _ => None,
            });
            let is_named = |node: &&Node| matches!(node.node, Some(NodeEnum::NamedArgExpr(_)));
            named.or_else(|| call.args.get(position).filter(|one| !is_named(one)))
        };
        Self {
            relation: at(0, "relation"),
            column: at(1, "column"),
            back_column: at(BACK_COLUMN, "back_column"),
        }
    }

    fn sync(&self) -> Sync {
        Sync {
            table: self.relation.and_then(text).and_then(relation),
            column: self.column.and_then(text).map(str::to_owned),
            is_both_ways: self.back_column.is_some_and(|node| !is_null(node)),
        }
    }
}

/// A text that is written there, cast or not.
fn text(node: &Node) -> Option<&str> {
    match node.node.as_ref()? {
        NodeEnum::AConst(constant) => match &constant.val {
            Some(a_const::Val::Sval(value)) => Some(&value.sval),
            _ => None,
        },
        NodeEnum::TypeCast(cast) => text(cast.arg.as_deref()?),
        _ => None,
    }
}

fn is_null(node: &Node) -> bool {
    match &node.node {
        Some(NodeEnum::AConst(constant)) => constant.isnull,
        Some(NodeEnum::TypeCast(cast)) => cast.arg.as_deref().is_some_and(is_null),
        _ => false,
    }
}

/// The relation that a text of type `regclass` names: folded to lower case
/// where it is not quoted.
fn relation(text: &str) -> Option<RelationName> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars().peekable();
    let mut is_quoted = false;
    while let Some(character) = characters.next() {
        let part = parts.last_mut()?;
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                part.push('"');
            }
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => part.push(character),
            '.' => parts.push(String::new()),
            ' ' => {}
            _ => part.extend(character.to_lowercase()),
        }
    }
    let name = parts.pop().filter(|name| !name.is_empty())?;
    Some(RelationName {
        namespace: parts.pop(),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tables_are_read_as_the_server_reads_them() {
        for (text, namespace, name) in [
            ("t", None, "t"),
            ("App.T", Some("app"), "t"),
            (r#""My App"."a.""b""#, Some("My App"), r#"a."b"#),
        ] {
            let expected = RelationName {
                namespace: namespace.map(str::to_owned),
                name: name.to_owned(),
            };
            assert_eq!(relation(text), Some(expected), "{text}");
        }
        assert_eq!(relation(""), None);
    }
}
