//! Statements → what `standard_conforming_strings` is behind each of them:
//! where it is off, a backslash escapes in a plain `'…'` too.
//!
//! The server says it after each statement, and psql asks; here files are cut
//! before they run. So what the statements themselves do to it is followed:
//! `SET`, `RESET`, `set_config`, and the ends of transactions and savepoints.
//! A function that changes it is not seen. Each file begins with it on, and
//! "default" is on: sessions are set so.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::lexer::{Token, lexemes};

const NAME: &str = "standard_conforming_strings";

static MENTIONED: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build([NAME])
        .expect("one word")
});

/// The setting, and what brings its older values back.
#[derive(Clone, Debug)]
pub(super) struct Strings {
    now: Value,
    /// What ROLLBACK brings back; absent outside of a transaction block.
    begun: Option<Value>,
    savepoints: Vec<(String, Value)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Value {
    session: bool,
    /// Until the transaction ends.
    local: Option<bool>,
}

const ON: Value = Value {
    session: true,
    local: None,
};

/// What a statement does to the setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Session(bool),
    Local(bool),
}

impl Strings {
    /// At the beginning of a file whose statements run in one transaction, or
    /// each by itself.
    pub(super) fn new(in_transaction: bool) -> Self {
        Self {
            now: ON,
            begun: in_transaction.then_some(ON),
            savepoints: Vec::new(),
        }
    }

    /// Where a backslash escapes or does not.
    pub(super) fn at(escape: bool) -> Self {
        Self {
            now: Value {
                session: !escape,
                local: None,
            },
            ..Self::new(false)
        }
    }

    /// Whether a backslash escapes in a plain string.
    pub(super) fn escape(&self) -> bool {
        !self.now.local.unwrap_or(self.now.session)
    }

    /// Takes the next statement; whether it has brought the session's default
    /// back, which may be another one than on.
    pub(super) fn see(&mut self, text: &str) -> bool {
        // Most statements are none of these.
        let may_matter = matches!(
            text.as_bytes().first().map(u8::to_ascii_lowercase),
            Some(b'a' | b'b' | b'c' | b'd' | b'e' | b'p' | b'r' | b's')
        );
        if !may_matter {
            return false;
        }
        let mut words = Words::new(text);
        let Some(first) = words.word() else {
            return false;
        };
        let is = |keyword: &str| first.eq_ignore_ascii_case(keyword);
        if is("set") {
            return MENTIONED.is_match(text) && self.set(&mut words);
        } else if is("select") {
            if MENTIONED.is_match(text)
                && let Some(change) = set_config(text)
            {
                self.change(change);
            }
        } else if is("reset") {
            let what = words.word().unwrap_or_default();
            if what.eq_ignore_ascii_case("all") || what.eq_ignore_ascii_case(NAME) {
                self.change(Change::Session(true));
                return true;
            }
        } else if is("discard") {
            if words.next_is("all") {
                self.change(Change::Session(true));
                return true;
            }
        } else if is("begin") || is("start") && words.next_is("transaction") {
            self.begun.get_or_insert(self.now);
        } else if is("commit") || is("end") {
            if !words.next_is("prepared") {
                self.commit(text);
            }
        } else if is("prepare") {
            if words.next_is("transaction") {
                self.commit(text);
            }
        } else if is("rollback") || is("abort") {
            self.roll_back(text, &mut words);
        } else if is("savepoint") {
            if let Some(name) = words.word() {
                self.savepoints.push((folded(name), self.now));
            }
        } else if is("release") {
            let name = words.skip(&["savepoint"]);
            if let Some(at) = name.and_then(|name| self.savepoint(name)) {
                self.savepoints.truncate(at);
            }
        }
        false
    }

    fn change(&mut self, change: Change) {
        self.now = match change {
            Change::Session(session) => Value {
                session,
                local: None,
            },
            // Outside of a transaction it is a warning.
            Change::Local(_) if self.begun.is_none() => self.now,
            Change::Local(local) => Value {
                local: Some(local),
                ..self.now
            },
        };
    }

    /// `SET [SESSION | LOCAL] standard_conforming_strings {TO | =} …`; whether
    /// to the default.
    fn set(&mut self, words: &mut Words<'_>) -> bool {
        let mut name = words.word().unwrap_or_default();
        let is_local = name.eq_ignore_ascii_case("local");
        if is_local || name.eq_ignore_ascii_case("session") {
            name = words.word().unwrap_or_default();
        }
        if !name.eq_ignore_ascii_case(NAME) {
            return false;
        }
        let value = words.skip(&["to", "="]).unwrap_or_default();
        let is_default = value.eq_ignore_ascii_case("default");
        let Some(value) = boolean(value).or(is_default.then_some(true)) else {
            return false;
        };
        self.change(if is_local {
            Change::Local(value)
        } else {
            Change::Session(value)
        });
        is_default
    }

    fn commit(&mut self, text: &str) {
        self.now.local = None;
        self.end(text);
    }

    fn roll_back(&mut self, text: &str, words: &mut Words<'_>) {
        let to = words.skip(&["work", "transaction"]);
        if to.is_some_and(|to| to.eq_ignore_ascii_case("to")) {
            let name = words.skip(&["savepoint"]);
            if let Some(at) = name.and_then(|name| self.savepoint(name)) {
                self.savepoints.truncate(at + 1);
                self.now = self.savepoints[at].1;
            }
        } else if !to.is_some_and(|to| to.eq_ignore_ascii_case("prepared")) {
            if let Some(begun) = self.begun {
                self.now = begun;
            }
            self.end(text);
        }
    }

    fn end(&mut self, text: &str) {
        self.savepoints.clear();
        let words = lexemes(text)
            .filter(|lexeme| lexeme.token == Token::Word)
            .map(|lexeme| &text[lexeme.start..lexeme.end]);
        let mut last = ["", ""];
        for word in words {
            last = [last[1], word];
        }
        let chains = last[0].eq_ignore_ascii_case("and") && last[1].eq_ignore_ascii_case("chain");
        self.begun = (chains && self.begun.is_some()).then_some(self.now);
    }

    fn savepoint(&self, name: &str) -> Option<usize> {
        let name = folded(name);
        self.savepoints.iter().rposition(|(one, _)| *one == name)
    }
}

/// A name as the server keeps it; one in quotes has them off already, and then
/// only its case matters, which two names rarely differ in.
fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// `set_config('standard_conforming_strings', …, …)` somewhere in a query.
fn set_config(text: &str) -> Option<Change> {
    let mut words = Words::new(text);
    while let Some(word) = words.word() {
        if word.eq_ignore_ascii_case("set_config")
            && words.next_is("(")
            && words.next_is(NAME)
            && words.next_is(",")
        {
            let value = boolean(words.word()?)?;
            let is_local = words.next_is(",") && words.word().and_then(boolean) == Some(true);
            return Some(if is_local {
                Change::Local(value)
            } else {
                Change::Session(value)
            });
        }
    }
    None
}

/// As the server reads it: any beginning that only one word has.
fn boolean(value: &str) -> Option<bool> {
    let value = value.to_ascii_lowercase();
    let begins = |word: &str, least: usize| value.len() >= least && word.starts_with(&value);
    if value == "1" || begins("true", 1) || begins("yes", 1) || begins("on", 2) {
        Some(true)
    } else if value == "0" || begins("false", 1) || begins("no", 1) || begins("off", 2) {
        Some(false)
    } else {
        None
    }
}

/// What is no trivia, without its quotes.
struct Words<'a> {
    lexemes: Box<dyn Iterator<Item = &'a str> + 'a>,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Self {
        let lexemes = lexemes(text)
            .filter(|lexeme| !lexeme.token.is_trivia())
            .map(move |lexeme| {
                let word = &text[lexeme.start..lexeme.end];
                match lexeme.token {
                    Token::Text => word.trim_matches('\''),
                    Token::Quoted => word.trim_matches('"'),
                    _ => word,
                }
            });
        Self {
            lexemes: Box::new(lexemes),
        }
    }

    fn word(&mut self) -> Option<&'a str> {
        self.lexemes.next()
    }

    /// The next word but these.
    fn skip(&mut self, words: &[&str]) -> Option<&'a str> {
        let is_one = |word: &&str| words.iter().any(|one| word.eq_ignore_ascii_case(one));
        self.lexemes.by_ref().find(|word| !is_one(word))
    }

    fn next_is(&mut self, word: &str) -> bool {
        self.word()
            .is_some_and(|one| one.eq_ignore_ascii_case(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Statements, each with `off` behind it where a backslash escapes then.
    #[track_caller]
    fn check(in_transaction: bool, text: &str) {
        let mut strings = Strings::new(in_transaction);
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (sql, expected) = line.rsplit_once("--").expect("what it is afterwards");
            strings.see(sql.trim());
            let shown = if strings.escape() { "off" } else { "on" };
            assert_eq!(shown, expected.trim(), "{line}");
        }
    }

    #[test]
    fn set_and_reset_are_followed() {
        check(
            false,
            r#"
            SELECT 1 -- on
            SET standard_conforming_strings = off -- off
            SELECT 2 -- off
            set Standard_Conforming_Strings to 'ON' -- on
            SET SESSION "standard_conforming_strings" = f -- off
            RESET standard_conforming_strings -- on
            SET standard_conforming_strings TO 0 -- off
            RESET search_path -- off
            RESET ALL -- on
            SET /* a */ standard_conforming_strings = no -- off
            DISCARD TEMP -- off
            DISCARD ALL -- on
            SET standard_conforming_strings = off -- off
            SET standard_conforming_strings TO DEFAULT -- on
            SET standard_conforming_strings = off -- off
            SET standard_conforming_strings = o -- off
            SET search_path = standard_conforming_strings, "on" -- off
            SET LOCAL standard_conforming_strings = on -- off
            SELECT pg_catalog.set_config('standard_conforming_strings', 'on', false) -- on
            SELECT 1, Set_Config('Standard_conforming_strings', 'off', false), 2 -- off
            SELECT set_config('standard_conforming_strings', 'on', true) -- off
            SELECT set_config('search_path', 'standard_conforming_strings', false) -- off
        "#,
        );
    }

    #[test]
    fn ends_of_transactions_are_followed() {
        check(
            false,
            "
            SET standard_conforming_strings = off -- off
            BEGIN -- off
            SET standard_conforming_strings = on -- on
            BEGIN -- on
            ROLLBACK -- off
            ROLLBACK -- off
            START TRANSACTION READ WRITE -- off
            SET LOCAL standard_conforming_strings = on -- on
            COMMIT WORK -- off
            BEGIN -- off
            SELECT set_config('standard_conforming_strings', 'on', true) -- on
            COMMIT AND CHAIN -- off
            SET standard_conforming_strings = on -- on
            ROLLBACK AND CHAIN -- off
            SET standard_conforming_strings = on -- on
            END -- on
            ABORT -- on
            BEGIN -- on
            SET standard_conforming_strings = off -- off
            COMMIT PREPARED 'a' -- off
            PREPARE a AS SELECT 1 -- off
            PREPARE TRANSACTION 'a' -- off
            ROLLBACK PREPARED 'a' -- off
        ",
        );
    }

    #[test]
    fn savepoints_are_followed() {
        check(
            true,
            "
            SAVEPOINT a -- on
            SET standard_conforming_strings = off -- off
            SAVEPOINT b -- off
            SET LOCAL standard_conforming_strings = on -- on
            ROLLBACK TO SAVEPOINT B -- off
            SET standard_conforming_strings = on -- on
            ROLLBACK WORK TO b -- off
            RELEASE SAVEPOINT b -- off
            ROLLBACK TO b -- off
            ROLLBACK TRANSACTION TO a -- on
            SET standard_conforming_strings = off -- off
            RELEASE a -- off
        ",
        );
    }
}
