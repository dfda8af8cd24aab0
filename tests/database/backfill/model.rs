//! A model of no lost write: old code, new code, deletes and upserts on a table
//! while its backfill runs, is killed, paused and taken up, and the server
//! crashes. Afterwards each row has what its last write said, in both columns.
//!
//! What the last write of a row was is not guessed from the time. Each write
//! raises the row's `version` and says in the row who wrote, and in its own
//! transaction adds to table `done`: writer, number of the operation, row and
//! version. `done` has each version of a row once, so the order of a row's writes
//! is the order of its versions. What a writer was told is compared, too; of a
//! COMMIT whose answer was lost in a crash, the table decides.
//!
//! Sizes: `SEGUE_MODEL_OPERATIONS`, `SEGUE_MODEL_SEED`; `make backfill-model`
//! does a million.

mod runner;
mod writer;

use runner::Runner;
use writer::{Code, Told, Writer};

use crate::support::{Project, Server, TestDatabase};

/// Rows that are there before the backfill: with gaps, so that new ones come
/// behind its cursor, too.
const ROWS: i64 = 8000;

/// Numbers of rows: the first `ROWS` even ones are there, odd ones come.
const SPACE: i64 = 2 * ROWS;

const TABLE: &str = "
CREATE TABLE item (
    id bigint PRIMARY KEY,
    version bigint NOT NULL,
    writer bigint NOT NULL,
    operation bigint NOT NULL,
    touched bigint NOT NULL DEFAULT 0,
    old bigint NOT NULL
);
CREATE TABLE done (
    id bigint NOT NULL,
    version bigint NOT NULL,
    writer bigint NOT NULL,
    operation bigint NOT NULL,
    is_delete boolean NOT NULL,
    PRIMARY KEY (id, version)
);
-- A row that comes, or comes again, begins with a version above all before.
CREATE SEQUENCE incarnation;
";

const EXPAND: &str = "
ALTER TABLE item ADD COLUMN new text;
SELECT segue.keep_in_sync('item', 'new', $$'v' || old$$, 'old', 'substr(new, 2)::bigint');
";

const FILL: &str = "\
-- segue: begin-concurrent-migration-with: 2-expand.sql
-- segue: backfill: item by id pause 10ms
UPDATE item SET new = 'v' || old WHERE id > :lower AND id <= :upper;
";

const END: &str = "\
-- segue: end-concurrent-migration: 3-fill.sql
SELECT segue.stop_sync('item', 'new');
ALTER TABLE item ALTER COLUMN new SET NOT NULL;
ALTER TABLE item DROP COLUMN old;
";

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is a number, not `{text}`")))
}

#[test]
#[expect(clippy::print_stderr, reason = "the seed, for whoever repeats it")]
fn after_any_course_each_row_has_what_its_last_write_said() {
    let operations = setting("SEGUE_MODEL_OPERATIONS").unwrap_or(6000);
    let seed = setting("SEGUE_MODEL_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let server = Server::restarting();
    let mut sum = Sum::default();
    for round in 0.. {
        let seed = seed + round;
        eprintln!("SEGUE_MODEL_SEED={seed}");
        let left = operations.saturating_sub(sum.operations);
        sum.add(&run(&server, seed, left.min(25_000)));
        eprintln!("{sum:?}");
        if sum.operations >= operations {
            break;
        }
    }
}

/// What happened, for who reads it.
#[derive(Debug, Default)]
struct Sum {
    rounds: u64,
    operations: u64,
    rows_written: u64,
    refused: u64,
    unknown: u64,
    runs: u64,
    kills: u64,
    terminations: u64,
    crashes: u64,
    pauses: u64,
    batches: u64,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.rounds += other.rounds;
        self.operations += other.operations;
        self.rows_written += other.rows_written;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.runs += other.runs;
        self.kills += other.kills;
        self.terminations += other.terminations;
        self.crashes += other.crashes;
        self.pauses += other.pauses;
        self.batches += other.batches;
    }
}

/// One backfill from its first file to its last, with that many operations
/// beside it.
fn run(server: &Server, seed: u64, operations: u64) -> Sum {
    let mut random = fastrand::Rng::with_seed(seed);
    let database = TestDatabase::on(server);
    let project = Project::on(&database);
    // Somebody always waits here.
    project.write(
        "segue.toml",
        "[up]\nfold = false\n[backfill]\nlock-waiters = false\nautovacuum = false\n",
    );
    project.file("1-table.sql", TABLE);
    project.segue(&["up"]).expect_success();
    database.run(&format!(
        "WITH made AS (
             INSERT INTO item (id, version, writer, operation, old)
             SELECT 2 * i, nextval('incarnation') << 24, 0, i, i FROM generate_series(1, {ROWS}) AS i
             RETURNING id, version, operation)
         INSERT INTO done SELECT id, version, 0, operation, false FROM made"
    ));
    let mut writers: Vec<Writer> = (1..=3)
        .map(|number| Writer::start(&database, Code::Old, number, random.u64(..)))
        .collect();
    writers[0].does(20);

    project
        .file("2-expand.sql", EXPAND)
        .file("3-fill.sql", FILL);
    let mut runner = Runner::new(server, &database, &project, random.fork());
    runner.expand();
    // The new code comes with readiness.
    writers
        .extend((4..=6).map(|number| Writer::start(&database, Code::New, number, random.u64(..))));
    runner.fill();
    let enough = |writers: &[Writer]| writers.iter().map(Writer::done).sum::<u64>() >= operations;
    while !enough(&writers) {
        writers[0].does(50);
        writers[5].does(50);
    }
    let mut told: Vec<Told> = writers.drain(..3).map(Writer::stop).collect();
    expect_none(
        &database,
        "SELECT * FROM item WHERE new IS DISTINCT FROM 'v' || old LIMIT 5",
    );
    assert_eq!(
        database.query("SELECT segue.divergence('item', 'new')"),
        "0"
    );
    let mut sum = runner.sum();

    project.file("4-end.sql", END);
    project.segue(&["up"]).expect_success();
    writers[0].does(20);
    told.extend(writers.into_iter().map(Writer::stop));
    each_row_has_what_its_last_write_said(&database);
    each_answer_was_true(&database, &told);
    sum.rounds = 1;
    for told in &told {
        sum.operations += told.operations;
        sum.refused += told.refused;
        sum.unknown += u64::try_from(told.unknown.len()).expect("a count");
    }
    sum.rows_written = database
        .query("SELECT count(*) FROM done")
        .parse()
        .expect("a count");
    sum
}

/// Holds a query's rows to be none.
#[track_caller]
fn expect_none(database: &TestDatabase<'_>, query: &str) {
    assert_eq!(database.query(query), "", "{query}");
}

fn each_row_has_what_its_last_write_said(database: &TestDatabase<'_>) {
    // Its columns are those of the operation that the row names …
    expect_none(
        database,
        "SELECT * FROM item WHERE new IS DISTINCT FROM 'v' || writer * 1000000000 + operation LIMIT 5",
    );
    // … which is the last one that was done to it, and each row that is not
    // deleted is there. Between the first and the last of a row's life no
    // version is missing: none was overwritten unseen.
    expect_none(
        database,
        "WITH life AS (
             SELECT id, version >> 24 AS life, min(version) AS first, max(version) AS last, count(*) AS count,
                    (array_agg(is_delete ORDER BY version DESC))[1] AS is_over,
                    count(*) FILTER (WHERE is_delete) AS deletes,
                    (array_agg(writer ORDER BY version DESC))[1] AS writer,
                    (array_agg(operation ORDER BY version DESC))[1] AS operation
               FROM done GROUP BY 1, 2),
         wrong AS (
             SELECT 'a gap' AS what, id, last FROM life
              WHERE first <> life << 24 OR count <> last - first + 1 OR deletes <> is_over::int
             UNION ALL
             SELECT 'not the last write', id, last FROM life FULL JOIN item USING (id)
              WHERE NOT is_over AND (version, item.writer, item.operation)
                    IS DISTINCT FROM (last, life.writer, life.operation)
             UNION ALL
             SELECT 'from nowhere', id, version FROM item
              WHERE NOT EXISTS (SELECT FROM life WHERE life.id = item.id AND NOT is_over AND last = version))
         SELECT * FROM wrong LIMIT 5",
    );
}

/// Whatever a writer was told to be done is, and nothing else.
fn each_answer_was_true(database: &TestDatabase<'_>, told: &[Told]) {
    for told in told {
        let unknown: Vec<String> = told.unknown.iter().map(u64::to_string).collect();
        let rows = database.query(&format!(
            "SELECT count(*) FROM done WHERE writer = {} AND NOT operation = ANY ('{{{}}}')",
            told.writer,
            unknown.join(",")
        ));
        assert_eq!(rows, told.rows.to_string(), "writer {}", told.writer);
    }
}
