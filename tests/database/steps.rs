//! What is read again after a change is what a full reading gives, and what a
//! change changes is known exactly: over a table of small reversible steps.

use std::collections::BTreeSet;
use std::sync::Mutex;

mod laws;

use segue::postgres::introspect::{self, Baseline, Reading};
use segue::schema::{Kind, ObjectId, Snapshot};

use crate::support::ddl_steps::{self, Names};
use crate::support::{LibrarySession, TestDatabase, TestSession, assert_file};

/// A database with the world in it.
struct World {
    database: TestDatabase<'static>,
    names: Names,
}

impl World {
    fn new() -> Self {
        let database = TestDatabase::new();
        let names = Names {
            role: database.role("role", ""),
            other: database.role("other", ""),
            database: database.name().to_owned(),
        };
        Self::of(database, names)
    }

    /// In this database, with these names.
    fn of(database: TestDatabase<'static>, names: Names) -> Self {
        database.run(&names.fill(&ddl_steps::world()));
        Self { database, names }
    }

    /// Without roles of other tests: they are not in one database only.
    fn own(&self, mut reading: Reading) -> Reading {
        let name = self.names.role.trim_end_matches("role");
        let is_own = |id: &ObjectId| id.kind != Kind::Role || id.name.starts_with(name);
        reading.snapshot.objects.retain(|id, _| is_own(id));
        reading.entities.retain(|_, id| is_own(id));
        reading
    }

    fn library(&self) -> LibrarySession {
        LibrarySession::connect(&self.database.url())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // A database with a subscription cannot be dropped.
        let session = TestSession::try_connect(&self.database.url());
        let Ok(session) = session else { return };
        let name = format!("{}_subscription", self.names.role);
        let _ = session.try_query(&format!("DROP SUBSCRIPTION IF EXISTS {name}"));
    }
}

/// Objects that are not the same in both.
fn differing(before: &Snapshot, after: &Snapshot) -> BTreeSet<String> {
    let ids = before.objects.keys().chain(after.objects.keys());
    ids.filter(|id| before.objects.get(id) != after.objects.get(id))
        .map(ToString::to_string)
        .collect()
}

#[track_caller]
fn assert_same(what: &str, left: &Snapshot, right: &Snapshot) {
    let differing = differing(left, right);
    let ids = left.objects.keys().chain(right.objects.keys());
    for id in ids {
        if differing.contains(&id.to_string()) {
            let (one, other) = (left.objects.get(id), right.objects.get(id));
            panic!("{what}: {id}\n{one:#?}\n{other:#?}");
        }
    }
}
async fn run(session: &segue::postgres::Session, what: &str, sql: &str) {
    if let Err(error) = session.execute(sql).await {
        panic!("{what}: {error:?}\n{sql}");
    }
}

/// Each step of a file in a random order: exactly the objects change that it
/// names, what is read again is what there is, and undone it is as before.
fn check(file: &str) {
    let world = World::new();
    let library = world.library();
    let steps = ddl_steps::steps(file);
    let mut order: Vec<usize> = (0..steps.len()).collect();
    let seed = ddl_steps::seed();
    fastrand::Rng::with_seed(seed).shuffle(&mut order);
    let observed = Mutex::new(steps.clone());
    library.run(async |session| {
        let major = session.server_version() / 10_000;
        let mut baseline = Baseline::read(session).await?;
        let before = world.own(baseline.reading.clone());
        for index in order {
            let step = &steps[index];
            if step.from > major {
                continue;
            }
            let what = format!("{file}: {} (SEGUE_TEST_SEED={seed})", step.name);
            let names = &world.names;
            session.execute("BEGIN").await?;
            run(session, &what, &names.fill(&step.sql)).await;
            let changed = introspect::changed(session, &baseline).await?;
            let full = world.own(introspect::read_within(session).await?);
            session.execute("COMMIT").await?;
            let again: BTreeSet<_> = changed.again.iter().map(ToString::to_string).collect();
            let changed = world.own(changed.reading);
            assert_same(&what, &changed.snapshot, &full.snapshot);
            assert_eq!(changed.entities, full.entities, "{what}");
            let differing = differing(&before.snapshot, &full.snapshot);
            assert!(
                differing.is_subset(&again),
                "{what}: {differing:#?}\n{again:#?}"
            );
            if step.changes.is_some() {
                let differing = differing.iter().map(|one| names.out_of(one)).collect();
                observed.lock().expect("not poisoned")[index].changes = Some(differing);
            } else {
                assert!(differing.len() > 50, "{what}: not many");
            }
            run(session, &what, &names.fill(&step.undo)).await;
            // Not each time, so that what is done and undone adds up.
            if fastrand::u8(..4) == 0 {
                baseline = Baseline::read(session).await?;
            }
            session.execute("BEGIN").await?;
            let after = introspect::changed(session, &baseline).await?;
            session.execute("COMMIT").await?;
            let after = world.own(after.reading);
            assert_same(
                &format!("{what}, undone"),
                &before.snapshot,
                &after.snapshot,
            );
        }
        Ok(())
    });
    let observed = observed.into_inner().expect("not poisoned");
    assert_file(&ddl_steps::path(file), &ddl_steps::file_of(&observed));
}

#[test]
fn steps_on_relations() {
    check("relations");
}

#[test]
fn steps_on_parts_of_relations() {
    check("parts");
}

#[test]
fn steps_on_types() {
    check("types");
}

#[test]
fn steps_on_routines() {
    check("routines");
}

#[test]
fn steps_on_what_is_in_the_database() {
    check("database");
}
