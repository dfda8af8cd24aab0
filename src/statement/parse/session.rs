//! What a statement leaves in the session, or needs from it, that no row of any
//! catalog keeps.

use pg_query::protobuf::SelectStmt;
use pg_query::{Node, NodeEnum};

use super::names::strings;

/// What a statement has to do with the session that runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionUse {
    /// `DECLARE … CURSOR WITH HOLD`
    HoldsCursor(String),
    /// `FETCH`, `MOVE` or `CLOSE` of a cursor; `None`: `CLOSE ALL`.
    UsesCursor(Option<String>),
    /// A SELECT of nothing but functions that take or free advisory locks of
    /// the session: run again, it does the same again.
    AdvisoryLocks,
}

/// `CURSOR_OPT_HOLD` in PostgreSQL's `parsenodes.h`.
const HOLD: i32 = 0x0020;

pub(super) fn of(node: &NodeEnum) -> Option<SessionUse> {
    let name = |name: &String| Some(name.clone()).filter(|name| !name.is_empty());
    match node {
        NodeEnum::DeclareCursorStmt(declare) if declare.options & HOLD != 0 => {
            Some(SessionUse::HoldsCursor(declare.portalname.clone()))
        }
        NodeEnum::FetchStmt(fetch) => Some(SessionUse::UsesCursor(name(&fetch.portalname))),
        NodeEnum::ClosePortalStmt(close) => Some(SessionUse::UsesCursor(name(&close.portalname))),
        NodeEnum::SelectStmt(select) => is_advisory(select).then_some(SessionUse::AdvisoryLocks),
        _ => None,
    }
}

fn is_advisory(select: &SelectStmt) -> bool {
    let is_lock = |target: &Node| {
        let Some(NodeEnum::ResTarget(target)) = &target.node else {
            return false;
        };
        match target.val.as_ref().and_then(|value| value.node.as_ref()) {
            Some(NodeEnum::FuncCall(call)) => {
                let names = strings(&call.funcname);
                names.last().is_some_and(|name| is_session_lock(name))
                    && call.args.iter().all(is_steady)
            }
            _ => false,
        }
    };
    select.from_clause.is_empty()
        && select.where_clause.is_none()
        && select.with_clause.is_none()
        && !select.target_list.is_empty()
        && select.target_list.iter().all(is_lock)
}

fn is_session_lock(name: &str) -> bool {
    let name = name
        .strip_prefix("pg_try_")
        .or_else(|| name.strip_prefix("pg_"));
    name.is_some_and(|name| {
        matches!(
            name,
            "advisory_lock"
                | "advisory_lock_shared"
                | "advisory_unlock"
                | "advisory_unlock_shared"
                | "advisory_unlock_all"
        )
    })
}

/// Whether an argument has the same value whenever it is computed.
fn is_steady(node: &Node) -> bool {
    match &node.node {
        Some(NodeEnum::AConst(_)) => true,
        Some(NodeEnum::TypeCast(cast)) => cast.arg.as_ref().is_some_and(|arg| is_steady(arg)),
        Some(NodeEnum::FuncCall(call)) => {
            let hash = strings(&call.funcname);
            hash.last().is_some_and(|name| name.starts_with("hash"))
                && call.args.iter().all(is_steady)
        }
        _ => false,
    }
}
