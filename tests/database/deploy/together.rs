//! Several runs at once.

use super::{concurrent, expect_done, gated, left, open, project_on, shut, told, wait_at_gate};
use crate::support::{Background, Project, TestDatabase, assert_text};

/// Runs that all end well, whoever did what.
#[track_caller]
fn all_end_well(runs: Vec<Background<'_>>) {
    for run in runs {
        run.wait().expect_success();
    }
}

/// A run that ended well, and what it told but for what has [`told`] left out.
#[track_caller]
fn ends_well(run: Background<'_>, expected: &str) {
    let run = run.wait();
    assert_text("stderr", &told(&run), expected);
    assert_eq!((run.stdout.as_str(), run.status), ("", 0));
    assert!(
        run.stderr.contains("Settled after [duration]"),
        "{}",
        run.stderr
    );
}

fn ups(project: &Project, count: usize) -> Vec<Background<'_>> {
    std::iter::repeat_with(|| project.spawn(&["up"]))
        .take(count)
        .collect()
}

fn plain(database: &TestDatabase<'_>) -> Project {
    let project = project_on(database);
    project
        .file(
            "1-table.sql",
            "CREATE TABLE t (a int);\nINSERT INTO t SELECT generate_series(1, 1000);\n",
        )
        .file(
            "2-index.sql",
            &concurrent("CREATE INDEX CONCURRENTLY t_a ON t (a);"),
        );
    project
}

#[test]
fn two_on_a_fresh_database() {
    let database = TestDatabase::new();
    let project = plain(&database);
    all_end_well(ups(&project, 2));
    expect_done(&project, &database);
}

#[test]
fn two_on_a_used_one() {
    let database = TestDatabase::new();
    let project = plain(&database);
    let other = project_on(&database);
    other.file("0-first.sql", "CREATE TABLE first (a int);\n");
    other.segue(&["up"]).expect_success();
    project.file("0-first.sql", "CREATE TABLE first (a int);\n");
    all_end_well(ups(&project, 2));
    expect_done(&project, &database);
}

#[test]
fn three_on_a_fresh_database() {
    let database = TestDatabase::new();
    let project = plain(&database);
    all_end_well(ups(&project, 3));
    expect_done(&project, &database);
}

#[test]
fn the_second_says_who_builds() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    wait_at_gate(&database, 1);
    let second = project.spawn(&["up"]);
    second.wait_for_stderr("run by");
    open(&holder);
    ends_well(
        first,
        "
          Planned 1 migration in one transaction, then 1 concurrent migration
          Created the ledger, in namespace segue
              Ran `1-table.sql`, 3 statements in [duration]
        Committed 1 migration in [duration]
            Ready after [duration] (deployment 1)
             Tail 1 concurrent migration: `2-index.sql`
          Running `2-index.sql` (pid [pid])
         Finished `2-index.sql` in [duration]
        ",
    );
    ends_well(second,
        "
         Planned 1 concurrent migration
           Ready since deployment 1
            Tail 1 concurrent migration: `2-index.sql`
         Waiting for `2-index.sql`, run by pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
        Finished `2-index.sql` in [duration]
        ",);
    expect_done(&project, &database);
}

#[test]
fn the_next_deployment_is_ready_while_the_tail_of_the_first_runs() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    wait_at_gate(&database, 1);
    project.file("3-other.sql", "CREATE TABLE other (a int);\n");
    let second = project.spawn(&["up"]);
    second.wait_for_stderr("Ready");
    assert_eq!(database.query("SELECT count(*) FROM other"), "0");
    second.wait_for_stderr("run by");
    assert_eq!(left(&database), "2-index.sql begun\nt_a invalid");
    open(&holder);
    ends_well(
        first,
        "
          Planned 1 migration in one transaction, then 1 concurrent migration
          Created the ledger, in namespace segue
              Ran `1-table.sql`, 3 statements in [duration]
        Committed 1 migration in [duration]
            Ready after [duration] (deployment 1)
             Tail 1 concurrent migration: `2-index.sql`
          Running `2-index.sql` (pid [pid])
         Finished `2-index.sql` in [duration]
        ",
    );
    ends_well(second,
        "
          Planned 1 migration in one transaction, then 1 concurrent migration
              Ran `3-other.sql`, 1 statement in [duration]
        Committed 1 migration in [duration]
            Ready after [duration] (deployment 2)
             Tail 1 concurrent migration: `2-index.sql`
          Waiting for `2-index.sql`, run by pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
         Finished `2-index.sql` in [duration]
        ",);
    expect_done(&project, &database);
    let settled = "SELECT count(*) FROM segue.deployment WHERE settled_at IS NOT NULL";
    assert_eq!(database.query(settled), "2");
}

#[test]
fn a_new_column_waits_for_the_build_without_hurting_it() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    let pid = wait_at_gate(&database, 1);
    project.file("3-column.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    project.segue(&["up", "--retry-for", "2s"]).expect(
        "",
        "
             Planned 1 migration in one transaction, then 1 concurrent migration
            Retrying the block in [duration], after try 1 was rolled back in `3-column.sql`: canceling statement due to lock timeout (SQLSTATE 55P03)
             Waiting for a lock on `t`, held by pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
                     a segue at work, which ends by itself
        error: gave up after [duration] while waiting for a lock on `t`, held by pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
        note: nothing was committed: the database is as it was
        help: `segue up` starts afresh; `--retry-for` sets how long to wait
        ",
        5,
    );
    let second = project.spawn(&["up"]);
    second.wait_for_stderr("Waiting");
    assert_eq!(wait_at_gate(&database, 1), pid);
    open(&holder);
    ends_well(
        first,
        "
          Planned 1 migration in one transaction, then 1 concurrent migration
          Created the ledger, in namespace segue
              Ran `1-table.sql`, 3 statements in [duration]
        Committed 1 migration in [duration]
            Ready after [duration] (deployment 1)
             Tail 1 concurrent migration: `2-index.sql`
          Running `2-index.sql` (pid [pid])
         Finished `2-index.sql` in [duration]
        ",
    );
    let second = second.wait();
    // It may be there before the first one has said that it is done.
    let lines = told(&second);
    let lines = lines.split_inclusive('\n');
    let lines: String = lines.filter(|line| !line.contains("run by")).collect();
    assert_text(
        "stderr",
        &lines,
        "
          Planned 1 migration in one transaction, then 1 concurrent migration
         Retrying the block in [duration], after try 1 was rolled back in `3-column.sql`: canceling statement due to lock timeout (SQLSTATE 55P03)
          Waiting for a lock on `t`, held by pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
                  a segue at work, which ends by itself
              Ran `3-column.sql`, 1 statement in [duration]
        Committed 1 migration in [duration]
            Ready after [duration] (deployment 3)
             Tail 1 concurrent migration: `2-index.sql`
         Finished `2-index.sql` in [duration]
        ",
    );
    assert_eq!(second.status, 0);
    expect_done(&project, &database);
    assert_eq!(database.query("SELECT b FROM t"), "");
}

#[test]
fn a_strangers_build_of_the_same_index_survives() {
    let database = TestDatabase::new();
    let project = gated(&database);
    project
        .segue(&["up", "--until", "ready", "-q"])
        .expect("", "", 0);
    let holder = shut(&database, &[1]);
    let stranger = database.session();
    stranger.run("SET application_name = 'psql'");
    let build = stranger.start("CREATE INDEX CONCURRENTLY t_a ON t (gate(a))");
    assert_eq!(wait_at_gate(&database, 1), stranger.pid());
    let settle = project.spawn(&["settle"]);
    settle.wait_for_stderr("Waiting");
    open(&holder);
    build.wait().expect("built");
    settle.wait().expect(
        "",
        "
         Planned 1 concurrent migration
            Tail 1 concurrent migration: `2-index.sql`
         Running `2-index.sql` (pid [pid])
         Waiting for a lock on `public.t`, held by pid [pid] (postgres, `psql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
                 ends with its statement, or by `SELECT pg_cancel_backend([pid])`
         Skipped statement 1 of `2-index.sql`: `public.t_a` was there already, valid and the same
        Finished `2-index.sql` in [duration]
         Settled after [duration] (deployment 1)
        ",
        0,
    );
    expect_done(&project, &database);
}
