//! What holds of readings whatever the steps are.

use segue::postgres::introspect::{self, Baseline};
use segue::postgres::{Error, Session};
use segue::schema::{Kind, ObjectId};

use super::{World, assert_same};
use crate::support::TestDatabase;
use crate::support::ddl_steps::{self, Step};

/// As many steps as go together, in one transaction.
#[test]
fn steps_add_up_in_one_transaction() {
    let world = World::new();
    let library = world.library();
    let seed = ddl_steps::seed();
    let mut steps: Vec<Step> = ddl_steps::FILES
        .into_iter()
        .flat_map(ddl_steps::steps)
        .collect();
    fastrand::Rng::with_seed(seed).shuffle(&mut steps);
    // Little goes after these.
    steps.sort_by_key(|step| step.changes.is_none());
    library.run(async |session| {
        let major = session.server_version() / 10_000;
        let baseline = Baseline::read(session).await?;
        session.execute("BEGIN").await?;
        let mut done = Vec::new();
        for step in steps.iter().filter(|step| step.from <= major) {
            session.execute("SAVEPOINT step").await?;
            // An earlier one has renamed or dropped what this one needs.
            if session.execute(&world.names.fill(&step.sql)).await.is_err() {
                session.execute("ROLLBACK TO SAVEPOINT step").await?;
                continue;
            }
            done.push(step.name.as_str());
            if done.len().is_multiple_of(8) {
                let changed = world.own(introspect::changed(session, &baseline).await?.reading);
                let full = world.own(introspect::read_within(session).await?);
                let what = format!("SEGUE_TEST_SEED={seed}: {}", done.join("; "));
                assert_same(&what, &changed.snapshot, &full.snapshot);
                assert_eq!(changed.entities, full.entities, "{what}");
            }
        }
        assert!(done.len() > 50, "{done:#?}");
        session.execute("ROLLBACK").await?;
        let changed = within(session, &baseline).await?;
        assert_same(
            "rolled back",
            &world.own(baseline.reading).snapshot,
            &world.own(changed.reading).snapshot,
        );
        Ok(())
    });
}

async fn within(session: &Session, baseline: &Baseline) -> Result<introspect::Changed, Error> {
    session.execute("BEGIN").await?;
    let changed = introspect::changed(session, baseline).await;
    session.execute("COMMIT").await?;
    changed
}

#[test]
fn two_databases_with_the_same_migrations_have_the_same_snapshot() {
    let one = World::new();
    let database = TestDatabase::new();
    // Other oids, and columns with other numbers.
    database.run("CREATE TABLE first (id serial PRIMARY KEY); DROP TABLE first");
    let other = World::of(database, one.names.clone());
    other.database.run(
        "ALTER TABLE a.lines ADD COLUMN gone integer; ALTER TABLE a.lines DROP COLUMN gone; \
         ALTER TABLE a.lines ADD COLUMN more integer",
    );
    one.database
        .run("ALTER TABLE a.lines ADD COLUMN more integer");
    let read = |world: &World| world.own(world.library().run(introspect::read));
    assert_same("the other", &read(&one).snapshot, &read(&other).snapshot);
}

/// A `VACUUM FULL` of somebody else's table, for example.
#[test]
fn a_strangers_lock_elsewhere_does_not_stall() {
    let database = TestDatabase::new();
    database.run(
        "CREATE TABLE mine (id integer PRIMARY KEY, name text DEFAULT 'x'); \
         CREATE TABLE theirs (id integer PRIMARY KEY, name text CHECK (name <> '')); \
         CREATE INDEX theirs_name ON theirs (lower(name)); \
         CREATE VIEW their_names AS SELECT name FROM theirs",
    );
    let library = crate::support::LibrarySession::connect(&database.url());
    let baseline = library.run(Baseline::read);
    let stranger = database.session();
    stranger.run("BEGIN; LOCK TABLE theirs, their_names IN ACCESS EXCLUSIVE MODE");
    library.run(async |session| {
        session.execute("BEGIN").await?;
        session.execute("SET LOCAL lock_timeout = '200ms'").await?;
        session
            .execute("ALTER TABLE mine ADD COLUMN more integer")
            .await?;
        let changed = introspect::changed(session, &baseline).await?;
        // Those of other tests come and go.
        let is_own = |id: &&ObjectId| id.kind != Kind::Role;
        let again = changed.again.iter().filter(is_own);
        let again: Vec<_> = again.map(ToString::to_string).collect();
        assert_eq!(again, ["database current", "table public.mine"]);
        let full = baseline.reading.snapshot.objects.keys().filter(is_own);
        let now = changed.reading.snapshot.objects.keys().filter(is_own);
        assert!(now.eq(full));
        let stalled = introspect::read_within(session).await;
        assert!(
            matches!(&stalled, Err(Error::Server(error)) if error.sqlstate == "55P03"),
            "{stalled:?}"
        );
        // The transaction goes on, with its own settings.
        let timeout = session.value("SHOW lock_timeout").await?;
        assert_eq!(timeout.as_deref(), Some("200ms"));
        let path = session.value("SHOW search_path").await?;
        assert_eq!(path.as_deref(), Some("\"$user\", public"));
        session.execute("ROLLBACK").await
    });
}

/// What depends on an indexed table, too: nothing of its names has changed.
#[test]
fn a_change_that_is_none_of_names_reads_no_dependents() {
    let database = TestDatabase::new();
    database.run(
        "CREATE TABLE indexed (id integer PRIMARY KEY, name text); \
         CREATE INDEX indexed_name ON indexed (lower(name)); \
         CREATE VIEW names AS SELECT name FROM indexed; \
         CREATE TABLE others (indexed integer REFERENCES indexed); \
         CREATE TABLE more (); CREATE TABLE yet_more (); CREATE TABLE enough ()",
    );
    let library = crate::support::LibrarySession::connect(&database.url());
    library.run(async |session| {
        let baseline = Baseline::read(session).await?;
        session
            .execute("ALTER TABLE indexed ALTER name SET DEFAULT 'x'")
            .await?;
        let changed = within(session, &baseline).await?;
        let again = changed.again.iter().filter(|id| id.kind != Kind::Role);
        let again: Vec<_> = again.map(ToString::to_string).collect();
        assert_eq!(again, ["database current", "table public.indexed"]);
        Ok(())
    });
}
