//! The first words of a statement → does it bring a record of what has been
//! applied, as the dump of a whole database does.

use memchr::memmem;

use super::lexer::{Token, lexemes};

/// What a statement brings into the database, besides itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Brings {
    /// `CREATE TABLE segue.ledger`: segue's own tables.
    LedgerTables,
    /// Rows of `segue.ledger`: what segue's own tables say.
    LedgerRows,
    /// Rows of codd's table of applied migrations.
    CoddRows,
}

/// Bytes in which a statement names its target, comments included.
const HEAD_BYTES: usize = 512;

/// `COPY "segue" . "ledger"` has five; comments are not counted.
const HEAD_TOKENS: usize = 6;

impl Brings {
    /// Looks at the first words; `None` for nearly every statement.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let head = &text.as_bytes()[..text.len().min(HEAD_BYTES)];
        // Whatever spells them otherwise (`SEGUE`, `U&"…"`) was not written by
        // a dump.
        memmem::find(head, b"segue.")
            .or_else(|| memmem::find(head, b"codd").or_else(|| memmem::find(head, b"\"segue\"")))?;
        let mut words: Vec<&str> = Vec::with_capacity(HEAD_TOKENS);
        let tokens = lexemes(text).filter(|lexeme| !lexeme.token.is_trivia());
        for lexeme in tokens.take(HEAD_TOKENS) {
            let word = &text[lexeme.start..lexeme.end];
            match lexeme.token {
                Token::Word => words.push(word),
                Token::Quoted => words.push(word.trim_matches('"')),
                Token::Dot => {}
                _ => break,
            }
        }
        let keyword = |at: usize, keyword: &str| {
            words
                .get(at)
                .is_some_and(|word| word.eq_ignore_ascii_case(keyword))
        };
        let (is_rows, target) = if keyword(0, "copy") {
            (true, words.get(1..)?)
        } else if keyword(0, "insert") && keyword(1, "into") {
            (true, words.get(2..)?)
        } else if keyword(0, "create") && keyword(1, "table") {
            (false, words.get(2..)?)
        } else {
            return None;
        };
        match (target, is_rows) {
            (["segue", "ledger", ..], true) => Some(Self::LedgerRows),
            (["segue", "ledger", ..], false) => Some(Self::LedgerTables),
            (["codd" | "codd_schema", "sql_migrations", ..], true) => Some(Self::CoddRows),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<Brings>) {
        assert_eq!(Brings::of(text), expected, "{text}");
    }

    #[test]
    fn segues_own_tables_are_seen() {
        check(
            "CREATE TABLE segue.ledger (\n    version integer NOT NULL\n)",
            Some(Brings::LedgerTables),
        );
        check(
            "CREATE TABLE \"segue\".\"ledger\" (\n    \"version\" integer NOT NULL\n)",
            Some(Brings::LedgerTables),
        );
        check(
            "COPY segue.ledger (version, upgraded_at) FROM stdin",
            Some(Brings::LedgerRows),
        );
        check(
            "insert into segue.ledger VALUES (2, now())",
            Some(Brings::LedgerRows),
        );
    }

    #[test]
    fn codds_table_is_seen() {
        check(
            "COPY codd_schema.sql_migrations (id) FROM stdin",
            Some(Brings::CoddRows),
        );
        check(
            "INSERT INTO \"codd\".\"sql_migrations\" VALUES (1)",
            Some(Brings::CoddRows),
        );
    }

    #[test]
    fn others_are_not() {
        check("CREATE SCHEMA segue", None);
        check("CREATE SCHEMA IF NOT EXISTS codd", None);
        check("CREATE TABLE segue.migration ()", None);
        check("CREATE TABLE codd.sql_migrations ()", None);
        check("COPY segue.migration FROM stdin", None);
        check("COPY segue.ledger_of_ours FROM stdin", None);
        check("SELECT 'COPY segue.ledger FROM stdin'", None);
        check("COPY (SELECT 'segue.ledger') TO STDOUT", None);
        check("COPY segue. ", None);
        check("INSERT", None);
    }
}
