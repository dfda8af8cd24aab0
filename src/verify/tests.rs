use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::schema::{Change, Kind, Value};

mod laws;

fn table(name: &str) -> ObjectId {
    ObjectId {
        namespace: Some("public".to_owned()),
        kind: Kind::Table,
        name: name.to_owned(),
    }
}

/// Of tables in `public`, by name.
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

fn of(name: &str, standing: Standing, before: &Value, after: &Value) -> Concurrent {
    Concurrent {
        name: Name::new(name),
        standing,
        origin: Origin::Folder,
        diff: Some(Diff::between(&snapshot(before), &snapshot(after))),
        objects: BTreeSet::new(),
        relations: Some(Relations::default()),
        reindexes_all: false,
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn legal(expected: &Value, concurrent: Vec<Concurrent>) -> Legal {
    Legal::new(snapshot(expected), concurrent).expect("all diffs fit")
}

/// A line per difference, then what was half-way.
fn told(verdict: &Verdict) -> String {
    let side = |side: &Option<Value>| side.as_ref().map_or("-".to_owned(), Value::to_string);
    let mut lines: Vec<String> = verdict
        .difference
        .changes()
        .iter()
        .map(|change| {
            let (before, after) = (side(&change.before), side(&change.after));
            format!(
                "{} {}: {before} → {after}",
                change.object,
                change.path.join(".")
            )
        })
        .collect();
    lines.extend(verdict.half_way.iter().map(|(name, objects)| {
        let objects: Vec<String> = objects.iter().map(ToString::to_string).collect();
        format!("half-way {name}: {}", objects.join(", "))
    }));
    lines.join("\n")
}

#[track_caller]
fn check(legal: &Legal, live: &Value, expected: &str) {
    let lines: Vec<&str> = expected.trim().lines().map(str::trim).collect();
    assert_eq!(told(&legal.judge(&snapshot(live))), lines.join("\n"));
}

/// Without and with an index.
fn bare_and_indexed() -> [Value; 2] {
    [
        json!({"t": {"columns": {"a": {"type": "integer"}}}}),
        json!({"t": {"columns": {"a": {"type": "integer"}}, "indexes": {"i": {"definition": "x", "comment": "c"}}}}),
    ]
}

fn with_index(index: &Value) -> Value {
    json!({"t": {"columns": {"a": {"type": "integer"}}, "indexes": {"i": index}}})
}

#[test]
fn what_is_pending_is_not_there_yet() {
    let [bare, indexed] = bare_and_indexed();
    let legal = legal(&indexed, vec![of("c", Standing::Pending, &bare, &indexed)]);
    check(&legal, &bare, "");
    check(
        &legal,
        &indexed,
        r#"table public.t indexes.i: - → {"comment":"c","definition":"x"}"#,
    );
    assert!(legal.is_exact());
}

#[test]
fn what_is_done_is_there() {
    let [bare, indexed] = bare_and_indexed();
    let legal = legal(&indexed, vec![of("c", Standing::Done, &bare, &indexed)]);
    check(&legal, &indexed, "");
    check(
        &legal,
        &bare,
        r#"table public.t indexes.i: {"comment":"c","definition":"x"} → -"#,
    );
}

#[test]
fn what_is_in_flight_may_be_anywhere_between() {
    let [bare, indexed] = bare_and_indexed();
    let legal = legal(&indexed, vec![of("c", Standing::InFlight, &bare, &indexed)]);
    assert!(!legal.is_exact());
    let half = "half-way c: table public.t";
    check(&legal, &bare, "");
    check(&legal, &indexed, "");
    check(&legal, &with_index(&json!({"definition": "x"})), half);
    for state in ["valid", "ready", "live"] {
        let index = json!({"definition": "x", state: false});
        check(&legal, &with_index(&index), half);
        let index = json!({"definition": "x", "comment": "c", state: false});
        check(&legal, &with_index(&index), half);
    }
    check(
        &legal,
        &with_index(&json!({"definition": "y", "valid": false})),
        r#"table public.t indexes.i: - → {"definition":"y","valid":false}"#,
    );
    check(
        &legal,
        &with_index(&json!({"definition": "x", "valid": true})),
        r#"table public.t indexes.i: - → {"definition":"x","valid":true}"#,
    );
    check(
        &legal,
        &with_index(&json!({"definition": "x", "tablespace": "s"})),
        r#"table public.t indexes.i: - → {"definition":"x","tablespace":"s"}"#,
    );
    check(
        &legal,
        &json!({"t": {"columns": {"a": {"type": "text"}}}, "u": {}}),
        r#"
        table public.t columns.a.type: "integer" → "text"
        table public.u : - → {}"#,
    );
}

#[test]
fn an_index_that_is_dropped_is_invalid_first() {
    let [bare, indexed] = bare_and_indexed();
    let legal = legal(&bare, vec![of("c", Standing::InFlight, &indexed, &bare)]);
    check(&legal, &indexed, "");
    check(&legal, &bare, "");
    let index = json!({"definition": "x", "comment": "c", "valid": false, "live": false});
    check(&legal, &with_index(&index), "half-way c: table public.t");
    check(
        &legal,
        &with_index(&json!({"definition": "y", "comment": "c"})),
        r#"table public.t indexes.i.definition: "x" → "y""#,
    );
}

#[test]
fn one_of_several_changes_is_half_way() {
    let before = json!({"t": {}, "u": {}});
    let after = json!({"t": {"indexes": {"i": {}}}, "u": {"indexes": {"j": {}}}});
    let legal = legal(&after, vec![of("c", Standing::InFlight, &before, &after)]);
    check(
        &legal,
        &json!({"t": {"indexes": {"i": {}}}, "u": {}}),
        "half-way c: table public.t, table public.u",
    );
    check(&legal, &after, "");
}

#[test]
fn a_constraint_is_added_and_then_validated() {
    let before = json!({"t": {}});
    let after = json!({"t": {"constraints": {"k": {"definition": "CHECK (a > 0)"}}}});
    let legal = legal(&after, vec![of("c", Standing::InFlight, &before, &after)]);
    let half =
        json!({"t": {"constraints": {"k": {"definition": "CHECK (a > 0)", "validated": false}}}});
    check(&legal, &half, "half-way c: table public.t");
}

#[test]
fn a_partition_is_detached_in_two_steps() {
    let before = json!({"p": {"partition_of": "t", "partition_bound": "FOR VALUES IN (1)"}});
    let after = json!({"p": {"constraints": {"p_check": {"definition": "CHECK"}}}});
    let legal = legal(&after, vec![of("c", Standing::InFlight, &before, &after)]);
    let half = json!({"p": {"partition_of": "t", "partition_bound": "FOR VALUES IN (1)", "detach_pending": true,
        "constraints": {"p_check": {"definition": "CHECK"}}}});
    check(&legal, &half, "half-way c: table public.p");
    check(
        &legal,
        &json!({"p": {"partition_of": "t", "partition_bound": "FOR VALUES IN (2)"}}),
        r#"table public.p partition_bound: "FOR VALUES IN (1)" → "FOR VALUES IN (2)""#,
    );
}

#[test]
fn leaves_are_attached_to_a_parent_that_is_not_valid_yet() {
    let before = json!({"t": {}, "p1": {}, "p2": {}});
    let leaf = |name: &str| json!({"indexes": {name: {"definition": "x", "parent": "i"}}});
    let after =
        json!({"t": {"indexes": {"i": {"definition": "x"}}}, "p1": leaf("j"), "p2": leaf("k")});
    let legal = legal(&after, vec![of("c", Standing::InFlight, &before, &after)]);
    let half = json!({"t": {"indexes": {"i": {"definition": "x", "valid": false}}}, "p1": leaf("j"),
        "p2": {"indexes": {"k": {"definition": "x", "valid": false, "ready": false}}}});
    check(
        &legal,
        &half,
        "half-way c: table public.p1, table public.p2, table public.t",
    );
}

/// A rebuild of index `i` of `t`, which changes nothing.
fn rebuild(touches: Option<&str>) -> Vec<Concurrent> {
    let [_, indexed] = bare_and_indexed();
    let mut one = of("c", Standing::InFlight, &indexed, &indexed);
    one.relations = Some(Relations {
        touches: touches.into_iter().map(ToOwned::to_owned).collect(),
        makes: BTreeSet::new(),
        ..Relations::default()
    });
    one.reindexes_all = touches.is_none();
    vec![one]
}

/// With another index beside `i`.
fn beside(name: &str, index: &Value) -> Value {
    json!({"t": {"columns": {"a": {"type": "integer"}},
        "indexes": {"i": {"definition": "x", "comment": "c"}, name: index}}})
}

#[test]
fn leftovers_of_a_rebuild_are_known_by_name() {
    let [_, indexed] = bare_and_indexed();
    let invalid = json!({"definition": "x", "valid": false});
    for touches in [Some("i"), Some("t"), None] {
        let legal = legal(&indexed, rebuild(touches));
        for name in ["i_ccnew", "i_ccold", "i_ccnew1", "i_ccold23"] {
            check(
                &legal,
                &beside(name, &invalid),
                "half-way c: table public.t",
            );
        }
        for name in ["j_ccnew", "i_ccmid", "i_ccnew_", "ii_ccnew", "i"] {
            let live = beside(name, &invalid);
            assert!(!legal.judge(&snapshot(&live)).is_legal(), "{name}");
        }
        let valid = json!({"definition": "x"});
        assert!(
            !legal
                .judge(&snapshot(&beside("i_ccnew", &valid)))
                .is_legal()
        );
    }
    let elsewhere = legal(&indexed, rebuild(Some("u")));
    let live = snapshot(&beside("i_ccnew", &invalid));
    assert!(!elsewhere.judge(&live).is_legal());
}

#[test]
fn leftovers_on_partitions_belong_to_the_rebuild_of_the_whole() {
    let partition = |of: &str, parent: &str, indexes: Value| {
        let mut indexes = indexes;
        indexes["k"] = json!({"definition": "x", "parent": parent});
        json!({"partition_of": of, "indexes": indexes})
    };
    let tables = |left: Value| {
        json!({"t": {"indexes": {"i": {"definition": "x"}}},
            "u": {"partition_of": "public.t", "indexes": {"j": {"definition": "x", "parent": "public.i"}}},
            "v": partition("public.\"u\"", "public.j", left)})
    };
    let whole = tables(json!({}));
    let live = tables(json!({"k_ccnew": {"definition": "x", "valid": false}}));
    for touches in ["t", "i", "u", "j", "v", "k"] {
        let mut one = of("c", Standing::InFlight, &whole, &whole);
        one.relations = Some(Relations {
            touches: names(&[touches]),
            makes: BTreeSet::new(),
            ..Relations::default()
        });
        check(
            &legal(&whole, vec![one]),
            &live,
            "half-way c: table public.v",
        );
    }
    let mut one = of("c", Standing::InFlight, &whole, &whole);
    one.relations = Some(Relations {
        touches: names(&["w"]),
        makes: BTreeSet::new(),
        ..Relations::default()
    });
    assert!(!legal(&whole, vec![one]).judge(&snapshot(&live)).is_legal());
}

#[test]
fn a_long_name_is_cut_for_its_leftover() {
    let long = "é".repeat(31);
    let tables = |indexes: Value| json!({"t": {"indexes": indexes}});
    let indexed = tables(json!({&*long: {}}));
    let mut one = of("c", Standing::InFlight, &indexed, &indexed);
    one.reindexes_all = true;
    let legal = legal(&indexed, vec![one]);
    // 63 bytes less `_ccnew` are 57, 28 whole characters of two.
    let cut = format!("{}_ccnew", "é".repeat(28));
    let live = tables(json!({&*long: {}, &*cut: {"valid": false}}));
    check(&legal, &live, "half-way c: table public.t");
    let short = tables(json!({&*long: {}, "é_ccnew": {"valid": false}}));
    assert!(!legal.judge(&snapshot(&short)).is_legal());
}

#[test]
fn what_the_statements_make_may_come_and_go() {
    let [_, indexed] = bare_and_indexed();
    let mut one = of("c", Standing::InFlight, &indexed, &indexed);
    one.relations = Some(Relations {
        touches: names(&["t", "i", "i_new"]),
        makes: names(&["i", "i_new"]),
        ..Relations::default()
    });
    let legal = legal(&indexed, vec![one]);
    let half = "half-way c: table public.t";
    // Dropped, and built again.
    check(
        &legal,
        &json!({"t": {"columns": {"a": {"type": "integer"}}}}),
        half,
    );
    let invalid = json!({"definition": "x", "comment": "c", "valid": false});
    check(&legal, &with_index(&invalid), half);
    // Built under another name first.
    check(&legal, &beside("i_new", &json!({"definition": "x"})), half);
    assert!(
        !legal
            .judge(&snapshot(&beside("i_other", &json!({}))))
            .is_legal()
    );
}

#[test]
fn those_in_flight_at_one_place_follow_each_other() {
    let [zero, one, two, three] = [0, 1, 2, 3].map(|value| json!({"t": {"x": value}}));
    let running = vec![
        of("b", Standing::InFlight, &zero, &one),
        of("c", Standing::InFlight, &one, &two),
    ];
    let legal = legal(&two, running);
    for passing in [&zero, &one, &two] {
        assert!(legal.judge(&snapshot(passing)).is_legal(), "{passing}");
    }
    check(&legal, &three, "table public.t x: 0 → 3");
    // Of a part that one makes and the next one changes, too.
    let made = json!({"t": {"indexes": {"i": {"definition": "x"}}}});
    let commented = json!({"t": {"indexes": {"i": {"definition": "x", "comment": "c"}}}});
    let running = vec![
        of("b", Standing::InFlight, &json!({"t": {}}), &made),
        of("c", Standing::InFlight, &made, &commented),
    ];
    let legal = super::tests::legal(&commented, running);
    assert!(legal.judge(&snapshot(&commented)).is_legal());
}

#[test]
fn what_was_given_up_may_be_gone_from_what_is_expected() {
    let [bare, indexed] = bare_and_indexed();
    for expected in [&bare, &indexed] {
        let legal = legal(
            expected,
            vec![of("c", Standing::Abandoned, &bare, &indexed)],
        );
        check(&legal, &bare, "");
        assert!(!legal.judge(&snapshot(&indexed)).is_legal());
    }
}

#[test]
fn what_only_the_ledger_knows_may_be_expected_or_not() {
    let [bare, indexed] = bare_and_indexed();
    for expected in [&bare, &indexed] {
        let mut one = of("c", Standing::InFlight, &bare, &indexed);
        one.origin = Origin::Ledger;
        let legal = legal(expected, vec![one]);
        check(&legal, &bare, "");
        check(&legal, &indexed, "");
    }
}

#[test]
fn without_a_part_for_this_version_its_objects_are_left_out() {
    let expected = json!({"t": {"x": 2}, "u": {"indexes": {"i": {}}}, "v": {}});
    let live = json!({"t": {"x": 1}, "u": {}});
    let blind = |objects: &[&str], relations: Option<Relations>| {
        let mut one = of("c", Standing::Pending, &json!({}), &json!({}));
        one.diff = None;
        one.objects = objects.iter().map(|name| table(name)).collect();
        one.relations = relations;
        legal(&expected, vec![one])
    };
    let of_parts = blind(&["t"], None);
    check(
        &of_parts,
        &live,
        "table public.u indexes.i: {} → -\ntable public.v : {} → -",
    );
    assert_eq!(of_parts.blind[0].objects, [table("t")].into());

    let named = |names: &[&str]| Relations {
        touches: super::tests::names(names),
        makes: BTreeSet::new(),
        ..Relations::default()
    };
    let of_statements = blind(&[], Some(named(&["t", "v"])));
    check(&of_statements, &live, "table public.u indexes.i: {} → -");
    assert_eq!(
        of_statements.blind[0].objects,
        [table("t"), table("v")].into()
    );

    let of_an_index = blind(&[], Some(named(&["t", "i"])));
    check(&of_an_index, &live, "table public.v : {} → -");
    let of_nothing = blind(&[], None);
    check(&of_nothing, &live, "");
    assert!(of_nothing.blind[0].is_total);
    assert!(!of_nothing.is_exact());
}

#[test]
fn a_diff_that_does_not_fit_is_named() {
    let [bare, indexed] = bare_and_indexed();
    let misfits = |expected: &Value, concurrent| {
        let misfits = Legal::new(snapshot(expected), concurrent).unwrap_err();
        let lines = misfits
            .iter()
            .map(|one| format!("{}: {}", one.name, one.conflict));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        misfits(
            &with_index(&json!({"definition": "y"})),
            vec![
                of("c", Standing::Pending, &bare, &indexed),
                of("b", Standing::InFlight, &json!({}), &json!({"u": {}})),
                of("a", Standing::Done, &bare, &indexed),
            ]
        ),
        "b: table public.u is not there\n\
         c: table public.t, indexes.i is there, but not as it should be",
    );
}

#[test]
fn a_migration_that_ends_meanwhile_was_in_flight() {
    use Standing::{Done, InFlight, Pending};
    assert_eq!(Pending.until(Pending), Pending);
    assert_eq!(Done.until(Done), Done);
    assert_eq!(Pending.until(Done), InFlight);
    assert_eq!(InFlight.until(Done), InFlight);
}

#[test]
fn what_was_there_before_is_told_apart() {
    let [settled, before, live, legal] = [
        json!({"t": {"x": 1, "y": 1, "columns": {"a": {}}}, "u": {}}),
        json!({"t": {"x": 2, "y": 2, "columns": {"a": {}, "b": {"type": "text"}}}}),
        json!({"t": {"x": 2, "y": 3, "columns": {"a": {}, "b": {"type": "text"}, "c": {}}}}),
        json!({"t": {"x": 1, "y": 1, "columns": {"a": {}}}, "u": {}}),
    ]
    .map(|tables| snapshot(&tables));
    let drift = Diff::between(&settled, &before);
    let (there, rest) = split_drift(&Diff::between(&legal, &live), &drift);
    let places = |diff: &Diff| {
        let places = diff
            .changes()
            .iter()
            .map(|change: &Change| format!("{} {}", change.object.name, change.path.join(".")));
        places.collect::<Vec<_>>()
    };
    assert_eq!(places(&there), ["t columns.b", "t x", "u "]);
    assert_eq!(places(&rest), ["t columns.c", "t y"]);
}
