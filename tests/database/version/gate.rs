//! `segue gate`: of one version of the code, and of those that run.

use serde_json::{Value, json};

use super::{at_3_1, bringing};
use crate::support::{Project, TestDatabase};

/// 3.1.0, with 3.2.0 and 4.0.0 pending.
fn with_pending(database: &TestDatabase<'_>) -> Project {
    let project = at_3_1(database);
    project
        .file("3-add.sql", &bringing("3.2.0", "ALTER TABLE t ADD c int;"))
        .file("4-drop.sql", &bringing("4.0.0", "ALTER TABLE t DROP b;"));
    project
}

#[test]
fn code_and_schema_may_meet_by_the_rules() {
    let database = TestDatabase::new();
    let project = with_pending(&database);
    project.segue(&["gate", "--app", "3.1"]).expect(
        "
        Code 3.1.0 and the schema of project main

          3.1.0  now         allowed
          3.2.0  3-add.sql   allowed
          4.0.0  4-drop.sql  forbidden

        code 3.1.0 needs schema >= 3.1.0, < 4.0.0
        ",
        "",
        1,
    );
    let status = |arguments: &[&str]| {
        let arguments = [&["gate", "--app"], arguments].concat();
        project.segue(&arguments).status
    };
    assert_eq!(status(&["3.1", "--when", "now"]), 0);
    assert_eq!(status(&["4.0", "--when", "now"]), 1);
    assert_eq!(status(&["4.0", "--when", "after"]), 0);
    assert_eq!(status(&["v4", "--when", "after"]), 2);
    // Nothing is written, not even where there is no ledger.
    let fresh = TestDatabase::new();
    let url = fresh.url();
    let fresh_status = status(&["4.0", "--when", "after", "--database-url", &url]);
    assert_eq!(fresh_status, 0);
    assert_eq!(fresh.query("SELECT to_regnamespace('segue') IS NULL"), "t");
}

#[test]
fn the_rules_are_the_projects() {
    let database = TestDatabase::new();
    let project = with_pending(&database);
    project.write(
        "segue.toml",
        "[versions]\noldest = \"2.9\"\n[versions.needs]\n\"3.1\" = \">= 3.1, < 5\"\n",
    );
    let found: Value =
        serde_json::from_str(&project.segue(&["gate", "--app", "3.1.7", "--json"]).stdout)
            .expect("JSON");
    let step = |schema: &str, migration: Option<&str>| {
        json!({
            "schema_version": schema,
            "migration": migration,
            "allowed": true,
            "needs": ">= 3.1.0, < 5.0.0",
            "rule": "needs",
            "reason": "code 3.1.7 needs schema >= 3.1.0, < 5.0.0, by \"3.1\" in [versions.needs]",
        })
    };
    assert_eq!(
        found,
        json!({
            "version": 1,
            "project": "main",
            "schema_version": "3.1.0",
            "not_reached": [],
            "allowed": true,
            "code": [{
                "app": "3.1.7",
                "allowed": true,
                "steps": [
                    step("3.1.0", None),
                    step("3.2.0", Some("3-add.sql")),
                    step("4.0.0", Some("4-drop.sql")),
                ],
                "sessions": [],
            }],
            "silent": [],
            "unread": [],
        })
    );
    project
        .segue(&["gate", "--app", "2.8", "--when", "now"])
        .expect(
            "
        Code 2.8.0 and the schema of project main

          3.1.0  now  forbidden

        code 2.8.0 is older than 2.9.0, the oldest in [versions]
        ",
            "",
            1,
        );
}

#[test]
fn versions_that_run_forbid_what_is_pending() {
    let database = TestDatabase::new();
    let mut project = with_pending(&database);
    project.redact(r"\bas postgres\b", "as [user]");
    project.write(
        "segue.toml",
        "[versions]\napp-name = 'shop/(\\d+\\.\\d+\\.\\d+)'\n",
    );
    project.segue(&["gate", "--running"]).expect(
        "
        Running code and the schema of project main, now 3.1.0

        No session tells the version of its code.
        ",
        "",
        0,
    );
    let by_name = database.session();
    by_name.run("SET application_name = 'shop/4.0.1 (web)'");
    let by_setting = database.session();
    by_setting.run("SET application_name = 'worker'");
    by_setting.run("SET segue.app_version = '3.1.2'");
    let silent = database.session();
    silent.run("SET application_name = 'psql'");
    // A setting is the session's own until it asks.
    let run = project.segue(&["gate", "--running"]);
    assert_eq!(
        (run.status, run.stdout.contains("3.1.2")),
        (1, false),
        "{run:?}"
    );
    by_setting.run("SELECT segue.require('>= 3.1, < 4')");
    project.segue(&["gate", "--running"]).expect(
        "
        Running code and the schema of project main, now 3.1.0

        Code 3.1.2: 1 session: pid [pid] as [user] (worker)
          3.2.0  3-add.sql   allowed
          4.0.0  4-drop.sql  forbidden

        code 3.1.2 needs schema >= 3.1.0, < 4.0.0

        Code 4.0.1: 1 session: pid [pid] as [user] (shop/4.0.1 (web))
          3.2.0  3-add.sql   forbidden
          4.0.0  4-drop.sql  allowed

        code 4.0.1 needs schema >= 4.0.0, < 5.0.0

        No version is told by 1 session: pid [pid] as [user] (psql)
        ",
        "",
        1,
    );
    drop(by_name);
    std::fs::remove_file(project.path().join("migrations/4-drop.sql")).expect("a file");
    let run = crate::support::wait_for("the session to end", || {
        let run = project.segue(&["gate", "--running", "--json"]);
        (run.status == 0).then_some(run)
    });
    let found: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(found["code"][0]["app"], "3.1.2");
    assert_eq!(
        found["code"][0]["sessions"][0]["told_by"],
        "segue.app_version"
    );
    assert_eq!(found["silent"][0]["application"], "psql");
}

/// A role without `pg_read_all_stats` is not told what others' sessions are.
#[test]
fn a_role_without_rights_sees_who_runs() {
    let database = TestDatabase::new();
    let project = with_pending(&database);
    project.write(
        "segue.toml",
        "[versions]\napp-name = 'shop/(\\d+\\.\\d+\\.\\d+)'\n",
    );
    let pipeline = database.role("pipeline", "LOGIN");
    database.run(&format!(
        "GRANT USAGE ON SCHEMA segue TO {pipeline}; GRANT SELECT ON ALL TABLES IN SCHEMA segue TO {pipeline}"
    ));
    let by_name = database.session();
    by_name.run("SET application_name = 'shop/4.0.1'");
    let by_setting = database.session();
    by_setting.run("SET segue.app_version = '3.1.2'");
    by_setting.run("SELECT segue.require('>= 3.1, < 4')");
    let url = database.url_as(&pipeline);
    let run = project.segue(&["gate", "--running", "--json", "--database-url", &url]);
    let found: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let told = |index: usize| {
        (
            &found["code"][index]["app"],
            &found["code"][index]["allowed"],
        )
    };
    assert_eq!(told(0), (&json!("3.1.2"), &json!(false)));
    assert_eq!(told(1), (&json!("4.0.1"), &json!(false)));
    assert_eq!((run.status, &found["silent"]), (1, &json!([])));
}

#[test]
fn a_version_that_cannot_be_read_forbids_what_is_pending() {
    let database = TestDatabase::new();
    let mut project = with_pending(&database);
    project.redact(r"\bas postgres\b", "as [user]");
    let old = database.session();
    old.run("SET application_name = 'queue/v0.9.0'");
    // Nobody has said that names tell anything.
    project.segue(&["gate", "--running"]).expect(
        "
        Running code and the schema of project main, now 3.1.0

        No session tells the version of its code.

        No version is told by 1 session: pid [pid] as [user] (queue/v0.9.0)
        ",
        r"
        Note `queue/v0.9.0` looks as if it told a version of the code, and nobody hears it: `app-name = 'NAME/v?(\d+\.\d+\.\d+)'` in [versions] would read it
        ",
        0,
    );
    project.write("segue.toml", "[versions]\napp-name = 'queue/(.*)'\n");
    project.segue(&["gate", "--running"]).expect(
        "
        Running code and the schema of project main, now 3.1.0

        `v0.9.0`, which is no version, is told by 1 session: pid [pid] as [user] (queue/v0.9.0)
          3.2.0  3-add.sql   forbidden
          4.0.0  4-drop.sql  forbidden

        nobody knows what it needs; the group of `app-name` in [versions] has to be a version: 3.1 or 3.1.4
        ",
        "",
        1,
    );
    let run = project.segue(&["gate", "--running", "--json"]);
    let found: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!((run.status, &found["allowed"]), (1, &json!(false)));
    assert_eq!(found["unread"][0]["told"], "v0.9.0");
    for name in ["3-add.sql", "4-drop.sql"] {
        std::fs::remove_file(project.path().join("migrations").join(name)).expect("a file");
    }
    // Nothing is pending that could be forbidden.
    assert_eq!(project.segue(&["gate", "--running"]).status, 0);
}

#[test]
fn one_question_at_a_time() {
    let database = TestDatabase::new();
    let project = at_3_1(&database);
    for arguments in [
        &["gate"][..],
        &["gate", "--app", "3", "--running"],
        &["gate", "--running", "--when", "now"],
        &["gate", "--app", "3.1.0.2"],
    ] {
        assert_eq!(project.segue(arguments).status, 2, "{arguments:?}");
    }
}
