//! Ledgers that cannot be taken over, and deaths on the way.

use super::Case;
use crate::support::assert_text;

/// Nothing of segue's is in the database.
#[track_caller]
fn is_untouched(case: &Case) {
    let made = "SELECT count(*) FROM pg_namespace WHERE nspname = 'segue'";
    assert_text("namespaces", &case.database.query(made), "0");
}

#[test]
fn half_applied_sources_are_refused() {
    let tables = [
        (
            "sqlx",
            "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL, \
                 installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL, \
                 checksum bytea NOT NULL, execution_time bigint NOT NULL); \
             INSERT INTO _sqlx_migrations VALUES (1, 'a', now(), false, '', 0)",
            "1 a",
        ),
        (
            "golang-migrate",
            "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); \
             INSERT INTO schema_migrations VALUES (1, true)",
            "1",
        ),
        (
            "flyway",
            "CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50), \
                 description varchar(200) NOT NULL, type varchar(20) NOT NULL, \
                 script varchar(1000) NOT NULL, checksum int, installed_by varchar(100) NOT NULL, \
                 installed_on timestamp NOT NULL DEFAULT now(), execution_time int NOT NULL, \
                 success boolean NOT NULL); \
             INSERT INTO flyway_schema_history VALUES \
                 (1, '1', 'a', 'SQL', 'V1__a.sql', 0, 'me', now(), 0, false)",
            "1 a",
        ),
    ];
    for (tool, sql, label) in tables {
        let case = Case::new();
        case.database.run(sql);
        let name = if tool == "flyway" {
            "V1__a.sql"
        } else {
            "1_a.up.sql"
        };
        case.project.file(name, "SELECT 1;\n");
        let run = case.project.segue(&["adopt", tool, "--write"]);
        assert_text(
            tool,
            &run.stderr,
            &format!(
                "
                error: {tool} has left {label} half-way: nobody knows which of its statements are done
                note: nothing is recorded
                help: look what it has done, finish or undo it, and correct {tool}'s ledger as its manual says
                "
            ),
        );
        assert_eq!(run.status, 2);
        is_untouched(&case);
    }
}

#[test]
fn a_version_that_no_file_has_is_refused() {
    let case = Case::new();
    case.database.run(
        "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); \
         INSERT INTO schema_migrations VALUES (7, false)",
    );
    case.project.file("1_a.up.sql", "SELECT 1;\n");
    let run = case.project.segue(&["adopt", "golang-migrate", "--write"]);
    assert_text(
        "stderr",
        &run.stderr,
        "
        error: golang-migrate is at version 7, which no file here has
        note: nothing is recorded
        help: `--migrations DIR` names the folder
        ",
    );
    is_untouched(&case);
}

#[test]
fn a_database_without_such_a_ledger_names_the_others() {
    let case = Case::new();
    case.project.segue(&["adopt", "codd"]).expect(
        "",
        "
        error: this database has no ledger of codd
        help: `--table NAMESPACE.TABLE` names it, if it is not called as usual
        ",
        2,
    );
    case.database
        .run("CREATE TABLE schema_migrations (version varchar(255) PRIMARY KEY)");
    case.project.segue(&["adopt", "codd"]).expect(
        "",
        "
        error: this database has no ledger of codd
        help: there is another tool's: `segue adopt dbmate` (public.schema_migrations)
        ",
        2,
    );
    case.database
        .run("CREATE SCHEMA other; CREATE TABLE other.schema_migrations (version varchar(255))");
    case.project.segue(&["adopt", "dbmate"]).expect(
        "",
        "
        error: dbmate has 2 ledgers here: other.schema_migrations, public.schema_migrations
        help: `--table other.schema_migrations` names the one
        ",
        2,
    );
    is_untouched(&case);
}

#[test]
fn a_file_that_the_tool_passes_over_is_refused() {
    let case = Case::new();
    case.database.run(
        "CREATE TABLE schema_migrations (version varchar(255) PRIMARY KEY); \
         INSERT INTO schema_migrations VALUES ('1')",
    );
    case.project
        .file("1_a.sql", "SELECT 1;\n")
        .file("seed.sql", "SELECT 2;\n");
    let run = case.project.segue(&["adopt", "dbmate", "--write"]);
    assert_text(
        "stderr",
        &run.stderr,
        "
        error: dbmate passes over `seed.sql`, and `segue up` would run it
        note: nothing is recorded
        help: move it out of the folder
        ",
    );
    is_untouched(&case);
}

/// All or nothing: an error in the middle leaves no row behind, and the next
/// try finds the way free.
#[test]
fn a_failing_write_records_nothing() {
    let case = Case::new();
    case.database.run(
        "CREATE TABLE schema_migrations (version varchar(255) PRIMARY KEY); \
         INSERT INTO schema_migrations VALUES ('1'), ('2')",
    );
    case.project
        .file("1_a.sql", "SELECT 1;\n")
        .file("2_b.sql", "SELECT 2;\n");
    case.project.segue(&["init"]).expect_success();
    case.database
        .run("ALTER TABLE segue.migration ADD CONSTRAINT no_b CHECK (file <> '2_b.sql')");
    let run = case.project.segue(&["adopt", "dbmate", "--write"]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    let rows =
        "SELECT (SELECT count(*) FROM segue.migration), (SELECT count(*) FROM segue.deployment)";
    assert_text("rows", &case.database.query(rows), "0|0");
    case.database
        .run("ALTER TABLE segue.migration DROP CONSTRAINT no_b");
    case.project
        .segue(&["adopt", "dbmate", "--write"])
        .expect_success();
    case.project.has_nothing_to_do();
}

#[test]
fn arguments_that_make_no_sense_together_are_refused() {
    let case = Case::new();
    for arguments in [
        &["adopt"][..],
        &["adopt", "rails"],
        &["adopt", "codd", "--up-to", "x.sql"],
        &["adopt", "dbmate", "--convert", "x", "--write"],
    ] {
        assert_eq!(case.project.segue(arguments).status, 2, "{arguments:?}");
    }
    let run = case.project.segue(&["adopt", "codd", "--convert", "new"]);
    assert_eq!(run.status, 2, "{}", run.stderr);
}
