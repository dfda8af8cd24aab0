//! What a file has left in the session that ran its first statements, and that
//! no other session can have: those that may need it are not run.

use super::reader::Reader;
use super::{Standalone, StandaloneError};
use crate::diagnostic::{Diagnostic, code};
use crate::files;
use crate::migration::Item;
use crate::statement::{Class, Kind, SessionUse, session_use};

/// What is gone with the session.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// Temporary tables.
    tables: Vec<String>,
    /// Cursors `WITH HOLD`.
    cursors: Vec<String>,
    /// The statement that has taken advisory locks which cannot be taken again
    /// by running it again.
    locks: Option<usize>,
}

impl Standalone<'_> {
    /// Notes what a done statement has left.
    pub(super) fn note_lost(&self, index: usize, class: &Class, text: &str, lost: &mut Lost) {
        let used = class
            .may_change_session
            .then(|| session_use(text))
            .flatten();
        match used {
            Some(SessionUse::HoldsCursor(name)) => lost.cursors.push(name),
            Some(SessionUse::UsesCursor(None)) => lost.cursors.clear(),
            Some(SessionUse::UsesCursor(Some(name))) if class.keywords == "CLOSE" => {
                lost.cursors.retain(|cursor| *cursor != name);
            }
            None if takes_locks(text) => lost.locks = Some(index),
            Some(SessionUse::AdvisoryLocks | SessionUse::UsesCursor(_)) | None => {}
        }
        let Some(digest) = &self.items[index].digest else {
            return;
        };
        if digest.kind == (Kind::Discard { all: true }) {
            *lost = Lost::default();
        }
        lost.tables
            .retain(|name| !digest.drops.iter().any(|dropped| dropped.name == *name));
        let words: Vec<&str> = class.keywords.split(' ').collect();
        let is_temporary = words.contains(&"TEMP") || words.contains(&"TEMPORARY");
        for made in &digest.makes {
            if is_temporary || made.namespace.as_deref() == Some("pg_temp") {
                lost.tables.push(made.name.clone());
            }
        }
    }

    /// Refuses to go on at `next` if a statement from there on may need what is
    /// lost.
    pub(super) async fn refuse_lost(
        &self,
        next: usize,
        lost: &Lost,
    ) -> Result<(), StandaloneError> {
        let rest = &self.items[next.min(self.items.len())..];
        let needs = |item: &&Item, name: &String| match &item.digest {
            Some(digest) => {
                matches!(digest.kind, Kind::Call { .. } | Kind::Do)
                    || digest.touches.iter().any(|touched| touched.name == *name)
            }
            None => true,
        };
        for name in &lost.tables {
            if let Some(item) = rest.iter().find(|item| needs(item, name)) {
                let what = format!("the temporary table `{name}`");
                return Err(self.lost(next, item, &what, "use an ordinary table in its place"));
            }
        }
        if let (Some(_), Some(item)) = (lost.locks, rest.first()) {
            let what = "an advisory lock that an earlier statement has taken";
            let instead = "take it in a statement of its own, `SELECT pg_advisory_lock(42);`, which can be run again";
            return Err(self.lost(next, item, what, instead));
        }
        if lost.cursors.is_empty() {
            return Ok(());
        }
        let mut reader = Reader::open(self.migration);
        let mut index = 0;
        while let Some(statement) = reader.statement().await? {
            if index >= next
                && let Some(SessionUse::UsesCursor(Some(name))) = session_use(&statement.text)
                && lost.cursors.contains(&name)
                && let Some(item) = self.items.get(index)
            {
                let what = format!("the cursor `{name}`");
                return Err(self.lost(next, item, &what, "write its rows into a table"));
            }
            index += 1;
        }
        Ok(())
    }

    fn lost(&self, next: usize, item: &Item, what: &str, instead: &str) -> StandaloneError {
        let diagnostic = Diagnostic::new(
            code::TEMPORARY_OBJECTS_LOST,
            format!("{what} is gone with the session that made it"),
        )
        .source(&files::excerpt(self.migration, item.span, item.line))
        .label(item.span, "may need it")
        .note(match next {
            1 => "the first statement of the file is done, and is not run again".to_owned(),
            _ => {
                format!("the first {next} statements of the file are done, and are not run again")
            }
        })
        .help(match self.migration.name.reverted() {
            // Nobody gives up what takes back.
            Some(_) => format!(
                "{instead}, or put all statements that need it between BEGIN and COMMIT; what is done stays done"
            ),
            None => format!(
                "{instead}, or put all statements that need it between BEGIN and COMMIT; what is done stays done: write the rest as a new migration and give this one up with `segue abandon {}`",
                self.migration.name
            ),
        });
        StandaloneError::Failed(Box::new(diagnostic))
    }
}

/// Whether a text names a function that takes advisory locks of the session.
fn takes_locks(text: &str) -> bool {
    const WORDS: [&str; 2] = ["pg_advisory_lock", "pg_try_advisory_lock"];
    let text = text.to_ascii_lowercase();
    WORDS.iter().any(|word| text.contains(word))
}
