//! `--on-conflict`: a batch that needs a lock which a concurrent migration of
//! an earlier deployment holds.

mod kinds;

use super::{expect_done, gated, left, open, project_on, shut, told, wait_at_gate, wait_for_rows};
use crate::support::{Background, Project, Run, TestDatabase, assert_text};

/// A new column, whose lock no build gives way to.
fn add_column(project: &Project) {
    project.file("3-column.sql", "ALTER TABLE t ADD COLUMN b int;\n");
}

/// What a run told, without the tries of a machine that was too busy to look
/// at the lock in time.
fn told_but_tries(run: &Run) -> String {
    let told = told(run);
    let lines = told.split_inclusive('\n');
    lines
        .filter(|line| !line.trim_start().starts_with("Retrying"))
        .collect()
}

/// A run whose build waits at gate 1, and its backend.
fn building<'a>(project: &'a Project, database: &TestDatabase<'_>) -> (Background<'a>, i32) {
    let first = project.spawn(&["up"]);
    let pid = wait_at_gate(database, 1);
    (first, pid)
}

const BATCH_LOCKS: &str = "SELECT count(*) FROM segue.deployment WHERE state = 'running'";

#[test]
fn wait_waits_without_the_batch_lock() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let (first, pid) = building(&project, &database);
    let other = project_on(&database);
    for file in ["1-table.sql", "2-index.sql"] {
        other.file(file, &project.read(&format!("migrations/{file}")));
    }
    other.file("4-other.sql", "CREATE TABLE other (a int);\n");
    add_column(&project);
    // Not `--retry-for` bounds it.
    let second = project.spawn(&["up", "--retry-for", "1s"]);
    second.wait_for_stderr("to release a lock");
    let third = other.spawn(&["up"]);
    third.wait_for_stderr("Ready");
    assert_eq!(wait_at_gate(&database, 1), pid);
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(database.query(BATCH_LOCKS), "1");
    open(&holder);
    first.wait().expect_success();
    let second = second.wait();
    second.expect_success();
    third.wait().expect_success();
    // The lock is free before the first one has said that it is done, so what
    // is left of the tail is not certain.
    let is_of_tail = |line: &str| {
        let beginnings = [
            "Tail",
            "Waiting for `2-index.sql`, run by",
            "Running",
            "Skipped",
            "Finished",
        ];
        beginnings
            .iter()
            .any(|word| line.trim_start().starts_with(word))
    };
    let lines = told_but_tries(&second);
    let lines = lines.split_inclusive('\n').filter(|line| !is_of_tail(line));
    let lines = lines.collect::<String>();
    let lines = lines.replace(
        "anew 1 migration in one transaction, then 1 concurrent migration",
        "anew 1 migration in one transaction",
    );
    assert_text(
        "stderr",
        &lines,
        "
         Planned 1 migration in one transaction, then 1 concurrent migration
    Not verified there is no expected schema; `segue write-schema` writes it
         Waiting for `2-index.sql` to release a lock on `t` that `3-column.sql` needs: pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
    Planned anew 1 migration in one transaction
             Ran `3-column.sql`, 1 statement in [duration]
       Committed 1 migration in [duration]
           Ready after [duration] (deployment 2)
        ",
    );
    assert_eq!(database.query("SELECT count(b) FROM t"), "0");
    assert_eq!(database.query(BATCH_LOCKS), "0");
}

#[test]
fn the_wait_is_bounded() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let (first, pid) = building(&project, &database);
    add_column(&project);
    let second = project.segue(&["up", "--concurrent-wait", "1s"]);
    assert_text(
        "stderr",
        &told_but_tries(&second),
        "
             Planned 1 migration in one transaction, then 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
             Waiting for `2-index.sql` to release a lock on `t` that `3-column.sql` needs: pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
        error: gave up after [duration] while waiting for `2-index.sql`, which runs in pid [pid] and holds a lock on `t`
        note: nothing was committed: the database is as it was
        help: `segue up` starts afresh; `--concurrent-wait` sets how long to wait
        ",
    );
    assert_eq!(second.status, 5);
    assert_eq!(wait_at_gate(&database, 1), pid);
    open(&holder);
    first.wait().expect_success();
}

#[test]
fn fail_ends_at_once_and_changes_nothing() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let (first, pid) = building(&project, &database);
    add_column(&project);
    // Another default, from the file.
    project.write(
        "segue.toml",
        "[up]\nfold = false\non-conflict = \"preempt\"\n",
    );
    let second = project.segue(&["up", "--on-conflict", "fail"]);
    assert_text(
        "stderr",
        &told_but_tries(&second),
        "
             Planned 1 migration in one transaction, then 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
        error[held-by-concurrent]: `3-column.sql` needs a lock on `t` that `2-index.sql` holds
          --> migrations/3-column.sql:1:1
          |
        1 | ALTER TABLE t ADD COLUMN b int;
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: `2-index.sql` runs in pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a)); building index: scanning table, 1 of 1
          = help: `--on-conflict wait` waits until it is done, up to `--concurrent-wait`; `--on-conflict preempt` cancels it, and runs it again when this deployment is ready
        note: nothing was committed: the database is as it was
        help: `segue up` starts afresh
        ",
    );
    assert_eq!(second.status, 4);
    assert_eq!(wait_at_gate(&database, 1), pid);
    open(&holder);
    first.wait().expect_success();
    assert_eq!(left(&database), "2-index.sql applied\nt_a");
}

#[test]
fn preempt_cancels_applies_and_runs_it_again() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let (first, _) = building(&project, &database);
    add_column(&project);
    let second = project.spawn(&["up", "--on-conflict", "preempt"]);
    second.wait_for_stderr("Ready");
    first.wait_for_stderr("Pre-empted");
    assert_eq!(database.query("SELECT count(b) FROM t"), "0");
    // By whichever of the two was quicker.
    wait_at_gate(&database, 1);
    open(&holder);
    let first = first.wait();
    first.expect_success();
    assert!(!first.stderr.contains("error"), "{}", first.stderr);
    let second = second.wait();
    second.expect_success();
    let lines = told_but_tries(&second);
    let lines: String = lines
        .split_inclusive('\n')
        .filter(|line| !line.contains("run by") && !line.contains("Running"))
        .collect();
    assert_text(
        "stderr",
        &lines,
        "
         Planned 1 migration in one transaction, then 1 concurrent migration
    Not verified there is no expected schema; `segue write-schema` writes it
     Pre-empting `2-index.sql`, which holds a lock on `t` that `3-column.sql` needs: pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a))
    Planned anew 1 migration in one transaction, then 1 concurrent migration
             Ran `3-column.sql`, 1 statement in [duration]
       Committed 1 migration in [duration]
           Ready after [duration] (deployment 2)
            Tail 1 concurrent migration: `2-index.sql`
        Finished `2-index.sql` in [duration]
        ",
    );
    expect_done(&project, &database);
    let failures =
        "SELECT count(*) FROM segue.migration WHERE state <> 'applied' OR error IS NOT NULL";
    assert_eq!(database.query(failures), "0");
    let settled = "SELECT count(*) FROM segue.deployment WHERE state = 'settled' AND error IS NULL";
    assert_eq!(database.query(settled), "2");
}

/// A snapshot that the build waits for does not hold up what removes it.
#[test]
fn preempt_of_a_build_that_waits_for_a_snapshot() {
    let database = TestDatabase::new();
    let project = gated(&database);
    database.run("CREATE TABLE elsewhere (a int)");
    let hostile = database.session();
    hostile.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM elsewhere");
    let first = project.spawn(&["up"]);
    wait_for_rows(
        &database,
        "SELECT pid FROM pg_stat_progress_create_index WHERE phase = 'waiting for old snapshots' AND datname = current_database()",
    );
    add_column(&project);
    let second = project.spawn(&["up", "--on-conflict", "preempt"]);
    second.wait_for_stderr("Ready");
    hostile.run("COMMIT");
    first.wait().expect_success();
    second.wait().expect_success();
    expect_done(&project, &database);
}

#[test]
fn preempt_of_a_build_whose_runner_is_dead() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let (first, _) = building(&project, &database);
    first.kill();
    first.wait();
    add_column(&project);
    let second = project.spawn(&["up", "--on-conflict", "preempt"]);
    second.wait_for_stderr("Ready");
    open(&holder);
    let second = second.wait();
    second.expect_success();
    let repaired = "Repaired `2-index.sql`: dropped `public.t_a`, which a try that did not end well had left invalid";
    assert!(second.stderr.contains(repaired), "{}", second.stderr);
    expect_done(&project, &database);
}

/// A batch that has pre-empted a build, and then waits for a stranger.
fn stuck<'a>(project: &'a Project, database: &TestDatabase<'_>) -> Background<'a> {
    add_column(project);
    project.file("4-column.sql", "ALTER TABLE u ADD COLUMN b int;\n");
    let second = project.spawn(&["up", "--on-conflict", "preempt"]);
    second.wait_for_stderr("held by pid");
    assert_eq!(left(database), "2-index.sql begun");
    second
}

#[test]
fn whoever_pre_empted_dies_and_the_old_runner_takes_it_up() {
    let database = TestDatabase::new();
    let project = gated(&database);
    database.run("CREATE TABLE u (a int)");
    let holder = shut(&database, &[1]);
    let (first, _) = building(&project, &database);
    let stranger = database.session();
    stranger.run("BEGIN; SELECT FROM u");
    let second = stuck(&project, &database);
    first.wait_for_stderr("Pre-empted");
    // Nobody else begins it meanwhile.
    let settle = project.spawn(&["settle"]);
    settle.wait_for_stderr("Pre-empted");
    second.kill();
    second.wait();
    wait_at_gate(&database, 1);
    open(&holder);
    first.wait().expect_success();
    settle.wait().expect_success();
    assert_eq!(left(&database), "2-index.sql applied\nt_a");
    stranger.run("ROLLBACK");
    project.segue(&["up"]).expect_success();
    expect_done(&project, &database);
}

#[test]
fn both_die_and_settle_takes_it_up() {
    let database = TestDatabase::new();
    let project = gated(&database);
    database.run("CREATE TABLE u (a int)");
    let holder = shut(&database, &[1]);
    let (first, _) = building(&project, &database);
    let stranger = database.session();
    stranger.run("BEGIN; SELECT FROM u");
    let second = stuck(&project, &database);
    first.wait_for_stderr("Pre-empted");
    first.kill();
    second.kill();
    first.wait();
    second.wait();
    open(&holder);
    project.segue(&["settle"]).expect_success();
    assert_eq!(left(&database), "2-index.sql applied\nt_a");
    stranger.run("ROLLBACK");
    project.segue(&["up"]).expect_success();
    expect_done(&project, &database);
}

#[test]
fn a_batch_that_fails_after_all_gives_it_back() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let (first, _) = building(&project, &database);
    add_column(&project);
    project.file("4-wrong.sql", "SELECT wrong;\n");
    let second = project.segue(&["up", "--on-conflict", "preempt"]);
    assert_eq!(second.status, 4, "{}", second.stderr);
    first.wait_for_stderr("Pre-empted");
    wait_at_gate(&database, 1);
    open(&holder);
    first.wait().expect_success();
    assert_eq!(left(&database), "2-index.sql applied\nt_a");
}

#[test]
fn another_projects_build_is_waited_for_and_not_cancelled() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let (first, pid) = building(&project, &database);
    let other = project_on(&database);
    other.write("segue.toml", "project = \"other\"\n[up]\nfold = false\n");
    add_column(&other);
    let refused = other.segue(&["up", "--on-conflict", "preempt"]);
    assert_text(
        "stderr",
        &told_but_tries(&refused),
        "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
        error[held-by-concurrent]: `3-column.sql` needs a lock on `t` that `2-index.sql` of project `main` holds
          --> migrations/3-column.sql:1:1
          |
        1 | ALTER TABLE t ADD COLUMN b int;
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: `2-index.sql` runs in pid [pid] (postgres, `segue: main/2-index.sql`), active for [duration]: CREATE INDEX CONCURRENTLY t_a ON t (gate(a)); building index: scanning table, 1 of 1
          = note: `--on-conflict preempt` cannot cancel it: it is another project's
          = help: `--on-conflict wait` waits until it is done, up to `--concurrent-wait`
        note: nothing was committed: the database is as it was
        help: `segue up` starts afresh
        ",
    );
    assert_eq!(refused.status, 4);
    assert_eq!(wait_at_gate(&database, 1), pid);
    let waiting = other.spawn(&["up"]);
    waiting.wait_for_stderr("to release a lock");
    open(&holder);
    first.wait().expect_success();
    waiting.wait().expect_success();
    assert_eq!(left(&database), "2-index.sql applied\nt_a");
}

#[test]
fn one_that_this_folder_lacks_is_not_cancelled() {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let (first, _) = building(&project, &database);
    let other = project_on(&database);
    other.file("1-table.sql", &project.read("migrations/1-table.sql"));
    add_column(&other);
    let refused = other.segue(&["up", "--on-conflict", "preempt"]);
    let why = "cannot cancel it: this folder does not have it, so this run could not run it again";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    assert_eq!(refused.status, 4);
    open(&holder);
    first.wait().expect_success();
}

#[test]
fn without_the_right_to_cancel_it_is_told_what_gives_it() {
    let database = TestDatabase::new();
    let owner = database.role("owner", "NOLOGIN");
    let [one, two] = ["one", "two"].map(|name| {
        let role = database.role(name, "LOGIN");
        database.run(&format!("GRANT {owner} TO {role}"));
        role
    });
    let name = database.name();
    database.run(&format!("GRANT CREATE ON DATABASE {name} TO {owner}"));
    database.run(&format!("GRANT ALL ON SCHEMA public TO {owner}"));
    let mut project = gated(&database);
    project.write(
        "segue.toml",
        format!("[ledger]\nowner = \"{owner}\"\n[up]\nfold = false\n"),
    );
    let table = project.read("migrations/1-table.sql");
    project.file("1-table.sql", &format!("SET ROLE {owner};\n{table}"));
    project.env("DATABASE_URL", database.url_as(&one));
    let holder = shut(&database, &[1]);
    let first = project.spawn(&["up"]);
    let pid = wait_at_gate(&database, 1);
    let mut other = project_on(&database);
    other.write("segue.toml", project.read("segue.toml"));
    for file in ["1-table.sql", "2-index.sql"] {
        other.file(file, &project.read(&format!("migrations/{file}")));
    }
    add_column(&other);
    other.env("DATABASE_URL", database.url_as(&two));
    let refused = other.segue(&["up", "--on-conflict", "preempt"]);
    assert_text(
        "stderr",
        &told_but_tries(&refused),
        "
             Planned 1 migration in one transaction, then 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
         Pre-empting `2-index.sql`, which holds a lock on `t` that `3-column.sql` needs: pid [pid] ([database]_one, `segue: main/2-index.sql`)
        error[held-by-concurrent]: `3-column.sql` needs a lock on `t` that `2-index.sql` holds
          --> migrations/3-column.sql:1:1
          |
        1 | ALTER TABLE t ADD COLUMN b int;
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: `2-index.sql` runs in pid [pid] ([database]_one, `segue: main/2-index.sql`)
          = note: `--on-conflict preempt` cannot cancel it: its session is another role's, and this role may not cancel what that one does
          = help: `--on-conflict wait` waits until it is done, up to `--concurrent-wait`
          = help: deploy as the same role, or let a superuser `GRANT pg_signal_backend` to this one
        note: nothing was committed: the database is as it was
        help: `segue up` starts afresh
        ",
    );
    assert_eq!(refused.status, 4);
    assert_eq!(wait_at_gate(&database, 1), pid);
    // It waits all the same, without being shown how far the build is.
    let waiting = other.spawn(&["up"]);
    waiting.wait_for_stderr("to release a lock");
    open(&holder);
    first.wait().expect_success();
    waiting.wait().expect_success();
    assert_eq!(left(&database), "2-index.sql applied\nt_a");
    drop((project, other));
    for role in [&one, &two, &owner] {
        database.run(&format!("DROP OWNED BY {role} CASCADE"));
    }
}

/// A migration of the batch that runs outside a transaction.
#[track_caller]
fn outside_a_transaction(sql: &str, action: &str, expected: &str) {
    let database = TestDatabase::new();
    let project = gated(&database);
    let holder = shut(&database, &[1]);
    let (first, _) = building(&project, &database);
    project.file("3-outside.sql", &format!("-- segue: no-txn\n{sql}\n"));
    let second = project.spawn(&["up", "--on-conflict", action]);
    if action == "wait" {
        second.wait_for_stderr("to release a lock");
        // Nobody else is held up by the batch's lock.
        let other = project_on(&database);
        for file in ["1-table.sql", "2-index.sql"] {
            other.file(file, &project.read(&format!("migrations/{file}")));
        }
        other.file("4-other.sql", "CREATE TABLE other (a int);\n");
        let third = other.spawn(&["up", "--until", "ready"]);
        third.wait().expect_success();
    } else if action == "preempt" {
        second.wait_for_stderr("Ready");
    } else {
        let second = second.wait();
        assert!(second.stderr.contains(expected), "{}", second.stderr);
        assert_eq!(second.status, 4);
        open(&holder);
        first.wait().expect_success();
        project.segue(&["up"]).expect_success();
        return;
    }
    open(&holder);
    first.wait().expect_success();
    let second = second.wait();
    second.expect_success();
    assert!(second.stderr.contains(expected), "{}", second.stderr);
    let ledger =
        "SELECT count(*) FROM segue.migration WHERE state <> 'applied' OR error IS NOT NULL";
    assert_eq!(database.query(ledger), "0");
}

const ALTER: &str = "ALTER TABLE t ADD COLUMN b int;";
const BUILD: &str = "CREATE INDEX CONCURRENTLY t_b ON t (a);";

#[test]
fn wait_outside_a_transaction() {
    let expected = "Waiting for `2-index.sql` to release a lock on";
    outside_a_transaction(ALTER, "wait", expected);
    outside_a_transaction(BUILD, "wait", expected);
}

#[test]
fn fail_outside_a_transaction() {
    outside_a_transaction(
        ALTER,
        "fail",
        "`3-outside.sql` needs a lock on `t` that `2-index.sql` holds\n  --> migrations/3-outside.sql:2:1",
    );
    outside_a_transaction(
        BUILD,
        "fail",
        "`3-outside.sql` needs a lock on `public.t` that `2-index.sql` holds\n  --> migrations/3-outside.sql:2:1",
    );
}

#[test]
fn preempt_outside_a_transaction() {
    let expected = "Pre-empting `2-index.sql`, which holds a lock on";
    outside_a_transaction(ALTER, "preempt", expected);
    outside_a_transaction(BUILD, "preempt", expected);
}
