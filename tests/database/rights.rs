//! Ordinary roles: nobody here is a superuser.

use segue::history::LockKey;
use segue::postgres::ledger::Ledger;

use crate::support::{Project, TestDatabase, assert_text};

/// A folder whose runs connect as `role`.
fn as_role(database: &TestDatabase<'_>, role: &str) -> Project {
    let mut project = Project::deploying(database);
    project.env("DATABASE_URL", database.url_as(role));
    project.file("1.sql", "SELECT 1;\n");
    project
}

#[test]
fn a_role_that_may_create_namespaces_needs_nothing_else() {
    let database = TestDatabase::new();
    let role = database.role("deploy", "LOGIN");
    database.run(&format!(
        "GRANT CREATE ON DATABASE {} TO {role}",
        database.name()
    ));
    let project = as_role(&database, &role);
    project.file(
        "2.sql",
        "CREATE SCHEMA app;\nCREATE TABLE app.a (id int);\n",
    );
    project.file(
        "3.sql",
        "-- segue: begin-concurrent-migration-with: 2.sql\nCREATE INDEX CONCURRENTLY i ON app.a (id);\n",
    );
    project.segue(&["up"]).expect(
        "",
        "
             Planned 2 migrations in one transaction, then 1 concurrent migration
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
                 Ran `1.sql`, 1 statement in [t]
                 Ran `2.sql`, 2 statements in [t]
           Committed 2 migrations in [t]
               Ready after [t] (deployment 1)
                Tail 1 concurrent migration: `3.sql`
             Running `3.sql` (pid [pid])
            Finished `3.sql` in [t]
             Settled after [t] (deployment 1)

        ",
        0,
    );
    project.has_nothing_to_do();
    drop(project);
    database.run(&format!("DROP OWNED BY {role} CASCADE"));
}

#[test]
fn a_role_that_may_not_is_told_what_to_do() {
    let database = TestDatabase::new();
    let role = database.role("deploy", "LOGIN");
    let project = as_role(&database, &role);
    project.segue(&["up"]).expect("", "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
        error: segue's own tables cannot be made: permission denied for database [database] (SQLSTATE 42501)
        help: grant CREATE on the database, once, or let a DBA run what `segue init --print-sql --owner ROLE` prints, and make this role a member of that one

        ", 2);
    assert_text(
        "namespace",
        &database.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'segue'"),
        "0",
    );
    database.run(&format!(
        "GRANT CREATE ON DATABASE {} TO {role}",
        database.name()
    ));
    project.finishes();
    drop(project);
    database.run(&format!("DROP OWNED BY {role} CASCADE"));
}

/// The namespace is prepared by a DBA, and belongs to a role that several
/// deploy roles are members of.
#[test]
fn deploy_roles_share_a_prepared_ledger_and_readers_read_it() {
    let database = TestDatabase::new();
    let owner = database.role("owner", "NOLOGIN");
    let reader = database.role("reader", "LOGIN");
    let inheriting = database.role("first", &format!("LOGIN IN ROLE {owner}"));
    let plain = database.role("second", &format!("LOGIN NOINHERIT IN ROLE {owner}"));
    let script = Project::new().segue(&[
        "init",
        "--print-sql",
        "--owner",
        &owner,
        "--readers",
        &reader,
    ]);
    script.expect_success();
    database.run(&script.stdout);

    as_role(&database, &inheriting).finishes();
    let project = as_role(&database, &plain);
    project.has_nothing_to_do();
    project.file("2.sql", "SELECT 2;\n");
    project.finishes();
    let project = as_role(&database, &reader);
    project.file("2.sql", "SELECT 2;\n");
    project.has_nothing_to_do();
    for command in ["plan", "status", "wait"] {
        project.segue(&[command]).expect_success();
    }
    project.file("3.sql", "SELECT 3;\n");
    project.segue(&["plan"]).expect_success();
    project.segue(&["up"]).expect("", "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
        error: segue's own tables cannot be written: permission denied for table deployment (SQLSTATE 42501)
        help: connect as the role that owns namespace segue, or as a member of it

        ", 2);
    assert_text(
        "owner",
        &database.query("SELECT count(*) FROM pg_class WHERE relnamespace = 'segue'::regnamespace AND relowner <> (SELECT nspowner FROM pg_namespace WHERE nspname = 'segue')"),
        "0",
    );
    drop(project);
    database.run("DROP SCHEMA segue CASCADE");
    database.run(&format!("DROP OWNED BY {owner}, {reader}"));
}

#[test]
fn a_blocker_is_named_as_far_as_rights_go() {
    let database = TestDatabase::new();
    let role = database.role("deploy", "LOGIN");
    database.run(&format!(
        "GRANT CREATE ON DATABASE {0} TO {role}; CREATE TABLE t (a int); ALTER TABLE t OWNER TO {role}",
        database.name()
    ));
    let application = database.session();
    application.run("SET application_name = 'shop'");
    application.run("BEGIN");
    application.run("SELECT * FROM t");
    let project = as_role(&database, &role);
    project.file("2.sql", "ALTER TABLE t ADD COLUMN b int;\n");
    project
        .segue(&["up", "--retry-for", "1s"])
        .expect("", "
             Planned 2 migrations in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
             Created the ledger, in namespace segue
            Retrying the block in [t], after try 1 was rolled back in `2.sql`: canceling statement due to lock timeout (SQLSTATE 55P03)
             Waiting for a lock on `t`, held by pid [pid] (postgres, `shop`)
                     ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
              Hidden are state, age and statement of other roles' sessions
                     `GRANT pg_read_all_stats TO ROLE`, for the role that segue connects as, shows them
        error: gave up after [t] while waiting for a lock on `t`, held by pid [pid] (postgres, `shop`)
        note: pid [pid]: ended by its own COMMIT, or by `SELECT pg_terminate_backend([pid])`
        note: nothing was committed: the database is as it was
        help: `segue up` starts afresh; `--retry-for` sets how long to wait

        ", 5);
    application.run("COMMIT");
    project.finishes();
    drop(project);
    database.run(&format!("DROP OWNED BY {role} CASCADE"));
}

#[test]
fn a_member_that_may_not_set_the_role_uses_what_it_inherits() {
    let database = TestDatabase::new();
    let owner = database.role("owner", "");
    let role = database.role("deploy", "LOGIN");
    // Before 16 whoever inherits may set the role, too.
    let inherits = match database.query("SHOW server_version_num").parse::<u32>() {
        Ok(160_000..) => format!("GRANT {owner} TO {role} WITH INHERIT TRUE, SET FALSE"),
        _ => format!("GRANT {owner} TO {role}"),
    };
    database.run(&inherits);
    let project = as_role(&database, &role);
    database.run(&Ledger::script(Some(&owner), &[]));
    let run = project.segue(&["up"]);
    assert_eq!(run.status, 0, "{run:?}");
    drop(project);
    database.run(&format!("DROP OWNED BY {owner} CASCADE"));
}

#[test]
fn another_session_that_makes_the_ledger_is_not_waited_for_without_end() {
    let database = TestDatabase::new();
    let project = Project::deploying(&database);
    project.file("1.sql", "SELECT 1;\n");
    let other = database.session();
    other.run(&format!("SELECT pg_advisory_lock({})", LockKey::ledger().0));
    project.segue(&["up", "--retry-for", "1s"]).expect(
        "",
        "
             Planned 1 migration in one transaction
        Not verified there is no expected schema; `segue write-schema` writes it
        error: gave up after [t] while waiting for another session that makes the ledger
        note: nothing was committed: the database is as it was
        help: `segue up` starts afresh; `--retry-for` sets how long to wait
        ",
        5,
    );
    drop(other);
    assert_eq!(project.segue(&["up"]).status, 0);
}
