//! What an ignore rule matches: `table public.tmp_*`.
//!
//! ```text
//! KIND NAMESPACE.NAME           an object in a namespace
//! KIND NAME                     an object in the database itself: extension x
//! * NAMESPACE.NAME, * NAME      the same of every kind
//! PART NAMESPACE.NAME.PART      a part of an object: index public.users.idx_*
//! partitions of NAMESPACE.NAME  a table's partitions, and theirs
//! ```
//!
//! Names are written as they are, upper and lower case told apart. `*` stands
//! for any characters, `?` for one, neither for the dot between two names. In
//! double quotes everything stands for itself, `""` for one of them; dots
//! within parentheses belong to a routine's arguments.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::schema::{Kind, ObjectId, Snapshot, Value};
use crate::text::nearest;

/// A pattern of what is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    what: What,
    name: Vec<Piece>,
}

/// What a pattern is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Objects of every kind.
    Any,
    /// Objects of this kind.
    Objects(Kind),
    /// Parts of objects, under this key of their attributes.
    Parts(&'static str),
    /// Partitions of tables.
    Partitions,
}

/// Parts of objects: the word, and the key of the attributes that has them.
const PARTS: [(&str, &str); 6] = [
    ("column", "columns"),
    ("constraint", "constraints"),
    ("index", "indexes"),
    ("trigger", "triggers"),
    ("rule", "rules"),
    ("policy", "policies"),
];

/// What stands before the name of a partitioned table.
const PARTITIONS: &str = "partitions of";

/// Attribute of a partition: the table that it is one of.
const PARTITION_OF: &str = "partition_of";

/// One thing that a pattern, or a name, is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    /// Itself.
    Letter(char),
    /// The dot between two names.
    Dot,
    /// Any character.
    One,
    /// Any number of any characters.
    Any,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing before the name.
    #[error("`{0}` lacks what it is for: `table {0}`, or `* {0}` for every kind")]
    NoKind(String),
    /// Something else before the name.
    #[error("`{word}` is no kind of object{}", near(.nearest.as_deref()))]
    UnknownKind {
        /// As written.
        word: String,
        /// One that is spelt alike.
        nearest: Option<String>,
    },
    /// Nothing after it.
    #[error("`{0}` lacks a name: `{0} public.tmp_*` for example")]
    NoName(String),
    /// Too few or too many dots.
    #[error("`{pattern}` has to be like `{example}`")]
    Names {
        /// As written.
        pattern: String,
        /// How it would be right.
        example: String,
    },
    /// A quote without its other one.
    #[error("a `\"` of `{0}` is not closed")]
    OpenQuote(String),
    /// Nothing between, before or after dots.
    #[error("a name in `{0}` is empty")]
    EmptyName(String),
}

fn near(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| {
        format!(": did you mean `{nearest}`?")
    })
}

impl fmt::Display for Pattern {
    /// As it was written.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let text = text.trim();
        let (what, rest) = what(text)?;
        let pieces = pieces(rest).ok_or_else(|| PatternError::OpenQuote(text.to_owned()))?;
        let names: Vec<_> = pieces.split(|piece| *piece == Piece::Dot).collect();
        let wrong = |example: String| {
            Err(PatternError::Names {
                pattern: text.to_owned(),
                example,
            })
        };
        let word = text.strip_suffix(rest).unwrap_or_default().trim_end();
        match (what, names.len()) {
            (What::Any, 1 | 2) | (What::Partitions, 2) | (What::Parts(_), 3) => {}
            (What::Any, _) => return wrong("* public.tmp_*".to_owned()),
            (What::Partitions, _) => return wrong(format!("{PARTITIONS} public.events")),
            (What::Parts(_), _) => return wrong(format!("{word} public.users.some_*")),
            (What::Objects(kind), 1) if is_in_namespace(kind) => {
                return wrong(format!("{word} public.{rest}"));
            }
            (What::Objects(kind), 3..) if is_in_namespace(kind) => {
                return wrong(format!("{word} public.some_*"));
            }
            // Casts and the like have dots in their names.
            (What::Objects(_), _) => {}
        }
        if names.iter().any(|name| name.is_empty()) {
            return Err(PatternError::EmptyName(text.to_owned()));
        }
        Ok(Self {
            text: text.to_owned(),
            what,
            name: pieces,
        })
    }
}

/// What a pattern is for, and the rest of it.
fn what(text: &str) -> Result<(What, &str), PatternError> {
    // `materialized-view` and, as in messages, `materialized view`; longest
    // first, so that `operator class` is no operator.
    let mut words: Vec<(String, What)> = vec![
        ("*".to_owned(), What::Any),
        (PARTITIONS.to_owned(), What::Partitions),
    ];
    words.extend(PARTS.map(|(word, key)| (word.to_owned(), What::Parts(key))));
    for kind in Kind::ALL {
        words.push((kind.as_str().to_owned(), What::Objects(*kind)));
        words.push((kind.to_string(), What::Objects(*kind)));
    }
    words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
    for (word, what) in &words {
        match text.strip_prefix(word.as_str()) {
            Some("") => return Err(PatternError::NoName(text.to_owned())),
            Some(rest) if rest.starts_with(char::is_whitespace) => {
                return Ok((*what, rest.trim_start()));
            }
            _ => {}
        }
    }
    let Some((word, _)) = text.split_once(char::is_whitespace) else {
        return Err(PatternError::NoKind(text.to_owned()));
    };
    let nearest = nearest(word, words.iter().map(|(known, _)| known.as_str()));
    Err(PatternError::UnknownKind {
        word: word.to_owned(),
        nearest: nearest.map(ToOwned::to_owned),
    })
}

/// Whether all objects of a kind are in a namespace. Default privileges may
/// be.
fn is_in_namespace(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Database
            | Kind::Role
            | Kind::Namespace
            | Kind::Extension
            | Kind::Cast
            | Kind::AccessMethod
            | Kind::Language
            | Kind::Transform
            | Kind::EventTrigger
            | Kind::Publication
            | Kind::Subscription
            | Kind::ForeignDataWrapper
            | Kind::ForeignServer
            | Kind::UserMapping
            | Kind::DefaultPrivileges
    )
}

/// What a pattern's names are made of; `None` if a quote is not closed.
fn pieces(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut letters = text.chars().peekable();
    let mut parentheses = 0_u32;
    while let Some(letter) = letters.next() {
        match letter {
            '"' => loop {
                match letters.next()? {
                    '"' if letters.next_if_eq(&'"').is_none() => break,
                    letter => pieces.push(Piece::Letter(letter)),
                }
            },
            '*' => pieces.push(Piece::Any),
            '?' => pieces.push(Piece::One),
            '.' if parentheses == 0 => pieces.push(Piece::Dot),
            letter => {
                match letter {
                    '(' => parentheses += 1,
                    ')' => parentheses = parentheses.saturating_sub(1),
                    _ => {}
                }
                pieces.push(Piece::Letter(letter));
            }
        }
    }
    Some(pieces)
}

/// Names with dots between them.
fn joined(names: &[&str]) -> Vec<Piece> {
    let names: Vec<Vec<Piece>> = names
        .iter()
        .map(|name| name.chars().map(Piece::Letter).collect())
        .collect();
    names.join(&Piece::Dot)
}

fn subject(id: &ObjectId) -> Vec<Piece> {
    match &id.namespace {
        Some(namespace) => joined(&[namespace, &id.name]),
        None => joined(&[&id.name]),
    }
}

/// Whether a name is as the pattern has it. Linear but for stars, each of which
/// is tried at every place once.
fn matches(pattern: &[Piece], name: &[Piece]) -> bool {
    let fits = |piece: Piece, found: Piece| match piece {
        Piece::One | Piece::Any => found != Piece::Dot,
        // In the name of a cast a dot is one of its letters.
        Piece::Dot => matches!(found, Piece::Dot | Piece::Letter('.')),
        Piece::Letter(_) => found == piece,
    };
    let (mut at, mut read) = (0, 0);
    // The last star, and how far it reaches.
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        match pattern.get(at) {
            Some(Piece::Any) => {
                star = Some((at, read));
                at += 1;
            }
            Some(piece) if fits(*piece, name[read]) => {
                at += 1;
                read += 1;
            }
            _ => match star {
                // The star takes one more, unless that is the end of a name.
                Some((place, reach)) if name[reach] != Piece::Dot => {
                    star = Some((place, reach + 1));
                    at = place + 1;
                    read = reach + 1;
                }
                _ => return false,
            },
        }
    }
    pattern[at..].iter().all(|piece| *piece == Piece::Any)
}

/// Something that a pattern matches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Match {
    /// The object.
    pub object: ObjectId,
    /// Not all of it: a key of its attributes, and one within.
    pub part: Option<(&'static str, String)>,
}

impl Pattern {
    /// What it matches.
    pub(super) fn find(&self, snapshot: &Snapshot) -> Vec<Match> {
        match self.what {
            What::Any => self.objects(snapshot, |_| true),
            What::Objects(kind) => self.objects(snapshot, |id| id.kind == kind),
            What::Parts(key) => self.parts(snapshot, key),
            What::Partitions => self.partitions(snapshot),
        }
    }

    fn objects(&self, snapshot: &Snapshot, of: impl Fn(&ObjectId) -> bool) -> Vec<Match> {
        let objects = snapshot.objects.keys();
        objects
            .filter(|id| of(id) && matches(&self.name, &subject(id)))
            .map(Match::whole)
            .collect()
    }

    fn parts(&self, snapshot: &Snapshot, key: &'static str) -> Vec<Match> {
        let mut found = Vec::new();
        for (object, attributes) in &snapshot.objects {
            let (Some(namespace), Some(Value::Object(parts))) =
                (&object.namespace, attributes.get(key))
            else {
                continue;
            };
            let parts = parts
                .keys()
                .filter(|part| matches(&self.name, &joined(&[namespace, &object.name, part])));
            found.extend(parts.map(|part| Match {
                object: object.clone(),
                part: Some((key, part.clone())),
            }));
        }
        found
    }

    fn partitions(&self, snapshot: &Snapshot) -> Vec<Match> {
        // By their parents.
        let mut partitions: BTreeMap<Vec<Piece>, Vec<&ObjectId>> = BTreeMap::new();
        for (id, attributes) in &snapshot.objects {
            // A name as PostgreSQL writes it, with quotes where it needs them.
            if let Some(Value::String(parent)) = attributes.get(PARTITION_OF)
                && let Some(parent) = pieces(parent)
            {
                partitions.entry(parent).or_default().push(id);
            }
        }
        let matched = partitions.keys().filter(|name| matches(&self.name, name));
        let mut parents: Vec<Vec<Piece>> = matched.cloned().collect();
        let mut found = Vec::new();
        while let Some(parent) = parents.pop() {
            // Taken out, so that each is visited once.
            for id in partitions.remove(&parent).unwrap_or_default() {
                parents.push(subject(id));
                found.push(Match::whole(id));
            }
        }
        found
    }
}

impl Match {
    fn whole(object: &ObjectId) -> Self {
        Self {
            object: object.clone(),
            part: None,
        }
    }

    /// Takes it out of a snapshot.
    pub(super) fn remove(&self, snapshot: &mut Snapshot) {
        let Some((key, part)) = &self.part else {
            snapshot.objects.remove(&self.object);
            return;
        };
        let Some(attributes) = snapshot.objects.get_mut(&self.object) else {
            return;
        };
        if let Some(Value::Object(parts)) = attributes.get_mut(*key) {
            parts.remove(part);
            // What is not there has no key.
            if parts.is_empty() {
                attributes.remove(*key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
