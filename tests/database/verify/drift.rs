//! What somebody has changed before a run is told apart from what the run does.

use super::case::Case;

#[test]
fn drift_from_before_is_told_before_anything_runs() {
    let case = Case::with_table();
    case.database.run("CREATE TABLE stray ()");
    case.file("2-column.sql", "ALTER TABLE t ADD COLUMN c int;\n")
        .expect();
    case.project
        .file("2-column.sql", "ALTER TABLE t ADD COLUMN c bigint;\n");
    case.up(
        "
             Planned 1 migration in one transaction
               Drift since deployment 1 was settled, the schema was changed by other means
        --- settled
        +++ live

        + table public.stray

        1 object differs
                 Ran `2-column.sql`, 1 statement in [t]
            Mismatch the schema is not as expected
        --- expected
        +++ live

          table public.t
            column c
        -     type: integer
        +     type: bigint

        1 object differs
            Mismatch not as expected, but it was so before this run
        --- expected
        +++ live

        + table public.stray

        1 object differs
        error: the schema is not as expected: table public.stray, table public.t
        note: nothing was committed: the database is as it was
        help: correct the migrations or the expected schema, then `segue up` starts afresh; `--on-mismatch warn` makes the deployment ready all the same
        ",
        4,
    );
}

#[test]
fn the_newest_settled_schema_is_kept() {
    let case = Case::with_table();
    case.file("2-table.sql", "CREATE TABLE u ();\n").expect();
    case.project.finishes();
    let kept = "SELECT string_agg(deployment::text, ' ') FROM segue.snapshot";
    assert_eq!(case.database.query(kept), "2");
    // One that went on all the same is not what is to be.
    case.project.file("3-table.sql", "CREATE TABLE v ();\n");
    case.project
        .segue(&["up", "--on-mismatch", "warn"])
        .expect_success();
    assert_eq!(case.database.query(kept), "2");
}

#[test]
fn a_ledger_of_the_first_version_is_upgraded() {
    let case = Case::with_table();
    case.database.run(
        "DROP TABLE segue.snapshot, segue.backfill, segue.quarantine;
         DO $$ DECLARE routine regprocedure; BEGIN
             FOR routine IN SELECT oid FROM pg_proc WHERE pronamespace = 'segue'::regnamespace LOOP
                 EXECUTE format('DROP ROUTINE %s CASCADE', routine);
             END LOOP;
         END $$;
         ALTER TABLE segue.intent DROP COLUMN before, DROP COLUMN made, DROP COLUMN partition, DROP COLUMN partition_indexes_before, DROP COLUMN building;
         ALTER TABLE segue.progress DROP COLUMN partitions_done, DROP COLUMN partitions_total, DROP COLUMN ends_wait;
         DROP TABLE segue.version;
         ALTER TABLE segue.migration DROP COLUMN schema_version;
         UPDATE segue.ledger SET version = 1",
    );
    // It is read as it is.
    case.verify("Project `main`: the schema is as expected ([t]).", 0);
    assert_eq!(case.project.segue(&["status"]).status, 0);
    case.file("2-table.sql", "CREATE TABLE u ();\n").expect();
    case.project.finishes();
    let upgraded =
        "SELECT version || ' ' || (SELECT count(*) FROM segue.snapshot) FROM segue.ledger";
    assert_eq!(
        case.database.query(upgraded),
        format!("{} 1", segue::postgres::ledger::VERSION)
    );
}

#[test]
fn an_earlier_name_that_interferes_is_named() {
    let case = Case::with_table();
    case.file("2-column.sql", "ALTER TABLE t ADD COLUMN c int;\n")
        .concurrent(
            "4-index.sql",
            "2-column.sql",
            "CREATE INDEX CONCURRENTLY i ON t (c)",
        )
        .expect();
    case.project
        .segue(&["up", "--until", "ready"])
        .expect_success();
    // On a fresh database it comes before the index, here the index is not
    // there yet, or is.
    case.project
        .file("3-other.sql", "ALTER TABLE t ADD COLUMN d int;\n");
    let run = case.project.segue(&["up", "--until", "ready"]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    assert!(
        run.stderr.contains(
            "Interferes `3-other.sql` has an earlier name than `4-index.sql`, which is not done and changes the same; give it a later one"
        ),
        "{}",
        run.stderr
    );
}
