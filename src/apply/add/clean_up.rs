//! What a new migration that failed has left in a database that stays.

use super::Remains;
use crate::apply::abandon::abandon;
use crate::apply::up::reach;
use crate::apply::{ApplyError, Interrupt, Run};
use crate::history::State;
use crate::migration::Migration;
use crate::postgres::ident;
use crate::postgres::ledger::{Intent, IntentState, Ledger};
use crate::postgres::{Session, index};
use crate::statement::{Kind, digest};

/// What became of a migration whose run ended with an error.
pub(super) enum Fate {
    /// It is applied all the same.
    Applied,
    /// It is not, and no trace of it is left but this.
    Removed(Vec<Remains>),
}

/// Removes what it has left, by its intents, and its rows.
pub(super) async fn clean_up(run: &Run, migration: &Migration, error: &ApplyError) -> Fate {
    let name = &migration.name;
    if matches!(error, ApplyError::CommitUnknown { .. }) {
        return Fate::Removed(vec![Remains {
            what: format!(
                "all of it, if that COMMIT happened: `segue.migration` has a row for `{name}` then"
            ),
            undo: None,
        }]);
    }
    // Somebody who has asked for the end once wants it done well.
    let deaf = Run {
        interrupt: Interrupt::channel().1,
        events: run.events.sparing(),
        ..run.clone()
    };
    match Box::pin(remove(&deaf, migration)).await {
        Ok(fate) => fate,
        Err(error) => Fate::Removed(vec![Remains {
            what: format!("perhaps a part of it, which could not be cleaned up: {error}"),
            undo: Some(format!(
                "segue abandon {name} --database-url URL-OF-THE-DEVELOPMENT-DATABASE"
            )),
        }]),
    }
}

async fn remove(run: &Run, migration: &Migration) -> Result<Fate, ApplyError> {
    let name = &migration.name;
    let session = reach(run).await?;
    let ledger = Ledger::find(&session, &run.project, run.owner.as_deref()).await?;
    if ledger.version().is_none() {
        return Ok(Fate::Removed(Vec::new()));
    }
    let remains = match ledger.state(&session, name).await? {
        Some(State::Applied) => return Ok(Fate::Applied),
        None => Vec::new(),
        Some(State::Begun | State::Failed(_) | State::Abandoned) => {
            let intents = ledger.intents(&session, name).await?;
            let all = std::slice::from_ref(migration);
            Box::pin(abandon(run, all, name)).await?;
            let mut remains = done(&intents);
            remains.extend(finished(&session, &intents).await?);
            remains
        }
    };
    ledger.forget(&session, name).await?;
    session.close().await;
    Ok(Fate::Removed(remains))
}

/// The statements that are done and cannot be undone.
fn done(intents: &[Intent]) -> Vec<Remains> {
    let done = intents
        .iter()
        .filter(|intent| intent.state == IntentState::Done);
    done.filter_map(|intent| remains(intent.statement, &intent.sql))
        .collect()
}

/// Indexes that the server finished after the run that wanted them was gone;
/// they are valid, so nobody drops them unasked.
async fn finished(session: &Session, intents: &[Intent]) -> Result<Vec<Remains>, ApplyError> {
    let mut all = Vec::new();
    for intent in intents {
        let Some(table) = intent.relation else {
            continue;
        };
        if intent.state == IntentState::Done {
            continue;
        }
        let digest = digest(&intent.sql);
        let Some(Kind::CreateIndexConcurrently {
            index: Some(name), ..
        }) = digest.as_ref().map(|digest| &digest.kind)
        else {
            continue;
        };
        let indexes = index::indexes(session, &[table], |_| None).await?;
        let made = indexes.iter().any(|index| {
            index.is_valid && index.name == *name && !intent.indexes_before.contains(&index.oid)
        });
        if made {
            all.extend(remains(intent.statement, &intent.sql));
        }
    }
    Ok(all)
}

/// What a statement has left; nothing if it concerned its session alone.
fn remains(statement: usize, sql: &str) -> Option<Remains> {
    let digest = digest(sql);
    let kind = digest.as_ref().map(|digest| &digest.kind);
    if let Some(Kind::Set { .. } | Kind::Transaction(_) | Kind::Discard { .. }) = kind {
        return None;
    }
    let first = sql.trim().lines().next().unwrap_or_default();
    let undo = match kind {
        Some(Kind::CreateIndexConcurrently {
            index: Some(index),
            table,
            ..
        }) => {
            let namespace = table.namespace.as_deref();
            let namespace = namespace.map_or_else(String::new, |name| format!("{}.", ident(name)));
            Some(format!(
                "DROP INDEX CONCURRENTLY {namespace}{};",
                ident(index)
            ))
        }
        _ => digest.as_ref().and_then(|digest| {
            let mut made = digest.makes.iter();
            let (Some(made), None) = (made.next(), made.next()) else {
                return None;
            };
            let what = MADE.iter().find(|(create, _)| {
                first
                    .get(..create.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(create))
            })?;
            let namespace = made.namespace.as_deref();
            let namespace = namespace.map_or_else(String::new, |name| format!("{}.", ident(name)));
            Some(format!("DROP {} {namespace}{};", what.1, ident(&made.name)))
        }),
    };
    Some(Remains {
        what: format!("statement {}: {first}", statement + 1),
        undo,
    })
}

/// How statements begin, and what they make.
const MADE: [(&str, &str); 7] = [
    ("CREATE TABLE ", "TABLE"),
    ("CREATE VIEW ", "VIEW"),
    ("CREATE MATERIALIZED VIEW ", "MATERIALIZED VIEW"),
    ("CREATE SEQUENCE ", "SEQUENCE"),
    ("CREATE INDEX ", "INDEX"),
    ("CREATE UNIQUE INDEX ", "INDEX"),
    ("CREATE TYPE ", "TYPE"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sql: &str, expected: &str) {
        let remains = remains(0, sql);
        let text = remains.map_or_else(String::new, |remains| {
            format!("{} / {}", remains.what, remains.undo.unwrap_or_default())
        });
        assert_eq!(text, expected);
    }

    #[test]
    fn what_a_statement_left_is_named_with_what_removes_it() {
        check(
            "CREATE INDEX CONCURRENTLY \"I\" ON a.t (x)",
            "statement 1: CREATE INDEX CONCURRENTLY \"I\" ON a.t (x) / DROP INDEX CONCURRENTLY \"a\".\"I\";",
        );
        check(
            "create table a.t (x int)",
            "statement 1: create table a.t (x int) / DROP TABLE \"a\".\"t\";",
        );
        check("UPDATE t\nSET a = 1", "statement 1: UPDATE t / ");
        check("SET lock_timeout = 1", "");
        check("no sql", "statement 1: no sql / ");
    }
}
