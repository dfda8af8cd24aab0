use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::schema::{Attributes, Kind};

fn object(kind: Kind, name: &str) -> ObjectId {
    ObjectId {
        namespace: Some("public".to_owned()),
        kind,
        name: name.to_owned(),
    }
}

fn table(name: &str) -> ObjectId {
    object(Kind::Table, name)
}

/// Of tables in `public`, by name; in normal form.
fn snapshot(tables: &Value) -> Snapshot {
    let tables = tables.as_object().expect("a map").clone();
    let tables = tables.into_iter().map(|(name, attributes)| {
        let Value::Object(attributes) = attributes else {
            panic!("{name} is not a map")
        };
        (table(&name), attributes)
    });
    let mut snapshot = Snapshot {
        objects: tables.collect(),
    };
    snapshot.normalise();
    snapshot
}

fn between(before: &Value, after: &Value) -> Diff {
    Diff::between(&snapshot(before), &snapshot(after))
}

/// A line per change: `table public.t columns.id: before → after`.
fn lines(diff: &Diff) -> String {
    let side = |side: &Option<Value>| side.as_ref().map_or("-".to_owned(), Value::to_string);
    let lines = diff.changes().iter().map(|change| {
        let (before, after) = (side(&change.before), side(&change.after));
        let path = change.path.join(".");
        format!("{} {path}: {before} → {after}\n", change.object)
    });
    lines.collect()
}

#[track_caller]
fn check(before: &Value, after: &Value, expected: &str) {
    let trimmed: String = expected
        .trim()
        .lines()
        .map(|line| line.trim_start().to_owned() + "\n")
        .collect();
    assert_eq!(
        lines(&between(before, after)),
        trimmed.replace("\n\n", "\n")
    );
}

#[test]
fn maps_are_entered_and_everything_else_is_not() {
    check(
        &json!({"a": {"columns": {"id": {"type": "integer", "position": 1}}, "options": ["x"]}}),
        &json!({"a": {"columns": {"id": {"type": "bigint", "position": 1}}, "options": ["x", "y"]}}),
        r#"
        table public.a columns.id.type: "integer" → "bigint"
        table public.a options: ["x"] → ["x","y"]"#,
    );
}

#[test]
fn objects_and_parts_come_and_go_as_a_whole() {
    check(
        &json!({"a": {"x": 1}, "b": {"columns": {"id": {"type": "integer"}}}}),
        &json!({"b": {"columns": {"no": {"type": "integer"}}}, "c": {}}),
        r#"
        table public.a : {"x":1} → -
        table public.b columns.id: {"type":"integer"} → -
        table public.b columns.no: - → {"type":"integer"}
        table public.c : - → {}"#,
    );
}

#[test]
fn the_first_part_of_a_collection_is_like_any_other() {
    let bare = json!({"t": {}});
    let one = json!({"t": {"indexes": {"i": {"x": 1}}}});
    check(&bare, &one, r#"table public.t indexes.i: - → {"x":1}"#);
    // So what one migration made can be taken back though another one has made
    // more since.
    let mut both = snapshot(&json!({"t": {"indexes": {"i": {"x": 1}, "j": {}}}}));
    let made = between(&bare, &one);
    made.inverse().apply(&mut both).expect("applies");
    assert_eq!(both, snapshot(&json!({"t": {"indexes": {"j": {}}}})));
    let unmade = between(&json!({"t": {"indexes": {"j": {}}}}), &bare);
    unmade.apply(&mut both).expect("applies");
    assert_eq!(both, snapshot(&bare));
}

#[test]
fn something_else_in_place_of_a_collection_is_one_change() {
    check(
        &json!({"t": {"k": {"x": 1, "y": {}}}}),
        &json!({"t": {"k": "s"}}),
        r#"table public.t k: {"x":1,"y":{}} → "s""#,
    );
}

#[test]
fn normal_form_leaves_out_collections_without_parts() {
    let json = json!({"t": {"indexes": {}, "columns": {"id": {"privileges": {}}}, "list": []}});
    let normal = json!({"t": {"columns": {"id": {}}, "list": []}});
    assert_eq!(snapshot(&json), snapshot(&normal));
}

#[track_caller]
fn check_conflict(before: &Value, after: &Value, there: &Value, expected: &str) {
    let mut there = snapshot(there);
    let untouched = there.clone();
    let conflict = between(before, after).apply(&mut there).unwrap_err();
    assert_eq!(conflict.to_string(), expected);
    assert_eq!(there, untouched);
}

#[test]
fn a_conflict_says_where_and_what() {
    let before = json!({"t": {"a": 1, "columns": {"id": {"type": "integer"}}}});
    let after = json!({"t": {"a": 2, "columns": {"id": {"type": "bigint"}}}});
    let check = |there, expected| check_conflict(&before, &after, &there, expected);
    check(
        json!({"t": {"a": 1, "columns": {"id": {"type": "text"}}}}),
        r#"table public.t, columns.id.type: wanted "integer", found "text""#,
    );
    check(
        json!({"t": {"a": 1, "columns": {"id": {}}}}),
        "table public.t, columns.id.type is not there",
    );
    check(
        json!({"t": {"a": 1, "columns": {}}}),
        "table public.t, columns.id is not there",
    );
    check(
        json!({"t": {"a": 1, "columns": "none"}}),
        r#"table public.t, columns: wanted something with parts, found "none""#,
    );
    check(json!({}), "table public.t is not there");
    check_conflict(
        &json!({}),
        &before,
        &before,
        "table public.t is there already",
    );
    check_conflict(
        &before,
        &json!({}),
        &after,
        "table public.t is there, but not as it should be",
    );
}

#[track_caller]
fn check_then(steps: [&Value; 3], expected: &str) {
    let [one, two, three] = steps;
    let composed = between(one, two).then(&between(two, three)).expect("fits");
    assert_eq!(lines(&composed).trim_end(), expected);
    assert_eq!(composed, between(one, three));
}

#[test]
fn what_changes_the_whole_and_what_changes_a_part_compose() {
    let none = &json!({});
    let one = &json!({"t": {"columns": {"id": {"type": "integer"}}}});
    let two = &json!({"t": {"columns": {"id": {"type": "bigint"}}}});
    let bare = &json!({"t": {}});
    check_then(
        [none, one, two],
        r#"table public.t : - → {"columns":{"id":{"type":"bigint"}}}"#,
    );
    check_then(
        [one, two, none],
        r#"table public.t : {"columns":{"id":{"type":"integer"}}} → -"#,
    );
    check_then([none, one, none], "");
    check_then(
        [one, none, two],
        r#"table public.t columns.id.type: "integer" → "bigint""#,
    );
    check_then([one, bare, one], "");
    check_then([bare, one, bare], "");
    check_then(
        [bare, one, two],
        r#"table public.t columns.id: - → {"type":"bigint"}"#,
    );
    check_then(
        [two, one, bare],
        r#"table public.t columns.id: {"type":"bigint"} → -"#,
    );
    let scalar = &json!({"t": {"columns": "s"}});
    check_then([bare, one, scalar], r#"table public.t columns: - → "s""#);
    check_then([scalar, one, bare], r#"table public.t columns: "s" → -"#);
}

#[test]
fn what_does_not_begin_where_the_other_ends_does_not_compose() {
    let one = json!({"t": {"columns": {"id": {"type": "integer"}}}});
    let two = json!({"t": {"columns": {"id": {"type": "bigint"}}}});
    let none = json!({});
    let fails = |first: Diff, next: Diff| first.then(&next).unwrap_err().to_string();
    assert_eq!(
        fails(between(&one, &two), between(&one, &none)),
        r#"table public.t, columns.id.type: wanted "integer", found "bigint""#
    );
    assert_eq!(
        fails(between(&none, &one), between(&two, &one)),
        r#"table public.t, columns.id.type: wanted "bigint", found "integer""#
    );
    assert_eq!(
        fails(between(&one, &none), between(&one, &two)),
        "table public.t is not there"
    );
    assert_eq!(
        fails(between(&one, &two), between(&json!({"t": {}}), &none)),
        "table public.t, columns.id is there already"
    );
}

#[test]
fn two_diffs_touch_where_one_place_holds_the_other() {
    let column = between(
        &json!({"t": {"columns": {"id": {"type": "integer"}}}}),
        &json!({"t": {"columns": {"id": {"type": "bigint"}}}}),
    );
    let check = |before: Value, after: Value, expected: bool| {
        let other = between(&before, &after);
        assert_eq!(column.touches(&other), expected, "{other:?}");
        assert_eq!(other.touches(&column), expected, "{other:?}");
    };
    check(json!({"t": {}}), json!({}), true);
    check(
        json!({"t": {}}),
        json!({"t": {"columns": {"id": {}}}}),
        true,
    );
    check(
        json!({"t": {}}),
        json!({"t": {"columns": {"no": {}}}}),
        false,
    );
    check(
        json!({"t": {}}),
        json!({"t": {"indexes": {"i": {}}}}),
        false,
    );
    check(json!({"a": {}, "u": {}}), json!({}), false);
    check(json!({"a": {}, "t": {}, "u": {}}), json!({}), true);
}

#[test]
fn json_holds_each_side_that_is_there() {
    let diff = between(
        &json!({"a": {"columns": {"id": {}}}}),
        &json!({"a": {"columns": {"id": {"type": "integer"}}}, "b": {}}),
    );
    assert_eq!(
        diff.to_json(),
        json!([
            {"object": ["public", "table", "a"], "path": ["columns", "id", "type"], "after": "integer"},
            {"object": ["public", "table", "b"], "path": [], "after": {}},
        ])
    );
}

#[test]
fn json_that_is_no_diff_is_refused_with_a_sentence() {
    let check = |json: Value, expected: &str| {
        assert_eq!(Diff::from_json(&json).unwrap_err(), expected);
    };
    let object = json!(["public", "table", "t"]);
    check(json!({}), "a schema diff is an array of changes");
    check(
        json!([1]),
        "change 1: a change is an object with `object`, `path`, `before` and `after`",
    );
    check(
        json!([{"object": object, "path": [], "after": {}}, {"path": []}]),
        "change 2: `object` is missing",
    );
    check(json!([{"object": object}]), "change 1: `path` is missing");
    check(
        json!([{"object": object, "path": ["a", 1]}]),
        "change 1: `path` is not an array of strings",
    );
    check(
        json!([{"object": object, "path": [], "befor": {}}]),
        "change 1: there is no key `befor` in a change",
    );
    check(
        json!([{"object": "table public.t", "path": []}]),
        "change 1: `object` is not an array of namespace, kind and name",
    );
    check(
        json!([{"object": ["public", "tabel", "t"], "path": []}]),
        "change 1: there is no kind of object `tabel`",
    );
    check(
        json!([{"object": [1, "table", "t"], "path": []}]),
        "change 1: the namespace in `object` is neither a string nor null",
    );
    check(
        json!([{"object": object, "path": []}]),
        "change 1: `before` and `after` are both missing",
    );
    check(
        json!([{"object": object, "path": [], "before": null, "after": {}}]),
        "change 1: `before` is null; what is not there has no key",
    );
    check(
        json!([{"object": object, "path": [], "after": {"a": [{"b": null}]}}]),
        "change 1: `after.a.0.b` is null; what is not there has no key",
    );
    check(
        json!([{"object": object, "path": [], "after": 1}]),
        "change 1: `after` of a whole object is not a map",
    );
    check(
        json!([
            {"object": object, "path": ["a", "b"], "after": 1},
            {"object": object, "path": ["a!"], "after": 1},
            {"object": object, "path": ["a"], "after": 1},
        ]),
        "`table public.t`, `a` is changed as a whole and, at `a.b`, in part",
    );
    check(
        json!([
            {"object": object, "path": ["a"], "after": 1},
            {"object": object, "path": ["a"], "after": 2},
        ]),
        "`table public.t`, `a` is changed twice",
    );
}

#[test]
fn json_in_another_form_becomes_canonical() {
    let object = json!(["public", "table", "t"]);
    let diff = Diff::from_json(&json!([
        {"object": object, "path": ["z"], "before": 1, "after": 1},
        {"object": object, "path": ["indexes"], "after": {"i": {"none": {}}, "h": {}}},
        {"object": [null, "role", "r"], "path": [], "before": {"a": 1, "b": 1}, "after": {"a": 2, "b": 1}},
    ]));
    assert_eq!(
        lines(&diff.expect("a diff")),
        "role r a: 1 → 2\n\
         table public.t indexes.h: - → {}\n\
         table public.t indexes.i: - → {}\n"
    );
}

const KEYS: [&str; 4] = ["a", "a!", "b", "é\n\""];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..3).prop_map(Value::from),
        prop::sample::select(&KEYS[..]).prop_map(Value::from),
        Just(json!([])),
        Just(json!([1, {"a": {}}])),
        any::<bool>().prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 16, 3, |value| {
        prop::collection::btree_map(prop::sample::select(&KEYS[..]), value, 0..4).prop_map(|map| {
            map.into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()
        })
    })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    prop::collection::btree_map(prop::sample::select(&KEYS[..]), value(), 0..4).prop_map(|map| {
        map.into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    })
}

fn any_snapshot() -> impl Strategy<Value = Snapshot> {
    let ids = vec![table("t"), table("u"), object(Kind::View, "t")];
    prop::collection::btree_map(prop::sample::select(ids), attributes(), 0..4).prop_map(|objects| {
        let mut snapshot = Snapshot { objects };
        snapshot.normalise();
        snapshot
    })
}

/// A snapshot near `base`: some of it is taken from elsewhere.
fn mixed(base: &Snapshot, other: &Snapshot, choices: &[bool]) -> Snapshot {
    let mut mixed = base.clone();
    let changes = Diff::between(base, other).into_changes();
    let choices = choices.iter().copied().cycle();
    let some = changes
        .into_iter()
        .zip(choices)
        .filter(|(_, is_taken)| *is_taken);
    let some = some.map(|(change, _)| change).collect();
    let diff = Diff::from_changes(some).expect("part of a diff");
    diff.apply(&mut mixed).expect("part of what applies");
    mixed
}

/// Each a little different from the one before.
fn walk() -> impl Strategy<Value = [Snapshot; 4]> {
    let others = prop::array::uniform4(any_snapshot());
    let choices = prop::collection::vec(any::<bool>(), 1..6);
    (others, choices).prop_map(|([a, b, c, d], choices)| {
        let b = mixed(&a, &b, &choices);
        let c = mixed(&b, &c, &choices);
        let d = mixed(&c, &d, &choices);
        [a, b, c, d]
    })
}

fn assert_canonical(diff: &Diff) -> Result<(), TestCaseError> {
    let again = Diff::from_changes(diff.changes().to_vec());
    prop_assert_eq!(again.as_ref(), Ok(diff));
    for change in diff.changes() {
        prop_assert_ne!(&change.before, &change.after);
    }
    Ok(())
}

proptest! {
    #[test]
    fn applied_to_before_it_gives_after(a in any_snapshot(), b in any_snapshot()) {
        let diff = Diff::between(&a, &b);
        assert_canonical(&diff)?;
        let mut snapshot = a.clone();
        diff.apply(&mut snapshot).expect("applies");
        prop_assert_eq!(&snapshot, &b);
        diff.inverse().apply(&mut snapshot).expect("applies");
        prop_assert_eq!(&snapshot, &a);
        prop_assert_eq!(diff.inverse(), Diff::between(&b, &a));
        prop_assert_eq!(diff.is_empty(), a == b);
    }

    #[test]
    fn composing_leaves_out_what_is_between(walk in walk()) {
        let [a, b, c, d] = &walk;
        let [ab, bc, cd] = [(a, b), (b, c), (c, d)].map(|(a, b)| Diff::between(a, b));
        let ac = ab.then(&bc).expect("fits");
        assert_canonical(&ac)?;
        prop_assert_eq!(&ac, &Diff::between(a, c));
        let bd = bc.then(&cd).expect("fits");
        prop_assert_eq!(ac.then(&cd), ab.then(&bd));
        prop_assert_eq!(ac.then(&cd), Ok(Diff::between(a, d)));
        prop_assert_eq!(ab.then(&ab.inverse()), Ok(Diff::default()));
        prop_assert_eq!(ab.then(&Diff::default()), Ok(ab.clone()));
        prop_assert_eq!(Diff::default().then(&ab), Ok(ab));
    }

    /// Also of diffs that do not belong together, wherever both are defined.
    #[test]
    fn composing_is_associative(walks in prop::array::uniform3(walk()), picks in prop::array::uniform6(0..4usize)) {
        let [a, b, c] = [0, 1, 2].map(|index| {
            let walk = &walks[if picks[index] == 0 { 0 } else { index }];
            Diff::between(&walk[picks[index]], &walk[picks[index + 3]])
        });
        let left = a.then(&b).and_then(|ab| ab.then(&c));
        let right = b.then(&c).and_then(|bc| a.then(&bc));
        if let (Ok(left), Ok(right)) = (left, right) {
            assert_canonical(&left)?;
            prop_assert_eq!(left, right);
        }
    }

    #[test]
    fn a_composed_diff_does_what_the_two_do(walk in walk(), other in any_snapshot()) {
        let [a, b, c, d] = &walk;
        let (first, next) = (Diff::between(a, b), Diff::between(&mixed(b, &other, &[false, true]), c));
        if let Ok(both) = first.then(&next) {
            for start in [a, d, &other] {
                let mut snapshot = start.clone();
                if first.apply(&mut snapshot).is_ok() && next.apply(&mut snapshot).is_ok() {
                    let mut at_once = start.clone();
                    prop_assert_eq!(both.apply(&mut at_once), Ok(()));
                    prop_assert_eq!(at_once, snapshot);
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_changes_nothing_and_says_where(walk in walk()) {
        let [a, b, c, _] = &walk;
        let diff = Diff::between(a, b);
        let mut snapshot = c.clone();
        if let Err(conflict) = diff.apply(&mut snapshot) {
            prop_assert_eq!(&snapshot, c);
            prop_assert_ne!(&conflict.wanted, &conflict.found);
            let is_ours = |change: &Change| {
                change.object == conflict.object && change.path.starts_with(&conflict.path)
            };
            prop_assert!(diff.changes().iter().any(is_ours));
        } else {
            // What fits can be taken back.
            diff.inverse().apply(&mut snapshot).expect("applies");
            prop_assert_eq!(&snapshot, c);
        }
    }

    #[test]
    fn text_gives_it_back(a in any_snapshot(), b in any_snapshot()) {
        let diff = Diff::between(&a, &b);
        let json = diff.to_json().to_string();
        let json: Value = serde_json::from_str(&json).expect("JSON");
        prop_assert_eq!(Diff::from_json(&json), Ok(diff));
    }

    #[test]
    fn touching_is_sharing_a_place(walk in walk()) {
        let [a, b, c, _] = &walk;
        let (one, two) = (Diff::between(a, b), Diff::between(a, c));
        let shared = one.changes().iter().any(|one| {
            two.changes().iter().any(|two| one.holds(two) || two.holds(one))
        });
        prop_assert_eq!(one.touches(&two), shared);
        prop_assert_eq!(two.touches(&one), shared);
    }
}
