//! `CREATE INDEX CONCURRENTLY`: a try that dies leaves an invalid index, which
//! queries do not use and writers pay for.

use super::{Ended, Index, Looked, Next, Refusal};

/// What the statement asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateIndex {
    /// The index's name, if the statement gives it one.
    pub name: Option<String>,
    /// Whether it says `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its text.
    pub sql: String,
}

/// The next step.
#[must_use]
pub fn next(wanted: &CreateIndex, looked: &Looked) -> Next {
    // Release notes of 14.4: indexes built concurrently could lack entries.
    if (140_000..140_004).contains(&looked.server_version) {
        return Next::Refuse(corrupting_server(looked.server_version));
    }
    match &looked.table {
        Some(table) if table.is_partitioned => Next::Expand,
        // Without a table the server has the words.
        None => absent(looked),
        Some(_) => match &wanted.name {
            Some(name) => {
                let found = looked.indexes.iter().find(|index| index.name == *name);
                match found {
                    Some(index) => named(wanted, looked, index),
                    None if wanted.if_not_exists && looked.ended == Some(Ended::Well) => {
                        Next::Refuse(skipped(name))
                    }
                    None => absent(looked),
                }
            }
            None => unnamed(looked),
        },
    }
}

/// What removes the half-way index of a try whose statement will not run again.
#[must_use]
pub fn clean_up(wanted: &CreateIndex, looked: &Looked) -> Next {
    if looked
        .table
        .as_ref()
        .is_some_and(|table| table.is_partitioned)
    {
        return Next::Expand;
    }
    let left = looked.indexes.iter().find(|index| {
        !index.is_valid
            && looked.is_new(index)
            && match &wanted.name {
                Some(name) => index.name == *name,
                None => index.is_same != Some(false),
            }
    });
    left.map_or(Next::Done { reason: None }, |index| {
        looked.wait_or_drop(index)
    })
}

/// There is no such index.
fn absent(looked: &Looked) -> Next {
    match looked.ended {
        Some(Ended::Well) => Next::Done { reason: None },
        Some(Ended::Failed) => Next::Fail,
        // A build beside another one on the same table ends in a deadlock.
        Some(Ended::Curable) | None => looked.wait().unwrap_or(Next::Run),
    }
}

/// There is an index of that name on that table.
fn named(wanted: &CreateIndex, looked: &Looked, index: &Index) -> Next {
    if !index.is_valid {
        // Whoever holds the table may be building just this index.
        return if looked.is_new(index) || !looked.holders.is_empty() {
            looked.wait_or_drop(index)
        } else if looked.ended == Some(Ended::Failed) {
            Next::Fail
        } else {
            Next::Refuse(leftover(index))
        };
    }
    if looked.ended == Some(Ended::Well) {
        return Next::Done { reason: None };
    }
    match index.is_same {
        // Built under this name since we tried: ours, or as good as ours.
        Some(true) | None if looked.is_new(index) => {
            return Next::Done {
                reason: Some(built_since(index)),
            };
        }
        Some(true) => {
            return Next::done(format!(
                "`{}` was there already, valid and the same",
                index.qualified
            ));
        }
        Some(false) | None => {}
    }
    if wanted.if_not_exists {
        return Next::done(exists(index));
    }
    Next::Refuse(another(wanted, index))
}

/// Why `IF NOT EXISTS` is done.
pub(super) fn exists(index: &Index) -> String {
    format!("`IF NOT EXISTS`, and there is: {}", index.definition)
}

/// Another index has the name.
pub(super) fn another(wanted: &CreateIndex, index: &Index) -> Refusal {
    Refusal {
        message: format!(
            "there is {} index named `{}` on this table",
            if index.is_same.is_none() { "already an" } else { "another" },
            index.qualified
        ),
        label: "this one is wanted".to_owned(),
        notes: vec![
            format!("there is: {}", index.definition),
            format!("wanted: {}", one_line(&wanted.sql)),
        ],
        help: "give this one another name, or drop or rename the one that is there; if it is meant to be taken as it is, write `IF NOT EXISTS`".to_owned(),
    }
}

fn built_since(index: &Index) -> String {
    format!(
        "`{}` has been built since an earlier try began",
        index.qualified
    )
}

/// The statement leaves the name to the server, so only an index that was not
/// there before can be the one.
fn unnamed(looked: &Looked) -> Next {
    let new = || {
        looked
            .indexes
            .iter()
            .filter(|index| index.is_same != Some(false) && looked.is_new(index))
    };
    if let Some(index) = new().find(|index| !index.is_valid) {
        return looked.wait_or_drop(index);
    }
    if looked.ended == Some(Ended::Well) {
        return Next::Done { reason: None };
    }
    if let Some(index) = new().find(|index| index.is_same == Some(true)) {
        return Next::done(built_since(index));
    }
    match new().next() {
        Some(index) => Next::Refuse(Refusal {
            message: format!(
                "`{}` has been built since an earlier try began, and whether by this statement cannot be known",
                index.qualified
            ),
            label: "leaves its name to PostgreSQL".to_owned(),
            notes: vec![format!("there is: {}", index.definition)],
            help: "give the index a name, that of the one that is there if it is the one"
                .to_owned(),
        }),
        None => absent(looked),
    }
}

/// `IF NOT EXISTS` asks for the name alone, whosever it is.
pub(super) fn skipped(name: &str) -> Refusal {
    Refusal {
        message: format!("the index `{name}` has not been built on this table"),
        label: "PostgreSQL skipped it".to_owned(),
        notes: vec![format!(
            "`IF NOT EXISTS`, and another relation of the namespace is named `{name}`"
        )],
        help: "give the index another name; if it is not wanted, remove the statement".to_owned(),
    }
}

fn leftover(index: &Index) -> Refusal {
    Refusal {
        message: format!("an invalid index `{}` is in the way", index.qualified),
        label: "of this name".to_owned(),
        notes: vec![
            format!("it is: {}", index.definition),
            "it was there before segue first ran this statement, so segue leaves it alone; nobody is building it now".to_owned(),
        ],
        help: format!("if nobody needs it: `DROP INDEX CONCURRENTLY {};`, then run segue again", index.qualified),
    }
}

fn corrupting_server(version: u32) -> Refusal {
    Refusal {
        message: format!(
            "PostgreSQL {}.{} builds corrupt indexes with `CONCURRENTLY`",
            version / 10_000,
            version % 10_000
        ),
        label: "not run on this server".to_owned(),
        notes: vec!["release notes of 14.4: such an index may lack rows that were changed while it was built".to_owned()],
        help: "update the server to 14.4 or later; `pg_amcheck --heapallindexed` finds indexes that are corrupt already".to_owned(),
    }
}

fn one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{index, intent, looked, shown};
    use super::*;

    fn wanted(name: Option<&str>) -> CreateIndex {
        CreateIndex {
            name: name.map(ToOwned::to_owned),
            if_not_exists: false,
            sql: "CREATE INDEX CONCURRENTLY i\n  ON t (a)".to_owned(),
        }
    }

    #[track_caller]
    fn check(name: Option<&str>, looked: &Looked, expected: &str) {
        assert_eq!(shown(&next(&wanted(name), looked)), expected);
    }

    #[test]
    fn runs_where_nothing_is_there() {
        check(
            Some("i"),
            &looked(vec![index(7, "j", "invalid, same")]),
            "run",
        );
        check(None, &looked(vec![index(7, "j", "valid, same")]), "run");
    }

    #[test]
    fn waits_for_whoever_may_be_building() {
        let mut facts = looked(vec![]);
        facts.holders = vec![42];
        check(Some("i"), &facts, "wait for [42]");
        facts.indexes = vec![index(7, "i", "invalid, same")];
        check(Some("i"), &facts, "wait for [42]");
        facts.intent = intent(&[], None);
        check(Some("i"), &facts, "wait for [42]");
        check(None, &facts, "wait for [42]");
    }

    #[test]
    fn a_half_way_index_of_ours_is_dropped() {
        let mut facts = looked(vec![index(7, "i", "invalid, same")]);
        facts.intent = intent(&[5], None);
        check(Some("i"), &facts, "drop public.i (7)");
        check(None, &facts, "drop public.i (7)");
        facts.ended = Some(Ended::Failed);
        check(Some("i"), &facts, "drop public.i (7)");
        facts.indexes.clear();
        check(Some("i"), &facts, "fail");
        facts.ended = Some(Ended::Curable);
        check(Some("i"), &facts, "run");
    }

    #[test]
    fn an_older_invalid_index_is_reported_and_kept() {
        let expected = "\
            refuse: an invalid index `public.i` is in the way\n\
            label: of this name\n\
            note: it is: CREATE INDEX i ON public.t USING btree (a)\n\
            note: it was there before segue first ran this statement, so segue leaves it alone; nobody is building it now\n\
            help: if nobody needs it: `DROP INDEX CONCURRENTLY public.i;`, then run segue again";
        let mut facts = looked(vec![index(7, "i", "invalid, same")]);
        check(Some("i"), &facts, expected);
        facts.intent = intent(&[7], None);
        check(Some("i"), &facts, expected);
        let mut wanted = wanted(Some("i"));
        wanted.if_not_exists = true;
        assert_eq!(shown(&next(&wanted, &facts)), expected);
    }

    #[test]
    fn an_unnamed_index_is_found_by_what_was_there_before() {
        let mut facts = looked(vec![
            index(5, "t_a_idx", "invalid, same"),
            index(7, "t_a_idx1", "valid, same"),
            index(8, "stranger", "invalid, other"),
        ]);
        facts.intent = intent(&[5], None);
        check(
            None,
            &facts,
            "done: `public.t_a_idx1` has been built since an earlier try began",
        );
    }

    #[test]
    fn a_valid_index_of_that_name_is_success_only_if_it_is_the_same() {
        let mut facts = looked(vec![index(7, "i", "valid, same")]);
        check(
            Some("i"),
            &facts,
            "done: `public.i` was there already, valid and the same",
        );
        facts.intent = intent(&[], None);
        check(
            Some("i"),
            &facts,
            "done: `public.i` has been built since an earlier try began",
        );
        facts.indexes = vec![index(7, "i", "valid, other")];
        check(
            Some("i"),
            &facts,
            "refuse: there is another index named `public.i` on this table\n\
             label: this one is wanted\n\
             note: there is: CREATE INDEX i ON public.t USING btree (a)\n\
             note: wanted: CREATE INDEX CONCURRENTLY i ON t (a)\n\
             help: give this one another name, or drop or rename the one that is there; if it is meant to be taken as it is, write `IF NOT EXISTS`",
        );
        facts.ended = Some(Ended::Well);
        check(Some("i"), &facts, "done");
    }

    #[test]
    fn where_the_text_does_not_decide_only_a_name_does() {
        let mut facts = looked(vec![index(7, "i", "valid, perhaps")]);
        facts.intent = intent(&[], None);
        check(
            Some("i"),
            &facts,
            "done: `public.i` has been built since an earlier try began",
        );
        check(
            None,
            &facts,
            "refuse: `public.i` has been built since an earlier try began, and whether by this statement cannot be known\n\
             label: leaves its name to PostgreSQL\n\
             note: there is: CREATE INDEX i ON public.t USING btree (a)\n\
             help: give the index a name, that of the one that is there if it is the one",
        );
        facts.indexes = vec![index(7, "i", "invalid, perhaps")];
        check(None, &facts, "drop public.i (7)");
        facts.intent = intent(&[7], None);
        facts.indexes = vec![index(7, "i", "valid, perhaps")];
        check(
            Some("i"),
            &facts,
            "refuse: there is already an index named `public.i` on this table\n\
             label: this one is wanted\n\
             note: there is: CREATE INDEX i ON public.t USING btree (a)\n\
             note: wanted: CREATE INDEX CONCURRENTLY i ON t (a)\n\
             help: give this one another name, or drop or rename the one that is there; if it is meant to be taken as it is, write `IF NOT EXISTS`",
        );
        let mut wanted = wanted(Some("i"));
        wanted.if_not_exists = true;
        assert_eq!(
            shown(&next(&wanted, &facts)),
            "done: `IF NOT EXISTS`, and there is: CREATE INDEX i ON public.t USING btree (a)"
        );
    }

    #[test]
    fn servers_that_corrupt_are_refused() {
        let mut facts = looked(vec![]);
        facts.server_version = 140_003;
        check(
            Some("i"),
            &facts,
            "refuse: PostgreSQL 14.3 builds corrupt indexes with `CONCURRENTLY`\n\
             label: not run on this server\n\
             note: release notes of 14.4: such an index may lack rows that were changed while it was built\n\
             help: update the server to 14.4 or later; `pg_amcheck --heapallindexed` finds indexes that are corrupt already",
        );
        facts.server_version = 140_004;
        check(Some("i"), &facts, "run");
    }

    #[test]
    fn cleaning_up_takes_only_what_is_ours_and_invalid() {
        let mut facts = looked(vec![index(7, "i", "invalid, same")]);
        assert_eq!(shown(&clean_up(&wanted(Some("i")), &facts)), "done");
        facts.intent = intent(&[], None);
        assert_eq!(
            shown(&clean_up(&wanted(Some("i")), &facts)),
            "drop public.i (7)"
        );
        facts.holders = vec![42];
        assert_eq!(
            shown(&clean_up(&wanted(Some("i")), &facts)),
            "wait for [42]"
        );
        facts.indexes = vec![index(7, "i", "valid, same")];
        assert_eq!(shown(&clean_up(&wanted(Some("i")), &facts)), "done");
    }
}
