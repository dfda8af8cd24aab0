//! Statements that are moved → the texts of all files.

use std::collections::BTreeMap;

use super::rewriting::{Rewriting, Work};
use super::{Done, File, Fixed, Folder, Written, cut, name_after};
use crate::directive::Directives;
use crate::migration::{Kind, Name};
use crate::statement::RelationName;
use crate::text::Span;

/// A statement that is moved, at least in part.
pub(super) struct Moved {
    /// Which one of its file.
    pub(super) index: usize,
    pub(super) line: usize,
    pub(super) rules: Vec<&'static str>,
    pub(super) rewriting: Rewriting,
}

/// What files are composed of.
pub(super) struct Compose<'a> {
    pub(super) file: &'a File,
    pub(super) text: &'a str,
    pub(super) directives: &'a Directives,
    pub(super) folder: Folder<'a>,
}

/// A concurrent migration in the making.
#[derive(Default)]
struct Tail {
    /// Comments and statements, each with its `;`.
    body: String,
    /// Its statements alone.
    statements: Vec<String>,
    subjects: Vec<String>,
}

impl Compose<'_> {
    pub(super) fn compose(&self, moved: &[Moved]) -> Fixed {
        if let Some(fixed) = self.turn(moved) {
            return fixed;
        }
        let line_end = self.line_end();
        let mut tails: BTreeMap<(RelationName, Work), Tail> = BTreeMap::new();
        let mut order: Vec<(RelationName, Work)> = Vec::new();
        let mut ending: Vec<(RelationName, Work, String)> = Vec::new();
        for one in moved {
            let rewriting = &one.rewriting;
            let statement = self.file.statements[one.index].statement();
            let mut comments = String::new();
            if rewriting.is_cut {
                let cut = cut::of(self.text, statement, one.index == 0);
                comments = cut.above;
                if !cut.behind.is_empty() {
                    comments.push_str(&cut.behind);
                    comments.push_str(line_end);
                }
            }
            for (work, sql) in &rewriting.tail {
                let key = (rewriting.table.clone(), *work);
                if !order.contains(&key) {
                    order.push(key.clone());
                }
                let tail = tails.entry(key).or_default();
                tail.body.push_str(&std::mem::take(&mut comments));
                tail.body.extend([sql, ";", line_end]);
                tail.statements.push(sql.clone());
            }
            for (work, subject) in &rewriting.subjects {
                let tail = tails.entry((rewriting.table.clone(), *work)).or_default();
                tail.subjects.push(subject.clone());
            }
            for (work, sql) in &rewriting.ending {
                ending.push((rewriting.table.clone(), *work, sql.clone()));
            }
        }
        let mut text = self.without(moved);
        let mut files = Vec::new();
        let mut names: BTreeMap<(RelationName, Work), Name> = BTreeMap::new();
        let mut last = self.file.name.clone();
        for key in order {
            let tail = &tails[&key];
            let name = self.name(&last, &tail.slug(&key), &tail.statements, Kind::Concurrent);
            let partner = &self.file.name;
            files.push(Written {
                text: format!(
                    "-- segue: begin-concurrent-migration-with: {partner}{line_end}{}",
                    tail.body
                ),
                name: name.clone(),
                is_ending: false,
                is_there: self.is_there(&name),
            });
            last = last.max(name.clone());
            names.insert(key, name);
        }
        if !ending.is_empty() {
            files.push(self.ending(&ending, &names, &last));
        }
        files.sort_by(|one, other| one.name.cmp(&other.name));
        let is_all = moved.len() == self.file.statements.len();
        if is_all && moved.iter().all(|one| one.rewriting.is_cut) {
            let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
            let names = crate::text::list(names);
            text.extend(["-- What stood here is in ", &names, ".", line_end]);
        }
        Fixed {
            text,
            files,
            done: done(moved),
            ..Fixed::default()
        }
    }

    /// The file's text without what is moved.
    fn without(&self, moved: &[Moved]) -> String {
        let mut changes: Vec<(Span, &str)> = Vec::new();
        let mut cuts = Vec::new();
        for one in moved {
            let statement = self.file.statements[one.index].statement();
            if one.rewriting.is_cut {
                cuts.push(cut::of(self.text, statement, one.index == 0).span);
            }
            let begin = statement.span.start;
            for (range, new) in &one.rewriting.edits {
                changes.push((Span::new(begin + range.start, begin + range.end), new));
            }
        }
        changes.extend(
            cut::without(self.text, &cuts)
                .into_iter()
                .map(|span| (span, "")),
        );
        // From the end on, so that earlier places stay true.
        changes.sort_by_key(|(span, _)| std::cmp::Reverse(*span));
        let mut text = self.text.to_owned();
        for (span, new) in changes {
            text.replace_range(span.start..span.end, new);
        }
        text
    }

    fn ending(
        &self,
        ending: &[(RelationName, Work, String)],
        names: &BTreeMap<(RelationName, Work), Name>,
        last: &Name,
    ) -> Written {
        let line_end = self.line_end();
        let mut needs: Vec<&str> = ending
            .iter()
            .filter_map(|(table, work, _)| names.get(&(table.clone(), *work)))
            .map(Name::as_str)
            .collect();
        needs.sort_unstable();
        needs.dedup();
        let statements: Vec<String> = ending.iter().map(|(_, _, sql)| sql.clone()).collect();
        let lines = statements.iter().flat_map(|sql| [sql, ";", line_end]);
        let body: String = lines.collect();
        let stem = crate::migration::Slug::of(self.file.name.as_str());
        let stem = stem.map_or_else(|| "end".to_owned(), |slug| slug.as_str().to_owned());
        let name = self.name(last, &format!("{stem}-end"), &statements, Kind::Batch);
        Written {
            is_there: self.is_there(&name),
            name,
            text: format!(
                "-- segue: end-concurrent-migration: {}{line_end}{body}",
                needs.join(", ")
            ),
            is_ending: true,
        }
    }

    fn is_there(&self, name: &Name) -> bool {
        self.folder.files.iter().any(|file| file.name == *name)
    }

    /// The name of a new file behind `last`. One that has the same statements
    /// already was written by an earlier try that was stopped.
    fn name(&self, last: &Name, slug: &str, statements: &[String], kind: Kind) -> Name {
        let is_free = |name: &Name| {
            let mut files = self.folder.files.iter();
            let Some(file) = files.find(|file| file.name == *name) else {
                return true;
            };
            file.kind == kind
                && file.statements.len() == statements.len()
                && file
                    .statements
                    .iter()
                    .zip(statements)
                    .all(|(one, other)| one.sql() == other)
        };
        name_after(last, slug, is_free)
    }

    /// The file itself as a concurrent migration, if nothing else is in it and
    /// nothing needs it to be another one.
    fn turn(&self, moved: &[Moved]) -> Option<Fixed> {
        let is_all = moved.len() == self.file.statements.len()
            && moved.iter().all(|one| {
                one.rewriting.is_cut
                    && one.rewriting.ending.is_empty()
                    && matches!(one.rewriting.tail.as_slice(), [(Work::Builds, _)])
            });
        let is_free = self.directives.end.is_empty()
            && self.directives.transaction.is_none()
            && self.directives.schema_version.is_none()
            && !self.folder.named.contains(&self.file.name);
        if !is_all || !is_free {
            return None;
        }
        let earlier = self.folder.files.iter().rev();
        let partner = earlier
            .filter(|other| other.name < self.file.name)
            .find(|other| other.kind != Kind::Concurrent)?;
        let mut text = self.text.to_owned();
        for one in moved.iter().rev() {
            let span = self.file.statements[one.index].statement().span;
            let (_, sql) = &one.rewriting.tail[0];
            text.replace_range(span.start..span.end, sql);
        }
        let line_end = self.line_end();
        let mark = if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        let line = format!(
            "-- segue: begin-concurrent-migration-with: {}{line_end}",
            partner.name
        );
        text.insert_str(mark, &line);
        Some(Fixed {
            text,
            turned: Some(partner.name.clone()),
            done: done(moved),
            ..Fixed::default()
        })
    }

    /// What ends the lines of the file.
    fn line_end(&self) -> &'static str {
        match self.text.find('\n') {
            Some(at) if self.text[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        }
    }
}

impl Tail {
    fn slug(&self, (table, work): &(RelationName, Work)) -> String {
        match (self.subjects.as_slice(), work) {
            ([one], _) => one.clone(),
            (_, Work::Builds) => format!("{}-indexes", table.name),
            (_, Work::Validates) => format!("validate-{}", table.name),
        }
    }
}

fn done(moved: &[Moved]) -> Vec<Done> {
    let done = moved.iter().map(|one| Done {
        line: one.line,
        rules: one.rules.clone(),
        is_cut: one.rewriting.is_cut,
        notes: one.rewriting.notes.clone(),
    });
    done.collect()
}
