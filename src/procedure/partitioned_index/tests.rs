//! Each half-way state, and the step out of it.

use super::*;
use crate::procedure::CreateIndex;

/// Tables in order, one per line, two spaces deeper than what they are a
/// partition of: `p` is partitioned, `l` has rows, `f` is foreign; then the
/// indexes `OID name valid|invalid`, then `of OID` if attached, `other` if
/// PostgreSQL would not take it; `held` if somebody holds the table.
fn tree(text: &str) -> Vec<Node> {
    let mut nodes: Vec<(usize, Node)> = Vec::new();
    for (place, line) in text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .enumerate()
    {
        let depth = line.len() - line.trim_start().len();
        let mut parts = line.trim().split(", ");
        let mut words = parts.next().expect("a table").split(' ');
        let kind = match words.next() {
            Some("p") => Kind::Partitioned,
            Some("l") => Kind::Leaf,
            Some("f") => Kind::Foreign,
            kind => panic!("{kind:?}"),
        };
        let name = words.next().expect("a name").to_owned();
        let holders = words.map(|_| 42).collect();
        let parent = nodes.iter().rposition(|(above, _)| *above < depth);
        nodes.push((
            depth,
            Node {
                oid: u32::try_from(place).expect("few") + 1,
                name: format!("public.{name}"),
                bare_name: name,
                namespace: 2200,
                parent: parent.unwrap_or(0),
                kind,
                indexes: parts.map(part).collect(),
                holders,
            },
        ));
    }
    nodes.into_iter().map(|(_, node)| node).collect()
}

fn part(text: &str) -> Part {
    let words: Vec<&str> = text.split(' ').collect();
    let attached = words.iter().position(|word| *word == "of");
    Part {
        index: Index {
            oid: words[0].parse().expect("an OID"),
            name: words[1].to_owned(),
            qualified: format!("public.{}", words[1]),
            is_valid: words[2] == "valid",
            definition: format!("CREATE INDEX {} …", words[1]),
            is_in_reach: true,
            is_same: Some(!words.contains(&"other")),
        },
        attached_to: attached.map(|at| words[at + 1].parse().expect("an OID")),
        matches: !words.contains(&"other"),
    }
}

fn wanted() -> Wanted {
    Wanted {
        index: CreateIndex {
            name: Some("i".to_owned()),
            if_not_exists: false,
            sql: "CREATE INDEX CONCURRENTLY i ON t (a)".to_owned(),
        },
        unique: false,
        only: false,
    }
}

/// Ours is index 10; `made` are the OIDs of our parts.
fn looked(text: &str, made: &[u32]) -> Looked {
    Looked {
        nodes: tree(text),
        target: Some(10),
        notes: Notes {
            made: made.to_vec(),
            building: Vec::new(),
        },
        ..Looked::default()
    }
}

fn shown(next: &Next) -> String {
    match next {
        Next::Done { reason: None } => "done".to_owned(),
        Next::Done {
            reason: Some(reason),
        } => format!("done: {reason}"),
        Next::CreateTarget => "create the index of the whole".to_owned(),
        Next::CreateOn { node } => format!("create on {node}"),
        Next::Build { leaves, of } => {
            let leaves: Vec<String> = leaves
                .iter()
                .map(|leaf| match &leaf.again {
                    Some(index) => format!("rebuild {index} of {}", leaf.node),
                    None => format!("build on {}, {} of {of}", leaf.node, leaf.number),
                })
                .collect();
            leaves.join("; ")
        }
        Next::NoteBuilt { partition, built } => format!("built {built:?} on {partition}"),
        Next::WaitFor { table, pids } => format!("wait for {table} {pids:?}"),
        Next::Drop { index, was_built } => {
            format!("drop {index}{}", if *was_built { ", built" } else { "" })
        }
        Next::DropWhole { oid, index } => format!("drop whole {index} ({oid})"),
        Next::Attach { pairs } => {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(whole, part)| format!("{part} to {whole}").replace("public.", ""))
                .collect();
            format!("attach {}", pairs.join(", "))
        }
        Next::Recreate => "recreate".to_owned(),
        Next::Fail => "fail".to_owned(),
        Next::Refuse(refusal) => format!("refuse: {}", refusal.message),
    }
}

#[track_caller]
fn check(text: &str, made: &[u32], expected: &str) {
    assert_eq!(shown(&next(&wanted(), &looked(text, made))), expected);
}

#[track_caller]
fn check_clean_up(text: &str, made: &[u32], expected: &str) {
    assert_eq!(shown(&clean_up(&looked(text, made))), expected);
}

#[test]
fn the_index_of_the_whole_comes_first() {
    let mut facts = looked("p t\n  l a, 5 a_idx valid", &[]);
    facts.target = None;
    assert_eq!(
        shown(&next(&wanted(), &facts)),
        "create the index of the whole"
    );
    facts.ended = Some(Ended::Failed);
    assert_eq!(shown(&next(&wanted(), &facts)), "fail");
    facts.ended = Some(Ended::Well);
    assert_eq!(
        shown(&next(&wanted(), &facts)),
        "refuse: the index `i` has not been built on this table"
    );
}

#[test]
fn one_of_that_name_that_is_not_ours() {
    let facts = |index: &str| Looked {
        target: None,
        ..looked(&format!("p t, {index}\n  l a"), &[])
    };
    let check = |index: &str, expected: &str| {
        assert_eq!(shown(&next(&wanted(), &facts(index))), expected);
    };
    check("5 j valid", "create the index of the whole");
    check(
        "5 i valid",
        "done: `public.i` was there already, valid and the same",
    );
    check(
        "5 i invalid",
        "refuse: an invalid index `public.i` is in the way",
    );
    check(
        "5 i valid other",
        "refuse: there is another index named `public.i` on this table",
    );
    let mut wanted = wanted();
    wanted.index.if_not_exists = true;
    assert_eq!(
        shown(&next(&wanted, &facts("5 i valid other"))),
        "done: `IF NOT EXISTS`, and there is: CREATE INDEX i …"
    );
    wanted.only = true;
    assert_eq!(
        shown(&next(&wanted, &facts("5 i invalid"))),
        "done: `public.i` was there already and is the same"
    );
}

#[test]
fn leaf_after_leaf_is_built_then_all_are_attached() {
    check("p t, 10 i valid", &[], "done");
    check(
        "p t, 10 i invalid\n  l a\n  l b",
        &[],
        "build on 1, 1 of 2; build on 2, 2 of 2",
    );
    check(
        "p t, 10 i invalid\n  l a, 11 a_idx valid\n  l b",
        &[11],
        "build on 2, 2 of 2",
    );
    check(
        "p t, 10 i invalid\n  l a, 11 a_idx valid\n  l b, 12 b_idx valid",
        &[11, 12],
        "attach b_idx to i, a_idx to i",
    );
    check(
        "p t, 10 i invalid\n  l a, 11 a_idx valid\n  l b, 12 b_idx valid of 10",
        &[11, 12],
        "attach a_idx to i",
    );
}

#[test]
fn what_is_there_is_used_as_postgresql_would() {
    check(
        "p t, 10 i invalid\n  l a, 5 old valid\n  l b, 6 b_idx valid other",
        &[],
        "build on 2, 2 of 2",
    );
    // Attached elsewhere, or invalid: of no use.
    check(
        "p t, 9 j valid, 10 i invalid\n  l a, 5 a_idx valid of 9, 6 k invalid",
        &[],
        "build on 1, 1 of 1",
    );
    // The oldest.
    check(
        "p t, 10 i invalid\n  l a, 5 old valid, 6 older valid",
        &[],
        "attach old to i",
    );
}

#[test]
fn nobody_builds_beside_another_build() {
    check(
        "p t, 10 i invalid\n  l a held",
        &[],
        "wait for public.a [42]",
    );
    check(
        "p t held, 10 i invalid\n  l a held, 11 a_idx valid\n  l b",
        &[11],
        "build on 2, 2 of 2",
    );
    // The others first.
    check(
        "p t, 10 i invalid\n  l a held\n  l b\n  l c held\n  l d",
        &[],
        "build on 2, 1 of 4; build on 4, 2 of 4",
    );
    check(
        "p t, 10 i invalid\n  l a held\n  l b, 12 b_idx valid\n  l c held",
        &[12],
        "wait for public.a [42]",
    );
}

#[test]
fn names_are_given_to_all_that_lack_an_index() {
    let missing = |text: &str, made: &[u32]| missing(&looked(text, made));
    let text = "p t, 10 i invalid\n  l a held\n  p s\n    l b\n  f g\n  l c, 11 c_idx valid";
    assert_eq!(missing(text, &[]), [1, 2, 3]);
    assert_eq!(missing("p t\n  l a", &[]), [0; 0]);
}

#[test]
fn several_builds_that_were_interrupted() {
    let next = |text: &str| {
        let mut facts = looked(text, &[]);
        facts.notes.building = [2, 3, 4]
            .map(|partition| Building {
                partition,
                indexes_before: Vec::new(),
            })
            .to_vec();
        shown(&next(&wanted(), &facts))
    };
    // One still runs, one was done, one is half-way.
    let running = "p t, 10 i invalid\n  l a held, 11 a_idx invalid";
    assert_eq!(
        next(&format!(
            "{running}\n  l b, 12 b_idx valid\n  l c, 13 c_idx invalid"
        )),
        "built Some(12) on 3"
    );
    assert_eq!(
        next(&format!("{running}\n  l b held\n  l c, 13 c_idx invalid")),
        "drop public.c_idx"
    );
    // What is free is built beside those that still run, which are waited for
    // at the end.
    assert_eq!(
        next(&format!("{running}\n  l b held\n  l c held\n  l d")),
        "build on 4, 1 of 4"
    );
    assert_eq!(
        next(&format!(
            "{running}\n  l b held\n  l c held\n  l d, 14 d_idx valid"
        )),
        "wait for public.a [42]"
    );
    // One that holds the lock of its build and has not begun yet.
    assert_eq!(
        next("p t, 10 i invalid\n  l a held\n  l b held\n  l c"),
        "built None on 4"
    );
}

#[test]
fn a_failure_is_told_when_nobody_is_at_work_any_more() {
    let mut facts = looked(
        "p t, 10 i invalid\n  l a held, 11 a_idx invalid\n  l b",
        &[],
    );
    facts.ended = Some(Ended::Failed);
    facts.notes.building = vec![Building {
        partition: 2,
        indexes_before: vec![],
    }];
    assert_eq!(shown(&next(&wanted(), &facts)), "wait for public.a [42]");
}

#[test]
fn looked_at_again_under_its_lock() {
    let check = |text: &str, again: Option<&str>, expected: bool| {
        let facts = looked(&format!("p t, 10 i invalid\n  {text}"), &[]);
        assert_eq!(is_still_missing(&facts.nodes[1], again), expected, "{text}");
    };
    check("l a", None, true);
    check("l a held", None, false);
    check("l a, 11 a_idx valid", None, false);
    check("l a, 11 a_idx invalid", None, true);
    check("l a, 11 a_idx valid of 9", None, true);
    check("l a, 11 a_idx invalid of 10", Some("public.a_idx"), true);
    check("l a, 11 a_idx valid of 10", Some("public.a_idx"), false);
    check("l a", Some("public.a_idx"), false);
}

#[test]
fn a_tree_is_done_from_above_and_attached_from_below() {
    check(
        "p t, 10 i invalid\n  p s\n    l a\n  l b",
        &[],
        "create on 1",
    );
    check(
        "p t, 10 i invalid\n  p s, 11 s_idx invalid\n    l a\n  l b",
        &[11],
        "build on 2, 1 of 2; build on 3, 2 of 2",
    );
    check(
        "p t, 10 i invalid\n  p s, 11 s_idx invalid\n    l a, 12 a_idx valid\n  l b, 13 b_idx valid",
        &[11, 12, 13],
        "attach b_idx to i, a_idx to s_idx, s_idx to i",
    );
    // Somebody else's that is not complete is of no use; what is attached to
    // it neither.
    check(
        "p t, 10 i invalid\n  p s, 8 j invalid\n    l a, 9 a_idx valid of 8",
        &[],
        "create on 1",
    );
    // One that is complete is taken with all that is below it.
    check(
        "p t, 10 i invalid\n  p s, 8 j valid\n    l a, 9 a_idx valid of 8\n    f g\n  l b, 11 b_idx valid",
        &[11],
        "attach b_idx to i, j to i",
    );
}

#[test]
fn what_a_build_has_left() {
    let building = |text: &str, before: &[u32]| {
        let mut facts = looked(text, &[]);
        facts.notes.building = vec![Building {
            partition: 2,
            indexes_before: before.to_vec(),
        }];
        facts
    };
    let check = |text: &str, before: &[u32], expected: &str| {
        let facts = building(text, before);
        assert_eq!(shown(&next(&wanted(), &facts)), expected);
        // Given up, it is settled in the same way first.
        assert_eq!(shown(&clean_up(&facts)), expected);
    };
    check("p t, 10 i invalid\n  l a", &[], "built None on 2");
    check(
        "p t, 10 i invalid\n  l a, 11 a_idx valid",
        &[],
        "built Some(11) on 2",
    );
    check(
        "p t, 10 i invalid\n  l a, 11 a_idx invalid",
        &[],
        "drop public.a_idx",
    );
    check(
        "p t, 10 i invalid\n  l a held, 11 a_idx invalid",
        &[],
        "wait for public.a [42]",
    );
    // There before: not ours, and not touched.
    check(
        "p t, 10 i invalid\n  l a, 5 a_idx invalid",
        &[5],
        "built None on 2",
    );
    check(
        "p t, 10 i invalid\n  l a, 11 a_idx invalid other",
        &[],
        "built None on 2",
    );
    // Detached meanwhile.
    let mut facts = building("p t, 10 i invalid", &[]);
    let mut stray = tree("l gone, 11 gone_idx invalid").remove(0);
    stray.oid = 2;
    facts.stray = vec![stray];
    assert_eq!(shown(&next(&wanted(), &facts)), "drop public.gone_idx");
}

#[test]
fn a_failure_is_told_after_what_it_left_is_gone() {
    let mut facts = looked("p t, 10 i invalid\n  l a, 11 a_idx invalid", &[]);
    facts.ended = Some(Ended::Failed);
    facts.notes.building = vec![Building {
        partition: 2,
        indexes_before: vec![],
    }];
    assert_eq!(shown(&next(&wanted(), &facts)), "drop public.a_idx");
    facts.nodes[1].indexes.clear();
    assert_eq!(shown(&next(&wanted(), &facts)), "built None on 2");
    facts.notes.building.clear();
    assert_eq!(shown(&next(&wanted(), &facts)), "fail");
    facts.ended = Some(Ended::Curable);
    assert_eq!(shown(&next(&wanted(), &facts)), "build on 1, 1 of 1");
}

#[test]
fn an_attached_index_that_is_invalid_is_built_anew() {
    check(
        "p t, 10 i invalid\n  l a, 11 a_idx invalid of 10\n  l b, 12 b_idx valid",
        &[12],
        "rebuild public.a_idx of 1",
    );
}

#[test]
fn foreign_tables_have_no_index() {
    check(
        "p t, 10 i invalid\n  l a, 11 a_idx valid\n  f g",
        &[11],
        "recreate",
    );
    check(
        "p t, 10 i invalid\n  l a, 5 old invalid, 11 a_idx valid\n  f g",
        &[11],
        "refuse: an invalid index `public.old` is in the way",
    );
    let facts = looked("p t, 10 i invalid\n  l a\n  f g", &[]);
    let mut wanted = wanted();
    wanted.unique = true;
    assert_eq!(
        shown(&next(&wanted, &facts)),
        "refuse: cannot create a unique index on partitioned table `public.t`"
    );
}

#[test]
fn all_attached_and_yet_invalid() {
    // The partition that was missing is gone.
    check(
        "p t, 10 i invalid\n  l a, 11 a_idx valid of 10",
        &[11],
        "drop whole public.i (10)",
    );
    check(
        "p t, 10 i invalid\n  l a, 5 a_idx valid of 10",
        &[],
        "refuse: `public.i` is invalid although no partition lacks its index",
    );
}

#[test]
fn giving_up_removes_what_is_ours() {
    check_clean_up(
        "p t, 10 i valid\n  l a, 11 a_idx valid of 10",
        &[11],
        "done",
    );
    check_clean_up(
        "p t, 10 i invalid\n  l a, 11 a_idx valid\n  l b, 5 b_idx valid",
        &[11],
        "drop public.a_idx, built",
    );
    check_clean_up(
        "p t, 10 i invalid\n  l a held, 11 a_idx valid",
        &[11],
        "wait for public.a [42]",
    );
    check_clean_up(
        "p t, 10 i invalid\n  p s, 11 s_idx invalid\n    l a\n  l b, 5 b_idx valid",
        &[11],
        "drop whole public.i (10)",
    );
    check_clean_up(
        "p t\n  p s, 11 s_idx invalid\n    l a",
        &[11],
        "drop whole public.s_idx (11)",
    );
    check_clean_up("p t\n  l a, 5 a_idx valid", &[], "done");
    check_clean_up(
        "p t, 10 i invalid\n  l a, 5 a_idx valid of 10",
        &[],
        "done: the invalid index `public.i` stays, since indexes are attached to it that were there before: `DROP INDEX public.i;` removes it and them",
    );
}
