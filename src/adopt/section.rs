//! Files that say both how to go up and how to come down again, with marks in
//! comments: dbmate's and goose's.

use crate::text::Span;

/// Whose marks a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// `-- migrate:up`, `-- migrate:down`
    Dbmate,
    /// `-- +goose Up`, `-- +goose Down`
    Goose,
}

/// What a line is, if it is a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Up,
    Down,
    /// Outside a transaction.
    Autocommit,
    /// Around a statement with semicolons in it, which we cut ourselves.
    Statement,
    /// Environment variables are put in.
    Substitution,
}

impl Marks {
    /// Whose marks the comments at the top of a file have. Both tools want
    /// theirs before the first statement.
    #[must_use]
    pub fn of_header(header: &str) -> Option<Self> {
        header.lines().find_map(|line| {
            [Self::Dbmate, Self::Goose]
                .into_iter()
                .find(|marks| marks.read(line) == Some(Mark::Up))
        })
    }

    /// Whose they are.
    #[must_use]
    pub const fn tool(self) -> &'static str {
        match self {
            Self::Dbmate => "dbmate",
            Self::Goose => "goose",
        }
    }

    fn read(self, line: &str) -> Option<Mark> {
        let words = line.trim().strip_prefix("--")?.trim();
        match self {
            // The mark stands at the start of its line; options may follow.
            Self::Dbmate => {
                let mut words = line.strip_prefix("--")?.split_whitespace();
                match words.next()? {
                    "migrate:up" => Some(Mark::Up),
                    "migrate:down" => Some(Mark::Down),
                    _ => None,
                }
            }
            Self::Goose => {
                let mut words = words.split_whitespace();
                if words.next()? != "+goose" {
                    return None;
                }
                let words: Vec<String> = words.map(str::to_ascii_lowercase).collect();
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                match words.as_slice() {
                    ["up"] => Some(Mark::Up),
                    ["down"] => Some(Mark::Down),
                    ["no", "transaction"] => Some(Mark::Autocommit),
                    ["statementbegin" | "statementend"] => Some(Mark::Statement),
                    ["envsubst", ..] => Some(Mark::Substitution),
                    _ => None,
                }
            }
        }
    }
}

/// The first mark of a way down that has more than comments after it, in
/// bytes of `text`.
#[must_use]
pub fn down_section(marks: Marks, text: &str) -> Option<Span> {
    let mut down: Option<Span> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let span = Span::new(at, at + line.trim_end().len());
        at += line.len();
        match marks.read(line) {
            Some(Mark::Down) => down = Some(span),
            Some(Mark::Up) => down = None,
            None if down.is_some() => {
                let line = line.trim();
                if !line.is_empty() && !line.starts_with("--") {
                    return down;
                }
            }
            Some(_) | None => {}
        }
    }
    None
}

/// The way up of a file, as a file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Up {
    /// Without marks.
    pub(super) text: String,
    /// Whether it is to run outside a transaction.
    pub(super) is_autocommit: bool,
    /// Whether environment variables are put in.
    pub(super) has_substitution: bool,
}

/// The way up; `None` if the file has no mark of it.
pub(super) fn up_section(marks: Marks, text: &str) -> Option<Up> {
    let mut up = Up {
        text: String::new(),
        is_autocommit: false,
        has_substitution: false,
    };
    // Comments before the first mark belong to the file.
    let mut section = None;
    let mut has_up = false;
    for line in text.split_inclusive('\n') {
        match marks.read(line) {
            Some(mark @ (Mark::Up | Mark::Down)) => {
                section = Some(mark);
                has_up |= mark == Mark::Up;
                let is_autocommit = line
                    .split_whitespace()
                    .any(|word| word == "transaction:false");
                up.is_autocommit |= mark == Mark::Up && is_autocommit;
            }
            Some(Mark::Autocommit) => up.is_autocommit = true,
            Some(Mark::Substitution) => up.has_substitution |= section != Some(Mark::Down),
            None if section != Some(Mark::Down) => up.text.push_str(line),
            Some(Mark::Statement) | None => {}
        }
    }
    has_up.then_some(up)
}
