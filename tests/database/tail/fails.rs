//! One that fails, in whatever way, leaves the independent others running.

use segue::apply::{Event, Outcome, Settings, Until};

use super::{concurrent, finish, jobs, left, names};
use crate::support::{Project, TestDatabase, Up, settings};

/// `2-first.sql` fails, `3-after.sql` is on the same table, `4-other.sql` on
/// another one, whose build waits until the first one has failed.
struct Case {
    database: TestDatabase<'static>,
    project: Project,
}

impl Case {
    fn new(tables: &str, first: &str) -> Self {
        let case = Self {
            database: TestDatabase::new(),
            project: Project::new(),
        };
        case.project
            .write(
                "migrations/1-tables.sql",
                format!("CREATE TABLE t (a int);\nCREATE TABLE u (a int);\n{tables}\n"),
            )
            .write("migrations/2-first.sql", concurrent(first))
            .write(
                "migrations/3-after.sql",
                concurrent("CREATE INDEX CONCURRENTLY t_after ON t (a);"),
            )
            .write(
                "migrations/4-other.sql",
                concurrent("CREATE INDEX CONCURRENTLY u_a ON u (a);"),
            );
        let until_ready = Settings {
            until: Until::Ready,
            ..settings()
        };
        let mut up = Up::start(&case.project, &case.database.url(), until_ready);
        assert_eq!(up.wait().expect("ready"), Outcome::Ready);
        case
    }

    /// Runs the tail, with `disturb` while the first one and the other one run;
    /// what the first one failed with.
    fn fails(&self, disturb: impl FnOnce(&Up)) -> String {
        let writer = self.database.session();
        writer.run("BEGIN");
        writer.run("INSERT INTO u VALUES (1)");
        let mut up = Up::start(&self.project, &self.database.url(), jobs(2));
        disturb(&up);
        let failure = up.wait_for("the first one to fail", |event| match event {
            Event::MigrationFailed { name, diagnostic } if name.as_str() == "2-first.sql" => Some(
                format!("{}: {}", diagnostic.message, diagnostic.notes.join("; ")),
            ),
            _ => None,
        });
        up.wait_for_begin("4-other.sql");
        writer.run("COMMIT");
        let Outcome::Unsettled(report) = up.wait().expect("ready") else {
            panic!("{:?}", up.events());
        };
        assert_eq!(report.done, names(&["4-other.sql"]));
        let failed: Vec<&str> = report
            .failed
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(failed, ["2-first.sql"]);
        assert_eq!(report.not_started, names(&["3-after.sql"]));
        failure
    }

    fn finishes(&self) {
        finish(&self.project, &self.database);
        assert_eq!(
            left(&self.database),
            "2-first.sql applied\n3-after.sql applied\n4-other.sql applied"
        );
    }
}

#[test]
fn by_its_rows() {
    let case = Case::new(
        "INSERT INTO t VALUES (1), (1);",
        "CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a);",
    );
    let failure = case.fails(|_| {});
    assert!(
        failure.contains("could not create unique index"),
        "{failure}"
    );
    case.database.run("DELETE FROM t");
    case.finishes();
}

#[test]
fn by_a_refusal_of_ours() {
    let case = Case::new("", "CREATE INDEX CONCURRENTLY t_a ON t (a);");
    // An invalid index of that name which segue has not made.
    case.database.run("CREATE INDEX t_a ON t (a); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_a'::regclass");
    let failure = case.fails(|_| {});
    assert!(failure.contains("is in the way"), "{failure}");
    case.database.run("DROP INDEX t_a");
    case.finishes();
}

#[test]
fn by_a_stranger_who_cancels_it() {
    let case = Case::new("", "CREATE INDEX CONCURRENTLY t_a ON t (a);");
    let writer = case.database.session();
    writer.run("BEGIN");
    writer.run("INSERT INTO t VALUES (1)");
    let failure = case.fails(|up| {
        up.wait_for_begin("2-first.sql");
        let waits = "SELECT coalesce(max(pid), 0) FROM pg_stat_progress_create_index WHERE relid = 't'::regclass AND phase LIKE 'waiting%'";
        crate::support::wait_until("the build to wait", || case.database.query(waits) != "0");
        let pid = case.database.query(waits);
        case.database.run(&format!("SELECT pg_cancel_backend({pid})"));
        // What it left can be dropped then.
        writer.run("COMMIT");
    });
    assert!(failure.contains("canceling statement"), "{failure}");
    case.finishes();
}

#[test]
fn by_a_full_disk() {
    // The sort of the build spills, and may not.
    let case = Case::new(
        "INSERT INTO t SELECT i FROM generate_series(1, 200000) i;",
        "SET temp_file_limit = '64kB';\nSET max_parallel_maintenance_workers = 0;\nSET maintenance_work_mem = '1MB';\nCREATE INDEX CONCURRENTLY t_a ON t (a);",
    );
    let failure = case.fails(|_| {});
    assert!(failure.contains("temp_file_limit"), "{failure}");
    case.database.run("TRUNCATE t");
    case.finishes();
}

#[test]
fn a_lost_session_is_no_failure() {
    let case = Case::new("", "CREATE INDEX CONCURRENTLY t_a ON t (a);");
    let writer = case.database.session();
    writer.run("BEGIN");
    writer.run("INSERT INTO t VALUES (1)");
    writer.run("INSERT INTO u VALUES (1)");
    let mut up = Up::start(&case.project, &case.database.url(), jobs(2));
    let pid = up.wait_for_begin("2-first.sql");
    let other = up.wait_for_begin("4-other.sql");
    case.database
        .run(&format!("SELECT pg_terminate_backend({pid})"));
    writer.run("COMMIT");
    assert_eq!(up.wait().expect("built"), Outcome::Settled);
    // The other one went on in its session.
    assert_eq!(up.wait_for_begin("4-other.sql"), other);
    assert_eq!(up.course().matches("+4-other.sql").count(), 1);
    case.finishes();
}

#[test]
fn several_failures_are_all_told_by_name() {
    let database = TestDatabase::new();
    let project = Project::new();
    project
        .write(
            "migrations/1-tables.sql",
            "CREATE TABLE t (a int);\nCREATE TABLE u (a int);\nINSERT INTO t VALUES (1), (1);\nINSERT INTO u VALUES (1), (1);\n",
        )
        .write("migrations/2-t.sql", concurrent("CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a);"))
        .write("migrations/3-u.sql", concurrent("CREATE UNIQUE INDEX CONCURRENTLY u_a ON u (a);"))
        .write("migrations/4-t.sql", concurrent("CREATE INDEX CONCURRENTLY t_b ON t (a);"));
    let until_ready = Settings {
        until: Until::Ready,
        ..settings()
    };
    let mut up = Up::start(&project, &database.url(), until_ready);
    assert_eq!(up.wait().expect("ready"), Outcome::Ready);
    let run = project.segue(&["up", "--jobs", "2", "--database-url", &database.url()]);
    assert_eq!(run.status, 6, "{}", run.stderr);
    for line in [
        "could not create unique index \"t_a\"",
        "could not create unique index \"u_a\"",
        "4-t.sql",
    ] {
        assert!(run.stderr.contains(line), "{line}: {}", run.stderr);
    }
}
