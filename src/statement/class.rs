//! The first words of a statement → what is to be known of every one of ten
//! thousand.
//!
//! Nothing is parsed: a microsecond must do. Where the words do not tell, the
//! answer is the careful one. Statements outside transactions deserve a
//! [`Digest`](super::Digest).

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::lexer::{Token, lexemes};

/// What a statement does to the transaction block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionControl {
    /// `BEGIN`, `START TRANSACTION`
    Begin,
    /// `COMMIT`, `END`, with or without `AND CHAIN`
    Commit,
    /// `ROLLBACK`, `ABORT`, with or without `AND CHAIN`
    Rollback,
    /// `ROLLBACK TO`
    RollbackTo,
    /// `SAVEPOINT`
    Savepoint,
    /// `RELEASE`
    Release,
    /// `PREPARE TRANSACTION`
    Prepare,
    /// `COMMIT PREPARED`
    CommitPrepared,
    /// `ROLLBACK PREPARED`
    RollbackPrepared,
}

impl TransactionControl {
    /// Whether the transaction that is open now is not open afterwards.
    #[must_use]
    pub fn ends_transaction(self) -> bool {
        matches!(self, Self::Commit | Self::Rollback | Self::Prepare)
    }
}

/// What the first words of a statement tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// What it does to the transaction block, if that is its purpose.
    pub control: Option<TransactionControl>,
    /// Whether the session may be another one afterwards: settings, role,
    /// temporary objects, prepared statements, cursors, LISTEN, advisory locks.
    ///
    /// `false` is said of DDL, of `INSERT`, `UPDATE`, `DELETE`, `MERGE`, `COPY`
    /// and their like whose text names no function known to do so. What a
    /// trigger or a function of the user does inside them is not seen, nor is
    /// what `currval` and `lastval` return next: every INSERT into a table with
    /// a serial column would count.
    pub may_change_session: bool,
    /// `ALTER TYPE … ADD VALUE`
    pub adds_enum_value: bool,
    /// Its leading keywords for people, in capitals, `CREATE TABLE` for
    /// example; at most four, empty if the first word is not known.
    pub keywords: String,
}

/// What can change the session inside a statement that otherwise does not.
static SESSION_CHANGES: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build([
            "set_config",
            "advisory",
            "setseed",
            "temp",
            "dblink",
            "replication_origin",
        ])
        .expect("a few short words")
});

/// Commands that by themselves leave the session as it was.
const STEADY: [&str; 17] = [
    "ALTER", "ANALYZE", "CLUSTER", "COMMENT", "COPY", "CREATE", "DELETE", "DROP", "GRANT",
    "IMPORT", "INSERT", "MERGE", "REINDEX", "REVOKE", "SECURITY", "TRUNCATE", "UPDATE",
];

/// Words that stand before the name of what a command is about; sorted.
#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "ABORT", "ACCESS", "AGGREGATE", "ALTER", "ANALYZE", "BEGIN", "CALL", "CAST", "CHECKPOINT",
    "CLOSE", "CLUSTER", "COLLATION", "COLUMN", "COMMENT", "COMMIT", "CONCURRENTLY", "CONSTRAINT", "CONSTRAINTS",
    "CONVERSION", "COPY", "CREATE", "DATABASE", "DEALLOCATE", "DECLARE", "DEFAULT", "DELETE",
    "DISCARD", "DO", "DOMAIN", "DROP", "END", "EVENT", "EXECUTE", "EXPLAIN", "EXTENSION", "FETCH",
    "FOREIGN", "FROM", "FUNCTION", "GLOBAL", "GRANT", "IMPORT", "INDEX", "INSERT", "INTO", "LABEL",
    "LANGUAGE", "LISTEN", "LOAD", "LOCAL", "LOCK", "MATERIALIZED", "MERGE", "MOVE", "NOTIFY", "ON",
    "OPERATOR", "OR", "OWNED", "POLICY", "PREPARE", "PREPARED", "PRIVILEGES", "PROCEDURE",
    "PUBLICATION", "REASSIGN", "RECURSIVE", "REFRESH", "REINDEX", "RELEASE", "REPLACE", "RESET",
    "REVOKE", "ROLE", "ROLLBACK", "ROUTINE", "RULE", "SAVEPOINT", "SCHEMA", "SECURITY", "SELECT",
    "SEQUENCE", "SERVER", "SESSION", "SET", "SHOW", "START", "STATISTICS", "SUBSCRIPTION", "SYSTEM",
    "TABLE", "TABLESPACE", "TEMP", "TEMPORARY", "TO", "TRANSACTION", "TRIGGER", "TRUNCATE", "TYPE",
    "UNIQUE", "UNLISTEN", "UNLOGGED", "UPDATE", "USER", "VACUUM", "VALUES", "VIEW", "WITH",
];

const HEAD_LEXEMES: usize = 12;
const KEYWORDS_MAX: usize = 4;

impl Class {
    /// Looks at the first words of a statement, and through all of it for what
    /// may change the session.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut head = [""; HEAD_LEXEMES];
        let tokens = lexemes(text).filter(|lexeme| !lexeme.token.is_trivia());
        for (slot, lexeme) in head.iter_mut().zip(tokens) {
            // Whatever is no word is left empty, and so equals no keyword.
            if lexeme.token == Token::Word {
                *slot = &text[lexeme.start..lexeme.end];
            }
        }
        let adds_enum_value = begins(&head, &["ALTER", "TYPE"])
            && head[3..]
                .windows(2)
                .any(|pair| begins(pair, &["ADD", "VALUE"]));
        // The scripts of an extension are anybody's.
        let steady = STEADY.iter().any(|command| begins(&head, &[command]))
            && !head[1].eq_ignore_ascii_case("EXTENSION")
            && !SESSION_CHANGES.is_match(text);
        Self {
            control: transaction_control(&head),
            may_change_session: !steady,
            adds_enum_value,
            keywords: keywords(&head),
        }
    }
}

impl Class {
    /// Whether `text`, which this is of, may take a
    /// [strong](super::LockMode::is_strong) lock on a table that it names and
    /// does not make: [`locks`](super::locks) knows.
    #[must_use]
    pub fn may_lock_strongly(&self, text: &str) -> bool {
        const HEADS: [&str; 19] = [
            "ALTER MATERIALIZED VIEW",
            "ALTER POLICY",
            "ALTER TABLE",
            "CLUSTER",
            "CREATE CONSTRAINT TRIGGER",
            "CREATE OR REPLACE RULE",
            "CREATE OR REPLACE TRIGGER",
            "CREATE POLICY",
            "CREATE RULE",
            "CREATE TRIGGER",
            "DROP INDEX",
            "DROP MATERIALIZED VIEW",
            "DROP POLICY",
            "DROP RULE",
            "DROP TABLE",
            "DROP TRIGGER",
            "LOCK",
            "REFRESH",
            "TRUNCATE",
        ];
        let begins = |head: &str| {
            let rest = self.keywords.strip_prefix(head);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        // A new table is locked by nobody else, but what it refers to is.
        let is_related = || {
            let text = text.to_ascii_lowercase();
            ["references", "partition"]
                .iter()
                .any(|word| text.contains(word))
        };
        HEADS.iter().any(|head| begins(head)) || begins("CREATE TABLE") && is_related()
    }

    /// Whether `text`, which this is of, may be a statement that refuses a
    /// transaction block: its [`Digest`](super::Digest) knows. Never false of
    /// one that certainly does.
    #[must_use]
    pub fn may_refuse_transaction_block(&self, text: &str) -> bool {
        const COMMANDS: [&str; 5] = ["VACUUM", "REINDEX", "CLUSTER", "DISCARD", "ALTER SYSTEM"];
        const OBJECTS: [&str; 5] = [
            "DATABASE",
            "TABLESPACE",
            "SUBSCRIPTION",
            "PREPARED",
            "CONCURRENTLY",
        ];
        COMMANDS
            .iter()
            .any(|command| self.keywords.starts_with(command))
            || OBJECTS.iter().any(|object| self.keywords.contains(object))
            // `DETACH PARTITION … CONCURRENTLY` says it last.
            || self.keywords.starts_with("ALTER TABLE")
                && text.to_ascii_uppercase().contains("CONCURRENTLY")
    }
}

/// Whether these are the first words.
fn begins(words: &[&str], keywords: &[&str]) -> bool {
    words.len() >= keywords.len()
        && words
            .iter()
            .zip(keywords)
            .all(|(word, keyword)| word.eq_ignore_ascii_case(keyword))
}

fn transaction_control(head: &[&str]) -> Option<TransactionControl> {
    use TransactionControl as Control;
    let table: [(&[&str], Control); 14] = [
        (&["BEGIN"], Control::Begin),
        (&["START", "TRANSACTION"], Control::Begin),
        (&["COMMIT", "PREPARED"], Control::CommitPrepared),
        (&["COMMIT"], Control::Commit),
        (&["END"], Control::Commit),
        (&["ROLLBACK", "PREPARED"], Control::RollbackPrepared),
        (&["ROLLBACK", "TO"], Control::RollbackTo),
        (&["ROLLBACK", "WORK", "TO"], Control::RollbackTo),
        (&["ROLLBACK", "TRANSACTION", "TO"], Control::RollbackTo),
        (&["ROLLBACK"], Control::Rollback),
        (&["ABORT"], Control::Rollback),
        (&["SAVEPOINT"], Control::Savepoint),
        (&["RELEASE"], Control::Release),
        (&["PREPARE", "TRANSACTION"], Control::Prepare),
    ];
    table
        .iter()
        .find(|(words, _)| begins(head, words))
        .map(|&(_, control)| control)
}

fn keywords(head: &[&str]) -> String {
    let mut keywords = String::new();
    for word in head.iter().take(KEYWORDS_MAX) {
        let word = word.to_ascii_uppercase();
        if KEYWORDS.binary_search(&word.as_str()).is_err() {
            break;
        }
        if !keywords.is_empty() {
            keywords.push(' ');
        }
        keywords.push_str(&word);
    }
    keywords
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keywords, then what else is said of the statement.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let class = Class::of(text);
        let control = class.control.map(|control| format!(", {control:?}"));
        let session = if class.may_change_session {
            ", session"
        } else {
            ""
        };
        let enum_value = if class.adds_enum_value {
            ", enum value"
        } else {
            ""
        };
        let shown = class.keywords + &control.unwrap_or_default() + session + enum_value;
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn transaction_control_is_seen() {
        check("begin", "BEGIN, Begin, session");
        check(
            "START TRANSACTION READ ONLY",
            "START TRANSACTION, Begin, session",
        );
        check("COMMIT AND CHAIN", "COMMIT, Commit, session");
        check("END /* x */ WORK", "END, Commit, session");
        check(
            "COMMIT PREPARED 'a'",
            "COMMIT PREPARED, CommitPrepared, session",
        );
        check("ROLLBACK", "ROLLBACK, Rollback, session");
        check("abort", "ABORT, Rollback, session");
        check("ROLLBACK TO a", "ROLLBACK TO, RollbackTo, session");
        check(
            "ROLLBACK -- to\nWORK TO SAVEPOINT a",
            "ROLLBACK, RollbackTo, session",
        );
        check(
            "ROLLBACK PREPARED 'a'",
            "ROLLBACK PREPARED, RollbackPrepared, session",
        );
        check("SAVEPOINT a", "SAVEPOINT, Savepoint, session");
        check("RELEASE SAVEPOINT a", "RELEASE SAVEPOINT, Release, session");
        check(
            "PREPARE TRANSACTION 'a'",
            "PREPARE TRANSACTION, Prepare, session",
        );
        check("PREPARE a AS SELECT 1", "PREPARE, session");
        check("\"begin\"", ", session");
    }

    #[test]
    fn what_may_change_the_session_is_seen() {
        check("CREATE TABLE t (a int)", "CREATE TABLE");
        check(
            "create unique index concurrently i on t (a)",
            "CREATE UNIQUE INDEX CONCURRENTLY",
        );
        check("INSERT INTO t VALUES (1)", "INSERT INTO");
        check("COPY t FROM STDIN", "COPY");
        check("SELECT 1", "SELECT, session");
        check(
            "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
            "WITH, session",
        );
        check("SET ROLE a", "SET ROLE, session");
        check("CREATE TEMP TABLE t (a int)", "CREATE TEMP TABLE, session");
        check("CREATE TABLE pg_temp.t (a int)", "CREATE TABLE, session");
        check(
            "INSERT INTO t SELECT Set_Config('a', 'b', false)",
            "INSERT INTO, session",
        );
        check(
            "DELETE FROM t WHERE pg_try_advisory_lock(a)",
            "DELETE FROM, session",
        );
        check("CREATE EXTENSION a", "CREATE EXTENSION, session");
        check("ALTER EXTENSION a UPDATE", "ALTER EXTENSION, session");
        check("(SELECT 1)", ", session");
        check("", ", session");
    }

    #[test]
    fn an_added_enum_value_is_seen() {
        check(
            "ALTER TYPE a.\"B\" ADD VALUE IF NOT EXISTS 'c'",
            "ALTER TYPE, enum value",
        );
        check(
            "alter /* x */ type add add value 'c'",
            "ALTER TYPE, enum value",
        );
        check("ALTER TYPE a ADD ATTRIBUTE value int", "ALTER TYPE");
        check("ALTER TYPE a RENAME VALUE 'b' TO 'c'", "ALTER TYPE");
    }
}
