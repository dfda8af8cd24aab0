//! What runs outside a transaction, interrupted in every way and taken up
//! again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use segue::apply::abandon::{Abandoned, abandon};
use segue::apply::{ApplyError, Event, Events, Interrupt, Outcome, Run, Settings, Until, up};
use segue::diagnostic::render::{Style, render};
use segue::files;
use segue::migration::Name;
use segue::postgres::Target;
use segue::postgres::target::Environment;

use crate::support::{Project, TestDatabase, TestSession, assert_text, wait_for, wait_until};

/// A database, a folder, and the library's `up` run in them.
struct Case {
    database: TestDatabase<'static>,
    project: Project,
}

/// `up` under way, in a runtime of its own that can die at once.
struct Running {
    runtime: tokio::runtime::Runtime,
    told: Arc<Mutex<String>>,
    result: mpsc::Receiver<String>,
}

impl Running {
    /// Waits until it has told this line.
    fn wait_until_told(&self, line: &str) {
        wait_until(line, || {
            let told = self.told.lock().expect("not poisoned");
            told.lines().any(|told| told == line)
        });
    }

    /// What it told, and how it ended.
    fn wait(self) -> String {
        self.result
            .recv_timeout(crate::support::PATIENCE)
            .expect("up ends")
    }

    /// As `kill -9` does: the sockets are closed, nothing else happens.
    fn kill(self) {
        self.runtime.shutdown_background();
    }
}

impl Case {
    /// A table `t` with three rows, made by the first migration; `index` is
    /// the text of a concurrent one.
    fn new() -> Self {
        let case = Self {
            database: TestDatabase::new(),
            project: Project::new(),
        };
        case.project.file(
            "1-table.sql",
            "CREATE TABLE t (a int, b int);\nINSERT INTO t VALUES (1, 1), (2, 1), (3, 1);\n",
        );
        check(&case.up(), "settled\n");
        case
    }

    /// Writes the concurrent migration.
    fn concurrent(&self, sql: &str) {
        let header = "-- segue: begin-concurrent-migration-with: 1-table.sql\n";
        self.project.file("2-tail.sql", &format!("{header}{sql}"));
    }

    /// Writes the standalone migration.
    fn standalone(&self, sql: &str) {
        self.project
            .file("2-alone.sql", &format!("-- segue: no-txn\n{sql}"));
    }

    fn run(&self) -> (Run, tokio::sync::mpsc::UnboundedReceiver<Event>) {
        let environment = Environment::new(BTreeMap::new(), None);
        let (events, receiver) = Events::channel();
        let (_, interrupt) = Interrupt::channel();
        let run = Run {
            target: Target::resolve(Some(&self.database.url()), &environment).expect("a target"),
            connect_wait: Duration::from_secs(5),
            project: "main".to_owned(),
            owner: None,
            settings: Settings {
                until: Until::Settled,
                jobs: 2,
                lock_timeout: Duration::from_millis(50),
                retry_for: Duration::from_secs(20),
                concurrent_wait: Duration::from_secs(20),
                commit_wait: Duration::from_secs(20),
                strict: false,
            },
            events,
            interrupt,
        };
        (run, receiver)
    }

    fn start(&self) -> Running {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let (sender, result) = mpsc::channel();
        let folder = self.project.path().join("migrations");
        let (run, mut events) = self.run();
        let told = Arc::new(Mutex::new(String::new()));
        let telling = Arc::clone(&told);
        runtime.spawn(async move {
            let (migrations, problems) =
                files::read(std::slice::from_ref(&folder)).expect("a folder");
            assert_eq!(problems, []);
            let telling = tokio::spawn(async move {
                while let Some(event) = events.recv().await {
                    let mut told = telling.lock().expect("not poisoned");
                    told.push_str(&tell(&event));
                }
                telling
            });
            let outcome = Box::pin(up::up(&run, migrations)).await;
            // The last sender ends the telling.
            drop(run);
            let told = telling.await.expect("no panic");
            let text = told.lock().expect("not poisoned").clone() + &ended(outcome);
            let folder = folder.display().to_string();
            let _ = sender.send(text.replace(&folder, "migrations"));
        });
        Running {
            runtime,
            told,
            result,
        }
    }

    fn up(&self) -> String {
        self.start().wait()
    }

    /// `segue abandon`, in the same words.
    fn abandon(&self, name: &str) -> String {
        let folder = self.project.path().join("migrations");
        let (migrations, _) = files::read(&[folder]).expect("a folder");
        let (run, mut events) = self.run();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let result = runtime.block_on(Box::pin(abandon(&run, &migrations, &Name::new(name))));
        let mut text = String::new();
        while let Ok(event) = events.try_recv() {
            text.push_str(&tell(&event));
            if let Event::Settled { .. } = event {
                text.push_str("the deployment is settled\n");
            }
        }
        text + &match result {
            Ok(Abandoned::Now) => "abandoned\n".to_owned(),
            Ok(Abandoned::Already) => "abandoned already\n".to_owned(),
            Err(error) => format!("error: {error}\n"),
        }
    }

    /// Name and validity of the indexes of `t`.
    fn indexes(&self) -> String {
        self.database.query(
            "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
             WHERE i.indrelid = 't'::regclass ORDER BY 1",
        )
    }

    /// Waits until a statement that begins so runs, and waits for somebody.
    fn wait_for_statement(&self, beginning: &str) -> i32 {
        let session = self.database.session();
        wait_for(beginning, || {
            let pid = session.query(&format!(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                 AND state = 'active' AND wait_event_type = 'Lock' AND query LIKE '{beginning}%'"
            ));
            pid.parse().ok()
        })
    }

    fn wait_until_gone(&self, pid: i32) {
        let session = self.database.session();
        wait_until("a backend to end", || {
            let left = session.query(&format!("SELECT 1 FROM pg_stat_activity WHERE pid = {pid}"));
            left.is_empty()
        });
    }

    /// A session that has written to `t` and not committed.
    fn writer(&self) -> TestSession {
        let session = self.database.session();
        session.run("BEGIN");
        session.run("INSERT INTO t VALUES (4, 4)");
        session
    }
}

/// Compares what a run told.
#[track_caller]
fn check(told: &str, expected: &str) {
    assert_text("what the run told", told, expected);
}

/// The lines that matter here.
fn tell(event: &Event) -> String {
    match event {
        Event::StatementBegan { number, of, .. } => format!("statement {number} of {of}\n"),
        Event::StatementSkipped { number, reason, .. } => {
            format!("statement {number} is done: {reason}\n")
        }
        Event::Repaired { what, .. } => format!("repaired: {what}\n"),
        Event::WaitingForLock { relation, blockers } => format!(
            "waits for {} session on {}\n",
            blockers.len(),
            relation.as_deref().unwrap_or("?")
        ),
        Event::RunsElsewhere { name, .. } => format!("{name} runs elsewhere\n"),
        Event::MigrationDone { name, .. } => format!("{name} is done\n"),
        Event::MigrationFailed { diagnostic, .. } => render(diagnostic, Style::Plain),
        _ => String::new(),
    }
}

fn ended(outcome: Result<Outcome, ApplyError>) -> String {
    match outcome {
        Ok(Outcome::Settled) => "settled\n".to_owned(),
        Ok(Outcome::Ready) => "ready\n".to_owned(),
        Ok(Outcome::Unsettled(_)) => "not settled\n".to_owned(),
        Err(ApplyError::Migration { diagnostic, .. }) => render(&diagnostic, Style::Plain),
        Err(error) => format!("error: {error}\n"),
    }
}

const INDEX: &str = "CREATE INDEX CONCURRENTLY i ON t (a);\n";

#[test]
fn a_file_runs_statement_by_statement_and_only_once() {
    let case = Case::new();
    case.concurrent(&format!("INSERT INTO t VALUES (9, 9);\n{INDEX}VACUUM t;\n"));
    check(
        &case.up(),
        "statement 1 of 3\nstatement 2 of 3\nstatement 3 of 3\n2-tail.sql is done\nsettled\n",
    );
    check(&case.up(), "settled\n");
    assert_eq!(case.indexes(), "i|t");
    assert_eq!(case.database.query("SELECT count(*) FROM t"), "4");
}

#[test]
fn a_build_that_was_cancelled_leaves_nothing_and_is_built_by_the_next_run() {
    let case = Case::new();
    case.concurrent(INDEX);
    let writer = case.writer();
    let running = case.start();
    let pid = case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    case.database
        .run(&format!("SELECT pg_cancel_backend({pid})"));
    // What it left is dropped at once, which also waits for the writer.
    case.wait_for_statement("DROP INDEX CONCURRENTLY");
    assert_eq!(case.indexes(), "i|f");
    writer.run("COMMIT");
    check(
        &running.wait(),
        "
        statement 1 of 1
        repaired: dropped `public.i`, which a try that did not end well had left invalid
        error[server-error]: canceling statement due to user request
          --> migrations/2-tail.sql:2:1
          |
        2 | CREATE INDEX CONCURRENTLY i ON t (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: SQLSTATE 57014
        not settled
        ",
    );
    assert_eq!(case.indexes(), "");
    check(
        &case.up(),
        "statement 1 of 1\n2-tail.sql is done\nsettled\n",
    );
    assert_eq!(case.indexes(), "i|t");
}

#[test]
fn an_index_left_invalid_by_a_killed_runner_is_dropped_and_built_again() {
    let case = Case::new();
    case.concurrent(INDEX);
    let writer = case.writer();
    let running = case.start();
    let pid = case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    running.kill();
    case.database
        .run(&format!("SELECT pg_terminate_backend({pid})"));
    case.wait_until_gone(pid);
    assert_eq!(case.indexes(), "i|f");
    writer.run("COMMIT");
    check(
        &case.up(),
        "
        statement 1 of 1
        repaired: dropped `public.i`, which a try that did not end well had left invalid
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.indexes(), "i|t");
    check(&case.up(), "settled\n");
}

const BUILT: &str = "
    statement 1 of 1
    2-tail.sql is done
    settled
    ";

#[test]
fn duplicates_are_reported_and_the_index_that_would_refuse_more_is_dropped() {
    let case = Case::new();
    case.concurrent("CREATE UNIQUE INDEX CONCURRENTLY i ON t (b);\n");
    let expected = "
        statement 1 of 1
        repaired: dropped `public.i`, which a try that did not end well had left invalid
        error[server-error]: could not create unique index \"i\"
          --> migrations/2-tail.sql:2:1
          |
        2 | CREATE UNIQUE INDEX CONCURRENTLY i ON t (b);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: DETAIL: Key (b)=(1) is duplicated.
          = note: the invalid index that it left has been dropped: it would have refused new duplicates, and cost every write
          = note: SQLSTATE 23505
          = help: remove the duplicates, then run segue again
        not settled
        ";
    check(&case.up(), expected);
    assert_eq!(case.indexes(), "");
    check(&case.up(), expected);
    case.database.run("DELETE FROM t WHERE a > 1");
    check(&case.up(), BUILT);
    assert_eq!(case.indexes(), "i|t");
}

#[test]
fn a_builder_that_outlives_its_client_is_waited_for() {
    let case = Case::new();
    case.concurrent(INDEX);
    let writer = case.writer();
    let running = case.start();
    case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    running.kill();
    let second = case.start();
    second.wait_until_told("2-tail.sql runs elsewhere");
    writer.run("COMMIT");
    check(
        &second.wait(),
        "
        2-tail.sql runs elsewhere
        statement 1 of 1
        statement 1 is done: `public.i` has been built since an earlier try began
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.indexes(), "i|t");
}

#[test]
fn a_build_that_the_ledger_does_not_know_is_not_repeated() {
    let case = Case::new();
    case.concurrent(INDEX);
    let writer = case.writer();
    let running = case.start();
    let pid = case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    running.kill();
    writer.run("COMMIT");
    case.wait_until_gone(pid);
    let built = case.database.query("SELECT 'i'::regclass::oid");
    check(
        &case.up(),
        "
        statement 1 of 1
        statement 1 is done: `public.i` has been built since an earlier try began
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.database.query("SELECT 'i'::regclass::oid"), built);
    check(&case.up(), "settled\n");
}

#[test]
fn a_strangers_build_of_the_same_index_survives() {
    let case = Case::new();
    case.concurrent(INDEX);
    let writer = case.writer();
    let stranger = case.database.session();
    let build = stranger.start("CREATE INDEX CONCURRENTLY i ON public.t USING btree (a)");
    case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    let running = case.start();
    running.wait_until_told("waits for 1 session on public.t");
    assert_eq!(case.indexes(), "i|f");
    writer.run("COMMIT");
    build.wait().expect("the stranger's build succeeds");
    check(
        &running.wait(),
        "
        statement 1 of 1
        waits for 1 session on public.t
        statement 1 is done: `public.i` was there already, valid and the same
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.indexes(), "i|t");
}

#[test]
fn an_older_invalid_index_is_reported_and_kept() {
    let case = Case::new();
    let stranger = case.database.session();
    assert!(
        stranger
            .try_query("CREATE UNIQUE INDEX CONCURRENTLY i ON t (b)")
            .is_err()
    );
    case.concurrent("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);\n");
    check(
        &case.up(),
        "
        statement 1 of 1
        error[half-way]: an invalid index `public.i` is in the way
          --> migrations/2-tail.sql:2:1
          |
        2 | CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ of this name
          = note: it is: CREATE UNIQUE INDEX i ON public.t USING btree (b)
          = note: it was there before segue first ran this statement, so segue leaves it alone; nobody is building it now
          = help: if nobody needs it: `DROP INDEX CONCURRENTLY public.i;`, then run segue again
        not settled
        ",
    );
    assert_eq!(case.indexes(), "i|f");
    stranger.run("DROP INDEX CONCURRENTLY public.i");
    check(&case.up(), BUILT);
}

#[test]
fn an_unnamed_index_left_invalid_is_found_by_what_was_there_before() {
    let case = Case::new();
    case.database.run("CREATE INDEX ON t (a)");
    case.concurrent("CREATE INDEX CONCURRENTLY ON t (a);\n");
    let writer = case.writer();
    let running = case.start();
    let pid = case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    running.kill();
    case.database
        .run(&format!("SELECT pg_terminate_backend({pid})"));
    case.wait_until_gone(pid);
    assert_eq!(case.indexes(), "t_a_idx|t\nt_a_idx1|f");
    writer.run("COMMIT");
    check(
        &case.up(),
        "
        statement 1 of 1
        repaired: dropped `public.t_a_idx1`, which a try that did not end well had left invalid
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.indexes(), "t_a_idx|t\nt_a_idx1|t");
}

#[test]
fn an_interrupted_drop_is_run_again() {
    let case = Case::new();
    case.database.run("CREATE INDEX i ON t (a)");
    case.concurrent("DROP INDEX CONCURRENTLY i;\n");
    let writer = case.writer();
    let running = case.start();
    let pid = case.wait_for_statement("DROP INDEX CONCURRENTLY");
    running.kill();
    case.database
        .run(&format!("SELECT pg_terminate_backend({pid})"));
    case.wait_until_gone(pid);
    assert_eq!(case.indexes(), "i|f");
    writer.run("COMMIT");
    check(&case.up(), BUILT);
    assert_eq!(case.indexes(), "");
}

#[test]
fn a_drop_that_the_ledger_does_not_know_is_not_repeated() {
    let case = Case::new();
    case.database.run("CREATE INDEX i ON t (a)");
    case.concurrent("DROP INDEX CONCURRENTLY i;\n");
    let writer = case.writer();
    let running = case.start();
    let pid = case.wait_for_statement("DROP INDEX CONCURRENTLY");
    running.kill();
    writer.run("COMMIT");
    case.wait_until_gone(pid);
    check(
        &case.up(),
        "
        statement 1 of 1
        statement 1 is done: the index is gone
        2-tail.sql is done
        settled
        ",
    );
}

#[test]
fn an_edited_text_runs_after_what_the_old_one_left_is_dropped() {
    let case = Case::new();
    case.concurrent(INDEX);
    let writer = case.writer();
    let running = case.start();
    let pid = case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    running.kill();
    case.database
        .run(&format!("SELECT pg_terminate_backend({pid})"));
    case.wait_until_gone(pid);
    writer.run("COMMIT");
    case.concurrent("CREATE INDEX CONCURRENTLY j ON t (b);\n");
    check(
        &case.up(),
        "
        repaired: dropped `public.i`, which a try that did not end well had left invalid
        statement 1 of 1
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(case.indexes(), "j|t");
}

#[test]
fn a_statement_inserted_before_what_is_done_is_refused() {
    let case = Case::new();
    case.concurrent("INSERT INTO t VALUES (5, 5);\nSELECT 1 / 0;\n");
    let first = "
        statement 1 of 2
        statement 2 of 2
        error[server-error]: division by zero
          --> migrations/2-tail.sql:3:1
          |
        3 | SELECT 1 / 0;
          | ^^^^^^^^^^^^ this statement
          = note: SQLSTATE 22012
        not settled
        ";
    check(&case.up(), first);
    case.concurrent("UPDATE t SET b = 2;\nINSERT INTO t VALUES (5, 5);\nSELECT 1;\n");
    check(
        &case.up(),
        "
        error[changed-while-begun]: `2-tail.sql` was begun with other statements
          --> migrations/2-tail.sql:2:1
          |
        2 | UPDATE t SET b = 2;
          | ^^^^^^^^^^^^^^^^^^ statement 1 was another one
          = note: its first statement is done, and is not run again
          = note: statement 1 was: INSERT INTO t VALUES (5, 5)
          = help: bring the text of what is done back and edit only what follows, or give it up: `segue abandon 2-tail.sql`
        not settled
        ",
    );
    // What follows may be edited.
    case.concurrent("INSERT INTO t VALUES (5, 5);\nSELECT 1;\n");
    check(
        &case.up(),
        "statement 2 of 2\n2-tail.sql is done\nsettled\n",
    );
    assert_eq!(
        case.database.query("SELECT count(*) FROM t WHERE a = 5"),
        "1"
    );
}

#[test]
fn settings_and_roles_of_what_is_done_are_brought_back() {
    let case = Case::new();
    let role = case.database.role("app", "");
    case.database.run(&format!("GRANT ALL ON t TO {role}"));
    let text = format!(
        "SET my.word = 'kept';\nSET ROLE {role};\nSET LOCAL my.word = 'lost';\nVACUUM t;\n"
    );
    let check_session = "DO $$ BEGIN ASSERT current_setting('my.word') = 'kept'; ASSERT current_user LIKE '%_app'; END $$;\n";
    case.concurrent(&format!("{text}SELECT 1 / 0;\n{check_session}"));
    check(
        &case.up(),
        "
        statement 1 of 6
        statement 2 of 6
        statement 3 of 6
        statement 4 of 6
        statement 5 of 6
        error[server-error]: division by zero
          --> migrations/2-tail.sql:6:1
          |
        6 | SELECT 1 / 0;
          | ^^^^^^^^^^^^ this statement
          = note: SQLSTATE 22012
        not settled
        ",
    );
    case.concurrent(&format!("{text}SELECT 1;\n{check_session}"));
    check(
        &case.up(),
        "
        statement 5 of 6
        statement 6 of 6
        2-tail.sql is done
        settled
        ",
    );
}

#[test]
fn discard_all_does_not_let_others_in() {
    let case = Case::new();
    case.concurrent(
        "DISCARD ALL;\nDO $$ BEGIN ASSERT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) = 1; END $$;\n",
    );
    check(
        &case.up(),
        "
        statement 1 of 2
        statement 2 of 2
        2-tail.sql is done
        settled
        ",
    );
}

#[test]
fn a_files_own_transaction_and_the_ledger_commit_together() {
    let case = Case::new();
    case.standalone(
        "BEGIN;\nCREATE TABLE u (a int);\nINSERT INTO u VALUES (1);\nCOMMIT;\nSELECT 1 / 0;\n",
    );
    check(
        &case.up(),
        "
        statement 1 of 5
        statement 5 of 5
        error[server-error]: division by zero
          --> migrations/2-alone.sql:6:1
          |
        6 | SELECT 1 / 0;
          | ^^^^^^^^^^^^ this statement
          = note: SQLSTATE 22012
        ",
    );
    assert_eq!(
        case.database
            .query("SELECT statement, state FROM segue.intent ORDER BY statement"),
        "0|done\n1|done\n2|done\n3|done"
    );
    case.standalone(
        "BEGIN;\nCREATE TABLE u (a int);\nINSERT INTO u VALUES (1);\nCOMMIT;\nSELECT 1;\n",
    );
    check(&case.up(), "statement 5 of 5\nsettled\n");
    assert_eq!(case.database.query("SELECT count(*) FROM u"), "1");
}

#[test]
fn a_files_own_transaction_that_fails_leaves_nothing() {
    let case = Case::new();
    case.standalone("BEGIN;\nCREATE TABLE u (a int);\nSELECT 1 / 0;\nCOMMIT;\n");
    check(
        &case.up(),
        "
        statement 1 of 4
        error[server-error]: division by zero
          --> migrations/2-alone.sql:4:1
          |
        4 | SELECT 1 / 0;
          | ^^^^^^^^^^^^ this statement
          = note: SQLSTATE 22012
        ",
    );
    case.standalone("BEGIN;\nCREATE TABLE u (a int);\nCOPY u FROM STDIN;\n1\n2\n\\.\nCOMMIT;\n");
    check(&case.up(), "statement 1 of 4\nsettled\n");
    assert_eq!(case.database.query("SELECT count(*) FROM u"), "2");
    check(&case.up(), "settled\n");
}

#[test]
fn a_short_lock_timeout_is_retried_until_the_lock_is_free() {
    let case = Case::new();
    case.standalone("ALTER TABLE t ADD COLUMN c int;\n");
    let writer = case.writer();
    let running = case.start();
    running.wait_until_told("waits for 1 session on t");
    let watch = case.database.session();
    wait_until("the first try to end", || {
        let rolled_back = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query = 'ROLLBACK'";
        !watch.query(rolled_back).is_empty()
    });
    writer.run("COMMIT");
    check(
        &running.wait(),
        "
        statement 1 of 1
        waits for 1 session on t
        settled
        ",
    );
}

#[test]
fn a_procedure_that_commits_runs_outside_and_is_not_repeated_by_a_guess() {
    let case = Case::new();
    case.database.run(
        "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t VALUES (7, 7); COMMIT; PERFORM 1 / (SELECT count(*) - 1 FROM t WHERE a = 7); END $$",
    );
    case.standalone("CALL p();\n");
    check(
        &case.up(),
        "
        statement 1 of 1
        error[server-error]: division by zero
          --> migrations/2-alone.sql:2:1
          |
        2 | CALL p();
          | ^^^^^^^^ this statement
          = note: CONTEXT: SQL statement \"SELECT 1 / (SELECT count(*) - 1 FROM t WHERE a = 7)\"
                  PL/pgSQL function p() line 1 at PERFORM
          = note: SQLSTATE 22012
        ",
    );
    check(
        &case.up(),
        "
        statement 1 of 1
        error[half-way]: an earlier try of this statement failed after it may have committed a part
          --> migrations/2-alone.sql:2:1
          |
        2 | CALL p();
          | ^^^^^^^^ not run again by itself
          = note: it commits by itself, so what it did before the error stays
          = help: look what it has done; if it may run again, add `-- segue: rerunnable` at the top of the file; if it is done, remove it from the file
        ",
    );
    case.project.file(
        "2-alone.sql",
        "-- segue: no-txn\n-- segue: rerunnable\nCALL p();\n",
    );
    check(&case.up(), "statement 1 of 1\nsettled\n");
    assert_eq!(
        case.database.query("SELECT count(*) FROM t WHERE a = 7"),
        "2"
    );
}

#[test]
fn a_partitioned_table_is_refused_in_advance() {
    let case = Case::new();
    case.database
        .run("CREATE TABLE p (a int) PARTITION BY RANGE (a)");
    case.standalone("CREATE INDEX CONCURRENTLY i ON p (a);\n");
    check(
        &case.up(),
        "
        statement 1 of 1
        error[half-way]: `CREATE INDEX CONCURRENTLY` on `public.p`, which is partitioned
          --> migrations/2-alone.sql:2:1
          |
        2 | CREATE INDEX CONCURRENTLY i ON p (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ PostgreSQL refuses this on a partitioned table
          = help: build it with `CREATE INDEX … ON ONLY public.p`, then `CREATE INDEX CONCURRENTLY` on each partition and `ALTER INDEX … ATTACH PARTITION`
        ",
    );
}

#[test]
fn abandoning_cancels_drops_what_was_left_and_settles() {
    let case = Case::new();
    case.concurrent(INDEX);
    assert_eq!(
        case.abandon("1-table.sql"),
        "error: `1-table.sql` is applied\n"
    );
    let writer = case.writer();
    let running = case.start();
    let pid = case.wait_for_statement("CREATE INDEX CONCURRENTLY");
    running.kill();
    // The builder lives on, as nobody has told it; the first writer ends it.
    let abandoning = std::thread::scope(|scope| {
        let abandoning = scope.spawn(|| case.abandon("2-tail.sql"));
        case.wait_until_gone(pid);
        writer.run("COMMIT");
        abandoning.join().expect("no panic")
    });
    check(
        &abandoning,
        "
        2-tail.sql runs elsewhere
        repaired: dropped `public.i`, which a try that did not end well had left invalid
        the deployment is settled
        abandoned
        ",
    );
    assert_eq!(case.indexes(), "");
    assert_eq!(case.abandon("2-tail.sql"), "abandoned already\n");
    check(&case.up(), "settled\n");
    assert_eq!(case.indexes(), "");
}

#[test]
fn what_has_not_begun_in_the_batch_is_not_abandoned() {
    let case = Case::new();
    case.standalone("VACUUM t;\n");
    assert_eq!(
        case.abandon("2-alone.sql"),
        "error: `2-alone.sql` has not begun\n"
    );
    assert_eq!(
        case.abandon("3-none.sql"),
        "error: there is no migration `3-none.sql`, in the folder or in the ledger\n"
    );
}
