//! Check constraints in the server's words → what a column may hold, as far
//! as they have one of the common forms.

use crate::statement::lexer::{Token, lexemes};

/// What is known of a column's values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The least number.
    pub least: Option<i64>,
    /// The largest number.
    pub most: Option<i64>,
    /// The least number of characters or elements.
    pub length_least: Option<usize>,
    /// The largest number of characters or elements.
    pub length_most: Option<usize>,
    /// The only values, if not empty.
    pub choices: Vec<String>,
    /// A text that it is not below, a date for example.
    pub from: Option<String>,
    /// Texts that it is compared with in any other way.
    pub texts: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    /// The column itself.
    Column,
    /// A literal, without its quotes.
    Literal(String),
    /// `=`, `<`, `<=`, `>`, `>=`.
    Operator(&'static str),
    /// `length` and its like.
    Length,
    /// `ANY`, `ARRAY`, `[`, `,`: parts of a list.
    List,
    /// Anything else.
    Other,
}

impl Limits {
    /// What `texts` say of the column `name`; a domain's say `VALUE`.
    pub fn read<'a>(texts: impl Iterator<Item = &'a str>, name: &str) -> Self {
        let mut limits = Self::default();
        for text in texts {
            limits.take(&words(text, name));
        }
        limits
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn take(&mut self, words: &[Word]) {
        for index in 0..words.len() {
            match &words[index..] {
                [Word::Column, Word::Operator("="), Word::List, rest @ ..] => {
                    self.choices.extend(list(rest));
                }
                [
                    Word::Length,
                    Word::Column,
                    Word::Operator(operator),
                    Word::Literal(text),
                    ..,
                ] => self.length(operator, text),
                [
                    Word::Literal(text),
                    Word::Operator(operator),
                    Word::Length,
                    Word::Column,
                    ..,
                ] => self.length(turned(operator), text),
                [
                    Word::Column,
                    Word::Operator(operator),
                    Word::Literal(text),
                    ..,
                ] if index == 0 || words[index - 1] != Word::Length => {
                    self.compared(operator, text);
                }
                [
                    Word::Literal(text),
                    Word::Operator(operator),
                    Word::Column,
                    ..,
                ] => self.compared(turned(operator), text),
                _ => {}
            }
        }
    }

    fn compared(&mut self, operator: &str, text: &str) {
        // A fraction is rounded inwards.
        let number = text.parse::<f64>().ok().filter(|one| one.abs() < 9e15);
        #[expect(clippy::cast_possible_truncation, reason = "it is small enough")]
        match (operator, number) {
            ("=", _) => self.choices.push(text.to_owned()),
            (">", Some(number)) => self.at_least(number.floor() as i64 + 1),
            (">=", Some(number)) => self.at_least(number.ceil() as i64),
            ("<", Some(number)) => self.at_most(number.ceil() as i64 - 1),
            ("<=", Some(number)) => self.at_most(number.floor() as i64),
            (">" | ">=", None) => self.from = Some(text.to_owned()),
            _ => self.texts.push(text.to_owned()),
        }
    }

    fn at_least(&mut self, number: i64) {
        self.least = Some(self.least.map_or(number, |least| least.max(number)));
    }

    fn at_most(&mut self, number: i64) {
        self.most = Some(self.most.map_or(number, |most| most.min(number)));
    }

    fn length(&mut self, operator: &str, text: &str) {
        let Ok(number) = text.parse::<usize>() else {
            return;
        };
        match operator {
            "=" => (self.length_least, self.length_most) = (Some(number), Some(number)),
            ">" => self.length_least = Some(number + 1),
            ">=" => self.length_least = Some(number),
            "<" => self.length_most = Some(number.saturating_sub(1)),
            _ => self.length_most = Some(number),
        }
    }
}

fn turned(operator: &str) -> &'static str {
    match operator {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        _ => "=",
    }
}

/// The literals of `ANY (ARRAY['a', 'b'])`, from behind `ANY`.
fn list(words: &[Word]) -> impl Iterator<Item = String> {
    let parts = words
        .iter()
        .take_while(|word| matches!(word, Word::List | Word::Literal(_)));
    parts.filter_map(|word| match word {
        Word::Literal(text) => Some(text.clone()),
        _ => None,
    })
}

/// The words of an expression without parentheses and casts.
fn words(text: &str, name: &str) -> Vec<Word> {
    let all: Vec<_> = lexemes(text)
        .filter(|lexeme| !lexeme.token.is_trivia())
        .collect();
    let slice = |index: usize| all.get(index).map_or("", |one| &text[one.start..one.end]);
    let token = |index: usize| all.get(index).map(|one| one.token);
    let mut words = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let part = slice(at);
        if part == ":" && slice(at + 1) == ":" {
            at = behind_type(at + 2, &slice, &token);
            continue;
        }
        let mut length = 1;
        match all[at].token {
            Token::Open | Token::Close => {}
            Token::Text => {
                // A doubled quote is two lexemes that touch.
                while token(at + length) == Some(Token::Text)
                    && all[at + length].start == all[at + length - 1].end
                {
                    length += 1;
                }
                let whole = &text[all[at].start..all[at + length - 1].end];
                let inner = whole.trim_start_matches(['e', 'E']);
                let inner = inner.strip_prefix('\'').unwrap_or(inner);
                let inner = inner.strip_suffix('\'').unwrap_or(inner);
                words.push(Word::Literal(inner.replace("''", "'")));
            }
            Token::Digits => {
                if slice(at + 1) == "." && token(at + 2) == Some(Token::Digits) {
                    length = 3;
                }
                let number = &text[all[at].start..all[at + length - 1].end];
                words.push(Word::Literal(number.to_owned()));
            }
            Token::Quoted => {
                let is_own = part.trim_matches('"').replace("\"\"", "\"") == name;
                words.push(if is_own { Word::Column } else { Word::Other });
            }
            Token::Word => words.push(match part.to_ascii_lowercase().as_str() {
                word if word == name || word == "value" => Word::Column,
                "length" | "char_length" | "character_length" | "octet_length" | "cardinality" => {
                    Word::Length
                }
                "any" | "array" => Word::List,
                "true" | "false" => Word::Literal(part.to_owned()),
                _ => Word::Other,
            }),
            _ if ["[", "]", ","].contains(&part) => words.push(Word::List),
            _ => {
                let operator = match (part, slice(at + 1)) {
                    ("<", "=") => Some(("<=", 2)),
                    (">", "=") => Some((">=", 2)),
                    ("<", ">") | ("!", "=") => None,
                    ("=", _) => Some(("=", 1)),
                    ("<", _) => Some(("<", 1)),
                    (">", _) => Some((">", 1)),
                    _ => None,
                };
                if let Some((operator, symbols)) = operator {
                    length = symbols;
                    words.push(Word::Operator(operator));
                } else {
                    if ["<", "!"].contains(&part) {
                        length = 2;
                    }
                    words.push(Word::Other);
                }
            }
        }
        at += length;
    }
    words
}

/// Where the type that begins at `at` ends: `character varying(3)[]`.
fn behind_type<'a>(
    mut at: usize,
    slice: &impl Fn(usize) -> &'a str,
    token: &impl Fn(usize) -> Option<Token>,
) -> usize {
    const MORE: [&str; 6] = ["varying", "precision", "without", "with", "time", "zone"];
    at += 1;
    while slice(at) == "." || slice(at - 1) == "." {
        at += 1;
    }
    while MORE.contains(&slice(at)) {
        at += 1;
    }
    if token(at) == Some(Token::Open) && token(at + 1) == Some(Token::Digits) {
        while token(at).is_some_and(|one| one != Token::Close) {
            at += 1;
        }
        at += 1;
    }
    while slice(at) == "[" && slice(at + 1) == "]" {
        at += 2;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &Limits) {
        assert_eq!(Limits::read(std::iter::once(text), "x"), *expected);
    }

    #[test]
    fn numbers() {
        let between = Limits {
            least: Some(1),
            most: Some(5),
            ..Limits::default()
        };
        check("CHECK (((x >= 1) AND (x <= 5)))", &between);
        check("CHECK (((0 < x) AND (x < (6)::numeric)))", &between);
        check("CHECK (((VALUE > 0.5) AND (VALUE < 5.5)))", &between);
        check(
            "CHECK ((x > '-1'::integer))",
            &Limits {
                least: Some(0),
                ..Limits::default()
            },
        );
        check("CHECK ((y > 3))", &Limits::default());
        check("CHECK ((x <> 0))", &Limits::default());
        check("CHECK ((x < y))", &Limits::default());
    }

    #[test]
    fn lists() {
        let choices = Limits {
            choices: vec!["a".to_owned(), "it's".to_owned()],
            ..Limits::default()
        };
        check(
            "CHECK ((x = ANY (ARRAY['a'::text, 'it''s'::text])))",
            &choices,
        );
        check(
            "CHECK (((x)::text = ANY ((ARRAY['a'::character varying, 'it''s'::character varying])::text[])))",
            &choices,
        );
        check(
            "((x IS NOT NULL) AND (x = 'eu'::app.region))",
            &Limits {
                choices: vec!["eu".to_owned()],
                ..Limits::default()
            },
        );
    }

    #[test]
    fn lengths() {
        check(
            "CHECK (((length((x)::text) > 2) AND (char_length((x)::text) <= 8)))",
            &Limits {
                length_least: Some(3),
                length_most: Some(8),
                ..Limits::default()
            },
        );
    }

    #[test]
    fn texts_are_values_to_try() {
        check(
            "((x >= '2024-01-01 00:00:00'::timestamp without time zone) AND (x < '2025-01-01'::date))",
            &Limits {
                from: Some("2024-01-01 00:00:00".to_owned()),
                texts: vec!["2025-01-01".to_owned()],
                ..Limits::default()
            },
        );
    }
}
