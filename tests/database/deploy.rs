//! Deployments by the real program: killed, interrupted, beside each other and
//! beside strangers. After each, a second `up` finishes the work, and a third
//! has nothing to do.

use crate::support::{Project, Run, TestDatabase, TestSession, assert_text, wait_for};

mod conflict;
mod crowd;
mod cut_off;
mod handed_over;
mod hostile_conflict;
mod killed;
mod listener;
mod seen;
mod stalled;
mod stopped;
mod stranger;
mod together;
mod waits;

/// Without what depends on how long something takes: durations, how far a build
/// is, and for whom it has waited.
fn project_on(database: &TestDatabase<'_>) -> Project {
    let mut project = Project::on(database);
    project.redact(r"(?m)^ *Progress .*\n", "");
    project.redact(r"(?m)^ *Waiting `[^`]*` has waited .*\n(?: {13}.*\n)*", "");
    project.redact(r"\b(\d+m )?\d+(\.\d+)?(ms|s)\b", "[duration]");
    project.redact(r"_backend\(\d+\)", "_backend([pid])");
    // From 17 on an index is built with a search_path of the server's own.
    project.redact(r"function public\.gate", "function gate");
    project
}

/// A table with row 1, and in the tail an index that passes gates: the build
/// waits at row `a` while somebody holds advisory lock `a`.
fn gated(database: &TestDatabase<'_>) -> Project {
    let project = project_on(database);
    project
        .file(
            "1-table.sql",
            "CREATE FUNCTION gate(key int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$\n\
             BEGIN PERFORM pg_catalog.pg_advisory_xact_lock_shared(key); RETURN key; END $$;\n\
             CREATE TABLE t (a int);\n\
             INSERT INTO t VALUES (1);\n",
        )
        .file(
            "2-index.sql",
            &concurrent("CREATE INDEX CONCURRENTLY t_a ON t (gate(a));"),
        );
    project
}

/// What a run told, without which deployments settled: of two that run at once
/// the first to look says it of both, and the other one of its own.
fn told(run: &Run) -> String {
    let lines = run.stderr.split_inclusive('\n');
    lines
        .filter(|line| !line.trim_start().starts_with("Settled"))
        .collect()
}

/// A concurrent migration that begins with `1-table.sql`.
fn concurrent(sql: &str) -> String {
    format!("-- segue: begin-concurrent-migration-with: 1-table.sql\n{sql}\n")
}

/// Holds gates shut until [`open`], or until dropped.
fn shut(database: &TestDatabase<'_>, gates: &[i32]) -> TestSession {
    let session = database.session();
    for gate in gates {
        session.run(&format!("SELECT pg_advisory_lock({gate})"));
    }
    session
}

fn open(session: &TestSession) {
    session.run("SELECT pg_advisory_unlock_all()");
}

/// Waits until a backend waits at a gate; its pid.
#[track_caller]
fn wait_at_gate(database: &TestDatabase<'_>, gate: i32) -> i32 {
    let sql = format!(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = 0 AND objid = {gate} \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    );
    let session = database.session();
    wait_for("a build at the gate", || session.query(&sql).parse().ok())
}

/// Waits until a query has no empty answer.
#[track_caller]
fn wait_for_rows(database: &TestDatabase<'_>, sql: &str) -> String {
    let session = database.session();
    wait_for(sql, || {
        Some(session.query(sql)).filter(|rows| !rows.is_empty())
    })
}

/// The indexes of `t`, with those that are invalid marked; then what the
/// ledger says of the concurrent migrations.
fn left(database: &TestDatabase<'_>) -> String {
    database.query(
        "SELECT indexrelid::regclass || CASE WHEN indisvalid THEN '' ELSE ' invalid' END FROM pg_index \
           WHERE indrelid = to_regclass('t') \
         UNION ALL SELECT file || ' ' || state FROM segue.migration WHERE kind = 'concurrent' ORDER BY 1",
    )
}

/// Nothing is to be done any more, and one valid index is there.
#[track_caller]
fn expect_done(project: &Project, database: &TestDatabase<'_>) {
    let run = project.segue(&["up"]);
    let (told, deployment) = run.stderr.rsplit_once(' ').expect("a number");
    assert_text(
        "stderr",
        told,
        "
          Up to date nothing is pending
               Ready since deployment
        ",
    );
    deployment.trim().parse::<u32>().expect("a number");
    assert_eq!((run.stdout.as_str(), run.status), ("", 0));
    assert_eq!(left(database), "2-index.sql applied\nt_a");
}
