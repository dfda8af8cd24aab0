//! Dumps that bring a record of what has been applied.

use super::*;
use crate::migration::Bringing;

/// A statement at the beginning of its file.
pub(super) fn bringing(what: Brings) -> Bringing {
    Bringing {
        what,
        source: Arc::new(Source::new("brings", "COPY\n")),
        span: Span::new(0, 4),
    }
}

/// As `check`, on a database without a ledger.
#[track_caller]
fn check_fresh(folder_text: &str, expected: &str) {
    let folder = folder(folder_text);
    let history = History::default();
    let (graph, diagnostics) = Graph::new(folder, &history);
    assert_eq!(diagnostics, []);
    let shown = match Plan::new(&graph, &history, "main", &Options::default()) {
        Ok(plan) => {
            let again = plan.batch.iter().position(Step::plans_again);
            let again = again.map_or(String::new(), |at| format!("; again after {at}"));
            show(&plan) + &again
        }
        Err(diagnostics) => {
            let messages = diagnostics.iter().map(|one| one.message.clone());
            messages.collect::<Vec<_>>().join("; ")
        }
    };
    assert_eq!(shown, expected);
}

#[test]
fn a_dump_ends_its_block_and_what_follows_is_planned_again() {
    check_fresh(
        "a, d tables rows",
        "behind; block a d; ready after; again after 0",
    );
    check_fresh(
        "a, d tables rows, m, n standalone",
        "behind; block a d cut by BringsLedger; block m; standalone n; ready after; again after 0",
    );
    check_fresh(
        "d codd, m",
        "behind; block d cut by BringsLedger; block m last; ready by commit; again after 0",
    );
    check(
        "a, d codd, m",
        "a applied, settled",
        "behind; block d cut by BringsLedger; block m last; ready by commit",
    );
    check_fresh(
        "a standalone, d codd",
        "behind; standalone a; block d; ready after; again after 1",
    );
}

#[test]
fn tables_and_rows_may_come_from_two_files() {
    check_fresh(
        "d tables, e rows, m",
        "behind; block d e cut by BringsLedger; block m last; ready by commit; again after 0",
    );
    // Rows alone are a user's own business.
    check_fresh("e rows, m", "behind; block e m last; ready by commit");
}

#[test]
fn an_applied_dump_is_nothing_special() {
    check(
        "d tables rows, m",
        "d applied, settled",
        "behind; block m last; ready by commit",
    );
}

#[test]
fn a_dump_that_cannot_be_followed_is_refused() {
    check(
        "a, d tables rows",
        "a applied, settled",
        "error[brings-ledger]: `d` brings segue's own tables, which this database has already",
    );
    check_fresh(
        "a, d tables",
        "`d` brings segue's own tables without their rows",
    );
    check_fresh(
        "a standalone, d tables rows",
        "`d` brings segue's own tables after what needs them",
    );
    check_fresh(
        "a enum, d tables rows",
        "`d` brings segue's own tables after what needs them",
    );
    check_fresh(
        "d tables rows standalone",
        "`d` brings segue's own tables, and runs outside a transaction block",
    );
    check_fresh(
        "d tables rows, e tables rows",
        "`e` brings segue's own tables, as `d` does",
    );
    check_fresh(
        "d codd standalone",
        "`d` brings codd's table, and runs outside a transaction block",
    );
}
