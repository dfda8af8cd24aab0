//! The whole of it as managed services give it: an ordinary role that owns its
//! tables and nothing else, with settings that others thought good for it.

use crate::support::{Project, TestDatabase};

/// Settings that hosters and administrators give roles and databases.
const SETTINGS: [(&str, &str); 8] = [
    ("default_transaction_read_only", "on"),
    ("statement_timeout", "1s"),
    ("lock_timeout", "5ms"),
    ("idle_in_transaction_session_timeout", "700ms"),
    ("idle_session_timeout", "700ms"),
    ("search_path", "app"),
    ("client_min_messages", "error"),
    ("default_transaction_isolation", "serializable"),
];

/// A database of another owner; the role may use namespace `app`, which is its
/// own, and `segue`, which a DBA has made.
fn managed(database: &TestDatabase<'_>) -> (String, Project) {
    let role = database.role("deploy", "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE");
    let mut project = Project::deploying(database);
    database.run("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    database.run(&format!("CREATE SCHEMA app AUTHORIZATION {role}"));
    let script = project.segue(&["init", "--print-sql", "--owner", &role]);
    script.expect_success();
    database.run(&script.stdout.replace("[database]", database.name()));
    for (name, value) in SETTINGS {
        database.run(&format!(
            "ALTER ROLE {role} IN DATABASE {} SET {name} = '{value}'",
            database.name()
        ));
    }
    project.env("DATABASE_URL", database.url_as(&role));
    project.redact(r"\[database\]_deploy", "[role]");
    project.file(
        "1-t.sql",
        "CREATE TABLE t (a int);\n\
         INSERT INTO t VALUES (1);\n\
         ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;\n\
         CREATE POLICY none ON t USING (false);\n\
         SELECT pg_sleep(1.5);\n",
    );
    project.file(
        "2-i.sql",
        "-- segue: begin-concurrent-migration-with: 1-t.sql\n\
         CREATE FUNCTION slow(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1.5); RETURN a; END';\n\
         CREATE INDEX CONCURRENTLY t_a ON t (slow(a));\n",
    );
    (role, project)
}

#[test]
fn the_story_of_each_command() {
    let database = TestDatabase::new();
    let (role, project) = managed(&database);
    let url = database.url_as(&role);
    project.segue(&["plan"]).expect_success();
    project.segue(&["up", "--until", "ready"]).expect_success();
    project.segue(&["status"]).expect_success();
    project.segue(&["settle"]).expect_success();
    project.segue(&["wait", "settled"]).expect_success();
    assert_eq!(
        database.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'app.t_a'::regclass"),
        "t"
    );
    project
        .segue(&["write-schema", "--database-url", &url])
        .expect_success();
    project.write("new.sql", "ALTER TABLE t ADD COLUMN c int;\n");
    project
        .segue(&["add", "new.sql", "--database-url", &url])
        .expect_success();
    project.segue(&["verify"]).expect_success();
    project.segue(&["diff"]).expect_success();
    project.segue(&["init"]).expect_success();
    project.file("4.sql", "CREATE TABLE by_hand (a int);\n");
    project
        .segue(&["adopt", "--up-to", "4.sql", "--write"])
        .expect_success();
    project.file("5.sql", "CREATE TABLE u (a int);\n");
    project.file(
        "6-j.sql",
        "-- segue: begin-concurrent-migration-with: 5.sql\nCREATE UNIQUE INDEX CONCURRENTLY u_a ON u ((1 / a));\n",
    );
    project
        .segue(&["up", "--until", "ready", "--on-mismatch", "warn"])
        .expect_success();
    project.segue(&["abandon", "6-j.sql"]).expect_success();
    database.run(&format!("DROP OWNED BY {role} CASCADE"));
}

/// What it may not see of others is left out.
#[test]
fn a_blocker_of_another_role() {
    let database = TestDatabase::new();
    let (role, project) = managed(&database);
    project.segue(&["up"]).expect_success();
    database.run(&format!("GRANT USAGE ON SCHEMA app TO {role}"));
    let holder = database.session();
    holder.run(
        "SET application_name = 'nightly report'; BEGIN; LOCK TABLE app.t IN ACCESS SHARE MODE",
    );
    project.file("3.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    let run = project.spawn(&["up"]);
    run.wait_for_stderr("held by");
    holder.run("COMMIT");
    let run = run.wait();
    run.expect_success();
    let waiting = run.stderr.lines().find(|line| line.contains("held by"));
    let expected = "Waiting for a lock on `t`, held by pid [pid] (postgres, `nightly report`)";
    assert!(
        waiting.is_some_and(|line| line.trim().starts_with(expected)),
        "{}",
        run.stderr
    );
    database.run(&format!("DROP OWNED BY {role} CASCADE"));
}
