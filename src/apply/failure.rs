//! A server error inside a migration, as a diagnostic over its text.

use std::sync::Arc;

use crate::backfill::{Backfill, Template};
use crate::diagnostic::{Diagnostic, code};
use crate::files;
use crate::graph::Graph;
use crate::history::History;
use crate::migration::{Kind, Migration};
use crate::postgres::{Failure, ServerError};
use crate::statement::{CopyDirection, Statement, digests};
use crate::text::{Filled, Span, Variables, byte_offset};

/// A statement as it was sent, and where it stands.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its text, the values of variables included.
    pub text: Arc<str>,
    /// How it came from the text of the file, if values were filled in.
    filled: Option<Box<Filled>>,
    /// Bytes of the text in the file.
    pub span: Span,
    /// Line of its first byte, from 1.
    pub line: usize,
    /// See [`Statement::resets_strings`].
    pub resets_strings: bool,
    /// See [`CopyDirection::ToStdout`].
    pub copy_to_stdout: bool,
}

impl Placed {
    /// The statement with the values of these variables.
    #[must_use]
    pub fn new(statement: Statement, variables: &Variables) -> Self {
        let filled = variables.fill(&statement.text).map(Box::new);
        let text = match &filled {
            Some(filled) => Arc::from(filled.text.as_str()),
            None => Arc::from(statement.text),
        };
        Self {
            text,
            filled,
            span: statement.span,
            line: statement.position.line,
            resets_strings: statement.resets_strings,
            copy_to_stdout: statement.copy == Some(CopyDirection::ToStdout),
        }
    }

    /// The statement of a backfill over all rows of its table at once, as a
    /// transaction block takes it; `None` if it has no bounds.
    #[must_use]
    pub fn over_all(self, backfill: &Backfill) -> Option<Self> {
        let all = Template::new(&self.text).ok()?.over_all(backfill);
        let filled = match self.filled {
            Some(filled) => filled.then(all),
            None => all,
        };
        Some(Self {
            text: Arc::from(filled.text.as_str()),
            filled: Some(Box::new(filled)),
            ..self
        })
    }

    /// Its text as it stands in the file, without any value: what may be shown
    /// and kept.
    #[must_use]
    pub fn written(&self) -> &str {
        match &self.filled {
            Some(filled) => &filled.written,
            None => &self.text,
        }
    }

    /// `${NAME}` where byte `at` of its text comes from a value.
    fn variable_at(&self, at: usize) -> Option<&str> {
        let filled = self.filled.as_ref()?;
        let (from, length) = filled.written_at(at);
        filled.written.get(from..from + length?)
    }

    /// Bytes of the file behind `start..end` of its text.
    fn place(&self, start: usize, end: usize) -> Span {
        let (start, end) = match &self.filled {
            Some(filled) => filled.written_range(start, end),
            None => (start, end),
        };
        Span::new(self.span.start + start, self.span.start + end)
    }
}

/// The error as a diagnostic: the server's words at the very place.
#[must_use]
pub fn failure(migration: &Migration, placed: &Placed, error: &ServerError) -> Diagnostic {
    let source = files::excerpt(migration, placed.span, placed.line);
    let at = error
        .position
        .and_then(|position| byte_offset(&placed.text, position));
    let mut error = error.clone();
    // A quote inside a value ends the literal, and the server quotes the word
    // behind it: a part of the value.
    if let Some(at) = at
        && let Some(variable) = placed.variable_at(at)
        && let Some((before, rest)) = error.message.split_once('"')
        && let Some((word, after)) = rest.rsplit_once('"')
        && placed.text[at..].starts_with(word)
    {
        error.message = format!("{before}\"{variable}\"{after}");
    }
    let diagnostic = words(&error).conceal(&migration.variables).source(&source);
    if let Some(at) = at {
        let rest = &placed.text[at..];
        let word = rest
            .find(|char: char| !(char.is_alphanumeric() || char == '_' || char == '.'))
            .unwrap_or(rest.len())
            .max(rest.chars().next().map_or(0, char::len_utf8));
        diagnostic.label(placed.place(at, at + word), "")
    } else {
        let first = placed.written().lines().next().unwrap_or_default();
        let end = placed.span.start + first.len();
        diagnostic.label(Span::new(placed.span.start, end), "this statement")
    }
}

/// The error without a place.
#[must_use]
pub fn words(error: &ServerError) -> Diagnostic {
    let mut diagnostic =
        Diagnostic::new(code::SERVER_ERROR, &error.message).sqlstate(&error.sqlstate);
    for (title, text) in [("DETAIL", &error.detail), ("CONTEXT", &error.context)] {
        if let Some(text) = text {
            diagnostic = diagnostic.note(format!("{title}: {text}"));
        }
    }
    diagnostic.help_if(error.hint.as_ref(), |hint| {
        format!("the server's hint: {hint}")
    })
}

/// Adds what codd's issue 181 asks for: the missing thing may be made by a
/// concurrent migration that has not run yet.
#[must_use]
pub fn explain_missing(
    diagnostic: Diagnostic,
    error: &ServerError,
    placed: &Placed,
    migration: &Migration,
    graph: &Graph,
    history: &History,
    project: &str,
) -> Diagnostic {
    if error.failure() != Failure::Undefined {
        return diagnostic;
    }
    let digest = digests(&[&placed.text]).into_iter().next().flatten();
    let named = |name: &str| match &digest {
        Some(digest) => digest.touches.iter().any(|relation| relation.name == name),
        None => placed.text.contains(name),
    } || {
        let name = migration.variables.conceal(name);
        error.message.contains(&format!("\"{name}\""))
    };
    let maker = graph.migrations().find_map(|concurrent| {
        // What it makes itself, one that is folded does not lack.
        let is_open = concurrent.kind == Kind::Concurrent
            && concurrent.name != migration.name
            && history.progress(project, &concurrent.name).is_open();
        let relations = concurrent.outline.as_ref()?.relations.as_ref()?;
        let made = relations.makes.iter().find(|name| named(name))?;
        is_open.then_some((concurrent, made))
    });
    let Some((concurrent, made)) = maker else {
        return diagnostic;
    };
    let made = migration.variables.conceal(made);
    let diagnostic = diagnostic.note(format!(
        "`{made}` is created by `{}`, a concurrent migration, which runs after the batch",
        concurrent.name
    ));
    if concurrent.name < migration.name {
        diagnostic.help(format!(
            "write `-- segue: end-concurrent-migration: {}` at the top of the file: it then waits until that one is done",
            concurrent.name
        ))
    } else {
        diagnostic.help(format!(
            "give this file a name after `{0}`, and write `-- segue: end-concurrent-migration: {0}` at its top",
            concurrent.name
        ))
    }
}
