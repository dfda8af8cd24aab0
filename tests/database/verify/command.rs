//! `segue verify`

use serde_json::Value;

use super::case::Case;

#[test]
fn a_reader_may_verify_and_nothing_is_written() {
    let case = Case::with_table();
    let reader = case.database.role("reader", "LOGIN");
    case.project
        .segue(&["init", "--readers", &reader])
        .expect_success();
    let url = case.database.url_as(&reader);
    let writes = "SELECT pg_current_wal_insert_lsn()";
    let before = case.database.query("SELECT count(*) FROM segue.deployment");
    case.project
        .segue(&["verify", "--database-url", &url])
        .expect("Project `main`: the schema is as expected ([t]).", "", 0);
    assert_eq!(
        case.database.query("SELECT count(*) FROM segue.deployment"),
        before
    );
    assert!(!case.database.query(writes).is_empty());
    case.database.run("CREATE TABLE stray ()");
    let run = case.project.segue(&["verify", "--database-url", &url]);
    assert_eq!(run.status, 1);
}

#[test]
fn json_says_the_same() {
    let case = Case::with_table();
    let json = |status: i32| -> Value {
        let run = case.project.segue(&["verify", "--json"]);
        assert_eq!(run.status, status, "{}", run.stderr);
        serde_json::from_str(&run.stdout).expect("JSON")
    };
    let legal = json(0);
    assert_eq!(legal["state"], "legal");
    assert_eq!(legal["difference"]["changes"], serde_json::json!([]));
    case.database.run("CREATE TABLE stray ()");
    let mismatch = json(1);
    assert_eq!(mismatch["state"], "mismatch");
    assert_eq!(
        mismatch["difference"]["changes"][0]["object"]["name"],
        "stray"
    );
    case.file("2-table.sql", "CREATE TABLE u ();\n");
    let behind = json(1);
    assert_eq!(behind["state"], "behind");
    assert_eq!(behind["pending"], serde_json::json!(["2-table.sql"]));
    assert_eq!(behind["drift"]["since"], 1);
}

#[test]
fn without_an_expected_schema_there_is_nothing_to_compare() {
    let case = Case::new();
    case.project.segue(&["verify"]).expect(
        "",
        "
        error: there is no expected schema in `expected-schema`
        help: `segue write-schema` writes it from a database; `--expected-schema DIR` names another folder
        ",
        2,
    );
}

#[test]
fn a_lock_in_the_way_is_waited_for_and_leaves_no_transaction() {
    let case = Case::with_table();
    case.file("2-view.sql", "CREATE VIEW v AS SELECT a FROM t;\n")
        .expect();
    case.project.finishes();
    let stranger = case.database.session();
    stranger.run("BEGIN");
    stranger.run("LOCK TABLE v, t IN ACCESS EXCLUSIVE MODE");
    let run = case.project.segue(&["verify", "--retry-for", "300ms"]);
    assert_eq!(run.status, 5, "{}{}", run.stdout, run.stderr);
    assert!(
        run.stderr.contains("`--retry-for` sets how long"),
        "{}",
        run.stderr
    );
    stranger.run("ROLLBACK");
    case.verify("Project `main`: the schema is as expected ([t]).", 0);
}
