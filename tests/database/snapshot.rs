//! `segue snapshot`: rows of a database, and back again.

use std::time::Duration;

use segue::{apply, files};

use crate::support::{
    Project, TestDatabase, TestSession, assert_file, assert_same_snapshot, server_runtime,
    snapshot, target,
};

const ZOO: &str = include_str!("snapshot/zoo.sql");
const ROWS: &str = include_str!("snapshot/rows.sql");
/// What is not valid is the work of a migration too.
const NOT_VALID: &str = "
    ALTER TABLE guarded ADD CONSTRAINT not_negative CHECK (price >= 0) NOT VALID;
    COMMENT ON CONSTRAINT not_negative ON guarded IS 'since 2026';
    ALTER TABLE guarded ADD CONSTRAINT owned FOREIGN KEY (owner) REFERENCES person NOT VALID;
";

/// A project whose development database is `database`, and no other one known.
fn project_on(database: &TestDatabase<'_>) -> Project {
    let mut project = Project::on(database);
    project
        .env("SEGUE_DEV_DATABASE_URL", database.url())
        .env("DATABASE_URL", "postgresql://localhost:1/production");
    project
}

fn up(project: &Project, database: &TestDatabase<'_>) {
    let url = database.url();
    project
        .segue(&["up", "--database-url", &url])
        .expect_success();
}

/// Puts the rows of a file of the project into `database`; what is refused.
fn load(project: &Project, file: &str, database: &TestDatabase<'_>) -> Option<String> {
    load_as(project, file, &database.url())
}

fn load_as(project: &Project, file: &str, url: &str) -> Option<String> {
    let script = files::script(&project.path().join(file)).expect("the file");
    let script = script.expect("plain SQL");
    let (target, wait) = (target(url), Duration::from_secs(5));
    let loaded = server_runtime().block_on(apply::sample::load(&target, wait, &script));
    loaded.expect("a server").map(|one| one.message)
}

#[test]
fn all_that_rows_can_be_comes_out_and_goes_in_again() {
    let (first, second) = (TestDatabase::new(), TestDatabase::new());
    let project = project_on(&first);
    project.file("1-zoo.sql", ZOO);
    up(&project, &first);
    first.run(ROWS);
    project.segue(&["snapshot"]).expect(
        "",
        "
             Written `snapshots/1-zoo.sql`: 23 rows of 10 tables
        ",
        0,
    );
    let text = project.read("snapshots/1-zoo.sql");
    assert_file("tests/database/snapshot/zoo.txt", &text);
    project.segue(&["snapshot", "1-zoo.sql"]).expect(
        "",
        "
           Unchanged `snapshots/1-zoo.sql`: 23 rows of 10 tables, nothing has changed
        ",
        0,
    );

    // Into another one, and out of it.
    up(&project, &second);
    second.run(NOT_VALID);
    // It may be somebody's rule that nobody changes the schema.
    second.run(
        "CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no DDL''; END';
         CREATE EVENT TRIGGER forbid ON ddl_command_start EXECUTE FUNCTION forbid()",
    );
    let before = snapshot(&second.url());
    assert_eq!(load(&project, "snapshots/1-zoo.sql", &second), None);
    assert_same_snapshot("the schema", &snapshot(&second.url()), &before);
    assert_eq!(second.query("SELECT birds FROM birds"), "1");
    let url = second.url();
    project.segue(&["snapshot", "--from", &url]).expect(
        "",
        "
           Unchanged `snapshots/1-zoo.sql`: 23 rows of 10 tables, nothing has changed
        ",
        0,
    );
}

const SHOP: &str = "
    CREATE TABLE country (code text PRIMARY KEY, name text NOT NULL);
    CREATE TABLE customer (
        id int PRIMARY KEY, mail text NOT NULL, country text NOT NULL REFERENCES country
    );
    CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL REFERENCES customer, total int);
    CREATE TABLE log (line text, customer int REFERENCES customer);
";
const SHOP_ROWS: &str = "
    INSERT INTO country SELECT 'c' || i, 'Country ' || i FROM generate_series(1, 99) AS i;
    INSERT INTO customer SELECT i, 'm' || i || '@secret.example', 'c' || i FROM generate_series(1, 90) AS i;
    INSERT INTO orders SELECT i, 1 + i % 90, i - 3 FROM generate_series(1, 900) AS i;
    INSERT INTO log SELECT 'line ' || i, i FROM generate_series(1, 90) AS i;
";

#[test]
fn rows_are_chosen_and_what_they_refer_to_comes_along() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.file("1.sql", SHOP);
    up(&project, &database);
    database.run(SHOP_ROWS);
    project.write(
        "segue.toml",
        r#"[snapshot]
folder = "data"
first = 1

[snapshot.rows]
country = 0
"public.customer" = false
orders = """
SELECT o.* FROM orders o -- those that nobody expects
 WHERE o.total <= 0;"""
log = "SELECT * FROM log WHERE line LIKE 'line 7_'"

[snapshot.replace]
"customer.mail" = "'user' || id || '@example.org'"
"#,
    );
    project.segue(&["snapshot"]).expect(
        "",
        "
             Written `data/1.sql`: 39 rows of 4 tables
        ",
        0,
    );
    let text = project.read("data/1.sql");
    assert_file("tests/database/snapshot/chosen.txt", &text);
    assert!(!text.contains("secret"), "{text}");

    let second = TestDatabase::new();
    up(&project, &second);
    assert_eq!(load(&project, "data/1.sql", &second), None);
    assert_eq!(second.query("SELECT count(*) FROM orders"), "3");
    // A row that is missing is seen in the end, since all are put in as they are.
    let third = TestDatabase::new();
    up(&project, &third);
    project.write("data/1.sql", text.replace("3\t4\t0\n", "3\t44\t0\n"));
    let refused = load(&project, "data/1.sql", &third);
    assert_eq!(
        refused.as_deref(),
        Some(
            "insert or update on table \"orders\" violates foreign key constraint \"orders_customer_fkey\""
        )
    );
    assert_eq!(third.query("SELECT count(*) FROM country"), "0");
}

/// By namespaces and by inheritance.
#[test]
fn each_table_is_meant_by_its_own_name() {
    let (first, second) = (TestDatabase::new(), TestDatabase::new());
    let project = project_on(&first);
    project.file(
        "1.sql",
        "CREATE SCHEMA zoo; CREATE SCHEMA auth;
         CREATE DOMAIN pos AS int;
         CREATE TABLE users (id int PRIMARY KEY, email text);
         CREATE TABLE zoo.users (id int PRIMARY KEY, email text);
         CREATE TABLE parent (id int PRIMARY KEY, email text);
         CREATE TABLE child (x int) INHERITS (parent);
         CREATE TABLE auth.kind (id serial PRIMARY KEY, n pos);
         CREATE TABLE auth.log (id int REFERENCES users);
         CREATE TABLE regs (id int PRIMARY KEY, r regclass, kind int REFERENCES auth.kind);",
    );
    up(&project, &first);
    first.run(
        "INSERT INTO users VALUES (1, 'u@secret');
         INSERT INTO zoo.users VALUES (1, 'z@secret');
         INSERT INTO parent VALUES (1, 'p@secret');
         INSERT INTO child VALUES (2, 'c@secret', 3);
         INSERT INTO auth.kind (n) VALUES (7), (-5), (8);
         INSERT INTO auth.log VALUES (1);
         INSERT INTO regs VALUES (1, 'zoo.users', 2);",
    );
    project.write(
        "segue.toml",
        r#"[schema]
namespaces = ["public", "zoo"]

[snapshot.replace]
"users.email" = "'bare'"
"zoo.users.email" = "'whole'"
"parent.email" = "'masked'"
"#,
    );
    first.run(&format!(
        "ALTER DATABASE {} SET search_path = zoo, public",
        first.name()
    ));
    project.segue(&["snapshot"]).expect_success();
    let text = project.read("snapshots/1.sql");
    let (_, text) = text.split_once("anew.\n").expect("a header");
    assert_eq!(
        text,
        "
TRUNCATE
    ONLY public.parent,
    auth.kind,
    public.child,
    public.regs,
    public.users,
    zoo.users
    CASCADE;

COPY auth.kind (id, n) FROM stdin;
2\t-5
\\.

COPY public.child (id, email, x) FROM stdin;
2\tmasked\t3
\\.

COPY public.parent (id, email) FROM stdin;
1\tmasked
\\.

COPY public.regs (id, r, kind) FROM stdin;
1\tzoo.users\t2
\\.

COPY public.users (id, email) FROM stdin;
1\tbare
\\.

COPY zoo.users (id, email) FROM stdin;
1\twhole
\\.

SELECT pg_catalog.setval('auth.kind_id_seq', 3, true);
"
    );
    // A constraint of old rows that is not valid is not asked of them.
    up(&project, &second);
    second.run(
        "ALTER DOMAIN pos ADD CONSTRAINT above CHECK (VALUE > 0) NOT VALID;
         COMMENT ON CONSTRAINT above ON DOMAIN pos IS 'since 2026';
         INSERT INTO users VALUES (1); INSERT INTO auth.log VALUES (1)",
    );
    let before = snapshot(&second.url());
    assert_eq!(load(&project, "snapshots/1.sql", &second), None);
    assert_same_snapshot("the schema", &snapshot(&second.url()), &before);
    assert_eq!(second.query("SELECT n FROM auth.kind"), "-5");
}

#[test]
fn what_is_chosen_wrongly_is_told() {
    let database = TestDatabase::new();
    let project = project_on(&database);
    project.file("1.sql", SHOP);
    up(&project, &database);
    database.run(SHOP_ROWS);
    let refused = |config: &str, stderr: &str| {
        project.write("segue.toml", config);
        project.segue(&["snapshot"]).expect("", stderr, 2);
    };
    refused(
        "[snapshot.rows]\norder = true\n",
        "
         error: `[snapshot]` in segue.toml names `order`, which the database does not have
         help: did you mean `orders`?
        ",
    );
    refused(
        "[snapshot.rows]\norders = 'SELECT total FROM orders'\n",
        "
         error: the query that chooses rows of `public.orders`: column q.id does not exist
         help: it has to select the key: id
        ",
    );
    refused(
        "[snapshot.replace]\n'customer.mail' = 'name'\n",
        "
         error: the rows of `public.customer`, with what is put in their place: column \"name\" does not exist
         note: `\"customer.mail\"` of [snapshot.replace] is `name`
         help: correct it in [snapshot] of segue.toml
        ",
    );
    refused(
        "[snapshot.rows]\norders = 1.5\n",
        "
         error[invalid-configuration]: expected a query, a number of rows, true for all or false for none
           --> segue.toml:2:10
           |
         2 | orders = 1.5
           |          ^^^ here
        ",
    );
    assert!(!project.path().join("snapshots").exists());
}

#[test]
fn only_a_state_that_can_be_made_again_is_kept() {
    let database = TestDatabase::new();
    let mut project = project_on(&database);
    project
        .file("1.sql", "CREATE TABLE t (id int);")
        .file(
            "2.sql",
            "-- segue: begin-concurrent-migration-with: 1.sql\nCREATE INDEX CONCURRENTLY ON t (id);",
        )
        .file("3.sql", "ALTER TABLE t ADD n int;");
    let refused = |project: &Project, arguments: &[&str], stderr: &str, status: i32| {
        project.segue(arguments).expect("", stderr, status);
        assert!(!project.path().join("snapshots").exists());
    };
    refused(
        &project,
        &["snapshot"],
        "
         error: the database is not in a state that a snapshot can be of
         note: none of the folder's migrations is applied
         note: nothing was written
         help: `segue up` applies them
        ",
        1,
    );
    let url = database.url();
    project
        .segue(&["up", "--until", "ready", "--database-url", &url])
        .expect_success();
    refused(
        &project,
        &["snapshot"],
        "
         error: the database is not in a state that a snapshot can be of
         note: `2.sql` is not done, and later ones are: `3.sql`
         note: nothing was written
         help: `segue settle` does what is left of the tail, `segue up` all that is pending
        ",
        1,
    );
    up(&project, &database);
    refused(
        &project,
        &["snapshot", "2.sql"],
        "
         error: the database is not at 2
         note: it has 2, and after it `3.sql`
         note: nothing was written
         help: leave out the state for a snapshot of the one that it is in
        ",
        1,
    );
    refused(
        &project,
        &["snapshot", "3.0"],
        "
         error: no migration brings version `3.0`
         help: none brings a version at all; `-- segue: schema-version: X.Y.Z` in one says so
         help: `segue status -v` lists the migrations
        ",
        2,
    );
    refused(
        &project,
        &["snapshot", "--from", &url, "--database-url", &url],
        "
         error: `--from` is in place of `--database-url`
         help: leave out one of the two
        ",
        2,
    );
    std::fs::remove_file(project.path().join("migrations/3.sql")).expect("it is there");
    refused(
        &project,
        &["snapshot"],
        "
         error: the database is not in a state that a snapshot can be of
         note: applied, and not in the folder: `3.sql`
         note: nothing was written
        ",
        1,
    );
    project.without_env("SEGUE_DEV_DATABASE_URL");
    refused(
        &project,
        &["snapshot"],
        "
         error: no database to read is named
         help: give `--from URL`, or set SEGUE_DEV_DATABASE_URL; other variables are not read here, they may name a production database
        ",
        2,
    );
}

/// The owner of its tables who may do nothing else; what is put aside for rows
/// is the owner's to put aside.
#[test]
fn rows_go_in_as_an_ordinary_role() {
    let (first, second) = (TestDatabase::new(), TestDatabase::new());
    let project = project_on(&first);
    project.file("1-zoo.sql", ZOO);
    up(&project, &first);
    first.run(ROWS);
    project.segue(&["snapshot"]).expect_success();

    let role = second.role("owner", "LOGIN NOSUPERUSER NOBYPASSRLS");
    second.run(&format!(
        "GRANT CREATE ON DATABASE {0} TO {role};
         ALTER SCHEMA public OWNER TO {role};
         ALTER ROLE {role} IN DATABASE {0} SET default_transaction_read_only = on;
         ALTER ROLE {role} IN DATABASE {0} SET lock_timeout = '1ms'",
        second.name()
    ));
    let url = second.url_as(&role);
    project
        .segue(&["up", "--database-url", &url])
        .expect_success();
    let session = TestSession::connect(&url);
    session.run("SET default_transaction_read_only = off");
    session.run(NOT_VALID);
    let before = snapshot(&second.url());
    assert_eq!(load_as(&project, "snapshots/1-zoo.sql", &url), None);
    assert_same_snapshot("the schema", &snapshot(&second.url()), &before);
    project
        .segue(&["snapshot", "--from", &second.url()])
        .expect(
            "",
            "
           Unchanged `snapshots/1-zoo.sql`: 23 rows of 10 tables, nothing has changed
        ",
            0,
        );
    // Whoever sees only some of the rows is not given half a snapshot.
    project.segue(&["snapshot", "--from", &url]).expect(
        "",
        "
         error: query would be affected by row-level security policy for table \"guarded\" (SQLSTATE 42501)
         help: To disable the policy for the table's owner, use ALTER TABLE NO FORCE ROW LEVEL SECURITY.
        ",
        4,
    );
}

#[test]
fn files_that_belong_to_a_migration_are_not_added_as_one() {
    let mut project = Project::new();
    project.env("SEGUE_DEV_DATABASE_URL", "postgresql://localhost:1/none");
    project.write("trim.check.sql", "SELECT 1;\n");
    project
        .segue(&["add", "trim.check.sql", "--no-apply"])
        .expect(
            "",
            "
         error: `trim.check.sql` belongs to a migration by its name, and is none
         help: put it into the folder of its migration, and call it after that one
        ",
            2,
        );
}
