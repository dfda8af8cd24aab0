//! What `segue.require` says, to whom.

use super::{at_3_1, bringing, said};
use crate::standby::Pair;
use crate::support::{PgBouncer, TestDatabase, TestSession, assert_text, wait_for};

#[test]
fn a_range_holds_or_fails_loudly() {
    let database = TestDatabase::new();
    let _project = at_3_1(&database);
    let session = database.session();
    let ranges = [
        ">= 3.1, < 4",
        ">=3.1.0,<3.1.1",
        "= 3.1",
        "= 3.1.0",
        "<= 3",
        "> 3.0",
        "< 3",
        ">= 3.2, < 4",
        "> 3",
        "3.1",
        ">= 3.1 < 4",
        ">= 03",
        ">= 4, < 4",
        "",
    ];
    let found = ranges.map(|range| {
        let said = said(&session, &format!("SELECT segue.require('{range}')"));
        format!("{range}: {said}\n")
    });
    let null = said(&session, "SELECT segue.require(NULL)");
    let stranger = said(&session, "SELECT segue.require('>= 3', 'nobody')");
    assert_text(
        "answers",
        &format!("{}null: {null}\nnobody: {stranger}\n", found.concat()),
        "
        >= 3.1, < 4: 3.1.0
        >=3.1.0,<3.1.1: 3.1.0
        = 3.1: 3.1.0
        = 3.1.0: 3.1.0
        <= 3: 3.1.0
        > 3.0: 3.1.0
        < 3: SV001 the schema of project \"main\" has version 3.1.0 | This transaction requires < 3. | This code is older than the schema: run a newer one.
        >= 3.2, < 4: SV001 the schema of project \"main\" has version 3.1.0 | This transaction requires >= 3.2, < 4. | This code is newer than the schema: it may run once the pending migrations are applied.
        > 3: SV001 the schema of project \"main\" has version 3.1.0 | This transaction requires > 3. | This code is newer than the schema: it may run once the pending migrations are applied.
        3.1: 22023 no range of versions: '3.1' | Write bounds with commas between them: '>= 3.1, < 4'.
        >= 3.1 < 4: 22023 no range of versions: '>= 3.1 < 4' | Write bounds with commas between them: '>= 3.1, < 4'.
        >= 03: 22023 no range of versions: '>= 03' | Write bounds with commas between them: '>= 3.1, < 4'.
        >= 4, < 4: 22023 no version is in the range '>= 4, < 4' | Write bounds with commas between them: '>= 3.1, < 4'.
        : 22023 no version is in the range '' | Write bounds with commas between them: '>= 3.1, < 4'.
        null: 22004 segue.require needs a range of versions, and a project | SELECT segue.require('>= 3.1, < 4');
        nobody: SV001 the schema of project \"nobody\" has no version | This transaction requires >= 3. | A migration gives it one by -- segue: schema-version: X.Y.Z, once it is applied.
        ",
    );
    // What held before is looked at again, and a transaction may only read.
    let asked = "SELECT segue.require('>= 3.1, < 4')";
    session.run("BEGIN READ ONLY");
    assert_eq!(said(&session, asked), "3.1.0");
    assert_eq!(said(&session, asked), "3.1.0");
    session.run("COMMIT");
}

/// The server and the gate read ranges alike.
#[test]
fn ranges_mean_the_same_in_the_database_and_outside() {
    use segue::version::{Range, Version};
    let database = TestDatabase::new();
    let _project = at_3_1(&database);
    let session = database.session();
    let version = Version::new(3, 1, 0);
    for sign in [">=", ">", "<=", "<", "="] {
        for series in [
            "3", "3.0", "3.1", "3.2", "3.1.0", "3.1.1", "3.0.9", "4", "2",
        ] {
            for more in ["", ", < 3.1.1", ", >= 3", "\t,\n<\t4\r\n"] {
                let text = format!("{sign} {series}{more}");
                let expected = match Range::parse(&text) {
                    Ok(range) if range.contains(version) => "3.1.0",
                    Ok(_) => "SV001",
                    Err(_) => "22023",
                };
                let found = said(&session, &format!("SELECT segue.require('{text}')"));
                assert_eq!(found.split(' ').next(), Some(expected), "{text}");
            }
        }
    }
}

#[test]
fn each_project_has_its_own_version() {
    let database = TestDatabase::new();
    let project = at_3_1(&database);
    project.file("9.sql", &bringing("7.0.0", "CREATE TABLE billing ();"));
    std::fs::remove_file(project.path().join("migrations/1.sql")).expect("a file");
    std::fs::remove_file(project.path().join("migrations/2.sql")).expect("a file");
    project
        .segue(&["up", "--project", "billing"])
        .expect_success();
    let session = database.session();
    assert_eq!(
        session.query("SELECT segue.schema_version(), segue.schema_version('billing'), segue.schema_version('x') IS NULL"),
        "3.1.0|7.0.0|t"
    );
    assert_eq!(
        session.query("SELECT segue.require('= 3.1'), segue.require('= 7', 'billing')"),
        "3.1.0|7.0.0"
    );
    // The same range for two versions: what was found for one is not taken for
    // the other.
    session.run("SELECT segue.require('= 3.1')");
    let other = said(&session, "SELECT segue.require('= 3.1', 'billing')");
    assert!(other.starts_with("SV001 "), "{other}");
}

/// Names in the caller's path, and what it has set, change nothing.
#[test]
fn a_hostile_path_is_not_looked_at() {
    let database = TestDatabase::new();
    let _project = at_3_1(&database);
    let session = database.session();
    session.run(
        "CREATE SCHEMA evil;
         CREATE TABLE evil.version (project text, schema_version int[]);
         INSERT INTO evil.version VALUES ('main', '{9,9,9}');
         CREATE FUNCTION evil.current_setting(text, boolean) RETURNS text LANGUAGE sql AS $$ SELECT '>= 9 has 3.1.0' $$;
         CREATE FUNCTION evil.array_to_string(integer[], text) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$;
         CREATE FUNCTION evil.pg_advisory_xact_lock_shared(bigint) RETURNS void LANGUAGE sql AS $$ SELECT 1/0 $$;
         CREATE FUNCTION evil.ge(integer[], integer[]) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
         CREATE OPERATOR evil.>= (LEFTARG = integer[], RIGHTARG = integer[], FUNCTION = evil.ge);
         CREATE OPERATOR evil.< (LEFTARG = integer[], RIGHTARG = integer[], FUNCTION = evil.ge)",
    );
    session.run("SET search_path = evil, pg_catalog");
    session.run("SET standard_conforming_strings = off");
    session.run("SET quote_all_identifiers = on");
    for _ in 0..2 {
        assert_eq!(said(&session, "SELECT segue.require('= 3.1')"), "3.1.0");
        assert!(said(&session, "SELECT segue.require('>= 9')").starts_with("SV001 "));
    }
    assert_eq!(said(&session, "SELECT segue.schema_version()"), "3.1.0");
}

#[test]
fn usage_of_the_namespace_is_right_enough() {
    let database = TestDatabase::new();
    let project = at_3_1(&database);
    let app = database.role("app", "LOGIN");
    let reader = database.role("reader", "LOGIN");
    let session = TestSession::connect(&database.url_as(&app));
    let asked = "SELECT segue.require('>= 3.1, < 4')";
    assert_eq!(
        said(&session, asked),
        "42501 permission denied for schema segue"
    );
    database.run(&format!("GRANT USAGE ON SCHEMA segue TO {app}"));
    session.run("SET segue.app_version = '3.1.4'");
    assert_eq!(said(&session, asked), "3.1.0");
    assert_eq!(
        said(&session, "SELECT file FROM segue.migration"),
        "42501 permission denied for table migration"
    );
    assert!(
        said(
            &session,
            "UPDATE segue.version SET schema_version = '{9,9,9}'"
        )
        .starts_with("42501 ")
    );
    project
        .segue(&["init", "--readers", &reader])
        .expect_success();
    let session = TestSession::connect(&database.url_as(&reader));
    assert_eq!(said(&session, asked), "3.1.0");
    drop((session, project));
    database.run(&format!("DROP OWNED BY {app}, {reader}"));
}

/// A session that is seen to run a version, between two transactions too.
fn told(database: &TestDatabase<'_>) -> String {
    database.query(
        "SELECT string_agg(objid::text, '.' ORDER BY array_position(ARRAY['app-major', 'app-minor', 'app-patch'], part))
           FROM pg_locks AS l
           JOIN unnest(ARRAY['app-major', 'app-minor', 'app-patch']) AS part ON l.classid::text =
                (('x' || substr(encode(sha256(decode('736567756500', 'hex') || convert_to(part, 'UTF8') || decode('00', 'hex') || 'main'::bytea), 'hex'), 1, 8))::bit(32)::bigint)::text
          WHERE l.objsubid = 2 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
}

#[test]
fn a_session_tells_which_code_it_runs() {
    let database = TestDatabase::new();
    let _project = at_3_1(&database);
    let session = database.session();
    let asked = "SELECT segue.require('>= 3.1, < 4')";
    session.run(asked);
    assert_eq!(told(&database), "");
    session.run("SET segue.app_version = '3.1.4'");
    session.run(asked);
    assert_eq!(told(&database), "3.1.4");
    // Taken back with the transaction, a setting leaves the lock; the next
    // look finds both out of step.
    session.run("SET segue.app_version = '3.2'");
    session.run("BEGIN");
    session.run(asked);
    session.run("ROLLBACK");
    assert_eq!(told(&database), "3.2.0");
    session.run(asked);
    session.run(asked);
    assert_eq!(told(&database), "3.2.0");
    // One that is refused is seen all the same.
    session.run("SET segue.app_version = '2.13.999999999'");
    assert!(said(&session, "SELECT segue.require('< 3')").starts_with("SV001 "));
    assert_eq!(told(&database), "2.13.999999999");
    // Whoever has the session next and tells nothing, or tells it for a
    // transaction only, leaves nothing behind.
    session.run("RESET segue.app_version");
    session.run(asked);
    assert_eq!(told(&database), "");
    session.run("BEGIN");
    session.run("SET LOCAL segue.app_version = '3.1'");
    session.run(asked);
    assert_eq!(told(&database), "3.1.0");
    session.run("COMMIT");
    session.run("SELECT segue.require('>= 1', 'main')");
    assert_eq!(told(&database), "");
    session.run("SET segue.app_version = '3.1'");
    session.run(asked);
    session.run("DISCARD ALL");
    assert_eq!(told(&database), "");
    // Told in the call, it ends with the transaction, however that ends, and
    // takes the place of what the session tells.
    for end in ["ROLLBACK", "COMMIT"] {
        session.run("BEGIN");
        session.run("SELECT segue.require('>= 3.1', app => '3.0.5')");
        assert_eq!(told(&database), "3.0.5");
        session.run(end);
        assert_eq!(told(&database), "");
    }
    session.run("SET segue.app_version = '3.1'");
    session.run(asked);
    session.run("SELECT segue.require('>= 3.1', app => '3.0.5')");
    assert_eq!(told(&database), "");
    session.run(asked);
    assert_eq!(told(&database), "3.1.0");
    session.run("SET segue.app_version = 'three'");
    assert_eq!(
        said(&session, asked),
        "22023 segue.app_version is no version: 'three' | SET segue.app_version = '3.1.0';"
    );
}

/// What was told of one project stays as it is while another is asked about.
#[test]
fn a_session_tells_it_of_several_projects() {
    let database = TestDatabase::new();
    let _project = at_3_1(&database);
    database.run("INSERT INTO segue.version VALUES ('other', '{3,1,0}')");
    let session = database.session();
    let asked = "SELECT segue.require('>= 3'), segue.require('>= 3', 'other')";
    let known = || session.query("SELECT current_setting('segue.told_version')");
    session.run("SET segue.app_version = '3.1.4'");
    session.run(asked);
    assert_eq!(known(), "|3.1.4 main|3.1.4 other|");
    session.run("SET segue.app_version = '3.1.5'");
    session.run("SELECT segue.require('>= 3')");
    assert_eq!(told(&database), "3.1.5");
    assert_eq!(known(), "|3.1.4 other|3.1.5 main|");
    session.run("RESET segue.app_version");
    session.run(asked);
    assert_eq!(known(), "");
    assert_eq!(
        database
            .query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"),
        "0"
    );
}

/// Where nobody may call a function unless he is told that he may.
#[test]
fn usage_is_right_enough_where_functions_are_nobodys() {
    let database = TestDatabase::new();
    database.run("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC");
    let _project = at_3_1(&database);
    let app = database.role("app", "LOGIN");
    database.run(&format!("GRANT USAGE ON SCHEMA segue TO {app}"));
    let session = TestSession::connect(&database.url_as(&app));
    session.run("SET segue.app_version = '3.1.4'");
    let asked = "SELECT segue.require('>= 3.1, < 4'), segue.schema_version()";
    assert_eq!(said(&session, asked), "3.1.0|3.1.0");
    assert_eq!(told(&database), "3.1.4");
    drop(session);
    database.run(&format!("DROP OWNED BY {app}"));
}

#[test]
fn a_pool_that_shares_its_sessions_can_ask() {
    let database = TestDatabase::new();
    let _project = at_3_1(&database);
    let pooler = PgBouncer::start(
        &database,
        &["pool_mode = transaction", "default_pool_size = 1"],
    );
    let (one, two) = (pooler.session(), pooler.session());
    one.run("BEGIN");
    assert_eq!(said(&one, "SELECT segue.require('= 3.1')"), "3.1.0");
    one.run("COMMIT");
    assert!(said(&two, "SELECT segue.require('= 4')").starts_with("SV001 "));
    assert_eq!(said(&two, "SELECT segue.require('= 3.1')"), "3.1.0");
    // Nothing is held between transactions.
    assert_eq!(
        database.query("SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database() WHERE l.locktype = 'advisory'"),
        "0"
    );
}

#[test]
fn a_standby_answers_by_what_it_has_replayed() {
    let pair = Pair::new();
    let project = &pair.project;
    project.file("2.sql", &bringing("3.1.0", "ALTER TABLE t ADD b int;"));
    project.segue(&["up"]).expect_success();
    pair.replayed();
    let standby = pair.on_standby();
    standby.run("SET segue.app_version = '3.1'");
    assert_eq!(said(&standby, "SELECT segue.require('= 3.1')"), "3.1.0");
    assert!(said(&standby, "SELECT segue.require('= 3.2')").starts_with("SV001 "));
    standby.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    standby.run("SELECT 1");
    project.file("3.sql", &bringing("3.2.0", "ALTER TABLE t ADD c int;"));
    project.segue(&["up"]).expect_success();
    pair.replayed();
    assert!(said(&standby, "SELECT segue.require('= 3.1')").starts_with("40001 "));
    standby.run("ROLLBACK");
    let now = wait_for("the version", || {
        let said = said(&standby, "SELECT segue.require('= 3.2')");
        (said == "3.2.0").then_some(said)
    });
    assert_eq!(now, "3.2.0");
}
