//! What has a row of its own, in this database or for the whole server: the
//! row is there or not, as it was or another, and so it is known whether the
//! statement that makes, drops or changes it is done.

use super::{Ended, Looked, Next};
use crate::statement::{Kind, TransactionControl, gid};

/// What a statement makes, drops or changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub class: Class,
    /// Its name, as the catalogs have it.
    pub name: String,
    /// What is done to it.
    pub act: Act,
}

/// What has a row of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A database; its state is its tablespace.
    Database,
    /// A tablespace.
    Tablespace,
    /// A subscription of this database; its state is its publications.
    Subscription,
    /// A prepared transaction; its state is its number.
    PreparedTransaction,
}

/// What a statement does to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Makes it.
    Create,
    /// Removes it.
    Drop,
    /// Changes its state, or nothing that can be seen.
    Alter,
}

impl Object {
    /// What a statement is about; `None` if it is not of this kind.
    #[must_use]
    pub fn of(kind: &Kind, sql: &str) -> Option<Self> {
        let (class, act, name) = match kind {
            Kind::CreateDatabase { name } => (Class::Database, Act::Create, name.clone()),
            Kind::DropDatabase { name, .. } => (Class::Database, Act::Drop, name.clone()),
            Kind::AlterDatabaseTablespace { name, .. } => {
                (Class::Database, Act::Alter, name.clone())
            }
            Kind::CreateTablespace { name } => (Class::Tablespace, Act::Create, name.clone()),
            Kind::DropTablespace { name, .. } => (Class::Tablespace, Act::Drop, name.clone()),
            Kind::CreateSubscription { name, .. } => {
                (Class::Subscription, Act::Create, name.clone())
            }
            Kind::DropSubscription { name, .. } => (Class::Subscription, Act::Drop, name.clone()),
            Kind::AlterSubscription { name, .. } => (Class::Subscription, Act::Alter, name.clone()),
            Kind::Transaction(
                TransactionControl::CommitPrepared | TransactionControl::RollbackPrepared,
            ) => (Class::PreparedTransaction, Act::Drop, gid(sql)?),
            Kind::Transaction(TransactionControl::Prepare) => {
                (Class::PreparedTransaction, Act::Create, gid(sql)?)
            }
            _ => return None,
        };
        Some(Self { class, name, act })
    }
}

impl Object {
    /// What an interrupted try may have done elsewhere, if the next one fails.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        match (self.class, self.act) {
            (Class::Subscription, Act::Create) => Some(orphan(self)),
            (Class::Subscription, Act::Drop) => {
                let name = quoted(&self.name);
                Some(format!(
                    "the interrupted try may have dropped the replication slot on the publisher already: then `ALTER SUBSCRIPTION {name} DISABLE;` and `ALTER SUBSCRIPTION {name} SET (slot_name = NONE);` let it be dropped without one"
                ))
            }
            _ => None,
        }
    }
}

/// As it is written in SQL, for people.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let class = match self.class {
            Class::Database => "database",
            Class::Tablespace => "tablespace",
            Class::Subscription => "subscription",
            Class::PreparedTransaction => "prepared transaction",
        };
        write!(f, "{class} `{}`", self.name)
    }
}

/// The next step.
#[must_use]
pub fn next(object: &Object, looked: &Looked) -> Next {
    match looked.ended {
        Some(Ended::Well) => return Next::Done { reason: None },
        Some(Ended::Failed) => return Next::Fail,
        Some(Ended::Curable) => return Next::Run,
        None => {}
    }
    // One that ended with an error had no effect: whoever has made or dropped
    // it since was somebody else, and the server has the words.
    let Some(intent) = looked.intent.as_ref().filter(|intent| !intent.failed) else {
        return Next::Run;
    };
    let (before, now) = (&intent.before.object, &looked.object);
    match object.act {
        Act::Create if before.is_none() && now.is_some() => {
            Next::done(format!("{object} has been made since an earlier try began"))
        }
        Act::Drop if before.is_some() && now.is_none() => {
            Next::done(format!("{object} is gone since an earlier try began"))
        }
        Act::Alter if before.is_some() && now.is_some() && before != now => Next::done(format!(
            "{object} has been changed since an earlier try began"
        )),
        // What it changes and how cannot be seen here says the same when it
        // is said again.
        Act::Create | Act::Drop | Act::Alter => Next::Run,
    }
}

/// What has been made outside of the tables of this database is not dropped by
/// us: it is told.
#[must_use]
pub fn clean_up(object: &Object, looked: &Looked) -> Next {
    let Some(intent) = &looked.intent else {
        return Next::Done { reason: None };
    };
    match (object.class, object.act, &looked.object) {
        (_, Act::Create, Some(_)) if intent.before.object.is_none() => {
            Next::done(format!("{object} has been made, and stays"))
        }
        (Class::Subscription, Act::Create, None) if !intent.failed => Next::done(orphan(object)),
        _ => Next::Done { reason: None },
    }
}

/// The slot on the publisher is made before the subscription is committed.
#[must_use]
pub fn orphan(object: &Object) -> String {
    format!(
        "{object} is not there, but the interrupted try may have made its replication slot on the publisher, of the same name unless the statement gives another; it would keep the publisher's WAL for ever: there, `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{}' AND NOT active;` removes it",
        object.name
    )
}

#[cfg(test)]
mod tests {
    use super::super::Trace;
    use super::super::testing::{intent, looked, shown};
    use super::*;
    use crate::statement::digest;

    fn object(sql: &str) -> Object {
        let digest = digest(sql).expect("parsed");
        Object::of(&digest.kind, sql).expect("an object")
    }

    /// What is done after an interruption between these states.
    #[track_caller]
    fn check(sql: &str, before: Option<&str>, now: Option<&str>, expected: &str) {
        let mut facts = looked(vec![]);
        facts.object = before.map(ToOwned::to_owned);
        let before = facts.before();
        facts.object = now.map(ToOwned::to_owned);
        facts.intent = intent(&[], None).map(|intent| Trace { before, ..intent });
        assert_eq!(shown(&next(&object(sql), &facts)), expected);
    }

    #[test]
    fn what_is_made_is_not_made_again() {
        let made = "done: database `D b` has been made since an earlier try began";
        check("CREATE DATABASE \"D b\"", None, Some("1663"), made);
        check("CREATE DATABASE d", None, None, "run");
        check("CREATE DATABASE d", Some("1663"), Some("1663"), "run");
        let made = "done: tablespace `s` has been made since an earlier try began";
        check("CREATE TABLESPACE s LOCATION '/s'", None, Some(""), made);
        let made = "done: subscription `s` has been made since an earlier try began";
        let sql = "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p";
        check(sql, None, Some("{p}"), made);
    }

    #[test]
    fn what_is_gone_is_not_dropped_again() {
        let gone = "done: database `d` is gone since an earlier try began";
        check("DROP DATABASE d", Some("1663"), None, gone);
        check("DROP DATABASE d", Some("1663"), Some("1663"), "run");
        check("DROP DATABASE IF EXISTS d", None, None, "run");
        let gone = "done: prepared transaction `a'b` is gone since an earlier try began";
        check("COMMIT PREPARED 'a''b'", Some("735"), None, gone);
        check("ROLLBACK PREPARED 'a''b'", Some("735"), Some("735"), "run");
    }

    #[test]
    fn what_is_changed_is_not_changed_again() {
        let sql = "ALTER SUBSCRIPTION s ADD PUBLICATION q";
        let changed = "done: subscription `s` has been changed since an earlier try began";
        check(sql, Some("{p}"), Some("{p,q}"), changed);
        check(sql, Some("{p}"), Some("{p}"), "run");
        check(
            "ALTER DATABASE d SET TABLESPACE s",
            Some("1663"),
            None,
            "run",
        );
    }

    #[test]
    fn what_stays_is_told() {
        let kept = |sql: &str, now: Option<&str>| {
            let mut facts = looked(vec![]);
            facts.intent = intent(&[], None);
            facts.object = now.map(ToOwned::to_owned);
            shown(&clean_up(&object(sql), &facts))
        };
        assert_eq!(kept("CREATE DATABASE d", None), "done");
        assert_eq!(
            kept("CREATE DATABASE d", Some("1663")),
            "done: database `d` has been made, and stays"
        );
        assert_eq!(
            kept("PREPARE TRANSACTION 'x'", Some("735")),
            "done: prepared transaction `x` has been made, and stays"
        );
        let sql = "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p";
        assert_eq!(
            kept(sql, None),
            "done: subscription `s` is not there, but the interrupted try may have made its replication slot on the publisher, of the same name unless the statement gives another; it would keep the publisher's WAL for ever: there, `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 's' AND NOT active;` removes it"
        );
    }

    #[test]
    fn an_error_is_told_and_not_taken_for_success() {
        let object = object("CREATE DATABASE d");
        let mut facts = looked(vec![]);
        assert_eq!(shown(&next(&object, &facts)), "run");
        facts.ended = Some(Ended::Failed);
        assert_eq!(shown(&next(&object, &facts)), "fail");
        facts.ended = None;
        facts.object = Some("1663".to_owned());
        facts.intent = intent(&[], None).map(|intent| Trace {
            failed: true,
            ..intent
        });
        assert_eq!(shown(&next(&object, &facts)), "run");
    }
}
