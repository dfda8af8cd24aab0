//! A state's name to what it means in a folder.

use super::{Moment, Percent, State, States, Then, Visit};
use crate::migration::unknown::{NoState, looks_like_version, unknown};
use crate::migration::{Kind, Migration, Name};
use crate::statement::Kind as StatementKind;
use crate::text::{list, nearest};
use crate::version::Version;

/// What comes before `@`.
enum Anchor {
    Empty,
    /// Place of a migration.
    At(usize),
}

/// How a moment is written, for who has written another one.
const MOMENTS: &str = "a moment is `before`, `ready`, `building` or `backfilling:40%`; without one everything up to \
     the migration is settled";

impl States {
    /// What `text` means: the name of a migration (`.sql` may be left out), the
    /// version of the schema that one brings, `latest` or `empty`, and perhaps
    /// `@` and a moment.
    ///
    /// # Errors
    /// [`NoState`] for a name that no migration has, a moment that is not
    /// known, or one that there is not around this migration.
    pub fn find(&self, text: &str) -> Result<Visit, NoState> {
        // A name may have an `@` in it.
        if let Some(anchor) = self.anchor(text) {
            return self.at(&anchor, Moment::Settled);
        }
        let Some((before, after)) = text.rsplit_once('@') else {
            return Err(self.unknown(text));
        };
        let Some(anchor) = self.anchor(before) else {
            return Err(self.unknown(before));
        };
        self.at(&anchor, moment(after)?)
    }

    fn anchor(&self, text: &str) -> Option<Anchor> {
        let at = |name: &str| self.index(&Name::new(name)).map(Anchor::At);
        // Who writes a file's whole name means that file.
        at(text)
            .or_else(|| match text {
                "empty" => Some(Anchor::Empty),
                "latest" => Some(
                    self.migrations
                        .len()
                        .checked_sub(1)
                        .map_or(Anchor::Empty, Anchor::At),
                ),
                _ => None,
            })
            .or_else(|| self.bringing(Version::parse(text).ok()?))
            .or_else(|| at(&format!("{text}.sql")))
            .or_else(|| self.bringing(Version::parse_short(text).ok()?))
    }

    /// The migration with which the schema reaches a version.
    fn bringing(&self, version: Version) -> Option<Anchor> {
        let mut migrations = self.migrations.iter();
        let place = migrations.position(|one| one.schema_version == Some(version));
        place.map(Anchor::At)
    }

    fn unknown(&self, text: &str) -> NoState {
        let problem = unknown(text, &self.migrations, &["latest", "empty"]);
        if looks_like_version(text) && !self.migrations.is_empty() {
            return problem;
        }
        problem.help(match self.migrations.last() {
            Some(last) => format!(
                "a state is the name of a migration, a version, `empty`, or `latest`, which is `{}`; `segue at --list` prints all",
                last.name
            ),
            None => "there are no migrations here, and `empty` is the only state".to_owned(),
        })
    }

    fn at(&self, anchor: &Anchor, moment: Moment) -> Result<Visit, NoState> {
        match (anchor, moment) {
            (Anchor::Empty, Moment::Settled) => Ok(self.after(0)),
            (Anchor::Empty, moment) => Err(NoState::new(format!(
                "there is no `empty@{moment}`: nothing happens in an empty database"
            ))
            .help("write `empty`")),
            (Anchor::At(index), moment) => self
                .visit(*index, moment)
                .ok_or_else(|| self.impossible(*index, moment)),
        }
    }

    /// The state at this moment around a migration, if there is one.
    pub(super) fn visit(&self, index: usize, moment: Moment) -> Option<Visit> {
        let migration = &self.migrations[index];
        let (settled, then) = match moment {
            Moment::Before => (index, Then::Nothing),
            Moment::Settled => (index + 1, Then::Nothing),
            Moment::Ready => self.ready(index),
            Moment::Building => {
                if !builds(migration) {
                    return None;
                }
                (index, Then::Building(index))
            }
            Moment::Backfilling(percent) => {
                migration.backfill.as_ref()?;
                let partner = migration.partner.as_ref();
                let partner = partner.and_then(|partner| self.index(&partner.name));
                let then = Then::Backfilling {
                    index,
                    percent,
                    rows_after: partner.unwrap_or(index).min(index),
                };
                (index, then)
            }
        };
        Some(Visit {
            state: State::Of {
                name: migration.name.clone(),
                moment,
            },
            settled,
            then,
        })
    }

    /// A deployment that nothing follows is ready and settled at once.
    fn ready(&self, index: usize) -> (usize, Then) {
        let migration = &self.migrations[index];
        let begins = |one: &Migration| {
            let partner = one.partner.as_ref();
            partner.is_some_and(|partner| partner.name == migration.name)
        };
        let later = self.migrations.iter().enumerate();
        let later = later.filter(|(_, one)| begins(one)).map(|(place, _)| place);
        let also: Vec<usize> = std::iter::once(index).chain(later).collect();
        if also.len() == 1 && migration.kind != Kind::Concurrent {
            (index + 1, Then::Nothing)
        } else {
            (index, Then::Ready(also))
        }
    }

    fn impossible(&self, index: usize, moment: Moment) -> NoState {
        let migration = &self.migrations[index];
        let name = &migration.name;
        let why = match moment {
            Moment::Building => "builds no index by itself, outside of a transaction",
            _ => "is no backfill",
        };
        let half = Percent::new(50).map(Moment::Backfilling);
        let moments = [
            Some(Moment::Before),
            Some(Moment::Ready),
            Some(Moment::Building),
            half,
            Some(Moment::Settled),
        ];
        let there = moments.into_iter().flatten();
        let there = there.filter_map(|moment| self.visit(index, moment));
        let there = list(there.map(|visit| format!("`{}`", visit.state)));
        NoState::new(format!("there is no `{name}@{moment}`: `{name}` {why}"))
            .help(format!("around it there are {there}"))
    }
}

/// Whether it builds an index by a statement of its own, as far as its text
/// tells.
fn builds(migration: &Migration) -> bool {
    if migration.kind == Kind::Batch || migration.backfill.is_some() {
        return false;
    }
    let items = migration.outline.iter().flat_map(|outline| &outline.items);
    let mut kinds = items.filter_map(|item| Some(&item.digest.as_ref()?.kind));
    kinds.any(|kind| {
        matches!(
            kind,
            StatementKind::CreateIndexConcurrently { .. }
                | StatementKind::Reindex {
                    concurrently: true,
                    ..
                }
        )
    })
}

fn moment(text: &str) -> Result<Moment, NoState> {
    match text {
        "before" => return Ok(Moment::Before),
        "ready" => return Ok(Moment::Ready),
        "building" => return Ok(Moment::Building),
        "settled" => return Ok(Moment::Settled),
        _ => {}
    }
    let Some(part) = text.strip_prefix("backfilling") else {
        let problem = NoState::new(format!("`{text}` is no moment"));
        let words = ["before", "ready", "building", "backfilling", "settled"];
        let problem = match nearest(text, words) {
            Some(near) => problem.help(format!("did you mean `@{near}`?")),
            None => problem,
        };
        return Err(problem.help(MOMENTS));
    };
    let number = part.strip_prefix(':').map(|part| {
        let part = part.strip_suffix('%').unwrap_or(part);
        part.parse().ok().and_then(Percent::new)
    });
    match number {
        Some(Some(percent)) => Ok(Moment::Backfilling(percent)),
        Some(None) => Err(NoState::new(format!(
            "`{}` is no part of the rows",
            part.trim_start_matches(':')
        ))
        .help("write a whole number up to 100: `backfilling:40%`")),
        None => Err(
            NoState::new(format!("`{text}` does not say how many of the rows"))
                .help("write for example `backfilling:40%`"),
        ),
    }
}
