//! Where an interrupted file goes on.

use super::lost::Lost;
use super::{Standalone, StandaloneError};
use crate::apply::failure::Placed;
use crate::apply::standalone::reader::Reader;
use crate::diagnostic::{Diagnostic, code};
use crate::files;
use crate::migration::Item;
use crate::postgres::ledger::{Intent, IntentState};
use crate::postgres::{Error, settings};
use crate::statement::{Class, Fingerprint, Kind, SessionUse, TransactionControl, session_use};

/// Where a file goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resume {
    /// The first statement that is not done.
    pub(super) next: usize,
    /// The last try of that very statement.
    pub(super) open: Option<Intent>,
    /// The PREPARE TRANSACTION to which a transaction had come that begins with
    /// the first statement that is not done.
    pub(super) prepared: Option<Intent>,
    /// Tries of statements that the file does not have there any more.
    pub(super) stale: Vec<Intent>,
}

/// A statement that is done and that the file does not have any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Which, from 0.
    pub(super) statement: usize,
    /// How many are done.
    pub(super) done: usize,
    /// The beginning of what was run.
    pub(super) was: String,
}

/// Compares the file with what the ledger says of it.
pub(super) fn resume(items: &[Item], intents: &[Intent]) -> Result<Resume, Difference> {
    let done = |statement: usize| {
        intents
            .iter()
            .rev()
            .find(|intent| intent.statement == statement && intent.state == IntentState::Done)
    };
    let next = (0..=intents.len())
        .take_while(|&statement| done(statement).is_some())
        .count();
    for statement in 0..next {
        let Some(was) = done(statement) else { continue };
        if items.get(statement).map(|item| item.fingerprint) != Some(was.fingerprint) {
            return Err(Difference {
                statement,
                done: next,
                was: was.sql.lines().next().unwrap_or_default().to_owned(),
            });
        }
    }
    let (mut open, mut prepared, mut stale) = (None, None, Vec::new());
    for intent in intents {
        if intent.statement < next
            || !matches!(intent.state, IntentState::Begun | IntentState::Failed(_))
        {
            continue;
        }
        let is_same = items
            .get(intent.statement)
            .is_some_and(|item| item.fingerprint == intent.fingerprint);
        if is_same && intent.statement == next {
            open = Some(intent.clone());
        } else if is_same && intent.before.transaction.is_some() {
            prepared = Some(intent.clone());
        } else {
            stale.push(intent.clone());
        }
    }
    Ok(Resume {
        next,
        open,
        prepared,
        stale,
    })
}

/// The fingerprints of statements in one.
pub(super) fn fingerprint_of(items: &[Item]) -> Fingerprint {
    let each: Vec<String> = items
        .iter()
        .map(|item| item.fingerprint.to_string())
        .collect();
    Fingerprint::of(&each.join(" "))
}

impl Standalone<'_> {
    /// What else can be done with a file that was begun with another text.
    pub(super) fn or_give_up(&self) -> String {
        let name = &self.migration.name;
        match name.reverted() {
            Some(_) => String::new(),
            None => format!(", or give it up: `segue abandon {name}`"),
        }
    }

    pub(super) fn refuse_difference(&self, difference: &Difference) -> StandaloneError {
        let done = match difference.done {
            1 => "its first statement is done, and is not run again".to_owned(),
            done => format!("its first {done} statements are done, and are not run again"),
        };
        let diagnostic = Diagnostic::new(
            code::CHANGED_WHILE_BEGUN,
            format!("`{}` was begun with other statements", self.migration.name),
        );
        let diagnostic = match self.items.get(difference.statement) {
            Some(item) => diagnostic
                .source(&files::excerpt(self.migration, item.span, item.line))
                .label(
                    item.span,
                    format!("statement {} was another one", difference.statement + 1),
                ),
            None => diagnostic.source(&self.migration.source),
        };
        StandaloneError::Failed(Box::new(
            diagnostic
                .note(done)
                .note(format!(
                    "statement {} was: {}",
                    difference.statement + 1,
                    difference.was
                ))
                .help(format!(
                    "bring the text of what is done back and edit only what follows{}",
                    self.or_give_up()
                )),
        ))
    }

    /// Passes over the statements that are done, and brings back what they did
    /// to the session. Whether the next one is in a transaction that a `COMMIT
    /// AND CHAIN` has opened.
    pub(super) async fn skip(
        &mut self,
        reader: &mut Reader,
        count: usize,
    ) -> Result<bool, StandaloneError> {
        if count == 0 {
            return Ok(false);
        }
        let mut is_in_block = false;
        let mut in_block: Vec<String> = Vec::new();
        let mut lost = Lost::default();
        for index in 0..count {
            let Some(statement) = reader.statement().await? else {
                break;
            };
            let placed = Placed::new(statement, &self.migration.variables);
            let class = Class::of(&placed.text);
            self.note_lock_timeout(&placed.text);
            self.note_lost(index, &class, &placed.text, &mut lost);
            match class.control {
                Some(TransactionControl::Begin) => is_in_block = true,
                Some(TransactionControl::Commit) => {
                    for sql in in_block.drain(..) {
                        self.replay(&sql).await?;
                    }
                    is_in_block = chains(&placed.text);
                }
                Some(TransactionControl::Rollback | TransactionControl::Prepare) => {
                    in_block.clear();
                    is_in_block = chains(&placed.text);
                }
                _ => {}
            }
            if let Some(mut sql) = self.session_change(index, &class, &placed.text) {
                if placed.resets_strings {
                    sql = format!("{sql}\n;{}", settings::after_reset(&placed.text));
                }
                if is_in_block {
                    in_block.push(sql);
                } else {
                    self.replay(&sql).await?;
                }
            }
        }
        self.refuse_lost(count, &lost).await?;
        // `pg_advisory_unlock_all()` frees ours too.
        self.hold_locks().await?;
        Ok(is_in_block)
    }

    async fn replay(&mut self, sql: &str) -> Result<(), StandaloneError> {
        let session = &*self.session;
        // An advisory lock may be somebody else's now.
        match self.watch.guard(session, session.execute(sql)).await? {
            // A prepared statement whose table is gone by now, for example:
            // whatever needs it says so itself.
            Err(Error::Server(error)) if !error.failure().is_connection_lost() => Ok(()),
            result => Ok(result?),
        }
    }

    /// What brings back what a done statement did to the session.
    fn session_change(&self, index: usize, class: &Class, text: &str) -> Option<String> {
        match self.items[index].digest.as_ref().map(|digest| &digest.kind) {
            Some(Kind::Set { local: false, .. }) => Some(text.to_owned()),
            Some(Kind::Discard { all: true }) => {
                Some(settings::clean_builder(self.session.server_version()))
            }
            _ if class.control.is_some() => None,
            _ => match class.keywords.split(' ').next() {
                Some("PREPARE" | "DEALLOCATE" | "LISTEN" | "UNLISTEN" | "LOAD") => {
                    Some(text.to_owned())
                }
                Some("SELECT") if session_use(text) == Some(SessionUse::AdvisoryLocks) => {
                    Some(text.to_owned())
                }
                _ => None,
            },
        }
    }
}

/// Whether a `COMMIT` or `ROLLBACK` opens the next transaction at once.
pub(super) fn chains(sql: &str) -> bool {
    let words: Vec<String> = sql
        .split_whitespace()
        .map(str::to_ascii_uppercase)
        .collect();
    words.iter().any(|word| word == "CHAIN") && !words.iter().any(|word| word == "NO")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::Checksum;
    use crate::postgres::Backend;
    use crate::procedure::Before;
    use crate::procedure::partitioned_index::Notes;
    use crate::text::Span;

    fn items(statements: &[&str]) -> Vec<Item> {
        statements
            .iter()
            .map(|sql| Item {
                fingerprint: Fingerprint::of(sql),
                span: Span::new(0, 0),
                line: 1,
                digest: None,
            })
            .collect()
    }

    fn intent(statement: usize, sql: &str, state: IntentState) -> Intent {
        Intent {
            id: 0,
            checksum: Checksum([0; 32]),
            statement,
            fingerprint: Fingerprint::of(sql),
            sql: sql.to_owned(),
            state,
            relation: None,
            indexes_before: Vec::new(),
            target: None,
            before: Before::default(),
            notes: Notes::default(),
            backend: Backend {
                pid: 1,
                start: String::new(),
            },
        }
    }

    #[track_caller]
    fn check(file: &[&str], intents: &[Intent], expected: &str) {
        let shown = match resume(&items(file), intents) {
            Ok(resume) => format!(
                "from {}, open {:?}, stale {:?}",
                resume.next,
                resume.open.map(|intent| intent.sql),
                resume
                    .stale
                    .iter()
                    .map(|intent| &intent.sql)
                    .collect::<Vec<_>>()
            ),
            Err(difference) => format!(
                "statement {} of {} done was {:?}",
                difference.statement, difference.done, difference.was
            ),
        };
        assert_eq!(shown, expected);
    }

    use IntentState::{Begun, Done, Failed, GivenUp};

    #[test]
    fn goes_on_after_what_is_done() {
        check(&["a", "b"], &[], "from 0, open None, stale []");
        check(
            &["a", "b"],
            &[intent(0, "a", Done), intent(1, "b", Begun)],
            r#"from 1, open Some("b"), stale []"#,
        );
        check(
            &["a", "b"],
            &[
                intent(0, "a", GivenUp),
                intent(0, "a", Done),
                intent(1, "b", Done),
            ],
            "from 2, open None, stale []",
        );
    }

    #[test]
    fn an_edited_statement_makes_its_try_stale() {
        check(
            &["new"],
            &[intent(0, "old", Failed("why".to_owned()))],
            r#"from 0, open None, stale ["old"]"#,
        );
        check(
            &["top", "a"],
            &[intent(0, "a", Begun)],
            r#"from 0, open None, stale ["a"]"#,
        );
    }

    #[test]
    fn what_is_done_must_still_be_there() {
        check(
            &["top", "a", "b"],
            &[intent(0, "a", Done), intent(1, "b", Begun)],
            r#"statement 0 of 1 done was "a""#,
        );
        check(
            &["a"],
            &[intent(0, "a", Done), intent(1, "b\nc", Done)],
            r#"statement 1 of 2 done was "b""#,
        );
    }

    #[test]
    fn chained_transactions_are_seen() {
        assert!(chains("commit and chain"));
        assert!(!chains("COMMIT AND NO CHAIN"));
        assert!(!chains("ROLLBACK"));
    }
}
