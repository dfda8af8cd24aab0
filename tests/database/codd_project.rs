//! A project as codd's documents describe one, unchanged.

use crate::support::{Project, Server, TestDatabase, TestSession};

/// Drops a database when the test ends.
struct Dropped<'a>(&'a TestDatabase<'a>, &'a str);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        let Self(admin, name) = self;
        let session = TestSession::connect(&admin.url());
        let _ = session.try_query(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
    }
}

#[test]
fn it_runs_as_it_is() {
    let admin = TestDatabase::new();
    let name = format!("{}_app", admin.name());
    let role = admin.role("codd_admin", "");
    let config: tokio_postgres::Config = admin.url().parse().expect("a URL");
    let socket = match &config.get_hosts()[0] {
        tokio_postgres::config::Host::Unix(folder) => folder.display().to_string(),
        tokio_postgres::config::Host::Tcp(host) => host.clone(),
    };
    let port = config
        .get_ports()
        .first()
        .copied()
        .unwrap_or(5432)
        .to_string();
    let mut project = Project::new();
    project
        .env("PGSUPERUSER", "postgres")
        .env("PGHOST", &socket)
        .env("PGPORT", &port)
        .env("PGUSER", &role)
        .env("PGDATABASE", &name)
        .env("ADMIN_DATABASE", admin.name())
        .env(
            "CODD_CONNECTION",
            format!("user={role} host={socket} port={port} dbname={name}"),
        )
        .env("CODD_MIGRATION_DIRS", "sql/all:sql/dev-only")
        .env("CODD_EXPECTED_SCHEMA_DIR", "expected-schema")
        .env("CODD_TXN_ISOLATION", "db-default");
    // The folder of developers makes the database, in both forms of libpq's
    // strings, with the list of variables before and after its use.
    project.write(
        "sql/dev-only/1900-01-01-00-00-00-bootstrap.sql",
        "-- codd: no-txn\n-- codd-env-vars: PGSUPERUSER ,PGHOST,PGUSER, PGPORT , PGDATABASE, ADMIN_DATABASE\n\
         -- codd-connection: host=${PGHOST} port=${PGPORT} user=${PGSUPERUSER} dbname=${ADMIN_DATABASE}\n\n\
         DO\n$do$\nBEGIN\n  IF NOT (SELECT rolcanlogin FROM pg_catalog.pg_roles WHERE rolname = '${PGUSER}') THEN\n    ALTER ROLE ${PGUSER} LOGIN CREATEROLE;\n  END IF;\nEND\n$do$;\n\n\
         CREATE DATABASE \"${PGDATABASE}\" TEMPLATE template0 OWNER ${PGUSER} ENCODING UTF8;",
    );
    let encoded = socket.replace('/', "%2F");
    project.write(
        "sql/dev-only/1900-01-01-00-00-01-owner.sql",
        format!(
            "-- codd: no-txn\n-- codd-connection: postgres://${{PGSUPERUSER}}@{encoded}:${{PGPORT}}/${{PGDATABASE}}\n\
             -- codd-env-vars: PGSUPERUSER ,PGHOST,PGUSER, PGPORT , PGDATABASE\n\n\
             ALTER SCHEMA public OWNER TO ${{PGUSER}};"
        ),
    );
    project.write(
        "sql/dev-only/2020-01-02-00-00-00-dev-data.sql",
        "-- codd: in-txn\nINSERT INTO employee (name) VALUES ('Ada');\nINSERT INTO employee (name) VALUES ('Edsger');",
    );
    project.write(
        "sql/all/2020-01-01-00-00-00-employees.sql",
        "CREATE TYPE experience AS ENUM ('junior', 'senior');\nCREATE TABLE employee (id serial PRIMARY KEY, name text NOT NULL, experience experience DEFAULT 'senior');\n",
    );
    project.write(
        "sql/all/2020-01-03-00-00-00-enum.sql",
        "-- codd: no-txn\nALTER TYPE experience ADD VALUE 'intern' BEFORE 'junior';\nUPDATE employee SET experience = 'intern' WHERE name = 'Ada';\n",
    );
    project.write(
        "sql/all/2020-01-04-00-00-00-defaults.sql",
        format!(
            "-- codd: no-txn\n\n-- Read-only by default from here on.\nBEGIN TRANSACTION READ WRITE;\n\
             ALTER DATABASE \"{name}\" SET default_transaction_isolation TO 'serializable';\n\
             ALTER DATABASE \"{name}\" SET default_transaction_read_only TO TRUE;\n\
             SET default_transaction_read_only TO TRUE;\nCOMMIT;"
        ),
    );
    project.write(
        "sql/all/2020-01-05-00-00-00-unparsed.sql",
        "-- codd: no-parse\nSELECT 1;\nCREATE TABLE unparsed ();\nSELECT 2;",
    );
    project.write(
        "sql/all/2020-01-06-00-00-00-copy.sql",
        "-- codd: in-txn\nCOPY employee (name) FROM STDIN WITH (FORMAT csv);\n\"Grace\"\n\\.\n",
    );
    project.write(
        "sql/all/2020-01-07-00-00-00-elsewhere.sql",
        format!(
            "-- codd-connection: postgres://postgres@{encoded}:{port}/{}\n\nSELECT 1;",
            admin.name()
        ),
    );
    project.write(
        "sql/all/2020-01-08-00-00-00-index.sql",
        "-- codd: no-txn\nCREATE UNIQUE INDEX CONCURRENTLY employee_name ON employee (name);\n",
    );
    let dropped = Dropped(&admin, &name);
    project.segue(&["up"]).expect_success();
    project.segue(&["up"]).expect_success();
    let session = TestSession::connect(&Server::shared().url(&name));
    let files = session.query("SELECT count(*) FROM segue.migration WHERE state = 'applied'");
    let people = session.query("SELECT name, experience FROM employee ORDER BY id");
    let owner = session.query("SELECT tableowner FROM pg_tables WHERE tablename = 'unparsed'");
    drop(session);
    drop(dropped);
    assert_eq!(files, "10");
    assert_eq!(people, "Ada|intern\nEdsger|senior\nGrace|senior");
    assert_eq!(owner, role);
}
