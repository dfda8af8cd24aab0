//! Killed at each step, and taken up again.

use super::{ALL, FLAT, INDEX, assert_like_plain, case, check, indexes};
use crate::support::wait_until;

/// Kills the run and its backend.
fn kill(case: &super::Case, running: super::super::case::Running, pid: i32) {
    running.kill();
    case.database
        .run(&format!("SELECT pg_terminate_backend({pid})"));
    case.wait_until_gone(pid);
}

#[test]
fn before_the_index_of_the_whole() {
    let case = case(FLAT, INDEX);
    let holder = case.database.session();
    holder.run("BEGIN; LOCK TABLE p IN ROW EXCLUSIVE MODE");
    let running = case.start();
    running.wait_until_told("waits for 1 session on p");
    running.kill();
    assert_eq!(indexes(&case), "");
    holder.run("COMMIT");
    check(&case.up(), super::BUILT);
    assert_eq!(indexes(&case), ALL);
}

#[test]
fn while_a_partition_is_built() {
    for busy in ["p1", "p2", "p3"] {
        let case = case(FLAT, INDEX);
        let writer = case.database.session();
        writer.run(&format!("BEGIN; LOCK TABLE {busy} IN ROW EXCLUSIVE MODE"));
        let running = case.start();
        let pid = case.wait_for_build_of(busy);
        kill(&case, running, pid);
        writer.run("COMMIT");
        let (told, left) = (case.up(), format!("dropped `public.{busy}_a_idx`"));
        assert!(told.contains(&left), "{told}");
        assert_eq!(indexes(&case), ALL);
        assert_like_plain(&case, FLAT, INDEX);
    }
}

#[test]
fn a_builder_that_outlives_its_client_is_waited_for_and_its_index_is_kept() {
    let case = case(FLAT, INDEX);
    let writer = case.database.session();
    writer.run("BEGIN; LOCK TABLE p2 IN ROW EXCLUSIVE MODE");
    let running = case.start();
    case.wait_for_build_of("p2");
    let oid = case.database.query("SELECT 'p2_a_idx'::regclass::oid");
    running.kill();
    let second = case.start();
    second.wait_until_told("2-tail.sql runs elsewhere");
    writer.run("COMMIT");
    check(
        &second.wait(),
        "
        2-tail.sql runs elsewhere
        statement 1 of 1
        partition 3 of 3: public.p3
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(indexes(&case), ALL);
    assert_eq!(case.database.query("SELECT 'p2_a_idx'::regclass::oid"), oid);
}

#[test]
fn before_and_between_the_attaching() {
    for (busy, attached) in [("p1", 2), ("p2", 1)] {
        let case = case(FLAT, INDEX);
        let writer = case.database.session();
        writer.run("BEGIN; LOCK TABLE p3 IN ROW EXCLUSIVE MODE");
        let running = case.start();
        case.wait_for_build_of("p3");
        // Who reads a table holds its indexes, and ATTACH does not get its lock.
        let reader = case.database.session();
        reader.run(&format!("BEGIN; SELECT * FROM {busy}"));
        writer.run("COMMIT");
        wait_until("what can be attached", || {
            indexes(&case).matches("_idx|t|i").count() == attached
        });
        running.kill();
        reader.run("COMMIT");
        check(
            &case.up(),
            "statement 1 of 1\n2-tail.sql is done\nsettled\n",
        );
        assert_eq!(indexes(&case), ALL);
        assert_like_plain(&case, FLAT, INDEX);
    }
}

#[test]
fn at_each_note() {
    at_each_note_with(1);
}

#[test]
fn at_each_note_of_several_builders() {
    at_each_note_with(3);
}

fn at_each_note_with(jobs: usize) {
    // The index of the whole, two for each partition, and the end.
    for step in 1..=8 {
        let mut case = case(FLAT, INDEX);
        case.jobs = jobs;
        // The ledger is there already.
        case.database.run(&format!(
            "CREATE SEQUENCE gate;
             CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF nextval('gate') = {step} THEN PERFORM pg_advisory_xact_lock(4711); END IF; RETURN new;
             END $$;
             CREATE TRIGGER gate BEFORE UPDATE ON segue.intent FOR EACH ROW EXECUTE FUNCTION gate()"
        ));
        let gate = case.database.session();
        gate.run("SELECT pg_advisory_lock(4711)");
        case.dies_while_waiting("UPDATE segue.intent");
        gate.run("DROP TRIGGER gate ON segue.intent; DROP FUNCTION gate(); DROP SEQUENCE gate");
        let told = case.up();
        assert!(
            told.ends_with("2-tail.sql is done\nsettled\n"),
            "{step}: {told}"
        );
        assert_like_plain(&case, FLAT, INDEX);
    }
}

#[test]
fn at_any_moment() {
    let setup = "
        CREATE TABLE p (a int, b int) PARTITION BY LIST (a);
        CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1) PARTITION BY LIST (b);
        CREATE TABLE p11 PARTITION OF p1 FOR VALUES IN (1);
        CREATE TABLE p12 PARTITION OF p1 FOR VALUES IN (2);
        CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);
        CREATE TABLE p3 PARTITION OF p DEFAULT;
        INSERT INTO p SELECT 1 + i % 3, 1 + i % 2 FROM generate_series(1, 5000) i;";
    at_any_moment_with(1, setup);
    at_any_moment_with(3, setup);
}

fn at_any_moment_with(jobs: usize, setup: &str) {
    let mut case = case(setup, INDEX);
    case.jobs = jobs;
    let seed = std::process::id();
    let mut random = fastrand::Rng::with_seed(seed.into());
    let mut kills = 0;
    while kills < 12 {
        let running = case.start();
        std::thread::sleep(std::time::Duration::from_millis(random.u64(1..160)));
        running.kill();
        kills += 1;
    }
    let told = case.up();
    assert!(told.ends_with("settled\n"), "seed {seed}: {told}");
    assert_like_plain(&case, setup, INDEX);
}

#[test]
fn an_edited_statement_removes_what_the_old_one_made() {
    let setup =
        format!("{FLAT} INSERT INTO p VALUES (12, 1), (12, 1); CREATE INDEX mine ON p3 (b);");
    let case = case(&setup, "CREATE UNIQUE INDEX CONCURRENTLY i ON p (a);\n");
    assert!(case.up().contains("Key (a)=(12) is duplicated"));
    assert_eq!(indexes(&case), "p|i|f|\np1|p1_a_idx|t|\np3|mine|t|");
    case.concurrent("CREATE INDEX CONCURRENTLY j ON p (b);\n");
    check(
        &case.up(),
        "
        repaired: dropped `public.p1_a_idx`, which is one partition's and not wanted without the others
        repaired: dropped `public.i`, which was not complete
        statement 1 of 1
        partition 2 of 3: public.p1
        partition 3 of 3: public.p2
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(
        indexes(&case),
        "p|j|t|\np1|p1_b_idx|t|j\np2|p2_b_idx|t|j\np3|mine|t|j"
    );
}

#[test]
fn abandoning_removes_what_was_made_and_nothing_else() {
    let setup = format!(
        "{FLAT} INSERT INTO p VALUES (21, 1); CREATE UNIQUE INDEX mine ON p2 (a);
         CREATE INDEX half ON ONLY p (b); CREATE INDEX half_1 ON p1 (b);"
    );
    let case = case(&setup, "CREATE UNIQUE INDEX CONCURRENTLY i ON p (a);\n");
    let before = indexes(&case);
    assert!(case.up().contains("Key (a)=(21) is duplicated"));
    assert_ne!(indexes(&case), before);
    check(
        &case.abandon("2-tail.sql"),
        "
        repaired: dropped `public.p1_a_idx`, which is one partition's and not wanted without the others
        repaired: dropped `public.i`, which was not complete
        the deployment is settled
        abandoned
        ",
    );
    assert_eq!(indexes(&case), before);
}

#[test]
fn a_signal_ends_a_standalone_one_and_keeps_what_is_built() {
    let case = super::Case::new();
    case.database.run(FLAT);
    case.standalone(INDEX);
    let writer = case.database.session();
    writer.run("BEGIN; LOCK TABLE p2 IN ROW EXCLUSIVE MODE");
    let running = case.start();
    case.wait_for_build_of("p2");
    running.interrupt();
    case.wait_for_statement("DROP INDEX CONCURRENTLY");
    writer.run("COMMIT");
    running.wait();
    assert_eq!(indexes(&case), "p|i|f|\np1|p1_a_idx|t|");
    check(
        &case.up(),
        "
        statement 1 of 1
        partition 2 of 3: public.p2
        partition 3 of 3: public.p3
        settled
        ",
    );
    assert_eq!(indexes(&case), ALL);
}
