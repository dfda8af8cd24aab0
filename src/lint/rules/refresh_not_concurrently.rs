//! `REFRESH MATERIALIZED VIEW` while nobody may read the view.

use pg_query::NodeEnum;

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::tree::relation;
use crate::lint::{Finding, Rule, Subject};
use crate::migration::Kind;

pub(super) const RULE: Rule = Rule {
    name: "refresh-not-concurrently",
    severity: Severity::Error,
    page: include_str!("../../../rules/refresh-not-concurrently.md"),
    halves: EVERYWHERE,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let NodeEnum::RefreshMatViewStmt(refresh) = subject.node else {
        return Vec::new();
    };
    let Some(view) = &refresh.relation else {
        return Vec::new();
    };
    // Emptied, it cannot be read anyway, and that is quick.
    if refresh.concurrent || refresh.skip_data || !subject.is_in_use(Some(view)) {
        return Vec::new();
    }
    let help = match subject.file.kind {
        Kind::Batch | Kind::Standalone => {
            "write `REFRESH MATERIALIZED VIEW CONCURRENTLY` into a concurrent migration; the view needs a unique index over columns, without WHERE"
        }
        Kind::Concurrent => "write `REFRESH MATERIALIZED VIEW CONCURRENTLY`",
    };
    let finding = subject
        .finding(format!(
            "nobody can read `{}` while it is filled anew",
            relation(view)
        ))
        .label(
            subject.keywords("REFRESH"),
            "takes an ACCESS EXCLUSIVE lock",
        )
        .help(help);
    vec![finding]
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::check;

    const NAME: &str = "refresh-not-concurrently";

    #[test]
    fn a_view_in_use() {
        check(
            NAME,
            "REFRESH MATERIALIZED VIEW app.v",
            &["1:1 nobody can read `app.v` while it is filled anew"],
        );
    }

    #[test]
    fn a_view_that_can_be_read_or_is_nobodys() {
        for sql in [
            "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
            "REFRESH MATERIALIZED VIEW v WITH NO DATA",
            "CREATE MATERIALIZED VIEW v AS SELECT 1 WITH NO DATA; REFRESH MATERIALIZED VIEW v",
        ] {
            check(NAME, sql, &[]);
        }
    }
}
