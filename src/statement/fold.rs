//! A statement that refuses a transaction block → its plain equivalent.
//!
//! Words are blanked, nothing is written anew, so that a position in the
//! result is one in the file. Whether folding is wanted is left to
//! [`crate::plan`].

use super::lexer::{Lexeme, Token, lexemes};
use super::{Digest, Kind, ReindexTarget, RelationName};

/// A statement as a transaction block takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// As many bytes as the original, but for `VACUUM t`: `ANALYZE t` has one
    /// more, and reports no positions.
    pub text: String,
    /// The partition that it detaches: `DETACH … CONCURRENTLY` leaves the
    /// partition's bounds behind as a CHECK, which the plain form does not.
    pub detaches: Option<RelationName>,
}

/// The plain equivalent of `text`, whose digest is `digest`; `text` itself
/// where a transaction block takes it as it is. `None` where there is none, or
/// where that is not certain.
#[must_use]
pub fn fold(text: &str, digest: &Digest) -> Option<Folded> {
    let plain = |text: String| Folded {
        text,
        detaches: None,
    };
    let words: Vec<Lexeme> = lexemes(text)
        .filter(|lexeme| !lexeme.token.is_trivia())
        .collect();
    let line = Line {
        text,
        words: &words,
    };
    match &digest.kind {
        // Both are errors outside a transaction block, and would not be inside.
        Kind::DropIndexConcurrently { indexes, .. }
            if indexes.len() != 1 || words.last().is_some_and(|last| line.is(last, "CASCADE")) =>
        {
            None
        }
        Kind::CreateIndexConcurrently { .. } | Kind::DropIndexConcurrently { .. } => {
            line.without_concurrently(&["INDEX"]).map(plain)
        }
        Kind::Reindex {
            target: ReindexTarget::Index(_) | ReindexTarget::Table(_),
            concurrently: true,
        } => line
            .without_concurrently(&["INDEX", "TABLE"])
            .or_else(|| line.without_option("CONCURRENTLY"))
            .map(plain),
        Kind::RefreshMaterializedView {
            concurrently: true, ..
        } => line.without_concurrently(&["VIEW"]).map(plain),
        Kind::DetachPartitionConcurrently {
            partition,
            finalize: false,
            ..
        } => {
            let last = words.last().filter(|last| line.is(last, "CONCURRENTLY"))?;
            Some(Folded {
                text: blank(text, last.start, last.end),
                detaches: Some(partition.clone()),
            })
        }
        // Of the whole database it would lock every catalog until COMMIT.
        Kind::Vacuum { relations, .. } if relations.is_empty() => None,
        Kind::Vacuum { .. } => line.analyze().map(plain),
        // Outside a transaction block it has no effect.
        Kind::Set { local: true, .. }
        | Kind::Call { .. }
        | Kind::Do
        | Kind::Transaction(_)
        | Kind::DropSubscription { .. } => None,
        _ if digest.refuses_transaction_block() => None,
        _ => Some(plain(text.to_owned())),
    }
}

/// The text with spaces for a range of its bytes.
fn blank(text: &str, start: usize, end: usize) -> String {
    let (before, after) = (&text[..start], &text[end..]);
    format!("{before}{:length$}{after}", "", length = end - start)
}

/// A statement and its lexemes without whitespace and comments.
struct Line<'a> {
    text: &'a str,
    words: &'a [Lexeme],
}

impl Line<'_> {
    /// Whether a lexeme is this keyword.
    fn is(&self, lexeme: &Lexeme, keyword: &str) -> bool {
        lexeme.token == Token::Word
            && self.text[lexeme.start..lexeme.end].eq_ignore_ascii_case(keyword)
    }

    /// Without the first `CONCURRENTLY` that follows one of these keywords.
    fn without_concurrently(&self, after: &[&str]) -> Option<String> {
        let found = self.words.windows(2).find(|pair| {
            self.is(&pair[1], "CONCURRENTLY")
                && after.iter().any(|keyword| self.is(&pair[0], keyword))
        })?;
        Some(blank(self.text, found[1].start, found[1].end))
    }

    /// Lexemes of the option list that follows the command's first word: its
    /// two parentheses and what is between them.
    fn options(&self) -> Option<&[Lexeme]> {
        let open = self.words.get(1)?;
        if open.token != Token::Open {
            return None;
        }
        let close = self
            .words
            .iter()
            .position(|word| word.token == Token::Close)?;
        Some(&self.words[1..=close])
    }

    /// Without an option of the list that follows the command's first word.
    fn without_option(&self, name: &str) -> Option<String> {
        let options = self.options()?;
        let (open, close) = (options.first()?, options.last()?);
        let is_comma = |word: &Lexeme| &self.text[word.start..word.end] == ",";
        let inside = &options[1..options.len() - 1];
        let mut text = blank(self.text, open.start, close.end);
        let mut put = |at: usize, what: &str| text.replace_range(at..at + what.len(), what);
        let mut kept = 0;
        let mut comma = open.start;
        for option in inside.split_inclusive(is_comma) {
            let end = option.last().filter(|last| is_comma(last));
            let option = &option[..option.len() - usize::from(end.is_some())];
            if !self.is(option.first()?, name) {
                match kept {
                    0 => put(open.start, "("),
                    _ => put(comma, ","),
                }
                let span = option.first()?.start..option.last()?.end;
                put(span.start, &self.text[span]);
                kept += 1;
            }
            comma = end.map_or(comma, |comma| comma.start);
        }
        if kept > 0 {
            put(close.start, ")");
        }
        Some(text)
    }

    /// `ANALYZE` of what `VACUUM` names, without its options.
    fn analyze(&self) -> Option<String> {
        const ANALYZE: &str = "ANALYZE ";
        let rest = if let Some(options) = self.options() {
            &self.words[1 + options.len()..]
        } else {
            let options = ["FULL", "FREEZE", "VERBOSE", "ANALYZE", "ANALYSE"];
            let is_option = |word: &Lexeme| options.iter().any(|name| self.is(word, name));
            let first = self.words[1..].iter().position(|word| !is_option(word))?;
            &self.words[1 + first..]
        };
        let names = rest.first()?.start;
        let width = names.max(ANALYZE.len());
        Some(format!("{ANALYZE:width$}{}", &self.text[names..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::digest;

    /// Spaces for what was blanked are shown as they are.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let digest = digest(text).expect("valid SQL");
        let folded = fold(text, &digest);
        let shown = folded.as_ref().map_or("-".to_owned(), |folded| {
            let detaches = folded.detaches.as_ref();
            let detaches = detaches.map(|partition| format!(" [{partition}]"));
            format!("{}{}", folded.text, detaches.unwrap_or_default())
        });
        assert_eq!(shown, expected, "{text}");
        if let Some(folded) = folded {
            assert!(folded.text.len() - text.len() <= 1, "{text}");
            let digest = crate::statement::digest(&folded.text).expect("valid SQL");
            assert!(!digest.refuses_transaction_block(), "{}", folded.text);
        }
    }

    #[test]
    fn indexes() {
        check(
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"concurrently\" ON t (a)",
            "CREATE UNIQUE INDEX              IF NOT EXISTS \"concurrently\" ON t (a)",
        );
        check(
            "create index /* é */ concurrently on t (a) where b = 'INDEX CONCURRENTLY'",
            "create index /* é */              on t (a) where b = 'INDEX CONCURRENTLY'",
        );
        check(
            "DROP INDEX CONCURRENTLY IF EXISTS i",
            "DROP INDEX              IF EXISTS i",
        );
        check(
            "DROP INDEX CONCURRENTLY i RESTRICT",
            "DROP INDEX              i RESTRICT",
        );
        check("DROP INDEX CONCURRENTLY i CASCADE", "-");
        check("DROP INDEX CONCURRENTLY i, j", "-");
    }

    #[test]
    fn reindex() {
        check(
            "REINDEX TABLE CONCURRENTLY t",
            "REINDEX TABLE              t",
        );
        check(
            "REINDEX (VERBOSE) INDEX CONCURRENTLY i",
            "REINDEX (VERBOSE) INDEX              i",
        );
        check(
            "REINDEX (CONCURRENTLY) INDEX i",
            "REINDEX                INDEX i",
        );
        check(
            "REINDEX (CONCURRENTLY true, VERBOSE) INDEX i",
            "REINDEX (                   VERBOSE) INDEX i",
        );
        check(
            "REINDEX (VERBOSE, CONCURRENTLY, TABLESPACE x) INDEX i",
            "REINDEX (VERBOSE              , TABLESPACE x) INDEX i",
        );
        check(
            "REINDEX (VERBOSE, CONCURRENTLY) INDEX i",
            "REINDEX (VERBOSE              ) INDEX i",
        );
        check(
            "REINDEX (CONCURRENTLY false) TABLE t",
            "REINDEX (CONCURRENTLY false) TABLE t",
        );
        check("REINDEX SCHEMA CONCURRENTLY s", "-");
        check("REINDEX DATABASE d", "-");
    }

    #[test]
    fn vacuum() {
        check("VACUUM t", "ANALYZE t");
        check("VACUUM FULL t", "ANALYZE     t");
        check(
            "VACUUM FREEZE VERBOSE ANALYZE a.t (b), u",
            "ANALYZE                       a.t (b), u",
        );
        check(
            "VACUUM (FULL, ANALYZE, PARALLEL 2) t (a)",
            "ANALYZE                            t (a)",
        );
        check("VACUUM", "-");
        check("VACUUM (ANALYZE)", "-");
        check("ANALYZE", "ANALYZE");
    }

    #[test]
    fn partitions_and_views() {
        check(
            "ALTER TABLE p DETACH PARTITION s.c CONCURRENTLY",
            "ALTER TABLE p DETACH PARTITION s.c              [s.c]",
        );
        check(
            "ALTER TABLE p DETACH PARTITION c FINALIZE",
            "ALTER TABLE p DETACH PARTITION c FINALIZE",
        );
        check(
            "REFRESH MATERIALIZED VIEW CONCURRENTLY v WITH DATA",
            "REFRESH MATERIALIZED VIEW              v WITH DATA",
        );
    }

    #[test]
    fn what_a_transaction_takes_or_nobody_knows() {
        check("SET search_path = a", "SET search_path = a");
        check("SET LOCAL search_path = a", "-");
        check(
            "ALTER TABLE t VALIDATE CONSTRAINT c",
            "ALTER TABLE t VALIDATE CONSTRAINT c",
        );
        check("UPDATE t SET a = 1", "UPDATE t SET a = 1");
        check("CLUSTER t USING i", "CLUSTER t USING i");
        check("CLUSTER", "-");
        check("CALL f()", "-");
        check("DO $$ BEGIN END $$", "-");
        check("BEGIN", "-");
        check("CREATE DATABASE d", "-");
        check("DISCARD ALL", "-");
    }
}
