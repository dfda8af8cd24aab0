//! Drift in each kind of object is found and named while one concurrent index
//! is half built and another was left half-way.

use std::collections::{BTreeMap, BTreeSet};

use segue::apply::check::{Expectation, Stage};
use segue::apply::survey::{self, Survey};
use segue::apply::{OnMismatch, Verification};
use segue::directive::with_schema_diff;
use segue::files::{self, expected};
use segue::migration::Name;
use segue::plan::Options;
use segue::postgres::introspect;
use segue::postgres::ledger::Ledger;
use segue::schema::{Diff, ObjectId, Rules, Snapshot, Value};
use segue::verify::{Concurrent, Standing, Verdict};

use super::case::{let_go, major};
use crate::support::ddl_steps::{self, Names, Step};
use crate::support::{LibrarySession, Project, Server, TestDatabase, TestSession, wait_until};

/// All that there is matters.
const RULES: &str = "[schema]\nowners = true\ncolumn-order = true\nprivileges = true\nroles = true\n\
     database-settings = true\n";

/// The concurrent migrations, and what each makes: on a table of the world, and
/// on one of its own, which is locked while the index is built.
const CONCURRENT: [(&str, &str); 2] = [
    (
        "2-left.sql",
        "CREATE INDEX CONCURRENTLY left_half_way ON a.person (amount)",
    ),
    (
        "3-built.sql",
        "CREATE INDEX CONCURRENTLY half_built ON built (n)",
    ),
];

/// How many steps of a file are checked by the program itself, too.
const BY_PROGRAM: usize = 2;

/// How often it is looked whether all is well.
const CLEAN_EVERY: usize = 8;

/// The world of the steps, on a server of its own: roles matter.
struct World<'a> {
    database: TestDatabase<'a>,
    names: Names,
    project: Project,
    library: LibrarySession,
}

impl<'a> World<'a> {
    /// Applied and ready; the concurrent migrations are pending.
    fn on(server: &'a Server) -> Self {
        let database = TestDatabase::on(server);
        let names = Names {
            role: database.role("role", ""),
            other: database.role("other", ""),
            database: database.name().to_owned(),
        };
        let world = Self {
            library: LibrarySession::connect(&database.url()),
            project: Project::deploying(&database),
            database,
            names,
        };
        world.project.write("segue.toml", RULES).file(
            "1-world.sql",
            &format!(
                "{}\nCREATE TABLE public.built (n integer);\n",
                world.names.fill(&ddl_steps::world())
            ),
        );
        world.project.segue(&["up"]).expect_success();
        world.expect();
        world
            .project
            .segue(&["up", "--until", "ready"])
            .expect_success();
        world
    }

    /// Writes the concurrent migrations with their schema diffs, and the
    /// expected schema.
    fn expect(&self) {
        let major = major(&self.database);
        let mut before = self.library.run(introspect::read).snapshot;
        for (index, (name, statement)) in CONCURRENT.into_iter().enumerate() {
            let until_here = &CONCURRENT[..=index];
            let after = self.with(until_here);
            let parts = BTreeMap::from([(major, Diff::between(&before, &after))]);
            let text =
                format!("-- segue: begin-concurrent-migration-with: 1-world.sql\n{statement};\n");
            self.project.file(name, &with_schema_diff(&text, &parts));
            before = after;
        }
        let folder = self.project.path().join("expected-schema");
        expected::write(&folder, major, &before).expect("written");
    }

    /// The schema with what these make.
    fn with(&self, concurrent: &[(&str, &str)]) -> Snapshot {
        self.library.run(async |session| {
            session.execute("BEGIN").await?;
            for (_, statement) in concurrent {
                session
                    .execute(&statement.replace("CONCURRENTLY ", ""))
                    .await?;
            }
            let reading = introspect::read_within(session).await?;
            session.execute("ROLLBACK").await?;
            Ok(reading.snapshot)
        })
    }

    /// Leaves the first index half-way, as a crash does, and the second one
    /// being built: the snapshot that `holder` keeps is in its way.
    fn build(&self) -> TestSession {
        let holder = self.database.session();
        holder.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
        holder.run("SELECT");
        let settle = self.project.spawn(&["settle"]);
        for index in ["a.left_half_way", "half_built"] {
            wait_until(index, || self.is_half_way(index));
        }
        // A backend that builds outlives its client.
        settle.kill();
        settle.wait();
        let builder = self.database.running("CREATE INDEX%left_half_way%");
        let builder = builder.expect("a builder");
        self.database
            .query(&format!("SELECT pg_terminate_backend({builder})"));
        wait_until("one builder to be gone", || {
            self.database
                .running("CREATE INDEX%left_half_way%")
                .is_none()
        });
        assert!(self.is_half_way("a.left_half_way"));
        holder
    }

    fn is_half_way(&self, index: &str) -> bool {
        self.database.query(&format!(
            "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{index}')"
        )) == "t"
    }

    /// The objects that `segue verify` names.
    #[track_caller]
    fn named(&self, what: &str) -> BTreeSet<String> {
        let run = self.project.segue(&["verify", "--json"]);
        assert_eq!(run.status, 1, "{what}\n{}{}", run.stdout, run.stderr);
        let stdout = run.stdout.replace("[database]", self.database.name());
        let verified: Value = serde_json::from_str(&stdout).expect("JSON");
        let changes = verified["difference"]["changes"].as_array();
        let object = |change: &Value| {
            let text = |key: &str| change["object"][key].as_str().map(ToOwned::to_owned);
            let kind = text("kind").expect("a kind");
            let id = ObjectId {
                namespace: text("namespace"),
                kind: kind.parse().expect("a kind"),
                name: text("name").expect("a name"),
            };
            self.names.out_of(&id.to_string())
        };
        changes.expect("changes").iter().map(object).collect()
    }
}

/// What `segue verify` is made of, without reading the files and the ledger
/// each time.
struct Judge {
    expectation: Expectation,
    survey: Survey,
    concurrent: Vec<Concurrent>,
}

impl Judge {
    fn new(world: &World<'_>) -> Self {
        let verification = Verification {
            embedded: None,
            folder: world.project.path().join("expected-schema"),
            rules: Rules {
                owners: true,
                column_order: true,
                privileges: true,
                roles: true,
                database_settings: true,
                ..Rules::default()
            },
            on_mismatch: OnMismatch::Fail,
        };
        let folder = world.project.path().join("migrations");
        let (mut migrations, diagnostics) = files::read(&[folder]).expect("a folder");
        assert_eq!(diagnostics, []);
        world.library.run(async |session| {
            let expectation = Expectation::new(&verification, session.server_version())
                .expect("an expected schema");
            let ledger = Ledger::find(session, "main", None).await?;
            let options = Options::default();
            let survey = survey::survey(session, &ledger, &mut migrations, &options, None)
                .await
                .expect("a survey");
            let none = BTreeSet::new();
            let concurrent = expectation.concurrent(&survey.graph, &survey.history, "main", &none);
            let standings: Vec<_> = concurrent.iter().map(|one| one.standing).collect();
            assert_eq!(standings, [Standing::InFlight; CONCURRENT.len()]);
            Ok(Self {
                expectation,
                survey,
                concurrent,
            })
        })
    }

    fn verdict(&self, world: &World<'_>) -> Verdict {
        let live = world.library.run(introspect::read).snapshot;
        let concurrent = self.concurrent.clone();
        let judged = self.expectation.judge(
            Stage::Asked,
            live,
            &self.concurrent,
            concurrent,
            &self.survey,
        );
        judged.expect("an expected schema").verdict
    }
}

/// Each step of a file in a random order: `verify` names exactly the objects
/// that it changes and nothing of the indexes; undone, all is well.
fn check(file: &str) {
    let server = Server::start(&[]);
    let world = World::on(&server);
    let holder = world.build();
    let judge = Judge::new(&world);
    let seed = ddl_steps::seed();
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut steps = ddl_steps::steps(file);
    rng.shuffle(&mut steps);
    let major = major(&world.database);
    steps.retain(|step| step.from <= major);
    let stranger = world.database.session();
    // Rather an error than waiting for the builder.
    stranger.run("SET lock_timeout = '10s'");
    for (index, step) in steps.iter().enumerate() {
        let what = format!("{file}: {} (SEGUE_TEST_SEED={seed})", step.name);
        stranger.run(&world.names.fill(&step.sql));
        let named = judge.verdict(&world).difference.objects();
        let named = named.iter().map(|id| world.names.out_of(&id.to_string()));
        is_named(&what, step, &named.collect());
        if index < BY_PROGRAM {
            is_named(&what, step, &world.named(&what));
        }
        stranger.run(&world.names.fill(&step.undo));
        // The next step would name what this one has left.
        if index % CLEAN_EVERY == 0 || step.changes.is_none() || index + 1 == steps.len() {
            let verdict = judge.verdict(&world);
            let difference = verdict.difference.changes();
            assert!(difference.is_empty(), "{what}, undone: {difference:#?}");
            let open = verdict.half_way.keys().map(Name::as_str);
            assert!(open.eq(CONCURRENT.iter().map(|(name, _)| *name)), "{what}");
        }
    }
    assert_eq!(world.project.segue(&["verify"]).status, 0);
    // It was so all the time.
    assert!(world.is_half_way("half_built"));
    assert!(world.database.running("CREATE INDEX%half_built%").is_some());
    let_go(holder);
    world.project.segue(&["settle"]).expect_success();
    assert_eq!(world.project.segue(&["verify"]).status, 0);
}

#[track_caller]
fn is_named(what: &str, step: &Step, named: &BTreeSet<String>) {
    match &step.changes {
        Some(changes) => assert_eq!(named, changes, "{what}"),
        None => assert!(named.len() > 50, "{what}: {named:#?}"),
    }
}

#[test]
fn drift_in_relations_is_named_while_an_index_is_built() {
    check("relations");
}

#[test]
fn drift_in_parts_of_relations_is_named_while_an_index_is_built() {
    check("parts");
}

#[test]
fn drift_in_types_is_named_while_an_index_is_built() {
    check("types");
}

#[test]
fn drift_in_routines_is_named_while_an_index_is_built() {
    check("routines");
}

#[test]
fn drift_in_the_database_is_named_while_an_index_is_built() {
    check("database");
}
