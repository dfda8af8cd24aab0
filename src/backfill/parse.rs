//! The argument of `backfill` → [`Backfill`].

use std::iter::Peekable;
use std::ops::Range;
use std::time::Duration;

use super::{Backfill, Key};
use crate::statement::RelationName;
use crate::statement::lexer::{Lexeme, Token, lexemes};

/// Why an argument is no backfill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong, in bytes of the argument; empty where something is
    /// missing.
    pub range: Range<usize>,
    /// Why, for people.
    pub reason: String,
}

/// Parses `TABLE by KEY[, KEY…] [within D] [batch-time D] [pause D]
/// [quarantine N]`.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse(argument: &str) -> Result<Backfill, Malformed> {
    let lexemes = lexemes(argument).filter(|lexeme| !lexeme.token.is_trivia());
    let mut parser = Parser {
        text: argument,
        lexemes: lexemes.collect::<Vec<_>>().into_iter().peekable(),
    };
    let table = parser.table()?;
    if !parser.takes_word("by") {
        return Err(parser.here("does not say by which key"));
    }
    let key = parser.key()?;
    let mut backfill = Backfill {
        table,
        key,
        within: None,
        batch_time: Backfill::BATCH_TIME,
        pause: Duration::ZERO,
        quarantine: Backfill::QUARANTINE,
    };
    parser.options(&mut backfill)?;
    Ok(backfill)
}

struct Parser<'a> {
    text: &'a str,
    lexemes: Peekable<std::vec::IntoIter<Lexeme>>,
}

/// The names of the options.
const OPTIONS: [&str; 4] = ["within", "batch-time", "pause", "quarantine"];

/// Longest time, a hundred years: safe to add to a clock.
const MILLISECONDS_MAX: u64 = 36_500 * 24 * 60 * 60 * 1000;

impl Parser<'_> {
    fn slice(&self, lexeme: Lexeme) -> &str {
        &self.text[lexeme.start..lexeme.end]
    }

    fn malformed(range: Range<usize>, reason: impl Into<String>) -> Malformed {
        Malformed {
            range,
            reason: reason.into(),
        }
    }

    /// What comes next is not what was expected.
    fn here(&mut self, reason: impl Into<String>) -> Malformed {
        let end = self.text.len();
        let range = match self.lexemes.peek() {
            Some(next) => next.start..next.end,
            None => end..end,
        };
        Self::malformed(range, reason)
    }

    fn takes(&mut self, symbol: &str) -> bool {
        let text = self.text;
        self.lexemes
            .next_if(|next| &text[next.start..next.end] == symbol)
            .is_some()
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let text = self.text;
        let is = |next: &Lexeme| {
            next.token == Token::Word && text[next.start..next.end].eq_ignore_ascii_case(word)
        };
        self.lexemes.next_if(is).is_some()
    }

    /// A name by the rules of SQL.
    fn name(&mut self, what: &str) -> Result<String, Malformed> {
        match self.lexemes.peek().copied() {
            Some(lexeme) if lexeme.token == Token::Word => {
                self.lexemes.next();
                Ok(self.slice(lexeme).to_lowercase())
            }
            Some(lexeme) if lexeme.token == Token::Quoted => {
                self.lexemes.next();
                let mut name = self.slice(lexeme).to_owned();
                // A doubled quote is a lexeme of its own that follows at once.
                let mut end = lexeme.end;
                while let Some(next) = self
                    .lexemes
                    .next_if(|next| next.token == Token::Quoted && next.start == end)
                {
                    end = next.end;
                    name.push_str(self.slice(next));
                }
                let inner = name
                    .strip_prefix('"')
                    .and_then(|name| name.strip_suffix('"'));
                match inner.map(|inner| inner.replace("\"\"", "\"")) {
                    Some(inner) if !inner.is_empty() => Ok(inner),
                    _ => Err(Self::malformed(lexeme.start..end, "is no name")),
                }
            }
            _ => Err(self.here(format!("expected {what}"))),
        }
    }

    fn table(&mut self) -> Result<RelationName, Malformed> {
        let first = self.name("the name of a table")?;
        if self.takes(".") {
            let name = self.name("the name of a table")?;
            return Ok(RelationName::qualified(first, name));
        }
        Ok(RelationName::bare(first))
    }

    fn key(&mut self) -> Result<Key, Malformed> {
        let begin = self.here("").range.start;
        let mut columns = Vec::new();
        let mut quoted = false;
        loop {
            let start = self.here("").range.start;
            quoted |= self.text[start..].starts_with('"');
            let column = self.name("the name of a column")?;
            if columns.contains(&column) {
                let reason = format!("`{column}` is in the key twice");
                return Err(Self::malformed(start..start + column.len(), reason));
            }
            columns.push(column);
            if !self.takes(",") {
                break;
            }
        }
        if quoted || columns.iter().all(|column| column != "ctid") {
            return Ok(Key::Columns(columns));
        }
        if columns.len() > 1 {
            let reason = "`ctid` stands alone: it is no part of a key";
            let end = self.text[begin..].trim_end().len() + begin;
            return Err(Self::malformed(begin..end, reason));
        }
        Ok(Key::Ctid)
    }

    fn options(&mut self, backfill: &mut Backfill) -> Result<(), Malformed> {
        let mut given: Vec<String> = Vec::new();
        while let Some(first) = self.lexemes.peek().copied() {
            let (range, option) = self.option_name(first);
            if given.contains(&option) {
                let reason = format!("`{option}` is given twice");
                return Err(Self::malformed(range, reason));
            }
            match option.as_str() {
                "within" => backfill.within = Some(self.positive()?),
                "batch-time" => backfill.batch_time = self.positive()?,
                "pause" => backfill.pause = self.duration()?,
                "quarantine" => backfill.quarantine = self.number()?,
                _ => {
                    let near = crate::text::nearest(&option, OPTIONS);
                    let reason = match near {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("expected {}", options()),
                    };
                    return Err(Self::malformed(range, reason));
                }
            }
            given.push(option);
            // Between two options a comma is what many would write.
            self.takes(",");
        }
        Ok(())
    }

    /// A word with its hyphens.
    fn option_name(&mut self, first: Lexeme) -> (Range<usize>, String) {
        self.lexemes.next();
        let mut end = first.end;
        while let Some(next) = self.lexemes.next_if(|next| next.start == end) {
            end = next.end;
        }
        let name = self.text[first.start..end].to_ascii_lowercase();
        (first.start..end, name)
    }

    fn digits(&mut self, what: &str) -> Result<(u64, Range<usize>), Malformed> {
        match self.lexemes.peek().copied() {
            Some(lexeme) if lexeme.token == Token::Digits => {
                self.lexemes.next();
                let range = lexeme.start..lexeme.end;
                match self.slice(lexeme).parse() {
                    Ok(number) => Ok((number, range)),
                    Err(_) => Err(Self::malformed(range, "is too large")),
                }
            }
            _ => Err(self.here(format!("expected {what}"))),
        }
    }

    fn number(&mut self) -> Result<u64, Malformed> {
        Ok(self.digits("a number of rows")?.0)
    }

    fn positive(&mut self) -> Result<Duration, Malformed> {
        let start = self.here("").range.start;
        let duration = self.duration()?;
        if duration.is_zero() {
            let end = self.text[start..]
                .find(char::is_whitespace)
                .map_or(self.text.len(), |at| start + at);
            return Err(Self::malformed(start..end, "is no time at all"));
        }
        Ok(duration)
    }

    /// `200ms`, `7d`, `7 days`.
    fn duration(&mut self) -> Result<Duration, Malformed> {
        let (number, digits) = self.digits("a time, `200ms` or `7 days` for example")?;
        let unit = match self.lexemes.peek().copied() {
            Some(lexeme) if lexeme.token == Token::Word => lexeme,
            _ => {
                let reason = format!("has no unit: did you mean `{number}s`?");
                return Err(Self::malformed(digits, reason));
            }
        };
        self.lexemes.next();
        let factor: u64 = match self.slice(unit).to_ascii_lowercase().as_str() {
            "ms" | "millisecond" | "milliseconds" => 1,
            "s" | "second" | "seconds" => 1000,
            "m" | "minute" | "minutes" => 60 * 1000,
            "h" | "hour" | "hours" => 60 * 60 * 1000,
            "d" | "day" | "days" => 24 * 60 * 60 * 1000,
            "w" | "week" | "weeks" => 7 * 24 * 60 * 60 * 1000,
            _ => {
                let reason = "is no unit: `ms`, `s`, `m`, `h`, `d` and `weeks` are";
                return Err(Self::malformed(unit.start..unit.end, reason));
            }
        };
        number
            .checked_mul(factor)
            .filter(|milliseconds| *milliseconds <= MILLISECONDS_MAX)
            .map(Duration::from_millis)
            .ok_or_else(|| Self::malformed(digits.start..unit.end, "is too long"))
    }
}

fn options() -> String {
    let quoted = OPTIONS.map(|option| format!("`{option}`"));
    let [first, second, third, last] = quoted;
    format!("{first}, {second}, {third} or {last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn accepts(argument: &str, table: &RelationName, key: &[&str]) -> Backfill {
        let backfill = parse(argument).expect("a backfill");
        assert_eq!(backfill.table, *table);
        assert_eq!(backfill.key.names().collect::<Vec<_>>(), key);
        backfill
    }

    #[track_caller]
    fn refuses(argument: &str, part: &str, reason: &str) {
        let malformed = parse(argument).expect_err("malformed");
        assert_eq!(
            (&argument[malformed.range], malformed.reason.as_str()),
            (part, reason)
        );
    }

    #[test]
    fn a_table_and_its_key() {
        let backfill = accepts("Person by ID", &RelationName::bare("person"), &["id"]);
        assert_eq!(
            backfill,
            Backfill {
                table: RelationName::bare("person"),
                key: Key::Columns(vec!["id".to_owned()]),
                within: None,
                batch_time: Duration::from_millis(200),
                pause: Duration::ZERO,
                quarantine: 100,
            }
        );
        accepts(
            "app.\"Ünï \"\"cödé\"\"\" by tenant, \"Id\"",
            &RelationName::qualified("app", "Ünï \"cödé\""),
            &["tenant", "Id"],
        );
        let by_place = accepts("log by ctid", &RelationName::bare("log"), &["ctid"]);
        assert_eq!(by_place.key, Key::Ctid);
        let by_name = accepts("log by \"ctid\"", &RelationName::bare("log"), &["ctid"]);
        assert_eq!(by_name.key, Key::Columns(vec!["ctid".to_owned()]));
    }

    #[test]
    fn options_in_any_order() {
        let backfill = parse("t by id within 7 days batch-time 50ms, pause 1s quarantine 0");
        let backfill = backfill.expect("a backfill");
        assert_eq!(backfill.within, Some(Duration::from_hours(7 * 24)));
        assert_eq!(backfill.batch_time, Duration::from_millis(50));
        assert_eq!(backfill.pause, Duration::from_secs(1));
        assert_eq!(backfill.quarantine, 0);
        let backfill = parse("t by id pause 0s within 2weeks").expect("a backfill");
        assert_eq!(backfill.within, Some(Duration::from_hours(14 * 24)));
    }

    #[test]
    fn what_is_wrong_is_shown() {
        refuses("person", "", "does not say by which key");
        refuses("person by", "", "expected the name of a column");
        refuses("by id", "id", "does not say by which key");
        refuses("person by 1", "1", "expected the name of a column");
        refuses("person by \"\"", "\"\"", "is no name");
        refuses("person by id, id", "id", "`id` is in the key twice");
        refuses(
            "person by id, ctid",
            "id, ctid",
            "`ctid` stands alone: it is no part of a key",
        );
        refuses(
            "person by id batchtime 7s",
            "batchtime",
            "did you mean `batch-time`?",
        );
        refuses(
            "person by id limit 7",
            "limit",
            "expected `within`, `batch-time`, `pause` or `quarantine`",
        );
        refuses(
            "person by id within 7",
            "7",
            "has no unit: did you mean `7s`?",
        );
        refuses(
            "person by id within 7 moons",
            "moons",
            "is no unit: `ms`, `s`, `m`, `h`, `d` and `weeks` are",
        );
        refuses("person by id within 0d", "0d", "is no time at all");
        refuses("person by id within 40000d", "40000d", "is too long");
        refuses(
            "person by id pause 1s pause 2s",
            "pause",
            "`pause` is given twice",
        );
        refuses(
            "person by id within soon",
            "soon",
            "expected a time, `200ms` or `7 days` for example",
        );
    }
}
