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
     Not verified there is no expected schema; `segue write-schema` writes it
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
    Not verified there is no expected schema; `segue write-schema` writes it
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
     Not verified there is no expected schema; `segue write-schema` writes it
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
     Not verified there is no expected schema; `segue write-schema` writes it
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
    Not verified there is no expected schema; `segue write-schema` writes it
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

#[test]
fn three_with_many_indexes_and_one_that_is_needed() {
    let database = TestDatabase::new();
    let project = plain(&database);
    project
        .file("1-table-u.sql", "CREATE TABLE u (a int);\n")
        .file(
            "2-index-b.sql",
            &concurrent("CREATE INDEX CONCURRENTLY t_b ON t ((a + 1));"),
        )
        .file(
            "2-index-u.sql",
            &concurrent("CREATE INDEX CONCURRENTLY u_a ON u (a) WHERE a > 1;"),
        )
        .file(
            "3-rename.sql",
            "-- segue: end-concurrent-migration: 2-index-u.sql\nALTER INDEX u_a RENAME TO u_b;\n",
        );
    // The table has rows, so nothing is folded into the batch.
    let table = project_on(&database);
    table.file("1-table.sql", &project.read("migrations/1-table.sql"));
    table.segue(&["up", "-q"]).expect("", "", 0);
    all_end_well(ups(&project, 3));
    assert_eq!(
        database.query(
            "SELECT indexrelid::regclass::text, indisvalid FROM pg_index \
             WHERE indrelid IN ('t'::regclass, 'u'::regclass) ORDER BY 1"
        ),
        "t_a|t\nt_b|t\nu_b|t"
    );
    let run = project.segue(&["up"]);
    assert!(run.stderr.contains("Up to date"), "{}", run.stderr);
}

#[test]
fn an_index_of_the_next_deployment_waits_for_the_one_on_its_table() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    let pid = wait_at_gate(&database, 1);
    project
        .file("3-other.sql", "CREATE TABLE other (a int);\n")
        .file(
            "4-index.sql",
            "-- segue: begin-concurrent-migration-with: 3-other.sql\n\
             CREATE INDEX CONCURRENTLY t_b ON t ((a + 1));\n",
        );
    let second = project.spawn(&["up"]);
    second.wait_for_stderr("Ready");
    second.wait_for_stderr("Waiting");
    let waits = "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND NOT granted";
    assert_eq!(database.query(waits), "0");
    assert_eq!(wait_at_gate(&database, 1), pid);
    open(&holder);
    first.wait().expect_success();
    let second = second.wait();
    second.expect_success();
    assert_text(
        "stderr",
        &told(&second),
        "
          Planned 1 migration in one transaction, then 2 concurrent migrations
     Not verified there is no expected schema; `segue write-schema` writes it
              Ran `3-other.sql`, 1 statement in [duration]
        Committed 1 migration in [duration]
            Ready after [duration] (deployment 2)
             Tail 2 concurrent migrations: `2-index.sql` and `4-index.sql`
          Waiting for `2-index.sql`, run by pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
         Finished `2-index.sql` in [duration]
          Running `4-index.sql` (pid [pid])
         Finished `4-index.sql` in [duration]
        ",
    );
    assert_eq!(
        left(&database),
        "2-index.sql applied\n4-index.sql applied\nt_a\nt_b"
    );
}

#[test]
fn two_projects_with_indexes_on_one_table() {
    let database = TestDatabase::new();
    database.run("CREATE TABLE t AS SELECT generate_series(1, 1000) AS a");
    let projects = ["one", "two"].map(|name| {
        let project = project_on(&database);
        project.write("segue.toml", format!("project = \"{name}\"\n"));
        project.file("1-table.sql", "SELECT 1;\n");
        for number in 1..=3 {
            let sql = format!("CREATE INDEX CONCURRENTLY {name}_{number} ON t (a);");
            project.file(&format!("2-{number}.sql"), &concurrent(&sql));
        }
        project
    });
    all_end_well(
        projects
            .iter()
            .map(|project| project.spawn(&["up"]))
            .collect(),
    );
    let indexes =
        "SELECT count(*), bool_and(indisvalid) FROM pg_index WHERE indrelid = 't'::regclass";
    assert_eq!(database.query(indexes), "6|t");
}
