//! Draws a [`Diagnostic`] for people.
//!
//! The snippet is `annotate-snippets`'; title, place and footers are written
//! here, because the library sets them off differently from `rustc`'s layout
//! that our documents show.

use std::fmt::Write as _;

use annotate_snippets::{
    AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str, renderer,
};

use super::excerpt::Excerpt;
use super::{Diagnostic, Severity};

/// Whether to use terminal colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text alone.
    Plain,
    /// ANSI escape sequences.
    Colour,
}

/// The diagnostic as lines of text, each ended by `\n`.
///
/// ```text
/// error[unknown-migration]: no migration is named `0007-add-user.sql`
///   --> migrations/0009-add-orders.sql:2:36
///   |
/// 2 | -- segue: end-concurrent-migration: 0007-add-user.sql
///   |                                     ^^^^^^^^^^^^^^^^^ ended here
///   = help: did you mean `0007-add-users.sql`?
/// ```
#[must_use]
pub fn render(diagnostic: &Diagnostic, style: Style) -> String {
    let (level, name, colour) = match diagnostic.severity {
        Severity::Error => (Level::ERROR, "error", renderer::DEFAULT_ERROR_STYLE),
        Severity::Warning => (Level::WARNING, "warning", renderer::DEFAULT_WARNING_STYLE),
    };
    let paint = Paint(style);
    let mut drawn = format!(
        "{}{}\n",
        paint.with(colour, &format!("{name}[{}]", diagnostic.code)),
        paint.with(
            renderer::DEFAULT_EMPHASIS_STYLE,
            &format!(": {}", hanging(&diagnostic.message, 0)),
        ),
    );
    let mut margin = 1;
    if let (Some(source), Some(position), Some(excerpt)) = (
        &diagnostic.source,
        diagnostic.position(),
        Excerpt::new(diagnostic),
    ) {
        margin = excerpt.last_line.to_string().len();
        // Writing into a string cannot fail.
        let _ = writeln!(
            drawn,
            "{:margin$} {} {}:{}:{}",
            "",
            paint.with(renderer::DEFAULT_LINE_NUM_STYLE, "-->"),
            normalize_untrusted_str(source.name()),
            position.line,
            position.column,
        );
        for line in snippet(diagnostic, &excerpt, level, style).split('\n') {
            drawn.push_str(line.trim_end());
            drawn.push('\n');
        }
    } else if let Some(source) = &diagnostic.source {
        let _ = writeln!(
            drawn,
            "{:margin$} {} {}",
            "",
            paint.with(renderer::DEFAULT_LINE_NUM_STYLE, "-->"),
            normalize_untrusted_str(source.name()),
        );
    }
    let state = diagnostic.sqlstate.as_ref();
    let state = state.map(|state| ("note", format!("SQLSTATE {state}")));
    let notes = diagnostic.notes.iter().map(|note| ("note", note.clone()));
    let helps = diagnostic.helps.iter().map(|help| ("help", help.clone()));
    for (name, text) in notes.chain(state).chain(helps) {
        if text.trim().is_empty() {
            continue;
        }
        let _ = writeln!(
            drawn,
            "{:margin$} {} {}: {}",
            "",
            paint.with(renderer::DEFAULT_LINE_NUM_STYLE, "="),
            paint.with(renderer::DEFAULT_EMPHASIS_STYLE, name),
            hanging(&text, margin + 3 + name.len() + 2),
        );
    }
    drawn
}

/// The lines of the file with their labels, without a line end at the end.
fn snippet(diagnostic: &Diagnostic, excerpt: &Excerpt, level: Level, style: Style) -> String {
    let labels = diagnostic.labels.iter().zip(&excerpt.ranges).enumerate();
    let annotations = labels.map(|(index, (label, range))| {
        let kind = match index {
            0 => AnnotationKind::Primary,
            _ => AnnotationKind::Context,
        };
        let text = (!label.text.is_empty()).then(|| hanging(&label.text.replace('\n', " "), 0));
        kind.span(range.clone()).label(text)
    });
    let snippet = Snippet::source(excerpt.text.as_str())
        .line_start(excerpt.first_line)
        .annotations(annotations);
    // Lines are cut already; a second cut by the library would depend on the
    // length of the label.
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Colour => Renderer::styled(),
    };
    let renderer = renderer.term_width(10_000);
    renderer.render(&[Group::with_level(level).element(snippet)])
}

/// A line of a message has at most so many characters: the server repeats a
/// value of a megabyte in its message.
const MESSAGE_CHARS_MAX: usize = 1_000;

/// `text` with control characters made visible, its further lines indented by
/// `indent`, and long lines cut.
fn hanging(text: &str, indent: usize) -> String {
    let lines: Vec<_> = text
        .trim_end()
        .lines()
        .map(|line| match line.char_indices().nth(MESSAGE_CHARS_MAX) {
            Some((end, _)) => normalize_untrusted_str(&line[..end]) + "...",
            None => normalize_untrusted_str(line),
        })
        .collect();
    lines.join(&format!("\n{:indent$}", ""))
}

struct Paint(Style);

impl Paint {
    fn with(&self, style: renderer::Style, text: &str) -> String {
        match self.0 {
            Style::Plain => text.to_owned(),
            Style::Colour => format!("{style}{text}{style:#}"),
        }
    }
}

#[cfg(test)]
mod tests;
