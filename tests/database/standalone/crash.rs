//! The server dies in the middle of a statement, and starts again.

use super::{Case, check};
use crate::support::{Server, TestDatabase, wait_until};

/// What the server must be in when it dies.
type Ready = fn(&TestDatabase<'_>) -> bool;

/// A statement, and what holds it up half-way.
struct Story {
    before: &'static str,
    statement: &'static str,
    /// What another session has done in its open transaction.
    holds: &'static str,
    ready: Ready,
    /// What it comes to.
    query: &'static str,
    answer: &'static str,
}

const INDEXES: &str = "SELECT string_agg(indexrelid::regclass::text || CASE WHEN indisvalid THEN '' ELSE ' invalid' END, ' ' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = 't'::regclass";
const PARTITIONS: &str = "SELECT inhrelid::regclass, inhdetachpending FROM pg_inherits WHERE inhparent = 'p'::regclass ORDER BY 1";

#[test]
fn whatever_was_half_done_is_done_once() {
    let server = Server::restarting();
    let stories = [
        Story {
            before: "SELECT",
            statement: "CREATE INDEX CONCURRENTLY i ON t (a)",
            holds: "INSERT INTO t VALUES (4, 4)",
            ready: |database| database.query(INDEXES) == "i invalid",
            query: INDEXES,
            answer: "i",
        },
        Story {
            before: "CREATE INDEX i ON t (a)",
            statement: "DROP INDEX CONCURRENTLY i",
            holds: "INSERT INTO t VALUES (4, 4)",
            ready: |database| database.query(INDEXES) == "i invalid",
            query: INDEXES,
            answer: "",
        },
        Story {
            before: "CREATE INDEX i ON t (a)",
            statement: "REINDEX TABLE CONCURRENTLY t",
            holds: "INSERT INTO t VALUES (4, 4)",
            ready: |database| database.query(INDEXES) == "i i_ccnew invalid",
            query: INDEXES,
            answer: "i",
        },
        Story {
            before: "CREATE INDEX i ON t (a)",
            statement: "REINDEX INDEX CONCURRENTLY i",
            holds: "SELECT FROM t",
            ready: |database| database.query(INDEXES) == "i i_ccold invalid",
            query: INDEXES,
            answer: "i",
        },
        Story {
            before: "CREATE TABLE p (a int) PARTITION BY RANGE (a); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9)",
            statement: "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY",
            holds: "SELECT FROM p",
            ready: |database| database.query(PARTITIONS) == "p1|t",
            query: PARTITIONS,
            answer: "",
        },
    ];
    for story in stories {
        let case = Case::on(&server);
        case.database.session().run(story.before);
        case.concurrent(&format!(
            "INSERT INTO t VALUES (8, 8);\n{};\nINSERT INTO t VALUES (9, 9);\n",
            story.statement
        ));
        let holder = case.database.session();
        holder.run("BEGIN");
        holder.run(story.holds);
        let running = case.start();
        case.wait_for_statement(story.statement);
        wait_until(story.statement, || (story.ready)(&case.database));
        server.crash();
        // The run itself may have found the server again.
        let told = running.wait();
        if !told.ends_with("settled\n") || told.ends_with("not settled\n") {
            let again = case.up();
            assert!(again.ends_with("done\nsettled\n"), "{told}\n{again}");
        }
        check(&case.up(), "settled\n");
        assert_eq!(
            case.database.query(story.query),
            story.answer,
            "{}",
            story.statement
        );
        assert_eq!(
            case.database
                .query("SELECT a, count(*) FROM t WHERE a > 7 GROUP BY a ORDER BY a"),
            "8|1\n9|1",
            "{}",
            story.statement
        );
    }
}
