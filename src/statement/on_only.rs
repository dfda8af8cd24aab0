//! `CREATE INDEX CONCURRENTLY … ON t` → `CREATE INDEX … ON ONLY t`: the same
//! text but for two words.

use super::lexer::{Token, lexemes};

const ONLY: &str = " ONLY";

/// A statement that makes the index of one table alone, in a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnOnly {
    /// What to send.
    pub sql: String,
    /// Characters of it before the word that was put in; `None` if it was
    /// there.
    inserted_at: Option<usize>,
}

impl OnOnly {
    /// Rewrites a `CREATE INDEX CONCURRENTLY`; `None` if `sql` is none.
    #[must_use]
    pub fn of(sql: &str) -> Option<Self> {
        let words: Vec<(&str, usize, usize)> = lexemes(sql)
            .filter(|lexeme| !lexeme.token.is_trivia())
            .map(|lexeme| {
                let text = match lexeme.token {
                    Token::Word => &sql[lexeme.start..lexeme.end],
                    _ => "",
                };
                (text, lexeme.start, lexeme.end)
            })
            .collect();
        let is = |index: usize, keyword: &str| {
            words
                .get(index)
                .is_some_and(|(word, ..)| word.eq_ignore_ascii_case(keyword))
        };
        // A name that reads so is quoted: both words are reserved.
        let find = |keyword: &str| (0..words.len()).find(|&index| is(index, keyword));
        let (concurrently, on) = (find("CONCURRENTLY")?, find("ON")?);
        if !is(0, "CREATE") || concurrently > 3 || on < concurrently {
            return None;
        }
        let (_, start, end) = words[concurrently];
        let (_, _, after_on) = words[on];
        let mut rewritten = String::with_capacity(sql.len() + ONLY.len());
        rewritten.push_str(&sql[..start]);
        rewritten.extend(std::iter::repeat_n(' ', end - start));
        rewritten.push_str(&sql[end..after_on]);
        let inserted_at = (!is(on + 1, "ONLY")).then(|| rewritten.chars().count());
        if inserted_at.is_some() {
            rewritten.push_str(ONLY);
        }
        rewritten.push_str(&sql[after_on..]);
        Some(Self {
            sql: rewritten,
            inserted_at,
        })
    }

    /// Where in the statement as it was written a position in [`OnOnly::sql`]
    /// is; both count characters from 1, as the server's do.
    #[must_use]
    pub fn position(&self, position: u32) -> u32 {
        let length = u32::try_from(ONLY.len()).unwrap_or_default();
        match self.inserted_at.map(u32::try_from) {
            Some(Ok(at)) if position > at => position.saturating_sub(length).max(at),
            _ => position,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sql: &str, expected: Option<&str>) {
        let rewritten = OnOnly::of(sql);
        assert_eq!(
            rewritten.as_ref().map(|rewritten| rewritten.sql.as_str()),
            expected
        );
    }

    #[test]
    fn two_words_are_another() {
        check(
            "create unique index concurrently i on t (a)",
            Some("create unique index              i on ONLY t (a)"),
        );
        check(
            "CREATE INDEX CONCURRENTLY/* on */ \"on\" ON/**/\"T\" (a)",
            Some("CREATE INDEX             /* on */ \"on\" ON ONLY/**/\"T\" (a)"),
        );
        check(
            "CREATE INDEX CONCURRENTLY ON ONLY t (a)",
            Some("CREATE INDEX              ON ONLY t (a)"),
        );
    }

    #[test]
    fn what_is_no_such_statement_is_left() {
        check("CREATE INDEX i ON t (a)", None);
        check("DROP INDEX CONCURRENTLY i", None);
    }

    #[test]
    fn positions_lead_back() {
        let sql = "CREATE INDEX CONCURRENTLY ü ON t (nix)";
        let rewritten = OnOnly::of(sql).expect("one");
        let there = rewritten
            .sql
            .chars()
            .position(|char| char == 'x')
            .expect("one");
        let here = sql.chars().position(|char| char == 'x').expect("one");
        let position = |index: usize| u32::try_from(index + 1).expect("short");
        assert_eq!(rewritten.position(position(there)), position(here));
        assert_eq!(rewritten.position(3), 3);
    }
}
