//! The file that is to become a migration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::AddError;
use crate::diagnostic::Diagnostic;
use crate::files::claim::Claim;
use crate::files::draft::{self, Draft, Original};
use crate::files::{self, Depth};
use crate::graph::Graph;
use crate::history::History;
use crate::migration::{Kind, Migration, Name, Slug};
use crate::text::Variables;

/// A file under its name to be, beside the migrations that are there.
#[derive(Debug)]
pub struct Newcomer {
    /// It, under its new name; read from a copy.
    pub migration: Migration,
    /// All others of the folders, by name.
    pub others: Vec<Migration>,
    old_name: Option<Name>,
    folder: PathBuf,
    pub(super) draft: Draft,
    /// The variables that files may take.
    environment: Variables,
    // Dropped after the copy: it removes a folder that was made for nothing.
    _claim: Claim,
}

impl Newcomer {
    /// Copies `file` beside its place in `folder`, one of `folders`, and reads
    /// it together with all others, of which `claim` is a hold; files may take
    /// the variables of `environment`. With it come problems that are none of
    /// a single migration; some may be errors.
    ///
    /// # Errors
    /// See [`AddError`]; nothing is left of the copy then.
    pub fn read(
        file: &Path,
        folders: &[PathBuf],
        folder: &Path,
        claim: Claim,
        now: Timestamp,
        environment: &Variables,
    ) -> Result<(Self, Vec<Diagnostic>), AddError> {
        let slug = slug(file)?;
        let (mut others, mut diagnostics) = files::read_filled(folders, environment)?;
        // It may lie in its folder already, under a name of its author's.
        let is_it = |other: &Migration| draft::is_same(&other.path, file);
        let old_name = others.iter().find(|other| is_it(other));
        let old_name = old_name.map(|other| other.name.clone());
        others.retain(|other| !is_it(other));
        let newest = others.last().map(|other| &other.name);
        let Some(name) = slug.name(now, newest) else {
            let newest = newest.map_or("", Name::as_str);
            return Err(AddError::Refused {
                reason: format!("no name that begins with a time sorts after `{newest}`"),
                help: format!(
                    "give `{}` a name that sorts after it and put it into `{}` yourself, or rename what has not been applied anywhere",
                    file.display(),
                    folder.display()
                ),
            });
        };
        let draft = Draft::copy(file, folder, &name)?;
        let mut migration = match files::read_one(&name, draft.path(), environment)? {
            Ok(migration) => migration,
            Err(diagnostic) => {
                diagnostics.push(*diagnostic);
                return Err(AddError::Invalid(diagnostics));
            }
        };
        // Problems are shown in the file that the author knows.
        migration = match files::read_one(&name, file, environment)? {
            Ok(shown) if shown.checksum == migration.checksum => Migration {
                path: migration.path,
                ..shown
            },
            _ => migration,
        };
        let revert = revert_of(file);
        let draft = match &revert {
            Some(revert) => draft.with_revert(revert, &name)?,
            None => draft,
        };
        if let Some(path) = &revert {
            match files::read_revert(&migration, path, environment)? {
                Ok(mut revert) => {
                    diagnostics.extend(revert.problems.clone());
                    if revert.problems.is_empty() {
                        let problems = files::outline(&mut [&mut revert], Depth::Keywords)?;
                        diagnostics.extend(problems);
                    }
                    migration.revert = Some(Arc::new(revert));
                }
                Err(diagnostic) => diagnostics.push(*diagnostic),
            }
        }
        let newcomer = Self {
            migration,
            others,
            old_name,
            folder: folder.to_owned(),
            draft,
            environment: environment.clone(),
            _claim: claim,
        };
        Ok((newcomer, diagnostics))
    }

    /// Its name to be.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.migration.name
    }

    /// Where it will be.
    #[must_use]
    pub fn place(&self) -> &Path {
        self.draft.place()
    }

    /// Where the file will be that takes it back, if there is one.
    #[must_use]
    pub fn revert_place(&self) -> Option<&Path> {
        self.draft.revert_place()
    }

    /// The name that it has in one of the folders, if it lies there already.
    pub(super) fn old_name(&self) -> Option<Name> {
        self.old_name.clone()
    }

    /// The folder that it comes into.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Gives it the name that it has in a ledger.
    pub(super) fn call(&mut self, name: &Name) {
        self.draft.rename(name);
        self.migration.name = name.clone();
    }

    /// Removes the copies of it that others have left.
    pub(super) fn sweep(name: &Name, folder: &Path) {
        for leftover in draft::leftovers(folder) {
            if leftover.name == *name {
                leftover.remove();
            }
        }
    }

    /// What is wrong with it, as far as that can be known without a database.
    ///
    /// # Errors
    /// If its statements cannot be read.
    pub fn problems(&mut self) -> Result<Vec<Diagnostic>, AddError> {
        let mut problems = self.migration.problems.clone();
        problems.extend(files::outline(
            &mut [&mut self.migration],
            Depth::Relations,
        )?);
        let all = self.all();
        let (_, found) = Graph::new(all, &History::default());
        let shown = self.migration.source.name();
        problems.extend(found.into_iter().filter(|problem| {
            let mut labelled = problem.source.iter();
            labelled.any(|source| source.name() == shown)
        }));
        Ok(problems)
    }

    /// Outlines it and what `open` names, closely enough to know what they use
    /// and make.
    pub(super) fn outline_closely(&mut self, open: &[Name]) -> Result<(), AddError> {
        let mut migrations: Vec<&mut Migration> = self
            .others
            .iter_mut()
            .filter(|other| open.contains(&other.name))
            .collect();
        if self.migration.kind != Kind::Concurrent {
            migrations.push(&mut self.migration);
        }
        // What is wrong with them was told, or is not the new one's.
        files::outline(&mut migrations, Depth::Relations)?;
        Ok(())
    }

    /// A copy of it, or of an earlier try, read as it is read.
    pub(super) fn read_copy(
        &self,
        name: &Name,
        path: &Path,
    ) -> Result<Result<Migration, Box<Diagnostic>>, files::Error> {
        files::read_one(name, path, &self.environment)
    }

    /// It and all others.
    pub(super) fn all(&self) -> Vec<Migration> {
        let mut all = self.others.clone();
        all.push(self.migration.clone());
        all
    }

    /// Puts it into its folder as it is, without applying it.
    ///
    /// # Errors
    /// [`AddError::Draft`]; everything is as before then.
    pub fn put(self) -> Result<Original, AddError> {
        Ok(self.draft.put()?)
    }
}

/// The file beside it that takes it back.
fn revert_of(file: &Path) -> Option<PathBuf> {
    let name = Name::new(file.file_name()?.to_str()?);
    let revert = file.with_file_name(name.revert_file().as_str());
    revert.is_file().then_some(revert)
}

/// What its name says.
fn slug(file: &Path) -> Result<Slug, AddError> {
    let refuse = |reason: String, help: &str| {
        Err(AddError::Refused {
            reason,
            help: help.to_owned(),
        })
    };
    let shown = file.display();
    if file == Path::new("-") {
        return refuse(
            "a migration cannot be read from standard input".to_owned(),
            "write it to a file: its name says what the migration does",
        );
    }
    let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
        return refuse(
            format!("`{shown}` is no file name that can be kept"),
            "rename the file",
        );
    };
    if let Some(reverted) = Name::new(name).reverted() {
        return refuse(
            format!("`{shown}` takes a migration back, and is none itself"),
            &format!("add `{reverted}` beside it: this file goes along"),
        );
    }
    if name.ends_with(".check.sql") || name.ends_with(".rows.sql") {
        return refuse(
            format!("`{shown}` belongs to a migration by its name, and is none"),
            "put it into the folder of its migration, and call it after that one",
        );
    }
    let Some(stem) = name.strip_suffix(".sql") else {
        return refuse(
            format!("`{shown}` does not end in `.sql`"),
            "rename the file: migrations are files of SQL",
        );
    };
    match Slug::of(stem) {
        Some(slug) => Ok(slug),
        None => refuse(
            format!("`{shown}` has no name beside the time"),
            "rename the file to what the migration does, `add-email.sql` for example",
        ),
    }
}
