//! Snapshots of data, upgrades that skip releases, and checks, in `segue check`.

use super::{Project, empty, expect};

/// A history of several versions, as it grew: each file has been deployed by
/// itself, and tables had rows. Of 1.0.0 and 2.1.0 there are snapshots, of 2.0.0
/// there is none.
fn history() -> Project {
    let project = empty();
    project
        .file(
            "1-users.sql",
            "-- segue: schema-version: 1.0.0\nCREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, mail text);\n",
        )
        .file(
            "2-country.sql",
            "-- segue: schema-version: 2.0.0\nALTER TABLE users ADD country text;\n",
        )
        .file(
            "3-by-country.sql",
            "-- segue: begin-concurrent-migration-with: 2-country.sql\n\nCREATE INDEX CONCURRENTLY users_country ON users (country);\n",
        )
        .file(
            "4-trim.sql",
            "-- segue: end-concurrent-migration: 3-by-country.sql\n-- segue: schema-version: 2.1.0\nUPDATE users SET name = trim(name);\n",
        )
        .file(
            "5-initial.sql",
            "-- segue: schema-version: 3.0.0\nALTER TABLE users ADD initial text;\nUPDATE users SET initial = left(name, 1);\n",
        );
    project.write(
        "snapshots/1.0.0.sql",
        "\
TRUNCATE public.users;
COPY public.users (id, name, mail) FROM stdin;
1\t Ada\tada@example.org
2\tBob\t\\N
\\.
",
    );
    // By hand, and called what it likes.
    project.write(
        "snapshots/odd.sql",
        "-- snapshot: 2.1\nINSERT INTO users (id, name, country) VALUES (1, '', NULL), (2, 'é', 'fr');\n",
    );
    project
}

#[test]
fn every_version_goes_straight_to_the_newest_one() {
    let project = history();
    project.file(
        "4-trim.check.sql",
        "-- Nobody has spaces around the name any more.\nSELECT id, name FROM users WHERE name <> trim(name);\n",
    );
    expect(&project, "data-good", &["--no-lint"]);
}

#[test]
fn an_upgrade_that_fails_on_the_rows_of_an_old_version_is_found() {
    let project = history();
    project.file(
        "6-mail.sql",
        "ALTER TABLE users ADD domain text;\nUPDATE users SET domain = split_part(mail, '@', 2);\nALTER TABLE users\n    ALTER domain SET NOT NULL;\n",
    );
    expect(&project, "data-fails", &["--no-lint"]);
}

#[test]
fn a_check_tells_the_rows_that_it_finds() {
    let project = history();
    project
        .file(
            "1-users.check.sql",
            "\
-- Each has a name, once it is trimmed.
SELECT id, name
  FROM users WHERE trim(name) = '';

SELECT count(*) FROM users HAVING count(*) > 1;
",
        )
        .file(
            "5-initial.check.sql",
            "SELECT id, initial FROM users WHERE initial <> upper(initial);\n",
        );
    expect(&project, "data-checks", &["--no-lint"]);
}

#[test]
fn a_check_may_test_a_function_with_rows_of_its_own() {
    let project = empty();
    project
        .file(
            "1.sql",
            "CREATE TABLE t (id int PRIMARY KEY, n text);\nCREATE FUNCTION half(n int) RETURNS int LANGUAGE sql AS 'SELECT n / 2';\n",
        )
        .file(
            "1.check.sql",
            "\
-- until: 2.sql
SELECT * FROM (VALUES (0, 0), (3, 1), (-3, -1), (NULL, NULL)) AS t (given, expected)
 WHERE half(given) IS DISTINCT FROM expected;

COPY t FROM stdin;
1\tone
2\ttwo
\\.
DO $$BEGIN ASSERT (SELECT count(*) = 2 FROM t), 'two rows'; END$$;
",
        )
        .file("2.sql", "DROP FUNCTION half;\n")
        .file("2.check.sql", "SELECT * FROM t;\n");
    expect(&project, "data-unit", &["--no-lint"]);
    let text = project.read("migrations/1.check.sql");
    project
        .file("1.check.sql", &text.replace("-- until: 2.sql\n", ""))
        .file("2.check.sql", "INSERT INTO t VALUES (1);\nCOMMIT;\n");
    expect(&project, "data-unit-fails", &["--no-lint"]);
}

#[test]
fn files_of_nothing_are_told() {
    let project = history();
    project
        .file("1-user.check.sql", "SELECT 1;\n")
        .file("2-country.check.sql", "-- until: 1-users.sql\nSELECT 1;\n")
        .file("3-by-country.check.sql", "-- segue: no-txn\nSELECT 1;\n")
        .write("snapshots/2-county.sql", "SELECT 1;\n");
    project.write("snapshots/2.2.0.sql", "SELECT 1;\n");
    expect(&project, "data-of-nothing", &["--no-lint"]);
}

#[test]
fn a_snapshot_that_does_not_fit_is_told() {
    let project = history();
    let text = project.read("snapshots/1.0.0.sql");
    project.write("snapshots/1.0.0.sql", text.replace("2\tBob\t", "2\t\\N\t"));
    expect(&project, "data-not-loaded", &["--no-lint"]);
}

#[test]
fn a_history_that_makes_roles_is_replayed_on_servers_of_its_own() {
    let project = empty();
    project
        .file(
            "1.sql",
            "-- segue: schema-version: 1.0.0\nCREATE TABLE t (id int);\n",
        )
        .file(
            "2.sql",
            "-- segue: schema-version: 2.0.0\nCREATE ROLE reader_of_t;\nGRANT SELECT ON t TO reader_of_t;\n",
        )
        .file(
            "3.sql",
            "ALTER TABLE t ADD PRIMARY KEY (id);\n",
        );
    project.write("snapshots/1.0.0.sql", "INSERT INTO t VALUES (1), (1);\n");
    expect(&project, "data-roles", &["--no-lint"]);
}
