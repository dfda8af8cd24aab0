//! Laws, over generated schemas and migrations.

use super::*;
use crate::schema::Map;

/// Attributes of a part or an object: few names, so that they meet.
fn attributes() -> impl Strategy<Value = Map<String, Value>> {
    let value = prop_oneof![
        (0..3u8).prop_map(|number| json!(number)),
        "[ab]".prop_map(|text| json!(text)),
    ];
    prop::collection::btree_map("[pq]", value, 0..3)
        .prop_map(|attributes| attributes.into_iter().collect())
}

fn any_snapshot() -> impl Strategy<Value = Snapshot> {
    let parts = prop::collection::btree_map("[ijk]", attributes(), 0..3);
    let collections = prop::collection::btree_map("columns|indexes|constraints", parts, 0..3);
    let object = (attributes(), collections).prop_map(|(mut attributes, collections)| {
        for (name, parts) in collections {
            let parts = parts
                .into_iter()
                .map(|(key, part)| (key, Value::Object(part)));
            attributes.insert(name, Value::Object(parts.collect()));
        }
        attributes
    });
    prop::collection::btree_map("[tuv]", object, 0..4).prop_map(|objects| {
        let objects = objects.into_iter().map(|(name, one)| (table(&name), one));
        let mut snapshot = Snapshot {
            objects: objects.collect(),
        };
        snapshot.normalise();
        snapshot
    })
}

fn concurrent(name: &str, standing: Standing, diff: Diff) -> Concurrent {
    Concurrent {
        diff: Some(diff),
        ..of(name, standing, &json!({}), &json!({}))
    }
}

/// Of what is added or removed as a whole, some; of a change of a value, one of
/// the two.
fn some_of(change: &Change, choices: &mut impl Iterator<Item = bool>) -> Option<Value> {
    let mut choose = || choices.next().unwrap_or(true);
    match (&change.before, &change.after) {
        (Some(Value::Object(whole)), None) | (None, Some(Value::Object(whole))) => {
            if !choose() {
                return None;
            }
            let some = whole.iter().filter(|_| choose());
            let some: Map<String, Value> = some
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            Some(Value::Object(some))
        }
        (before, after) => if choose() { after } else { before }.clone(),
    }
}

/// `before`, with some of each change.
fn subset(before: &Snapshot, diff: &Diff, choices: &[bool]) -> Snapshot {
    let mut choices = choices.iter().copied().cycle();
    let changes = diff.changes().iter().filter_map(|change| {
        let after = some_of(change, &mut choices);
        (after != change.before).then(|| Change {
            after,
            ..change.clone()
        })
    });
    let mut state = before.clone();
    let some = Diff::from_changes(changes.collect()).expect("places are apart");
    some.apply(&mut state).expect("it begins before");
    state.normalise();
    state
}

proptest! {
    #[test]
    fn what_is_not_done_is_taken_out(before in any_snapshot(), after in any_snapshot()) {
        let diff = Diff::between(&before, &after);
        let pending = vec![concurrent("c", Standing::Pending, diff)];
        let legal = Legal::new(after.clone(), pending).expect("fits");
        prop_assert_eq!(&legal.snapshot, &before);
        prop_assert_eq!(legal.into_expected(), after);
    }

    #[test]
    fn several_are_taken_out_in_reverse(a in any_snapshot(), b in any_snapshot(), c in any_snapshot()) {
        let pending = vec![
            concurrent("2", Standing::Abandoned, Diff::between(&b, &c)),
            concurrent("1", Standing::InFlight, Diff::between(&a, &b)),
        ];
        let legal = Legal::new(c.clone(), pending).expect("fits");
        prop_assert_eq!(&legal.snapshot, &a);
        prop_assert!(legal.judge(&b).is_legal());
        prop_assert_eq!(legal.into_expected(), c);
    }

    #[test]
    fn each_state_in_between_passes(
        before in any_snapshot(),
        after in any_snapshot(),
        choices in prop::collection::vec(any::<bool>(), 1..12),
    ) {
        let diff = Diff::between(&before, &after);
        let live = subset(&before, &diff, &choices);
        let running = vec![concurrent("c", Standing::InFlight, diff)];
        let legal = Legal::new(after.clone(), running).expect("fits");
        let verdict = legal.judge(&live);
        prop_assert!(verdict.is_legal(), "{:?}", verdict.difference);
        if live == before || live == after {
            prop_assert!(verdict.half_way.is_empty());
        }
    }

    /// Whatever state the migration is in.
    #[test]
    fn each_change_elsewhere_is_found(
        before in any_snapshot(),
        after in any_snapshot(),
        other in any_snapshot(),
        choices in prop::collection::vec(any::<bool>(), 1..12),
    ) {
        let diff = Diff::between(&before, &after);
        let live = subset(&before, &diff, &choices);
        let mut elsewhere = Diff::between(&live, &other);
        elsewhere.retain(|change| {
            let one = Diff::from_changes(vec![change.clone()]).expect("canonical");
            !one.touches(&diff)
        });
        let mut drifted = live;
        elsewhere.apply(&mut drifted).expect("it begins there");
        let running = vec![concurrent("c", Standing::InFlight, diff)];
        let legal = Legal::new(after, running).expect("fits");
        let found = legal.judge(&drifted).difference;
        // As a diff from what is legal: at places that the migration leaves
        // alone the legal schema is the live one.
        prop_assert_eq!(found, elsewhere);
    }
}
