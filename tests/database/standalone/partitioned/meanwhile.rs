//! The table changes while its index is built.

use super::{FLAT, INDEX, assert_like_plain, case, check, indexes};

/// Runs `change` while the index of `p2` is built.
fn meanwhile(change: &str, expected: &str) -> super::Case<'static> {
    let case = case(FLAT, INDEX);
    let writer = case.database.session();
    writer.run("BEGIN; LOCK TABLE p2 IN ROW EXCLUSIVE MODE");
    let running = case.start();
    case.wait_for_build_of("p2");
    for statement in change.split(';') {
        case.database.run(statement);
    }
    writer.run("COMMIT");
    let told = running.wait();
    assert!(told.ends_with("2-tail.sql is done\nsettled\n"), "{told}");
    assert_eq!(indexes(&case), expected);
    case
}

#[test]
fn a_partition_comes() {
    let change = "DELETE FROM p3; CREATE TABLE p4 PARTITION OF p FOR VALUES FROM (30) TO (40)";
    let case = meanwhile(
        change,
        "p|i|t|\np1|p1_a_idx|t|i\np2|p2_a_idx|t|i\np3|p3_a_idx|t|i\np4|p4_a_idx|t|i",
    );
    assert_like_plain(&case, &format!("{FLAT};{change}"), INDEX);
}

#[test]
fn a_partition_is_attached() {
    let change = "DELETE FROM p3; CREATE TABLE p4 (b int, a int);
        CREATE INDEX own ON p4 (a);
        ALTER TABLE p ATTACH PARTITION p4 FOR VALUES FROM (30) TO (40)";
    meanwhile(
        change,
        "p|i|t|\np1|p1_a_idx|t|i\np2|p2_a_idx|t|i\np3|p3_a_idx|t|i\np4|own|t|i",
    );
}

#[test]
fn a_partition_with_partitions_comes() {
    let change = "DELETE FROM p3; CREATE TABLE p4 (a int, b int) PARTITION BY LIST (b);
        CREATE TABLE p41 PARTITION OF p4 FOR VALUES IN (1);
        ALTER TABLE p ATTACH PARTITION p4 FOR VALUES FROM (30) TO (40)";
    let case = meanwhile(
        change,
        "p|i|t|\np1|p1_a_idx|t|i\np2|p2_a_idx|t|i\np3|p3_a_idx|t|i\np4|p4_a_idx|t|i\np41|p41_a_idx|t|p4_a_idx",
    );
    assert_like_plain(&case, &format!("{FLAT};{change}"), INDEX);
}

#[test]
fn a_partition_is_dropped_before_its_turn() {
    let case = meanwhile("DROP TABLE p3", "p|i|t|\np1|p1_a_idx|t|i\np2|p2_a_idx|t|i");
    assert_like_plain(&case, &format!("{FLAT} DROP TABLE p3;"), INDEX);
}

#[test]
fn a_partition_is_detached_after_its_turn() {
    meanwhile(
        "ALTER TABLE p DETACH PARTITION p1",
        "p|i|t|\np1|p1_a_idx|t|\np2|p2_a_idx|t|i\np3|p3_a_idx|t|i",
    );
}

#[test]
fn the_partition_at_work_is_dropped() {
    let case = case(FLAT, INDEX);
    let writer = case.database.session();
    writer.run("BEGIN; LOCK TABLE p3 IN ROW EXCLUSIVE MODE");
    let running = case.start();
    let pid = case.wait_for_build_of("p3");
    running.kill();
    case.database
        .run(&format!("SELECT pg_terminate_backend({pid})"));
    case.wait_until_gone(pid);
    writer.run("COMMIT");
    case.database.run("DROP TABLE p3");
    check(
        &case.up(),
        "statement 1 of 1\n2-tail.sql is done\nsettled\n",
    );
    assert_eq!(indexes(&case), "p|i|t|\np1|p1_a_idx|t|i\np2|p2_a_idx|t|i");
}

#[test]
fn the_last_one_without_an_index_goes_when_all_others_are_attached() {
    let case = case(FLAT, INDEX);
    let writer = case.database.session();
    writer.run("BEGIN; LOCK TABLE p3 IN ROW EXCLUSIVE MODE");
    let running = case.start();
    case.wait_for_build_of("p3");
    let reader = case.database.session();
    reader.run("BEGIN; SELECT * FROM p1");
    writer.run("COMMIT");
    crate::support::wait_until("all others to be attached", || {
        indexes(&case).matches("_idx|t|i").count() == 2
    });
    running.kill();
    reader.run("COMMIT");
    case.database.run("DROP TABLE p1");
    check(
        &case.up(),
        "
        statement 1 of 1
        repaired: dropped `public.i`, which could not become valid any more: the partition that it lacked is gone
        partition 1 of 2: public.p2
        partition 2 of 2: public.p3
        2-tail.sql is done
        settled
        ",
    );
    assert_eq!(indexes(&case), "p|i|t|\np2|p2_a_idx|t|i\np3|p3_a_idx|t|i");
}
