//! A [`Plan`] as a picture: Mermaid for pull requests, DOT for Graphviz.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::backfill::Backfill;
use crate::graph::{Edge, Graph};
use crate::migration::Name;
use crate::plan::{Checks, Plan, Step};

/// Why one migration comes after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) before: Name,
    pub(crate) after: Name,
    pub(crate) edge: Edge,
}

impl Link {
    /// As JSON names it.
    pub(crate) fn why(&self) -> &'static str {
        match self.edge {
            Edge::Order => "order",
            Edge::Begin => "begins-with",
            Edge::End => "ended-by",
            Edge::Meets => "same-relations",
        }
    }

    fn label(&self) -> &'static str {
        match self.edge {
            Edge::Order => "",
            Edge::Begin => "begins",
            Edge::End => "ended by",
            Edge::Meets => "same table",
        }
    }
}

/// The edges of `graph` between members of `plan`, and the directives of its
/// members that name applied migrations.
pub(crate) fn links(plan: &Plan, graph: &Graph) -> Vec<Link> {
    let members = members(plan);
    graph
        .edges()
        .into_iter()
        .filter(|(before, after, edge)| {
            let (before, after) = (members.contains_key(before), members.contains_key(after));
            after && (before || matches!(edge, Edge::Begin | Edge::End))
        })
        .map(|(before, after, edge)| Link {
            before: before.clone(),
            after: after.clone(),
            edge,
        })
        .collect()
}

/// Where in the plan a migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// Of the batch, step from 1.
    Step(usize),
    Tail,
}

fn members(plan: &Plan) -> BTreeMap<&Name, Part> {
    let mut members = BTreeMap::new();
    for (index, step) in plan.batch.iter().enumerate() {
        let part = Part::Step(index + 1);
        match step {
            Step::Block(block) => {
                members.extend(block.migrations.iter().map(|name| (name, part)));
            }
            Step::Standalone(name) => {
                members.insert(name, part);
            }
            Step::Foreground { concurrent, .. } | Step::WaitFor { concurrent, .. } => {
                members.insert(concurrent, part);
            }
        }
    }
    members.extend(plan.tail.iter().map(|step| (&step.name, Part::Tail)));
    members
}

fn title(plan: &Plan, part: Part) -> String {
    match part {
        Part::Tail => "tail, after ready".to_owned(),
        Part::Step(number) => match &plan.batch[number - 1] {
            Step::Block(_) => format!("step {number}: one transaction"),
            Step::Standalone(_) => format!("step {number}: outside a transaction"),
            Step::Foreground { .. } => format!("step {number}: concurrent, before ready"),
            Step::WaitFor { pid, .. } => format!("step {number}: wait for pid {pid}"),
        },
    }
}

/// Nodes by part, and a short identifier of each.
struct Picture<'a> {
    folded: BTreeSet<&'a Name>,
    backfills: &'a BTreeMap<Name, Backfill>,
    parts: BTreeMap<Part, Vec<&'a Name>>,
    /// Applied already, named by a directive.
    outside: Vec<&'a Name>,
    ids: BTreeMap<&'a Name, String>,
}

impl<'a> Picture<'a> {
    fn new(plan: &'a Plan, links: &'a [Link]) -> Self {
        let members = members(plan);
        let mut outside: Vec<&Name> = links
            .iter()
            .map(|link| &link.before)
            .filter(|name| !members.contains_key(name))
            .collect();
        outside.sort();
        outside.dedup();
        let mut parts: BTreeMap<Part, Vec<&Name>> = BTreeMap::new();
        for (name, part) in &members {
            parts.entry(*part).or_default().push(name);
        }
        let ids = members
            .keys()
            .copied()
            .chain(outside.iter().copied())
            .enumerate()
            .map(|(index, name)| (name, format!("m{}", index + 1)))
            .collect();
        Self {
            folded: plan.folded().collect(),
            backfills: &plan.backfills,
            parts,
            outside,
            ids,
        }
    }

    /// What is written on a node.
    fn label(&self, name: &Name) -> String {
        if self.folded.contains(name) {
            format!("{name}, folded into the transaction")
        } else if let Some(backfill) = self.backfills.get(name) {
            format!(
                "{name}, a backfill of {} by {}",
                backfill.table, backfill.key
            )
        } else {
            name.to_string()
        }
    }

    /// The part whose end makes the deployment ready, if something is done.
    fn last_step(&self) -> Option<&Name> {
        let mut steps = self
            .parts
            .iter()
            .filter(|(part, _)| matches!(part, Part::Step(_)));
        steps.next_back()?.1.last().copied()
    }
}

/// What the deployment is before its tail.
fn ready(plan: &Plan) -> &'static str {
    match plan.checks {
        Checks::Made {
            before_ready: Some(_),
            ..
        } => "verified, ready",
        _ => "ready",
    }
}

/// A Mermaid flow chart.
pub(crate) fn mermaid(plan: &Plan, links: &[Link]) -> String {
    let picture = Picture::new(plan, links);
    let mut text = String::from("flowchart TD\n");
    let node = |name: &Name| {
        let shown = picture.label(name).replace('"', "#quot;");
        format!("{}[\"{shown}\"]", picture.ids[name])
    };
    for name in &picture.outside {
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(text, "  {}:::applied", node(name));
    }
    for (part, names) in &picture.parts {
        let id = match part {
            Part::Step(number) => format!("step{number}"),
            Part::Tail => "tail".to_owned(),
        };
        let _ = writeln!(text, "  subgraph {id}[\"{}\"]", title(plan, *part));
        for name in names {
            let _ = writeln!(text, "    {}", node(name));
        }
        text.push_str("  end\n");
    }
    let _ = writeln!(text, "  ready([{}])", ready(plan));
    if let Some(last) = picture.last_step() {
        let _ = writeln!(text, "  {} ==> ready", picture.ids[last]);
    }
    for link in links {
        let (before, after) = (&picture.ids[&link.before], &picture.ids[&link.after]);
        let _ = match link.label() {
            "" => writeln!(text, "  {before} --> {after}"),
            label => writeln!(text, "  {before} -- \"{label}\" --> {after}"),
        };
    }
    for name in picture.parts.get(&Part::Tail).into_iter().flatten() {
        let _ = writeln!(text, "  ready -.-> {}", picture.ids[*name]);
    }
    text.push_str("  classDef applied stroke-dasharray: 4\n");
    text
}

/// A Graphviz graph.
pub(crate) fn dot(plan: &Plan, links: &[Link]) -> String {
    let picture = Picture::new(plan, links);
    let mut text = String::from("digraph plan {\n  node [shape=box];\n");
    let quote = |name: &str| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    let node = |name: &Name| {
        format!(
            "{} [label={}",
            picture.ids[name],
            quote(&picture.label(name))
        )
    };
    for name in &picture.outside {
        let _ = writeln!(text, "  {}, style=dashed];", node(name));
    }
    for (part, names) in &picture.parts {
        let id = match part {
            Part::Step(number) => format!("step{number}"),
            Part::Tail => "tail".to_owned(),
        };
        let _ = writeln!(text, "  subgraph cluster_{id} {{");
        let _ = writeln!(text, "    label={};", quote(&title(plan, *part)));
        for name in names {
            let _ = writeln!(text, "    {}];", node(name));
        }
        text.push_str("  }\n");
    }
    let _ = writeln!(text, "  ready [shape=oval, label=\"{}\"];", ready(plan));
    if let Some(last) = picture.last_step() {
        let _ = writeln!(text, "  {} -> ready [style=bold];", picture.ids[last]);
    }
    for link in links {
        let (before, after) = (&picture.ids[&link.before], &picture.ids[&link.after]);
        let _ = match link.label() {
            "" => writeln!(text, "  {before} -> {after};"),
            label => writeln!(text, "  {before} -> {after} [label={}];", quote(label)),
        };
    }
    for name in picture.parts.get(&Part::Tail).into_iter().flatten() {
        let _ = writeln!(text, "  ready -> {} [style=dashed];", picture.ids[*name]);
    }
    text.push_str("}\n");
    text
}
