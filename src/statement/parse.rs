//! One statement → its [`Digest`], by PostgreSQL's own parser.
//!
//! `pg_query` is the grammar of PostgreSQL 18: what it cannot parse may be
//! fine for an older server, so it is unknown (`None`), never an error.

use std::panic::catch_unwind;
use std::thread;

use pg_query::NodeEnum;
use pg_query::protobuf::RawStmt;

use super::{Digest, Locks, OutOfRange, RelationName};

mod columns;
mod enum_value;
mod index;
mod kind;
mod lock;
pub(crate) mod names;
mod ranged;
mod relations;
mod session;

pub(crate) use lock::of as locks_of;
pub use session::SessionUse;

/// The tree of a deep expression is built, walked and freed by recursion. The
/// parser itself stops at 2 MB of stack (some 700 operands of `||`), which is
/// "unknown" here; our side of such a tree takes more than a thread's usual
/// 2 MB, and running out of it would abort the process.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Digest of one statement; `None` if `pg_query` does not know it, or if it is
/// not one statement.
#[must_use]
pub fn digest(sql: &str) -> Option<Digest> {
    digests(&[sql]).pop().flatten()
}

/// Digests of many statements, in their order, with the cost of one thread.
#[must_use]
pub fn digests(sqls: &[&str]) -> Vec<Option<Digest>> {
    with_stack(|| {
        sqls.iter()
            .map(|sql| {
                let raw = parse(sql)?;
                let node = statement(&raw)?;
                Some(Digest {
                    kind: kind::of(node),
                    ..relations::of(node)
                })
            })
            .collect()
    })
    .unwrap_or_else(|| vec![None; sqls.len()])
}

/// The locks that each of many statements takes on what it names, in their
/// order, with the cost of one thread. `None` of one that cannot be parsed;
/// nothing of one whose text does not tell: `DO`, `CALL`.
#[must_use]
pub fn locks(sqls: &[&str]) -> Vec<Option<Locks>> {
    with_stack(|| {
        let each = sqls.iter();
        each.map(|sql| Some(lock::of(statement(&parse(sql)?)?)))
            .collect()
    })
    .unwrap_or_else(|| vec![None; sqls.len()])
}

/// Whether two `CREATE INDEX` statements make the same index, `theirs` as
/// `pg_get_indexdef` shows it.
///
/// Names of the index count if `ours` has one; namespaces where both are
/// written; `CONCURRENTLY`, `IF NOT EXISTS`, `ONLY` and defaults that are
/// spelled out do not. `None` where the text does not decide: the server adds
/// casts to expressions and leaves out default collations, operator classes and
/// all tablespaces.
#[must_use]
pub fn same_index(ours: &str, theirs: &str) -> Option<bool> {
    with_stack(|| {
        let (ours, theirs) = (parse(ours)?, parse(theirs)?);
        match (statement(&ours)?, statement(&theirs)?) {
            (NodeEnum::IndexStmt(ours), NodeEnum::IndexStmt(theirs)) => index::same(ours, theirs),
            _ => None,
        }
    })
    .flatten()
}

/// The identifier of the prepared transaction that `PREPARE TRANSACTION`,
/// `COMMIT PREPARED` or `ROLLBACK PREPARED` names.
#[must_use]
pub fn gid(sql: &str) -> Option<String> {
    with_stack(|| match statement(&parse(sql)?)? {
        NodeEnum::TransactionStmt(transaction) => {
            Some(transaction.gid.clone()).filter(|gid| !gid.is_empty())
        }
        _ => None,
    })
    .flatten()
}

/// Whether a statement certainly reads the constant `value` as one of the enum
/// `of`, so that it fails in the transaction that adds the value (55P04).
#[must_use]
pub fn reads_enum_value(sql: &str, of: &RelationName, value: &str) -> bool {
    let found = with_stack(|| Some(enum_value::is_read(statement(&parse(sql)?)?, of, value)));
    found.flatten().unwrap_or(false)
}

/// What a statement does outside of the range of keys that its parameters
/// bound, in the order in which it stands: `$1…$n` are above which key of
/// `table`, whose key has these `n` columns, `$n+1…$2n` up to which. `None` if
/// it is not known.
#[must_use]
pub fn out_of_range(sql: &str, table: &RelationName, key: &[&str]) -> Option<Vec<OutOfRange>> {
    with_stack(|| ranged::out_of_range(statement(&parse(sql)?)?, table, key)).flatten()
}

/// What a statement has to do with the session that runs it.
#[must_use]
pub fn session_use(sql: &str) -> Option<SessionUse> {
    with_stack(|| session::of(statement(&parse(sql)?)?)).flatten()
}

/// What `work` makes of the trees of many statements, in their order, `None`
/// for one that is not known; `None` if there is no thread.
///
/// The trees stay on the thread with the large stack, where they can be walked
/// and freed.
pub(crate) fn with_trees<R: Send>(
    sqls: &[Option<&str>],
    work: impl FnOnce(&mut dyn Iterator<Item = Option<&NodeEnum>>) -> R + Send,
) -> Option<R> {
    with_stack(|| {
        let trees: Vec<_> = sqls.iter().map(|sql| parse((*sql)?)).collect();
        work(&mut trees.iter().map(|tree| statement(tree.as_ref()?)))
    })
}

/// Runs `work` on a thread with a large stack; `None` if there is no thread.
fn with_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        thread::Builder::new()
            .name("pg_query".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)
            .ok()?
            .join()
            .ok()
    })
}

/// The tree of `sql`, if that is one statement.
fn parse(sql: &str) -> Option<RawStmt> {
    // Its own walk over the tree, whose results we do not use, casts and
    // indexes without looking.
    let parsed = catch_unwind(|| pg_query::parse(sql, 0)).ok()?.ok()?;
    let mut statements = parsed.protobuf.stmts;
    let statement = statements.pop()?;
    statements.is_empty().then_some(statement)
}

fn statement(raw: &RawStmt) -> Option<&NodeEnum> {
    raw.stmt.as_ref()?.node.as_ref()
}

#[cfg(test)]
mod tests;
