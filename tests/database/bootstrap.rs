//! Migrations that make the very database that they are for.

use crate::support::{Project, Server, TestDatabase, TestSession};

/// A database that does not exist, and one beside it that connections of
/// migrations lead to. Whatever has come of it is dropped at the end.
struct Case {
    admin: TestDatabase<'static>,
    name: String,
    project: Project,
}

impl Case {
    fn new() -> Self {
        let admin = TestDatabase::new();
        let name = format!("{}_app", admin.name());
        let mut project = Project::deploying(&admin);
        project
            .env("DATABASE_URL", Server::shared().url(&name))
            .env("ADMIN", admin.url())
            .env("APP", &name);
        Self {
            admin,
            name,
            project,
        }
    }

    fn url(&self) -> String {
        Server::shared().url(&self.name)
    }

    fn app(&self) -> TestSession {
        TestSession::connect(&self.url())
    }

    /// A first migration that makes the database.
    fn makes_database(&self, options: &str) -> &Self {
        self.project.file(
            "0-database.sql",
            &format!(
                "-- segue: no-txn\n-- segue: env-vars: ADMIN, APP\n-- segue: connection: ${{ADMIN}}\n\
                 CREATE DATABASE ${{APP}}{options};\n"
            ),
        );
        self
    }

    /// What of this the database beside still keeps.
    fn kept(&self) -> String {
        if self
            .admin
            .query("SELECT to_regclass('segue.migration')")
            .is_empty()
        {
            return String::new();
        }
        self.admin
            .query("SELECT file, state FROM segue.migration ORDER BY file")
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        let session = TestSession::connect(&self.admin.url());
        let _ = session.try_query(&format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            self.name
        ));
    }
}

#[test]
fn the_first_migrations_make_the_database() {
    let case = Case::new();
    let role = case.admin.role("deploy", "");
    let name = case.name.clone();
    let url = {
        let (scheme, rest) = case
            .url()
            .split_once("://")
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .expect("a URL");
        let (_, place) = rest.split_once('@').expect("a user");
        format!("{scheme}://{role}@{place}")
    };
    // Nobody may log in as it yet.
    let mut project = Project::deploying(&case.admin);
    project
        .env("DATABASE_URL", &url)
        .env("ADMIN", case.admin.url())
        .env("IN_APP", case.url())
        .env("APP", &name)
        .env("ROLE", &role);
    project
        .redact(r"\]:\d+", "]:[port]")
        .redact(r"PGSQL\.\d+", "PGSQL.[port]");
    project.file(
        "0-database.sql",
        "-- codd: no-txn\n-- codd-env-vars: ADMIN ,APP,  ROLE\n-- codd-connection: ${ADMIN}\n\
         DO $do$ BEGIN ALTER ROLE ${ROLE} LOGIN; END $do$;\n\
         CREATE DATABASE \"${APP}\" TEMPLATE template0 OWNER ${ROLE};\n",
    );
    project.file(
        "1-owner.sql",
        "-- codd-connection: ${IN_APP}\n-- codd-env-vars: IN_APP, ROLE\n\
         ALTER SCHEMA public OWNER TO ${ROLE};\n\
         CREATE TABLE by_whom AS SELECT current_user::text AS name;\n",
    );
    project.file("2-table.sql", "CREATE TABLE a (id int);\n");
    let plan = project.segue(&["plan"]);
    plan.expect(
        "
        Database `[database]_app` does not exist yet: it is made by `0-database.sql`.
        Project `main`: 3 migrations pending.

        Batch
          1. outside a transaction, in database `[database]` as user `postgres` at [socket]:[port]
               0-database.sql (takes ADMIN, APP, ROLE)
          2. one transaction, in database `[database]_app` as user `postgres` at [socket]:[port]
               1-owner.sql (takes IN_APP, ROLE)
          3. one transaction
               2-table.sql

        Ready by the COMMIT of step 3.
        ",
        "",
        0,
    );
    let status = project.segue(&["status"]);
    assert_eq!(status.status, 0, "{}", status.stderr);
    project.segue(&["wait", "--timeout", "1s"]).expect(
        "",
        "
             Waiting cannot connect to database `[database]_app` as user `[database]_deploy` at socket `[socket]/.s.PGSQL.[port]`: role \"[database]_deploy\" is not permitted to log in (SQLSTATE 28000)
        error: not ready after [t]
        note: cannot connect to database `[database]_app` as user `[database]_deploy` at socket `[socket]/.s.PGSQL.[port]`: role \"[database]_deploy\" is not permitted to log in (SQLSTATE 28000)
        help: `--timeout` sets how long to wait
        ",
        5,
    );
    project.segue(&["up"]).expect(
        "",
        "
           Not there Database `[database]_app` does not exist yet: it is made by `0-database.sql`
             Planned 2 migrations in 2 transactions and 1 migration outside a transaction
             Running `0-database.sql` outside a transaction (pid [pid])
                 Ran `0-database.sql`, 2 statements in [t]
             Created the ledger, in namespace segue
        Planned anew 2 migrations in 2 transactions
                 Ran `1-owner.sql`, 2 statements in [t]
           Committed 1 migration in [t]
                 Ran `2-table.sql`, 1 statement in [t]
           Committed 1 migration in [t]
               Ready after [t] (deployment 1)
             Settled after [t] (deployment 1)
        ",
        0,
    );
    let rows = case.app().query(
        "SELECT file, kind, state, deployment, began_at < ended_at, ended_at <= (SELECT min(started_at) FROM segue.deployment) FROM segue.migration ORDER BY file",
    );
    assert_eq!(
        rows,
        "0-database.sql|standalone|applied||t|t\n1-owner.sql|batch|applied|1|t|f\n2-table.sql|batch|applied|1|t|f"
    );
    assert_eq!(case.app().query("SELECT name FROM by_whom"), "postgres");
    // Another role has made it, and given all of it away.
    let owners = "SELECT count(DISTINCT p.proowner), bool_and(p.proowner = n.nspowner) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'segue'";
    assert_eq!(case.app().query(owners), "1|t");
    assert_eq!(case.kept(), "");
    project.has_nothing_to_do();

    // Dropped, it is made again.
    case.admin.run(&format!("DROP DATABASE {name}"));
    project.segue(&["up"]).expect_success();
    assert_eq!(
        case.app().query("SELECT count(*) FROM segue.migration"),
        "3"
    );
}

#[test]
fn what_ran_before_a_crash_is_found_where_it_ran() {
    let case = Case::new();
    case.makes_database(" ALLOW_CONNECTIONS false");
    case.project.file("1.sql", "CREATE TABLE a (id int);\n");
    // As if the run had died right after CREATE DATABASE had been recorded.
    let up = case.project.segue(&["up"]);
    assert_ne!(up.status, 0);
    assert_eq!(case.kept(), "0-database.sql|applied");
    let time = case.admin.query("SELECT began_at FROM segue.migration");
    case.admin.run(&format!(
        "ALTER DATABASE {} ALLOW_CONNECTIONS true",
        case.name
    ));
    case.project.segue(&["up"]).expect_success();
    assert_eq!(
        case.app()
            .query("SELECT began_at FROM segue.migration WHERE file = '0-database.sql'"),
        time
    );
    assert_eq!(case.kept(), "");
    case.project.has_nothing_to_do();
}

#[test]
fn a_crash_before_the_row_is_resolved_by_looking() {
    let case = Case::new();
    case.admin.run("CREATE TABLE ok (a int)");
    case.project.file(
        "0-database.sql",
        "-- segue: no-txn\n-- segue: env-vars: ADMIN, APP\n-- segue: connection: ${ADMIN}\n\
         CREATE DATABASE ${APP};\nSELECT 1 / count(*) FROM ok;\n",
    );
    case.project.file("1.sql", "CREATE TABLE a (id int);\n");
    assert_eq!(case.project.segue(&["up"]).status, 4);
    assert_eq!(case.kept(), "0-database.sql|failed");
    // As if the run had died before it could write that the first is done.
    case.admin.run(
        "INSERT INTO ok VALUES (1);\
         UPDATE segue.intent SET state = 'begun', ended_at = NULL WHERE statement = 0;\
         UPDATE segue.migration SET state = 'begun', ended_at = NULL",
    );
    case.project.segue(&["up"]).expect_success();
    assert_eq!(
        case.app()
            .query("SELECT file, state FROM segue.migration ORDER BY file"),
        "0-database.sql|applied\n1.sql|applied"
    );
    assert_eq!(case.kept(), "");
}

#[test]
fn several_runs_at_once_make_one_database() {
    let case = Case::new();
    case.admin.run("CREATE TABLE counter (a int)");
    case.makes_database("");
    case.project.file(
        "0-count.sql",
        "-- segue: connection: ${ADMIN}\n-- segue: env-vars: ADMIN\nINSERT INTO counter VALUES (1);\n",
    );
    case.project.file("1.sql", "CREATE TABLE a (id int);\n");
    let runs: Vec<_> = (0..3).map(|_| case.project.spawn(&["up"])).collect();
    for run in runs {
        run.wait().expect_success();
    }
    assert_eq!(case.admin.query("SELECT count(*) FROM counter"), "1");
    assert_eq!(
        case.app()
            .query("SELECT file, state FROM segue.migration ORDER BY file"),
        "0-count.sql|applied\n0-database.sql|applied\n1.sql|applied"
    );
    assert_eq!(case.kept(), "");
}

#[test]
fn databases_made_from_the_same_files_are_kept_apart() {
    let mut case = Case::new();
    case.makes_database(" ALLOW_CONNECTIONS false");
    assert_ne!(case.project.segue(&["up"]).status, 0);
    let first = case.name.clone();
    let second = format!("{first}2");
    case.project
        .env("DATABASE_URL", Server::shared().url(&second))
        .env("APP", &second);
    case.makes_database("");
    let up = case.project.segue(&["up"]);
    case.admin
        .run(&format!("ALTER DATABASE {second} IS_TEMPLATE false"));
    let made = TestSession::connect(&Server::shared().url(&second))
        .query("SELECT file FROM segue.migration");
    case.admin
        .run(&format!("DROP DATABASE {second} WITH (FORCE)"));
    up.expect_success();
    assert_eq!(made, "0-database.sql");
    // What is left is of the other one.
    assert_eq!(case.kept(), "0-database.sql|applied");
}

#[test]
fn a_role_that_may_only_make_databases_does() {
    let case = Case::new();
    let role = case.admin.role("maker", "LOGIN CREATEDB");
    let mut project = Project::deploying(&case.admin);
    let (scheme, rest) = {
        let url = case.url();
        let (scheme, rest) = url.split_once("://").expect("a URL");
        (
            scheme.to_owned(),
            rest.split_once('@').expect("a user").1.to_owned(),
        )
    };
    project
        .env("DATABASE_URL", format!("{scheme}://{role}@{rest}"))
        .env("ADMIN", case.admin.url_as(&role))
        .env("APP", &case.name);
    project.redact(r"\]:\d+", "]:[port]");
    let header =
        "-- segue: no-txn\n-- segue: env-vars: ADMIN, APP\n-- segue: connection: ${ADMIN}\n";
    project.file(
        "0.sql",
        &format!("{header}SELECT 1;\nCREATE DATABASE ${{APP}};\n"),
    );
    project.file("1.sql", "CREATE SCHEMA a;\n");
    project.segue(&["up"]).expect(
        "",
        "
           Not there Database `[database]_app` does not exist yet: it is made by `0.sql`
             Planned 1 migration in one transaction and 1 migration outside a transaction
        error: `0.sql` runs in database `[database]` as user `[database]_maker` at [socket]:[port], where segue cannot keep its ledger: after a crash nobody could tell whether it has run
        help: let that role create namespaces there (`GRANT CREATE ON DATABASE [database] TO [database]_maker`), or write `-- segue: rerunnable` into the file if it may run twice; a file of nothing but `CREATE DATABASE` needs neither
        ",
        2,
    );
    project.file("0.sql", &format!("{header}CREATE DATABASE ${{APP}};\n"));
    project.segue(&["up"]).expect_success();
    assert_eq!(
        case.app()
            .query("SELECT file, state, began_at <= ended_at FROM segue.migration ORDER BY file"),
        "0.sql|applied|t\n1.sql|applied|t"
    );
    assert_eq!(case.admin.query("SELECT to_regnamespace('segue')"), "");
    project.has_nothing_to_do();
    case.admin.run(&format!("DROP DATABASE {}", case.name));
    project.file(
        "0.sql",
        &format!("{header}-- segue: rerunnable\nSELECT 1;\nCREATE DATABASE ${{APP}};\n"),
    );
    project.segue(&["up"]).expect_success();
}

/// What runs before the role may log in is kept in the very database at hand.
#[test]
fn a_role_is_made_in_a_database_that_is_there() {
    let case = Case::new();
    case.admin.run("CREATE TABLE counter (a int)");
    let role = case.admin.role("late", "");
    let mut project = Project::deploying(&case.admin);
    project
        .env("DATABASE_URL", case.admin.url_as(&role))
        .env("ADMIN", case.admin.url())
        .env("ROLE", &role);
    let header = "-- segue: env-vars: ADMIN, ROLE\n-- segue: connection: ${ADMIN}\n";
    project.file(
        "0-role.sql",
        &format!(
            "{header}INSERT INTO counter VALUES (1);\nALTER ROLE ${{ROLE}} LOGIN;\n\
             GRANT CREATE ON DATABASE {} TO ${{ROLE}};\n",
            case.admin.name()
        ),
    );
    project.file("1.sql", "CREATE SCHEMA app;\n");
    // As if the run had died before it could log in.
    case.admin
        .run(&format!("ALTER ROLE {role} CONNECTION LIMIT 0"));
    assert_ne!(project.segue(&["up"]).status, 0);
    assert_eq!(
        case.admin.query("SELECT file, state FROM segue.migration"),
        "0-role.sql|applied"
    );
    case.admin
        .run(&format!("ALTER ROLE {role} CONNECTION LIMIT -1"));
    project.segue(&["up"]).expect_success();
    assert_eq!(case.admin.query("SELECT count(*) FROM counter"), "1");
    assert_eq!(
        case.admin
            .query("SELECT project, file, state FROM segue.migration ORDER BY file"),
        "main|0-role.sql|applied\nmain|1.sql|applied"
    );
    project.has_nothing_to_do();
    case.admin.run(&format!("DROP OWNED BY {role} CASCADE"));
}

#[test]
fn a_wrong_password_makes_nothing() {
    let server = Server::start(&[]);
    let session = TestSession::connect(&server.url("postgres"));
    session.run("CREATE ROLE deploy LOGIN PASSWORD 'right'");
    let hba = session.query("SHOW hba_file");
    let rules = std::fs::read_to_string(&hba).expect("rules");
    std::fs::write(&hba, format!("local all deploy scram-sha-256\n{rules}")).expect("rules");
    session.run("SELECT pg_reload_conf()");
    let url = server.url("postgres");
    let mut project = Project::new();
    project
        .env("ADMIN", &url)
        .env("PGPASSWORD", "wrong")
        .env("DATABASE_URL", url.replace("postgres@", "deploy@"));
    project.file(
        "0.sql",
        "-- segue: env-vars: ADMIN\n-- segue: connection: ${ADMIN}\nCREATE TABLE made (a int);\n",
    );
    let up = project.segue(&["up"]);
    assert_eq!(up.status, 4, "{}", up.stderr);
    assert!(
        up.stderr.contains("password authentication failed"),
        "{}",
        up.stderr
    );
    assert!(!up.stderr.contains("Planned"), "{}", up.stderr);
    assert_eq!(session.query("SELECT to_regclass('made')"), "");
}

#[test]
fn a_folder_that_makes_no_database_is_told_so() {
    let case = Case::new();
    case.project.file("1.sql", "SELECT 1;\n");
    let up = case.project.segue(&["up"]);
    assert_eq!(up.status, 4, "{}", up.stderr);
    assert!(up.stderr.contains("does not exist"), "{}", up.stderr);
}
