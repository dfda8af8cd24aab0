//! Why an index of a partitioned table is not made.

use crate::procedure::{Index, Refusal};

/// A foreign table can hold what it likes.
pub(super) fn foreign(table: &str, foreign: &str) -> Refusal {
    Refusal {
        message: format!("cannot create a unique index on partitioned table `{table}`"),
        label: "not run".to_owned(),
        notes: vec![format!(
            "`{foreign}` is a partition and a foreign table, whose rows PostgreSQL cannot keep unique"
        )],
        help: format!(
            "create unique indexes on the other partitions one by one, or detach `{foreign}` before"
        ),
    }
}

/// An invalid index of that name, older than our first try.
pub(super) fn leftover(index: &Index) -> Refusal {
    Refusal {
        message: format!("an invalid index `{}` is in the way", index.qualified),
        label: "of this name".to_owned(),
        notes: vec![
            format!("it is: {}", index.definition),
            "it was there before segue first ran this statement, so segue leaves it alone"
                .to_owned(),
        ],
        help: format!(
            "if nobody needs it: `DROP INDEX {};`, then run segue again; the indexes that are attached to it go with it, others are used again",
            index.qualified
        ),
    }
}

/// An invalid index of a partition that PostgreSQL would attach.
pub(super) fn in_the_way(index: &Index) -> Refusal {
    Refusal {
        message: format!("an invalid index `{}` is in the way", index.qualified),
        label: "would take it for its partition".to_owned(),
        notes: vec![
            "a foreign table is among the partitions, so PostgreSQL chooses what it attaches: the oldest that fits, valid or not".to_owned(),
            "segue did not make it, so segue leaves it alone".to_owned(),
        ],
        help: format!(
            "if nobody needs it: `DROP INDEX CONCURRENTLY {};`, then run segue again",
            index.qualified
        ),
    }
}

/// All is attached, all is valid, and PostgreSQL has not looked.
pub(super) fn stuck(index: &Index) -> Refusal {
    Refusal {
        message: format!(
            "`{}` is invalid although no partition lacks its index",
            index.qualified
        ),
        label: "cannot be completed".to_owned(),
        notes: vec![
            "PostgreSQL looks whether it is complete only when an index is attached; the last partition without one was dropped or detached before that".to_owned(),
            "some of the attached indexes were there before segue began, so segue does not drop it, which would drop them too".to_owned(),
        ],
        help: format!(
            "`DROP INDEX {};`, then run segue again: it builds all of them",
            index.qualified
        ),
    }
}

/// What stays of an expansion that was given up.
pub(super) fn stays(index: &Index) -> String {
    format!(
        "the invalid index `{0}` stays, since indexes are attached to it that were there before: `DROP INDEX {0};` removes it and them",
        index.qualified
    )
}
