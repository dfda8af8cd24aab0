//! Migrations to a graph: who runs after whom, and the triples.
//!
//! Once a [`Graph`] is built, each name in a directive of a pending migration
//! has been found, is earlier than the one that names it and of the right
//! kind; what applied migrations name may be gone.

use std::collections::BTreeMap;

use petgraph::graph::{DiGraph, NodeIndex};

use crate::diagnostic::{Code, Diagnostic, code};
use crate::history::History;
use crate::migration::{Kind, Migration, Name, Named};
use crate::text::nearest;

mod version;

/// Why one migration comes after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Batch migrations run in the order of their names.
    Order,
    /// The concurrent migration runs after the deployment with its partner.
    Begin,
    /// The ending migration needs the concurrent one done.
    End,
    /// Concurrent migrations of which one disturbs the other or uses what it
    /// makes run one by one.
    Meets,
}

/// All migrations of a folder, acyclic: each edge leads from a smaller name to
/// a larger one.
#[derive(Debug)]
pub struct Graph {
    graph: DiGraph<Migration, Edge>,
    by_name: BTreeMap<Name, NodeIndex>,
}

impl Graph {
    /// Checks what the migrations name and connects them. Names are unique.
    ///
    /// What an applied migration names is not held against files that are
    /// gone.
    #[must_use]
    pub fn new(migrations: Vec<Migration>, history: &History) -> (Self, Vec<Diagnostic>) {
        let mut graph = DiGraph::with_capacity(migrations.len(), migrations.len());
        let by_name: BTreeMap<Name, NodeIndex> = migrations
            .into_iter()
            .map(|migration| (migration.name.clone(), graph.add_node(migration)))
            .collect();
        let mut edges = Vec::new();
        let mut diagnostics = Vec::new();
        let mut previous = None;
        for index in by_name.values().copied() {
            let migration = &graph[index];
            if migration.kind != Kind::Concurrent
                && let Some(previous) = previous.replace(index)
            {
                edges.push((previous, index, Edge::Order));
            }
            let is_done = history.is_closed(&migration.name);
            let named = migration
                .partner
                .iter()
                .map(|partner| (partner, Edge::Begin))
                .chain(migration.ends.iter().map(|ended| (ended, Edge::End)));
            for (named, edge) in named {
                let found = by_name.get(&named.name).copied();
                if !is_done {
                    let target = found.map(|found| &graph[found]);
                    diagnostics.extend(fault(migration, named, edge, target, &by_name, history));
                }
                // A name that is not earlier was reported just now, and must
                // not make a cycle.
                if let Some(found) = found.filter(|_| named.name < migration.name) {
                    edges.push((found, index, edge));
                }
            }
        }
        let in_order = by_name.values().map(|index| &graph[*index]);
        diagnostics.extend(version::falling(in_order, history));
        edges.extend(meeting(&graph, &by_name, history));
        for (before, after, edge) in edges {
            graph.add_edge(before, after, edge);
        }
        let in_order: Vec<_> = by_name.values().copied().collect();
        diagnostics.extend(version::overtaking(&graph, &in_order, history));
        (Self { graph, by_name }, diagnostics)
    }

    /// All migrations, by name.
    #[must_use]
    pub fn migrations(&self) -> impl DoubleEndedIterator<Item = &Migration> {
        self.by_name.values().map(|index| &self.graph[*index])
    }

    /// The migration of this name.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<&Migration> {
        Some(&self.graph[*self.by_name.get(name)?])
    }

    /// Number of migrations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is no migration.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// All edges, as (before, after, why), sorted by names.
    #[must_use]
    pub fn edges(&self) -> Vec<(&Name, &Name, Edge)> {
        let mut edges: Vec<_> = self
            .graph
            .edge_indices()
            .filter_map(|edge| {
                let (before, after) = self.graph.edge_endpoints(edge)?;
                Some((
                    &self.graph[before].name,
                    &self.graph[after].name,
                    self.graph[edge],
                ))
            })
            .collect();
        edges.sort_by_key(|(before, after, _)| (*after, *before));
        edges
    }

    /// The migrations that must be done before `name` for reason `edge`.
    #[must_use]
    pub fn before(&self, name: &Name, edge: Edge) -> Vec<&Migration> {
        let Some(index) = self.by_name.get(name) else {
            return Vec::new();
        };
        let mut before: Vec<_> = self
            .graph
            .edges_directed(*index, petgraph::Direction::Incoming)
            .filter(|incoming| *incoming.weight() == edge)
            .map(|incoming| &self.graph[petgraph::visit::EdgeRef::source(&incoming)])
            .collect();
        before.sort_by(|one, other| one.name.cmp(&other.name));
        before
    }
}

/// What is wrong with `named`, a name in a directive of `migration`.
fn fault(
    migration: &Migration,
    named: &Named,
    edge: Edge,
    target: Option<&Migration>,
    by_name: &BTreeMap<Name, NodeIndex>,
    history: &History,
) -> Option<Diagnostic> {
    let name = &named.name;
    let error = |code: Code, message: String, label: &str| {
        Diagnostic::new(code, message)
            .source(&migration.source)
            .label(named.span, label)
    };
    let role = if edge == Edge::End {
        "ended here"
    } else {
        "the partner"
    };
    let Some(target) = target else {
        // Applied, and its file gone: whoever needs it done has it done.
        if history.is_closed(name) {
            return None;
        }
        let error = error(
            code::UNKNOWN_MIGRATION,
            format!("no migration is named `{name}`"),
            role,
        );
        let mut renamed = history.renamed.iter();
        return Some(match renamed.find(|one| one.from == *name) {
            Some(renamed) => error.help(format!(
                "its file is named `{}` now: write that",
                renamed.to
            )),
            None => error.help_if(
                nearest(name.as_str(), by_name.keys().map(Name::as_str)),
                |near| format!("did you mean `{near}`?"),
            ),
        });
    };
    if *name == migration.name {
        return Some(error(
            code::LATER_MIGRATION,
            "a migration cannot name itself".to_owned(),
            "this very file",
        ));
    }
    if *name > migration.name {
        return Some(
            error(
                code::LATER_MIGRATION,
                format!("`{name}` comes after the migration that names it"),
                role,
            )
            .note("migrations run in the order of their file names")
            .help("give this file a later name, or the other one an earlier one"),
        );
    }
    match (edge, target.kind) {
        (Edge::End, Kind::Batch | Kind::Standalone) => Some(
            error(
                code::WRONG_KIND,
                format!("`{name}` is not a concurrent migration"),
                "only a concurrent migration can be ended",
            )
            .note("batch migrations run in the order of their names anyway")
            .help(format!(
                "remove this line, or give `{name}` a `begin-concurrent-migration-with` directive"
            )),
        ),
        (Edge::Begin, Kind::Concurrent) => Some(
            error(
                code::WRONG_KIND,
                format!("`{name}` is a concurrent migration itself"),
                "the partner must be a batch migration",
            )
            .help_if(target.partner.as_ref(), |partner| {
                format!("name its partner, `{}`, instead", partner.name)
            }),
        ),
        _ => None,
    }
}

/// Edges between open concurrent migrations that cannot run side by side, as
/// far as their texts tell. What only the database knows is [`crate::plan::Kin`].
fn meeting(
    graph: &DiGraph<Migration, Edge>,
    by_name: &BTreeMap<Name, NodeIndex>,
    history: &History,
) -> Vec<(NodeIndex, NodeIndex, Edge)> {
    let open: Vec<NodeIndex> = by_name
        .values()
        .copied()
        .filter(|index| {
            graph[*index].kind == Kind::Concurrent && !history.is_closed(&graph[*index].name)
        })
        .collect();
    let mut edges = Vec::new();
    for (position, one) in open.iter().enumerate() {
        for other in &open[position + 1..] {
            if graph[*one].disturbs(&graph[*other]) {
                edges.push((*one, *other, Edge::Meets));
            }
        }
    }
    edges
}
