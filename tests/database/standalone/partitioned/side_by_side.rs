//! Several partitions at once.

use segue::apply::tail::Report;
use segue::apply::{Event, Outcome, Signal};
use segue::migration::Name;

use super::{ALL, Case, FLAT, INDEX, assert_like_plain, case, check, indexes};
use crate::support::{TestSession, Up, settings, wait_until};
use crate::tail::jobs;

/// A case with so many places.
fn case_with(jobs: usize, setup: &str, sql: &str) -> Case<'static> {
    let mut case = case(setup, sql);
    case.jobs = jobs;
    case
}

/// A session in whose way the build of this table's index is, until it commits.
fn hold(case: &Case, table: &str) -> TestSession {
    let session = case.database.session();
    session.run(&format!("BEGIN; LOCK TABLE {table} IN ROW EXCLUSIVE MODE"));
    session
}

/// A session whose snapshot each build waits for at its end.
fn hold_snapshot(case: &Case) -> TestSession {
    let session = case.database.session();
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM t");
    session
}

/// The tables whose indexes are being built, by those who wait for somebody.
fn at_work(case: &Case) -> String {
    case.database.query(
        "SELECT coalesce(string_agg(p.relid::regclass::text, ' ' ORDER BY p.relid::regclass::text), '') \
           FROM pg_stat_progress_create_index p JOIN pg_stat_activity a USING (pid) \
          WHERE a.wait_event_type = 'Lock' AND a.datname = current_database()",
    )
}

#[track_caller]
fn wait_until_at_work(case: &Case, tables: &str) {
    wait_until(tables, || at_work(case) == tables);
}

/// The backend that builds the index of this table.
fn builder(case: &Case, table: &str) -> i32 {
    let sql =
        format!("SELECT pid FROM pg_stat_progress_create_index WHERE relid = '{table}'::regclass");
    case.database.query(&sql).parse().expect("one pid")
}

#[test]
fn as_many_as_there_are_places() {
    for (jobs, tables) in [(1, "p1"), (2, "p1 p2"), (3, "p1 p2 p3"), (9, "p1 p2 p3")] {
        let case = case_with(jobs, FLAT, INDEX);
        let snapshot = hold_snapshot(&case);
        let running = case.start();
        wait_until_at_work(&case, tables);
        snapshot.run("COMMIT");
        let told = running.wait();
        assert!(told.ends_with("2-tail.sql is done\nsettled\n"), "{told}");
        assert_eq!(indexes(&case), ALL);
        assert_like_plain(&case, FLAT, INDEX);
    }
}

#[test]
fn the_next_one_begins_when_one_is_built() {
    let case = case_with(2, FLAT, INDEX);
    let (one, three) = (hold(&case, "p1"), hold(&case, "p3"));
    let running = case.start();
    wait_until_at_work(&case, "p1 p3");
    let row = "SELECT partitions_done, partitions_total FROM segue.progress";
    wait_until("a row of progress", || case.database.query(row) == "1|3");
    one.run("COMMIT");
    three.run("COMMIT");
    running.wait();
    assert_eq!(indexes(&case), ALL);
}

#[test]
fn members_come_before_helpers() {
    let case = case_with(2, FLAT, INDEX);
    case.project.file(
        "3-other.sql",
        "-- segue: begin-concurrent-migration-with: 1-table.sql\nCREATE INDEX CONCURRENTLY t_a ON t (a);\n",
    );
    let (partition, other) = (hold(&case, "p1"), hold(&case, "t"));
    let running = case.start();
    wait_until_at_work(&case, "p1 t");
    other.run("COMMIT");
    // The place is free, and p2 and p3 are built on it, one after the other.
    wait_until("the others to be built", || {
        indexes(&case).matches("|t|").count() == 2 && at_work(&case) == "p1"
    });
    partition.run("COMMIT");
    let told = running.wait();
    assert!(told.contains("3-other.sql is done\n"), "{told}");
    assert!(told.ends_with("2-tail.sql is done\nsettled\n"), "{told}");
    assert_eq!(indexes(&case), ALL);
}

#[test]
fn builds_that_would_wait_for_each_other_go_one_by_one() {
    for sql in [
        "CREATE INDEX CONCURRENTLY i ON p (a) WHERE a > 0",
        "CREATE INDEX CONCURRENTLY i ON p ((a + 1))",
    ] {
        let case = case_with(3, FLAT, sql);
        let writer = hold(&case, "p1");
        let running = case.start();
        wait_until_at_work(&case, "p1");
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert_eq!(at_work(&case), "p1");
        assert_eq!(
            case.database.query("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND datname = current_database()"),
            "1"
        );
        writer.run("COMMIT");
        running.wait();
        assert_like_plain(&case, FLAT, sql);
    }
}

#[test]
fn one_that_is_held_is_left_for_the_end() {
    let case = case(FLAT, INDEX);
    let vacuum = case.database.session();
    vacuum.run("BEGIN; LOCK TABLE p1 IN SHARE UPDATE EXCLUSIVE MODE");
    let running = case.start();
    running.wait_until_told("waits for 1 session on public.p1");
    assert_eq!(indexes(&case), "p|i|f|\np2|p2_a_idx|t|\np3|p3_a_idx|t|");
    vacuum.run("COMMIT");
    check(
        &running.wait(),
        "
        statement 1 of 1
        partition 1 of 3: public.p2
        partition 2 of 3: public.p3
        waits for 1 session on public.p1
        partition 3 of 3: public.p1
        2-tail.sql is done
        settled
        ",
    );
    assert_like_plain(&case, FLAT, INDEX);
}

#[test]
fn one_that_fails_lets_those_at_work_come_to_their_end() {
    let setup = format!("{FLAT} INSERT INTO p VALUES (12, 1), (12, 1), (21, 1);");
    let case = case_with(2, &setup, "CREATE UNIQUE INDEX CONCURRENTLY i ON p (a);\n");
    let writer = hold(&case, "p1");
    let running = case.start();
    let failed = "SELECT count(*) FROM pg_index WHERE indrelid = 'p2'::regclass AND NOT indisvalid";
    wait_until_at_work(&case, "p1");
    wait_until("the other one to fail", || {
        case.database.query(failed) == "1"
    });
    writer.run("COMMIT");
    check(
        &running.wait(),
        "
        statement 1 of 1
        partition 1 of 3: public.p1
        partition 2 of 3: public.p2
        repaired: dropped `public.p2_a_idx`, which a try that did not end well had left invalid
        error[server-error]: could not create unique index \"p2_a_idx\"
          --> migrations/2-tail.sql:2:1
          |
        2 | CREATE UNIQUE INDEX CONCURRENTLY i ON p (a);
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this statement
          = note: DETAIL: Key (a)=(12) is duplicated.
          = note: this came of its partition `public.p2`
          = note: the invalid index that it left there has been dropped; those that are built on other partitions stay
          = note: SQLSTATE 23505
          = help: remove the duplicates, then run segue again: it goes on with this partition
        not settled
        ",
    );
    assert_eq!(indexes(&case), "p|i|f|\np1|p1_a_idx|t|");
    case.database
        .run("DELETE FROM p2 WHERE ctid > (SELECT min(ctid) FROM p2 WHERE a = 12); DELETE FROM p3 WHERE ctid > '(0,1)'");
    let told = case.up();
    assert!(told.ends_with("2-tail.sql is done\nsettled\n"), "{told}");
    assert_eq!(indexes(&case), ALL);
}

#[test]
fn several_that_fail_are_all_told() {
    let setup = format!("{FLAT} INSERT INTO p VALUES (12, 1), (12, 1), (21, 1);");
    let case = case_with(3, &setup, "CREATE UNIQUE INDEX CONCURRENTLY i ON p (a);\n");
    let snapshot = hold(&case, "p1, p2, p3");
    let running = case.start();
    wait_until_at_work(&case, "p1 p2 p3");
    snapshot.run("COMMIT");
    let told = running.wait();
    for key in ["Key (a)=(12) is duplicated", "Key (a)=(21) is duplicated"] {
        assert!(told.contains(key), "{told}");
    }
    assert_eq!(indexes(&case), "p|i|f|\np1|p1_a_idx|t|");
}

#[test]
fn a_helper_that_is_terminated_is_done_without() {
    for table in ["p1", "p2", "p3"] {
        let case = case_with(3, FLAT, INDEX);
        let writer = hold(&case, "p1, p2, p3");
        let running = case.start();
        wait_until_at_work(&case, "p1 p2 p3");
        let pid = builder(&case, table);
        case.database
            .run(&format!("SELECT pg_terminate_backend({pid})"));
        case.wait_until_gone(pid);
        writer.run("COMMIT");
        let told = running.wait();
        assert!(told.ends_with("2-tail.sql is done\nsettled\n"), "{told}");
        assert_eq!(indexes(&case), ALL);
        assert_like_plain(&case, FLAT, INDEX);
    }
}

#[test]
fn a_build_that_a_stranger_cancels_is_an_error_and_the_others_stay() {
    for table in ["p1", "p2"] {
        let case = case_with(2, FLAT, INDEX);
        let writer = hold(&case, "p1, p2, p3");
        let running = case.start();
        wait_until_at_work(&case, "p1 p2");
        let pid = builder(&case, table);
        case.database
            .run(&format!("SELECT pg_cancel_backend({pid})"));
        wait_until("the cancelled one to end", || {
            !at_work(&case).contains(table)
        });
        writer.run("COMMIT");
        let told = running.wait();
        assert!(told.contains("SQLSTATE 57014"), "{told}");
        assert_eq!(indexes(&case).matches("_a_idx|t|").count(), 1);
        case.up();
        assert_eq!(indexes(&case), ALL);
    }
}

#[test]
fn helpers_that_outlive_their_runner_are_waited_for_and_their_indexes_kept() {
    let case = case_with(3, FLAT, INDEX);
    let (one, two, three) = (hold(&case, "p1"), hold(&case, "p2"), hold(&case, "p3"));
    let running = case.start();
    wait_until_at_work(&case, "p1 p2 p3");
    // The first one is built in the session that holds the migration's lock.
    let main = builder(&case, "p1");
    running.kill();
    case.terminate(main);
    let orphans = at_work(&case);
    assert_eq!(orphans.split(' ').count(), 2, "{orphans}");
    let oids = "SELECT string_agg(indexrelid::text, ' ' ORDER BY indexrelid) FROM pg_index WHERE indrelid IN ('p2'::regclass, 'p3'::regclass)";
    let before = case.database.query(oids);
    // That of p1 was ours: it is dropped and built anew while the others go on.
    assert_eq!(orphans, "p2 p3");
    one.run("COMMIT");
    let second = case.start();
    second.wait_until_told("waits for 1 session on public.p2");
    assert_eq!(
        indexes(&case),
        "p|i|f|\np1|p1_a_idx|t|\np2|p2_a_idx|f|\np3|p3_a_idx|f|"
    );
    two.run("COMMIT");
    three.run("COMMIT");
    let told = second.wait();
    assert!(told.ends_with("2-tail.sql is done\nsettled\n"), "{told}");
    assert_eq!(case.database.query(oids), before);
    assert_like_plain(&case, FLAT, INDEX);
}

#[test]
fn a_helper_that_has_not_got_its_lock_yet_is_seen() {
    let case = case_with(3, FLAT, INDEX);
    // CREATE INDEX CONCURRENTLY queues here, and the table shows no holder of
    // ours.
    let snapshot = hold_snapshot(&case);
    let running = case.start();
    wait_until_at_work(&case, "p1 p2 p3");
    running.kill();
    let second = case.start();
    second.wait_until_told("2-tail.sql runs elsewhere");
    snapshot.run("COMMIT");
    let told = second.wait();
    assert!(told.ends_with("2-tail.sql is done\nsettled\n"), "{told}");
    assert_eq!(indexes(&case), ALL);
}

#[test]
fn helpers_are_set_up_as_the_file_has_it() {
    let owner = format!("owner_of_{}", std::process::id());
    let setup = format!(
        "{FLAT} CREATE ROLE {owner}; GRANT ALL ON SCHEMA public TO {owner};
         ALTER TABLE p OWNER TO {owner}; ALTER TABLE p1 OWNER TO {owner};
         ALTER TABLE p2 OWNER TO {owner}; ALTER TABLE p3 OWNER TO {owner};
         CREATE TABLE seen (who name, memory text, style text);
         GRANT ALL ON seen TO {owner};
         CREATE FUNCTION see() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO public.seen VALUES (current_user, current_setting('maintenance_work_mem'), current_setting('search_path'));
         END $$;
         CREATE EVENT TRIGGER see_{owner} ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION see();"
    );
    let sql = format!(
        "SET maintenance_work_mem = '3MB';\nSET search_path = public, pg_catalog;\nSET ROLE {owner};\n{INDEX}"
    );
    let case = case_with(3, &setup, &sql);
    let snapshot = hold_snapshot(&case);
    let running = case.start();
    wait_until_at_work(&case, "p1 p2 p3");
    snapshot.run("COMMIT");
    running.wait();
    assert_eq!(
        case.database
            .query("SELECT who, memory, style, count(*) FROM seen GROUP BY 1, 2, 3"),
        format!("{owner}|3MB|public, pg_catalog|4")
    );
    case.database.run(&format!("DROP OWNED BY {owner}"));
    case.database.run(&format!("DROP ROLE {owner}"));
}

#[test]
fn abandoning_cancels_all_builders() {
    let case = case_with(3, FLAT, INDEX);
    let snapshot = hold_snapshot(&case);
    let before = indexes(&case);
    let running = case.start();
    wait_until_at_work(&case, "p1 p2 p3");
    let told = case.abandon("2-tail.sql");
    assert!(told.ends_with("abandoned\n"), "{told}");
    assert_eq!(indexes(&case), before);
    assert_eq!(at_work(&case), "");
    running.wait();
    snapshot.run("COMMIT");
    check(&case.up(), "settled\n");
}

#[test]
fn abandoning_cancels_those_that_outlived_their_runner() {
    let case = case_with(3, FLAT, INDEX);
    let snapshot = hold_snapshot(&case);
    let before = indexes(&case);
    let running = case.start();
    wait_until_at_work(&case, "p1 p2 p3");
    let main = builder(&case, "p1");
    running.kill();
    case.terminate(main);
    let told = case.abandon("2-tail.sql");
    assert!(told.ends_with("abandoned\n"), "{told}");
    assert_eq!(indexes(&case), before);
    snapshot.run("COMMIT");
}

#[test]
fn a_signal_leaves_all_builders_to_the_server() {
    let case = case_with(3, FLAT, INDEX);
    let snapshot = hold_snapshot(&case);
    let mut up = Up::start(&case.project, &case.database.url(), jobs(3));
    wait_until_at_work(&case, "p1 p2 p3");
    let mut pids = ["p1", "p2", "p3"].map(|table| builder(&case, table));
    pids.sort_unstable();
    up.signal(Signal::Terminate);
    let name = Name::new("2-tail.sql");
    assert_eq!(
        up.wait().expect("ready"),
        Outcome::Unsettled(Box::new(Report {
            detached: pids.map(|pid| (name.clone(), pid)).to_vec(),
            ..Report::default()
        }))
    );
    up.kill();
    assert_eq!(at_work(&case), "p1 p2 p3");
    snapshot.run("COMMIT");
    let told = case.up();
    assert!(told.ends_with("settled\n"), "{told}");
    assert_eq!(indexes(&case), ALL);
}

#[test]
fn a_second_sigint_cancels_all_builders_and_removes_what_they_left() {
    let case = case_with(3, FLAT, INDEX);
    let before = indexes(&case);
    let snapshot = hold_snapshot(&case);
    let mut up = Up::start(&case.project, &case.database.url(), jobs(3));
    wait_until_at_work(&case, "p1 p2 p3");
    up.signal(Signal::Interrupt);
    let builds = up.wait_for("what goes on", |event| match event {
        Event::Detached { builds } => Some(builds.clone()),
        _ => None,
    });
    assert_eq!(builds.len(), 3);
    up.signal(Signal::Interrupt);
    assert_eq!(
        up.wait().expect("ready"),
        Outcome::Unsettled(Box::new(Report {
            cancelled: vec![Name::new("2-tail.sql")],
            ..Report::default()
        }))
    );
    assert_eq!(indexes(&case), before);
    snapshot.run("COMMIT");
    let mut up = Up::start(&case.project, &case.database.url(), settings());
    assert_eq!(up.wait().expect("built"), Outcome::Settled);
    assert_eq!(indexes(&case), ALL);
}
