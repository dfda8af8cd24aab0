//! A line of what is told: a verb in a column of its own, and a sentence.

use std::fmt::Write as _;

use clap::builder::styling::{AnsiColor, Style as Ansi};

use crate::diagnostic::render::Style;

/// What a line is about, which gives its verb a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Something is done.
    Done,
    /// Something goes on.
    Active,
    /// Something is waited for, or has to be known.
    Notable,
    /// Something failed.
    Failed,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The colour of its verb.
    pub tone: Tone,
    /// One word or two, at most [`VERB_WIDTH`] characters.
    pub verb: &'static str,
    /// The rest; may have further lines.
    pub text: String,
}

/// The verbs end in this column.
pub(crate) const VERB_WIDTH: usize = 12;

impl Tone {
    pub(crate) fn ansi(self) -> Ansi {
        let color = match self {
            Self::Done => AnsiColor::Green,
            Self::Active => AnsiColor::Cyan,
            Self::Notable => AnsiColor::Yellow,
            Self::Failed => AnsiColor::Red,
        };
        color.on_default().bold()
    }
}

impl Line {
    pub(crate) fn new(tone: Tone, verb: &'static str, text: impl Into<String>) -> Self {
        Self {
            tone,
            verb,
            text: text.into(),
        }
    }

    pub(crate) fn done(verb: &'static str, text: impl Into<String>) -> Self {
        Self::new(Tone::Done, verb, text)
    }

    pub(crate) fn active(verb: &'static str, text: impl Into<String>) -> Self {
        Self::new(Tone::Active, verb, text)
    }

    pub(crate) fn notable(verb: &'static str, text: impl Into<String>) -> Self {
        Self::new(Tone::Notable, verb, text)
    }

    /// As text, without a line end at the end.
    pub(crate) fn draw(&self, style: Style) -> String {
        let ansi = self.tone.ansi();
        let mut drawn = match style {
            Style::Plain => format!("{:>VERB_WIDTH$}", self.verb),
            Style::Colour => format!("{ansi}{:>VERB_WIDTH$}{ansi:#}", self.verb),
        };
        for (index, line) in self.text.lines().enumerate() {
            // Writing into a string cannot fail.
            let _ = if index == 0 {
                write!(drawn, " {line}")
            } else {
                write!(drawn, "\n{:VERB_WIDTH$} {line}", "")
            };
        }
        drawn
    }
}

/// A heading such as `error: `, in bold where there is colour.
pub(crate) fn heading(tone: Tone, word: &str, style: Style) -> String {
    let ansi = tone.ansi();
    match style {
        Style::Plain => format!("{word}:"),
        Style::Colour => format!("{ansi}{word}:{ansi:#}"),
    }
}
