//! `env-vars`: values of environment variables, filled into files.

use segue::apply::Event;
use segue::text::Variables;

use crate::support::{Project, TestDatabase, Up, settings};

#[test]
fn values_are_filled_in_everywhere_and_shown_nowhere() {
    let database = TestDatabase::new();
    let mut project = Project::deploying(&database);
    project.file(
        "1.sql",
        "-- segue: env-vars: TABLE_NAME, SECRET\n\
         -- segue: env-vars: NOTHING\n\
         CREATE TABLE \"${TABLE_NAME}\" (a text);\n\
         DO $do$ BEGIN\n\
           EXECUTE format('INSERT INTO %I VALUES (%L)', '${TABLE_NAME}', '${SECRET}${NOTHING}');\n\
           RAISE NOTICE 'it is ${SECRET}';\n\
         END $do$;\n\
         COPY \"${TABLE_NAME}\" FROM STDIN;\n\
         copied ${SECRET} ${UNLISTED}\n\
         \\.\n",
    );
    project.file(
        "2.sql",
        "-- codd: ${MODE}\n-- codd-env-vars: MODE, SECRET\n\
         CREATE TABLE done AS SELECT '${SECRET}'::text AS a;\n\
         VACUUM;\n\
         INSERT INTO done VALUES ('${SECRET} again');\n",
    );
    project
        .env("TABLE_NAME", "two words")
        .env("SECRET", "open sesame")
        .env("NOTHING", "")
        .env("MODE", "no-txn");
    project.segue(&["plan"]).expect(
        "
        Project `main`: 2 migrations pending.

        Batch
          1. one transaction
               1.sql (takes NOTHING, SECRET, TABLE_NAME)
          2. outside a transaction
               2.sql (takes MODE, SECRET)

        Ready when its last step is done.

        The schema is not verified: there is no expected schema.
        ",
        "",
        0,
    );
    let up = project.segue(&["up", "--verbose"]);
    up.expect_success();
    assert!(up.stderr.contains("it is ${SECRET}"), "{}", up.stderr);
    assert!(!up.stderr.contains("sesame"), "{}", up.stderr);
    assert_eq!(
        database.query("SELECT a FROM \"two words\" ORDER BY 1"),
        "copied open sesame ${UNLISTED}\nopen sesame"
    );
    assert_eq!(
        database.query("SELECT a FROM done ORDER BY 1"),
        "open sesame\nopen sesame again"
    );
    let kept = database.query(
        "SELECT count(*) FROM segue.intent AS i WHERE i::text LIKE '%sesame%' \
         UNION ALL SELECT count(*) FROM segue.migration AS m WHERE m::text LIKE '%sesame%'",
    );
    assert_eq!(kept, "0\n0");

    // Applied, they do not need their variables any more, whatever the values.
    project.env("SECRET", "another");
    project.has_nothing_to_do();
    let mut bare = Project::deploying(&database);
    for name in ["1.sql", "2.sql"] {
        let text = std::fs::read_to_string(project.path().join("migrations").join(name));
        bare.file(name, &text.expect("a file"));
    }
    bare.env("UNRELATED", "x");
    bare.has_nothing_to_do();
}

#[test]
fn errors_are_at_their_place_in_the_file_as_written() {
    let database = TestDatabase::new();
    let mut project = Project::deploying(&database);
    project.env("SECRET", "a much longer value").env("A", "x");
    project.file(
        "1.sql",
        "-- segue: env-vars: SECRET, A\n\
         SELECT '${SECRET}',\n  '${A}', nowhere, '${SECRET}';\n",
    );
    project.segue(&["up"]).expect(
        "",
        "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
        error[server-error]: column \"nowhere\" does not exist
          --> migrations/1.sql:3:11
          |
        3 |   '${A}', nowhere, '${SECRET}';
          |           ^^^^^^^
          = note: SQLSTATE 42703
        note: nothing was committed: the database is as it was
        help: correct the migration, then `segue up` starts afresh
        ",
        4,
    );
    project.file(
        "1.sql",
        "-- segue: no-txn\n-- segue: env-vars: SECRET, A\n\
         SELECT '${A}', 'a'::int + '${SECRET}'::int;\n",
    );
    let up = project.segue(&["up"]);
    assert!(!up.stderr.contains("much longer"), "{}", up.stderr);
    assert_eq!(
        database.query("SELECT error FROM segue.migration"),
        "invalid input syntax for type integer: \"a\""
    );
    project.file(
        "1.sql",
        "-- segue: no-txn\n-- segue: env-vars: SECRET, A\nSELECT '${A}', '${SECRET}'::int;\n",
    );
    let up = project.segue(&["up"]);
    assert!(!up.stderr.contains("much longer"), "{}", up.stderr);
    assert_eq!(
        database.query("SELECT error FROM segue.migration"),
        "invalid input syntax for type integer: \"${SECRET}\""
    );
}

/// The server cuts long values of the rows that it shows, and quotes the word
/// behind a quote that ends a literal too early.
#[test]
fn parts_of_values_are_not_shown() {
    let database = TestDatabase::new();
    let mut project = Project::deploying(&database);
    let long = "open-sesame-".repeat(20);
    project.env("LONG", &long).env("QUOTED", "old'door'key");
    for header in ["", "-- segue: no-txn\n"] {
        for statement in [
            "CREATE TABLE t (a text, b int NOT NULL);\nINSERT INTO t VALUES ('${LONG}', NULL);",
            "CREATE TABLE t (a text, b int);\nCOPY t FROM STDIN;\n1\t${LONG}\n\\.",
            "SELECT '${LONG}'::json;",
            "SELECT '{\"a\": 1, ${LONG}'::json;",
            "ALTER ROLE nobody PASSWORD '${QUOTED}';",
        ] {
            database.run("DROP TABLE IF EXISTS t");
            project.file(
                "1.sql",
                &format!("{header}-- segue: env-vars: LONG, QUOTED\n{statement}\n"),
            );
            let up = project.segue(&["up", "--verbose"]);
            assert_eq!(up.status, 4, "{}", up.stderr);
            let kept = database.query(
                "SELECT coalesce(string_agg(error, ' '), '') FROM segue.migration UNION ALL SELECT string_agg(error, ' ') FROM segue.deployment UNION ALL SELECT string_agg(i::text, ' ') FROM segue.intent i",
            );
            for part in ["sesame-open", "door"] {
                assert!(!up.stderr.contains(part), "{}", up.stderr);
                assert!(!kept.contains(part), "{kept}");
            }
            database.run("DELETE FROM segue.intent; DELETE FROM segue.migration");
        }
    }
}

#[test]
fn what_cannot_be_filled_in_is_refused_before_anything_runs() {
    let database = TestDatabase::new();
    let mut project = Project::deploying(&database);
    project.file("1.sql", "CREATE TABLE a ();\n");
    project.file(
        "2.sql",
        "-- segue: env-vars: UNSET, QUOTE, TWO\n\
         SELECT '${QUOTE}';\n\
         SELECT ${TWO};\n",
    );
    project.env("QUOTE", "it's").env("TWO", "1; COMMIT");
    project.segue(&["up"]).expect(
        "",
        "
        error[unset-variable]: the environment variable `UNSET` is not set
          --> migrations/2.sql:1:21
          |
        1 | -- segue: env-vars: UNSET, QUOTE, TWO
          |                     ^^^^^ this file takes it
          = help: set it, to nothing if that is meant

        error[unusable-value]: with `QUOTE` this is no single statement
          --> migrations/2.sql:2:1
          |
        2 | SELECT '${QUOTE}';
          | ^^^^^^^^^^^^^^^^^ a value ends it, or what it stands in
          = help: escape the value as this place in the SQL needs it; a `'` in a string is written twice

        error[unusable-value]: with `TWO` this is no single statement
          --> migrations/2.sql:3:1
          |
        3 | SELECT ${TWO};
          | ^^^^^^^^^^^^^ a value ends it, or what it stands in
          = help: escape the value as this place in the SQL needs it; a `'` in a string is written twice

        error: 3 problems in all
        ",
        3,
    );
    assert_eq!(database.query("SELECT to_regclass('a')"), "");
}

#[test]
fn events_have_the_text_as_written() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file(
        "1.sql",
        "-- segue: env-vars: HOME\n-- segue: no-txn\nCREATE TABLE a AS SELECT '${HOME}'::text AS home;\n",
    );
    let values = [("HOME".to_owned(), "/root/of/it".to_owned())];
    let variables = Variables::new(values.into_iter().collect());
    let mut up = Up::start_filled(&project, &database.url(), settings(), &variables);
    up.wait().expect("a run");
    let events = up.events();
    assert!(!format!("{events:?}").contains("/root/of/it"));
    let sql = events.iter().find_map(|event| match event {
        Event::StatementBegan { sql, .. } => Some(sql.as_str()),
        _ => None,
    });
    assert_eq!(
        sql,
        Some("CREATE TABLE a AS SELECT '${HOME}'::text AS home")
    );
    assert_eq!(database.query("SELECT home FROM a"), "/root/of/it");
}
