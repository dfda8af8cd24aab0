//! The order in which PostgreSQL goes through the partitions of a table: that
//! of their bounds, which counts where two indexes want the same name.

use super::Node;

/// `nodes` in the order of their leaves in `leaves`, each still after what it
/// is a partition of; those that are not there, and have none there, come last.
#[must_use]
pub fn in_order(nodes: Vec<Node>, leaves: &[u32]) -> Vec<Node> {
    let mut ranks: Vec<usize> = nodes
        .iter()
        .map(|node| {
            let place = leaves.iter().position(|leaf| *leaf == node.oid);
            place.unwrap_or(usize::MAX)
        })
        .collect();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for place in (1..nodes.len()).rev() {
        let parent = nodes[place].parent;
        ranks[parent] = ranks[parent].min(ranks[place]);
        children[parent].insert(0, place);
    }
    for of_one in &mut children {
        of_one.sort_by_key(|place| ranks[*place]);
    }
    let mut places = Vec::with_capacity(nodes.len());
    let mut open: Vec<usize> = (!nodes.is_empty()).then_some(0).into_iter().collect();
    while let Some(place) = open.pop() {
        places.push(place);
        open.extend(children[place].iter().rev());
    }
    let mut new_places = vec![0; nodes.len()];
    for (new, old) in places.iter().enumerate() {
        new_places[*old] = new;
    }
    let mut nodes: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    let ordered = places.iter().filter_map(|place| nodes[*place].take());
    ordered
        .map(|mut node| {
            node.parent = new_places[node.parent];
            node
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    fn node(oid: u32, parent: usize) -> Node {
        Node {
            oid,
            name: oid.to_string(),
            bare_name: oid.to_string(),
            namespace: 0,
            parent,
            kind: Kind::Leaf,
            indexes: Vec::new(),
            holders: Vec::new(),
        }
    }

    #[test]
    fn partitions_follow_their_bounds() {
        // 1 has 2, 3 and 6; 3 has 4 and 5.
        let nodes = vec![
            node(1, 0),
            node(2, 0),
            node(3, 0),
            node(4, 2),
            node(5, 2),
            node(6, 0),
        ];
        let shown = |leaves: &[u32]| {
            let ordered = in_order(nodes.clone(), leaves);
            let shown: Vec<String> = ordered
                .iter()
                .map(|node| format!("{} of {}", node.oid, ordered[node.parent].oid))
                .collect();
            shown.join(", ")
        };
        let given = "1 of 1, 2 of 1, 3 of 1, 4 of 3, 5 of 3, 6 of 1";
        assert_eq!(shown(&[2, 4, 5, 6]), given);
        assert_eq!(shown(&[]), given);
        assert_eq!(
            shown(&[6, 5, 4, 2]),
            "1 of 1, 6 of 1, 3 of 1, 5 of 3, 4 of 3, 2 of 1"
        );
        assert_eq!(
            shown(&[5]),
            "1 of 1, 3 of 1, 5 of 3, 4 of 3, 2 of 1, 6 of 1"
        );
        assert_eq!(in_order(Vec::new(), &[1]), Vec::new());
    }
}
