//! The schema of many tables: read, written, verified, and read again while the
//! batch holds its locks; beside `pg_dump --schema-only`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use segue::postgres::introspect::{self, Baseline};
use segue::postgres::target::Environment;
use segue::postgres::{Session, Target};

use crate::stage::{Database, Stage, peak_memory, timed};
use crate::table::{Section, Series};

const ROUNDS: usize = 7;
/// Tables that the batch changes.
const CHANGED: usize = 10;

pub fn measure(stage: &Stage) -> Vec<Section> {
    let (mut times, mut locks) = (Vec::new(), Vec::new());
    for tables in [1_000, 10_000] {
        let folder = stage.folder(&format!("schema-{tables}"));
        let database = stage.database("schema", "template0");
        fill(&database, &folder, tables);
        timed(database.segue(&folder, &["up"]));
        let expected = folder.with_extension("expected");
        let write = || of(&database, &folder, &expected, "write-schema");
        timed(write());
        let verify = || of(&database, &folder, &expected, "verify");
        let mut dump = Series::default();
        let (mut read, mut verified, mut written) =
            (Series::default(), Series::default(), Series::default());
        for _ in 0..ROUNDS {
            dump.push(timed(database.pg_dump(&["--schema-only"])));
            verified.push(timed(verify()));
            written.push(timed(write()));
            read.push(looking(&database, async |session| {
                let began = Instant::now();
                introspect::read(session).await.expect("a snapshot");
                began.elapsed()
            }));
        }
        let memory = |command| {
            let bytes = peak_memory(command);
            bytes.map_or_else(
                || "not known".to_owned(),
                |bytes| format!("{} MB", bytes >> 20),
            )
        };
        times.push(vec![
            tables.to_string(),
            dump.show(),
            read.show(),
            read.over(&dump),
            verified.show(),
            verified.over(&dump),
            memory(verify()),
            written.show(),
        ]);
        let (mut again, mut all) = (Series::default(), Series::default());
        for _ in 0..ROUNDS {
            again.push(looking(&database, async |session| {
                locked(session, true).await
            }));
            all.push(looking(&database, async |session| {
                locked(session, false).await
            }));
        }
        locks.push(vec![tables.to_string(), again.show(), all.show()]);
    }
    vec![
        Section {
            title: "The schema of many tables",
            text: "Tables of ten columns with six indexes and constraints each. The snapshot alone is read by the
library; the commands also read the ledger and the expected schema on disk. Goal: at most half of
`pg_dump --schema-only`, and 64 MB at 1000 tables."
                .to_owned(),
            columns: vec![
                "tables",
                "pg_dump",
                "snapshot",
                "ratio",
                "verify",
                "ratio",
                "its memory",
                "write-schema",
            ],
            rows: times,
        },
        Section {
            title: "How much longer the batch holds its locks",
            text: format!(
                "A transaction has changed {CHANGED} of the tables: what has changed is read again, or all of it.
Goal: below 50 ms at 1000 tables."
            ),
            columns: vec!["tables", "what has changed", "all"],
            rows: locks,
        },
    ]
}

/// How long it takes to read the schema in a transaction that has changed it.
async fn locked(session: &Session, only_changed: bool) -> Duration {
    let baseline = Baseline::read(session).await.expect("a baseline");
    session.execute("BEGIN").await.expect("a transaction");
    for table in 1..=CHANGED {
        let sql = format!(
            "ALTER TABLE t{table} ADD COLUMN more integer, ADD CONSTRAINT positive CHECK (more > 0)"
        );
        session.execute(&sql).await.expect("a column");
    }
    let began = Instant::now();
    if only_changed {
        introspect::changed(session, &baseline)
            .await
            .expect("a reading");
    } else {
        introspect::read_within(session).await.expect("a reading");
    }
    let elapsed = began.elapsed();
    session.execute("ROLLBACK").await.expect("an end");
    elapsed
}

/// What `work` gives with a session of the library's.
fn looking(database: &Database<'_>, work: impl AsyncFnOnce(&Session) -> Duration) -> Duration {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let environment = Environment::new(BTreeMap::new(), None);
    let target = Target::resolve(Some(database.url()), &environment).expect("a URL");
    runtime.block_on(async {
        let session = Session::connect(&target, Duration::from_secs(5)).await;
        work(&session.expect("a session")).await
    })
}

/// A command about the expected schema.
fn of(database: &Database<'_>, migrations: &Path, expected: &Path, command: &str) -> Command {
    let mut command = database.segue(migrations, &[command]);
    command
        .env("SEGUE_DEV_DATABASE_URL", database.url())
        .env("SEGUE_EXPECTED_SCHEMA", expected);
    command
}

/// Makes the tables, and one more by a migration, so that there is a ledger.
fn fill(database: &Database<'_>, folder: &Path, tables: usize) {
    let mut sql = String::new();
    for table in 1..=tables {
        let parent = table.max(2) - 1;
        let _ = writeln!(
            sql,
            "CREATE TABLE t{table} (
                id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                parent bigint REFERENCES t{parent},
                name text NOT NULL,
                email varchar(200) NOT NULL UNIQUE,
                amount numeric(12,2) DEFAULT 0 CHECK (amount >= 0),
                state text DEFAULT 'new' NOT NULL,
                tags text[],
                doc jsonb,
                made_at timestamptz DEFAULT now() NOT NULL,
                changed_at timestamptz
            );
            CREATE INDEX ON t{table} (parent);
            CREATE INDEX ON t{table} (lower(name)) WHERE state <> 'gone';"
        );
    }
    let path = folder.with_extension("txt");
    std::fs::write(&path, sql).expect("a file");
    timed(database.psql(&["-f", path.to_str().expect("UTF-8")]));
    database.sql("VACUUM (ANALYZE)");
    let migration = "CREATE TABLE last (id integer PRIMARY KEY);\n";
    std::fs::write(folder.join("000001-last.sql"), migration).expect("a file");
}
