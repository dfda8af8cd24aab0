use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::migration::{Named, Outline, Relations};
use crate::text::Span;

fn names(names: &str) -> BTreeSet<String> {
    names.split_whitespace().map(str::to_owned).collect()
}

fn migration(name: &str, kind: Kind, ends: &str) -> Migration {
    let named = |name: &str| Named {
        name: Name::new(name),
        span: Span::new(0, 0),
    };
    Migration {
        ends: ends.split_whitespace().map(named).collect(),
        ..Migration::example(name, kind)
    }
}

/// `c.sql`, which makes index `i` of table `t`.
fn concurrent() -> Migration {
    let mut migration = migration("c.sql", Kind::Concurrent, "");
    let object = json!(["public", "table", "t"]);
    let change = json!({ "object": object, "path": ["indexes", "i"], "after": { "valid": true } });
    let diff = Diff::from_json(&json!([change])).expect("a diff");
    migration.schema_diff = Some(Arc::new([(16, diff)].into()));
    migration
}

fn change(path: &[&str]) -> Diff {
    let path: Vec<_> = path.iter().collect();
    let object = json!(["public", "table", "t"]);
    // What is above a path cannot be made or removed with it.
    let before = if path.is_empty() {
        json!({ "a": {} })
    } else {
        json!("x")
    };
    let change = json!([{ "object": object, "path": path, "before": before }]);
    Diff::from_json(&change).expect("a diff")
}

/// Whether a migration ends `c.sql`, and why: its diff, and the names that its
/// statements and those of `c.sql` touch and make.
#[track_caller]
fn check(changes: &[Diff], touches: &str, makes: &str, expected: &str) {
    let outlined = |mut migration: Migration, touches: &str, makes: &str| {
        migration.outline = Some(Outline {
            relations: Some(Relations {
                touches: names(touches),
                makes: names(makes),
                ..Relations::default()
            }),
            ..Outline::default()
        });
        migration
    };
    let concurrent = outlined(concurrent(), "t", makes);
    let newcomer = outlined(migration("e.sql", Kind::Batch, ""), touches, "");
    let found = needed(&[&concurrent], &newcomer, changes, &[]);
    let found: Vec<_> = found
        .iter()
        .map(|ending| format!("{}: {}", ending.name, ending.reason))
        .collect();
    assert_eq!(found.join("\n"), expected);
}

#[test]
fn what_both_change_is_a_reason() {
    let index = "c.sql: it changes index `i` of table public.t, as that one does";
    check(&[change(&["indexes", "i"])], "", "", index);
    check(&[change(&["indexes", "i", "comment"])], "", "", index);
    check(&[change(&[])], "", "", index);
    check(&[change(&["indexes", "j"])], "", "", "");
    check(&[change(&["columns", "i"])], "", "", "");
    check(
        &[change(&["owner"]), change(&["indexes", "i"])],
        "",
        "",
        index,
    );
}

#[test]
fn what_one_makes_and_the_other_names_is_a_reason() {
    // By the stored diff, and by the statements.
    check(&[], "t i", "", "c.sql: it uses `i`, which that one makes");
    check(&[], "t v", "v", "c.sql: it uses `v`, which that one makes");
    check(&[], "t", "v", "");
}

#[test]
fn one_that_is_named_already_or_ended_by_another_is_left_out() {
    let change = [change(&["indexes", "i"])];
    let concurrent = concurrent();
    let named = migration("e.sql", Kind::Standalone, "c.sql");
    assert_eq!(needed(&[&concurrent], &named, &change, &[]), []);
    let other = migration("f.sql", Kind::Concurrent, "");
    assert_eq!(needed(&[&concurrent], &other, &change, &[]), []);
    let open = |others: &[Migration]| -> Vec<String> {
        super::open(others)
            .map(|one| one.name.to_string())
            .collect()
    };
    let batch = migration("b.sql", Kind::Batch, "");
    assert_eq!(open(&[batch, concurrent.clone()]), ["c.sql"]);
    assert_eq!(open(&[concurrent, named]), [""; 0]);
}
