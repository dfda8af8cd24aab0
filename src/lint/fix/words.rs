//! A statement's text → its words, so that it is changed where it has to be
//! and nowhere else.

use std::ops::Range;

use crate::statement::lexer::{Lexeme, Token, lexemes};

/// A statement without its whitespace and comments.
pub(super) struct Words<'a> {
    text: &'a str,
    words: Vec<Lexeme>,
}

/// `ALTER TABLE` cut into what comes before its actions, and these.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Alter {
    /// `ALTER TABLE ONLY app.users`, in bytes of the text.
    pub(super) head: Range<usize>,
    /// Each without the commas around it; not empty.
    pub(super) actions: Vec<Range<usize>>,
}

impl<'a> Words<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut words: Vec<Lexeme> = Vec::new();
        for lexeme in lexemes(text).filter(|lexeme| !lexeme.token.is_trivia()) {
            match words.last_mut() {
                // A doubled quote inside a name.
                Some(last)
                    if (last.token, lexeme.token) == (Token::Quoted, Token::Quoted)
                        && last.end == lexeme.start =>
                {
                    last.end = lexeme.end;
                }
                _ => words.push(lexeme),
            }
        }
        Self { text, words }
    }

    fn word(&self, index: usize) -> &'a str {
        self.words
            .get(index)
            .map_or("", |word| &self.text[word.start..word.end])
    }

    fn is(&self, index: usize, keyword: &str) -> bool {
        self.words
            .get(index)
            .is_some_and(|word| word.token == Token::Word)
            && self.word(index).eq_ignore_ascii_case(keyword)
    }

    /// Where a word ends, in bytes.
    pub(super) fn end_of_word(&self, index: usize) -> Option<usize> {
        self.words.get(index).map(|word| word.end)
    }

    /// Index of the first word that is this keyword.
    pub(super) fn find(&self, keyword: &str) -> Option<usize> {
        (0..self.words.len()).find(|index| self.is(*index, keyword))
    }

    /// Bytes of `IF NOT EXISTS` right behind a word, with the space before.
    pub(super) fn if_not_exists_after(&self, index: usize) -> Option<Range<usize>> {
        let is_there =
            self.is(index + 1, "IF") && self.is(index + 2, "NOT") && self.is(index + 3, "EXISTS");
        is_there.then(|| self.words[index].end..self.words[index + 3].end)
    }

    /// Whether some word, quoted or not, is this name.
    pub(super) fn name(&self, name: &str) -> bool {
        self.words.iter().any(|word| {
            let text = &self.text[word.start..word.end];
            match word.token {
                Token::Word => text.to_lowercase() == name,
                Token::Quoted => {
                    let inner = text
                        .strip_prefix('"')
                        .and_then(|text| text.strip_suffix('"'));
                    inner.is_some_and(|inner| inner.replace("\"\"", "\"") == name)
                }
                // What it holds may be SQL.
                Token::Dollar | Token::Text => text.contains(name),
                _ => false,
            }
        })
    }

    /// The parts of an `ALTER TABLE`; `None` if its name is written oddly.
    pub(super) fn alter(&self) -> Option<Alter> {
        let mut next = 2;
        if self.is(next, "IF") && self.is(next + 1, "EXISTS") {
            next += 2;
        }
        if self.is(next, "ONLY") {
            next += 1;
        }
        let is_name = |index: usize| {
            let word = self.words.get(index);
            word.is_some_and(|word| matches!(word.token, Token::Word | Token::Quoted))
        };
        if !is_name(next) {
            return None;
        }
        while self
            .words
            .get(next + 1)
            .is_some_and(|word| word.token == Token::Dot)
            && is_name(next + 2)
        {
            next += 2;
        }
        if self.word(next + 1) == "*" {
            next += 1;
        }
        let head = self.words.first()?.start..self.words[next].end;
        let mut actions = Vec::new();
        let (mut depth, mut start, mut end) = (0_usize, None, 0);
        for index in next + 1..self.words.len() {
            let word = &self.words[index];
            match self.word(index) {
                "(" | "[" => depth += 1,
                ")" | "]" => depth = depth.checked_sub(1)?,
                "," if depth == 0 => {
                    actions.push(start.take()?..end);
                    continue;
                }
                _ => {}
            }
            start.get_or_insert(word.start);
            end = word.end;
        }
        actions.push(start?..end);
        Some(Alter { head, actions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let alter = Words::of(text).alter();
        let parts = alter.map_or_else(Vec::new, |alter| {
            let ranges = std::iter::once(&alter.head).chain(&alter.actions);
            ranges.map(|range| text[range.clone()].to_owned()).collect()
        });
        assert_eq!(parts, expected, "{text}");
    }

    #[test]
    fn alter_table_is_cut_at_its_commas() {
        check(
            "ALTER TABLE users\n    ADD a int, -- one, two\n    ADD CHECK (f(a, b) > ARRAY[1,2])",
            &[
                "ALTER TABLE users",
                "ADD a int",
                "ADD CHECK (f(a, b) > ARRAY[1,2])",
            ],
        );
        check(
            "alter table if exists only \"A,b\" . c * drop d",
            &["alter table if exists only \"A,b\" . c *", "drop d"],
        );
        check("ALTER TABLE ONLY (t) DROP c", &[]);
        check(
            "ALTER TABLE t ADD a text DEFAULT ',', DROP b",
            &["ALTER TABLE t", "ADD a text DEFAULT ','", "DROP b"],
        );
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        let words = Words::of("DROP INDEX Idx, \"a\"\"B\"; DO $$ PERFORM by_name $$");
        assert!(words.name("idx") && words.name("a\"B") && words.name("by_name"));
        assert!(!words.name("z"));
    }
}
