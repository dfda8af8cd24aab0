//! What is found in a batch migration → the same, cut into a triple: the file
//! without what holds others up, concurrent migrations that do that in the
//! tail, and an ending migration where something is left to do behind them.
//!
//! Texts are changed where they have to be, by bytes; nothing is written anew
//! from its tree. Where it is not certain that the triple ends with the same
//! schema, the statement is left as it is, and the reason told. Reading and
//! writing files is left to others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pg_query::NodeEnum;

use super::{File, Finding};
use crate::directive::{self, Directives};
use crate::migration::{Kind, Name, Slug, stamp_of};
use crate::statement::{self, RelationName};
use crate::text::{Source, Span};

mod compose;
mod cut;
mod name;
mod relies;
mod rewriting;
mod words;

use compose::{Compose, Moved};
use relies::Near;

/// The rules whose findings may be mended.
pub const RULES: [&str; 5] = [
    "index-not-concurrently",
    "constraint-builds-index",
    "set-not-null-scans",
    "foreign-key-not-valid",
    "check-not-valid",
];

/// What a file becomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fixed {
    /// Its new text; as it was if nothing is mended.
    pub text: String,
    /// The concurrent migration that it has become itself, with its partner:
    /// there was nothing else in it.
    pub turned: Option<Name>,
    /// Files that come into being, by name. One that is there already with the
    /// same statements is an earlier try's.
    pub files: Vec<Written>,
    /// What was done, by line.
    pub done: Vec<Done>,
    /// What was left as it is, by line.
    pub left: Vec<Left>,
}

/// A file that comes into being.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its name; sorts behind that of the file it comes from.
    pub name: Name,
    /// Its whole text.
    pub text: String,
    /// Whether it ends others, and so makes a deployment wait for them.
    pub is_ending: bool,
    /// Whether it is there already, from an earlier try.
    pub is_there: bool,
}

/// A statement that was mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Line of the statement, before.
    pub line: usize,
    /// The rules that found fault with it.
    pub rules: Vec<&'static str>,
    /// Whether nothing of it stays in the file.
    pub is_cut: bool,
    /// What else is to be known.
    pub notes: Vec<String>,
}

/// A statement that was not mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Line of the statement.
    pub line: usize,
    /// The rules that find fault with it.
    pub rules: Vec<&'static str>,
    /// Why, behind "because".
    pub reason: String,
}

/// The files of the project, as far as that matters here.
#[derive(Clone, Copy, Debug)]
pub struct Folder<'a> {
    /// All, in the order in which they run.
    pub files: &'a [File],
    /// Those that a directive of another one names.
    pub named: &'a BTreeSet<Name>,
}

/// Mends what can be mended of `findings` in `file`, whose whole text is
/// `text`.
#[must_use]
pub fn fix(file: &File, text: &str, findings: &[Finding], folder: Folder<'_>) -> Fixed {
    mend(file, text, &wanted(file, findings), folder)
}

/// The same, of the rules that find fault with each statement.
fn mend(
    file: &File,
    text: &str,
    wanted: &BTreeMap<usize, Vec<&'static str>>,
    folder: Folder<'_>,
) -> Fixed {
    let unchanged = Fixed {
        text: text.to_owned(),
        ..Fixed::default()
    };
    if wanted.is_empty() {
        return unchanged;
    }
    let source = Arc::new(Source::new(file.name.as_str(), text));
    let (directives, problems) = directive::parse(&source);
    let refused = refusal(file, &directives, !problems.is_empty());
    if let Some(reason) = refused {
        let left = wanted.iter().map(|(index, rules)| Left {
            line: file.statements[*index].statement().position.line,
            rules: rules.clone(),
            reason: reason.to_owned(),
        });
        return Fixed {
            left: left.collect(),
            ..unchanged
        };
    }
    let own: Vec<Option<&str>> = file.statements.iter().map(super::Text::parsed).collect();
    let later = later(file, folder.files);
    let all: Vec<Option<&str>> = own
        .iter()
        .copied()
        .chain(later.iter().map(|(_, text)| text.parsed()))
        .collect();
    let partitioned = partitioned(folder.files);
    let result = statement::with_trees(&all, |trees| {
        let nodes: Vec<Option<&NodeEnum>> = trees.collect();
        decide(file, wanted, &later, &nodes, &partitioned)
    });
    let Some((moved, left)) = result else {
        return unchanged;
    };
    let mut fixed = if moved.is_empty() {
        unchanged
    } else {
        Compose {
            file,
            text,
            directives: &directives,
            folder,
        }
        .compose(&moved)
    };
    fixed.left = left;
    fixed
}

/// The rules that find fault with each statement, waived findings left out.
fn wanted(file: &File, findings: &[Finding]) -> BTreeMap<usize, Vec<&'static str>> {
    let mut wanted: BTreeMap<usize, Vec<&'static str>> = BTreeMap::new();
    for finding in findings {
        let rule = RULES.iter().find(|rule| **rule == finding.code().as_str());
        let (Some(rule), None, true) = (rule, &finding.waived, finding.migration == file.name)
        else {
            continue;
        };
        let at = finding.span().start;
        let holds = |span: Span| (span.start..span.end).contains(&at);
        let mut statements = file.statements.iter();
        if let Some(index) = statements.position(|text| holds(text.statement().span)) {
            let rules = wanted.entry(index).or_default();
            if !rules.contains(rule) {
                rules.push(rule);
            }
        }
    }
    wanted
}

/// Why nothing of a file can be mended by rule.
fn refusal(file: &File, directives: &Directives, is_invalid: bool) -> Option<&'static str> {
    if file.kind != Kind::Batch {
        Some("the file does not run in the batch's transaction, which is what a triple is cut from")
    } else if is_invalid {
        Some("there are problems in the file's header")
    } else if directives.connection.is_some() {
        Some("the file runs on a connection of its own, which a concurrent migration has not")
    } else if !directives.env_vars.is_empty() {
        Some("the file takes environment variables")
    } else {
        None
    }
}

/// Statements of the files behind this one.
fn later<'a>(file: &File, files: &'a [File]) -> Vec<(&'a Name, &'a super::Text)> {
    let behind = files.iter().filter(|other| other.name > file.name);
    behind
        .flat_map(|other| other.statements.iter().map(|text| (&other.name, text)))
        .collect()
}

/// Tables that some file makes `PARTITION BY`.
fn partitioned(files: &[File]) -> BTreeSet<RelationName> {
    let texts: Vec<Option<&str>> = files
        .iter()
        .flat_map(|file| file.statements.iter().map(super::Text::parsed))
        .map(|sql| sql.filter(|sql| sql.to_ascii_uppercase().contains("PARTITION BY")))
        .collect();
    if texts.iter().all(Option::is_none) {
        return BTreeSet::new();
    }
    let found = statement::with_trees(&texts, |trees| {
        trees
            .filter_map(|node| match node? {
                NodeEnum::CreateStmt(create) if create.partspec.is_some() => {
                    create.relation.as_ref().map(super::tree::relation)
                }
                _ => None,
            })
            .collect()
    });
    found.unwrap_or_default()
}

/// What is moved, by statement, and what is left.
fn decide(
    file: &File,
    wanted: &BTreeMap<usize, Vec<&'static str>>,
    later: &[(&Name, &super::Text)],
    nodes: &[Option<&NodeEnum>],
    partitioned: &BTreeSet<RelationName>,
) -> (Vec<Moved>, Vec<Left>) {
    let near = |index: usize| {
        let own = file.statements.get(index);
        let (text, place) = if let Some(text) = own {
            let line = text.statement().position.line;
            (text.sql(), format!("the statement of line {line}"))
        } else {
            let (name, text) = later[index - file.statements.len()];
            let line = text.statement().position.line;
            (text.sql(), format!("line {line} of `{name}`"))
        };
        Near {
            text,
            node: nodes[index],
            place,
        }
    };
    let (mut moved, mut left) = (Vec::new(), Vec::new());
    for (index, rules) in wanted {
        let text = &file.statements[*index];
        let is_partitioned =
            |name: &RelationName| partitioned.iter().any(|other| other.may_be(name));
        let result = match nodes[*index] {
            Some(node) => rewriting::of(text.sql(), node, rules, is_partitioned),
            None => Ok(None),
        };
        let result = result.and_then(|rewriting| {
            let Some(rewriting) = rewriting else {
                return Err("there is no ready-made way".to_owned());
            };
            // Two constraints of one name: the second one would be refused.
            let is_twice = moved.iter().any(|one: &Moved| {
                rewriting
                    .tail
                    .iter()
                    .any(|(_, sql)| one.rewriting.writes(sql))
            });
            if is_twice {
                return Err(
                    "another statement of the file gets a constraint of the same name".to_owned(),
                );
            }
            let before = (0..*index).find_map(|at| relies::before(&rewriting, &near(at)));
            let after = || {
                let behind = (*index + 1..nodes.len()).map(near);
                // What an earlier try has written, and could not finish.
                let mut others = behind.filter(|near| !rewriting.writes(near.text));
                others.find_map(|near| relies::after(&rewriting, &near))
            };
            match before.or_else(after) {
                Some(reason) => Err(reason),
                None => Ok(rewriting),
            }
        });
        let line = text.statement().position.line;
        match result {
            Ok(rewriting) => moved.push(Moved {
                index: *index,
                line,
                rules: rules.clone(),
                rewriting,
            }),
            Err(reason) => left.push(Left {
                line,
                rules: rules.clone(),
                reason,
            }),
        }
    }
    (moved, left)
}

/// The name of a file that comes right behind `after`: by the rules of `segue
/// add` where that begins with a time, else its name with more behind it.
pub(super) fn name_after(after: &Name, slug: &str, is_free: impl Fn(&Name) -> bool) -> Name {
    let stem = after.as_str();
    let stem = stem.strip_suffix(".sql").unwrap_or(stem);
    let mut newest = after.clone();
    if let (Some(time), Some(slug)) = (stamp_of(stem), Slug::of(slug)) {
        while let Some(name) = slug.name(time, Some(&newest)) {
            if is_free(&name) {
                return name;
            }
            newest = name;
        }
    }
    // `_` sorts behind the `.` of `.sql`.
    let slug = Slug::of(slug).map_or_else(|| "tail".to_owned(), |slug| slug.as_str().to_owned());
    let first = Name::new(&format!("{stem}_{slug}.sql"));
    let more = (2..).map(|number| Name::new(&format!("{stem}_{slug}-{number}.sql")));
    std::iter::once(first)
        .chain(more)
        .find(|name| is_free(name))
        .expect("numbers do not end")
}

#[cfg(test)]
mod tests;
