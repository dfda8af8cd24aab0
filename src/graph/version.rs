//! Versions of the schema: they rise with the names of the files that bring
//! them.

use std::collections::BTreeSet;

use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, Reversed};

use super::Edge;
use crate::diagnostic::{Diagnostic, code};
use crate::directive;
use crate::history::History;
use crate::migration::{Kind, Migration};
use crate::text::{Span, names};
use crate::version::Version;

/// What is wrong with the versions of `migrations`, which come by name. Nothing
/// is held against two that are both done.
pub(super) fn falling<'a>(
    migrations: impl Iterator<Item = &'a Migration>,
    history: &History,
) -> Vec<Diagnostic> {
    let mut highest: Option<(&Migration, Version)> = None;
    let mut found = Vec::new();
    for migration in migrations {
        let Some(version) = migration.schema_version else {
            continue;
        };
        match highest {
            Some((earlier, of_earlier)) if version <= of_earlier => {
                let is_done = |one: &Migration| history.is_closed(&one.name);
                if !(is_done(migration) && is_done(earlier)) {
                    found.push(fault(migration, version, earlier, of_earlier));
                }
            }
            _ => highest = Some((migration, version)),
        }
    }
    found
}

fn fault(
    migration: &Migration,
    version: Version,
    earlier: &Migration,
    of_earlier: Version,
) -> Diagnostic {
    let next = [
        Version::new(of_earlier.major, of_earlier.minor, of_earlier.patch + 1),
        Version::new(of_earlier.major, of_earlier.minor + 1, 0),
        Version::new(of_earlier.major + 1, 0, 0),
    ];
    Diagnostic::new(
        code::SCHEMA_VERSION_ORDER,
        format!("version {version} does not come after {of_earlier}"),
    )
    .source(&migration.source)
    .label(
        place(migration),
        format!("`{}` brings {of_earlier}", earlier.name),
    )
    .note("versions rise with the names of the files")
    .help(format!(
        "if this file is to come later, the next version is one of {}",
        names(next)
    ))
}

/// What is wrong with versions of `graph`, whose migrations come by name in
/// `in_order`: whoever has a version has all lower ones, so a concurrent
/// migration that brings one must be sure to be done before the next version
/// comes. Each is told of where the first file overtakes it. Nothing is held
/// against what is done.
pub(super) fn overtaking(
    graph: &DiGraph<Migration, Edge>,
    in_order: &[NodeIndex],
    history: &History,
) -> Vec<Diagnostic> {
    let pending = in_order.iter().copied().filter_map(|index| {
        let migration = &graph[index];
        let version = migration.schema_version?;
        (!history.is_closed(&migration.name)).then_some((index, migration, version))
    });
    let mut tail: Vec<(NodeIndex, &Migration, Version)> = Vec::new();
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for (index, migration, version) in pending {
        let is_concurrent = migration.kind == Kind::Concurrent;
        if tail.iter().any(|(one, ..)| !told.contains(one)) {
            let before = all_before(graph, index);
            let overtaken: Vec<_> = tail
                .iter()
                .filter(|(one, _, lower)| {
                    *lower < version && !before.contains(one) && !told.contains(one)
                })
                .collect();
            // What ends it there, ends it for all files that come later; of a
            // concurrent migration that cannot be said.
            if !is_concurrent {
                told.extend(overtaken.iter().map(|(one, ..)| *one));
            }
            if let Some((_, lowest, lower)) = overtaken.first() {
                let names = overtaken.iter().map(|(_, one, _)| one.name.as_str());
                found.push(overtaken_fault(
                    (migration, version),
                    (lowest, *lower),
                    &names.collect::<Vec<_>>().join(", "),
                ));
            }
        }
        if is_concurrent {
            tail.push((index, migration, version));
        }
    }
    found
}

/// Whatever is sure to be done before this one begins.
fn all_before(graph: &DiGraph<Migration, Edge>, index: NodeIndex) -> BTreeSet<NodeIndex> {
    let backwards = Reversed(graph);
    let mut walk = Dfs::new(backwards, index);
    let mut found = BTreeSet::new();
    while let Some(one) = walk.next(backwards) {
        found.insert(one);
    }
    found
}

fn overtaken_fault(
    (migration, version): (&Migration, Version),
    (lowest, lower): (&Migration, Version),
    names: &str,
) -> Diagnostic {
    let fault = Diagnostic::new(
        code::SCHEMA_VERSION_ORDER,
        format!("version {version} may come before {lower}"),
    )
    .source(&migration.source)
    .label(
        place(migration),
        format!("`{}` brings {lower}, and may still run then", lowest.name),
    )
    .note("a schema that has a version has all lower ones: by it code relies on what they brought");
    if migration.kind == Kind::Concurrent {
        return fault.help(format!(
            "take this line out, and bring the version with a later file that says `-- segue: end-concurrent-migration: {names}, {}`",
            migration.name
        ));
    }
    fault.help(format!(
        "write `-- segue: end-concurrent-migration: {names}` here, or bring the version with a later file that says so"
    ))
}

/// Where a migration's version is written. Asked only where it is wrong, so the
/// header is read once more instead of keeping it.
fn place(migration: &Migration) -> Span {
    let (directives, _, _) = directive::parse_filled(&migration.source, &migration.variables);
    directives
        .schema_version
        .map_or(Span::new(0, 0), |version| version.span)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diagnostic::{Style, render};
    use crate::history::{Record, State};
    use crate::migration::{Checksum, Name, Named, Outline, Relations};
    use crate::text::Source;

    fn bringing(name: &str, version: &str) -> Migration {
        let header = format!("-- segue: schema-version: {version}\n");
        Migration {
            source: Arc::new(Source::new(format!("migrations/{name}"), header)),
            schema_version: Version::parse(version).ok(),
            ..Migration::example(name, Kind::Batch)
        }
    }

    fn shown(folder: &[Migration], history: &History) -> String {
        let found = falling(folder.iter(), history);
        let shown = found
            .iter()
            .map(|diagnostic| render(diagnostic, Style::Plain));
        shown.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn versions_rise_with_the_names() {
        let folder = [
            bringing("1.sql", "3.0.0"),
            Migration::example("2.sql", Kind::Batch),
            bringing("3.sql", "3.2.0"),
            bringing("4.sql", "3.1.0"),
            bringing("5.sql", "3.2.0"),
            bringing("6.sql", "3.10.0"),
        ];
        assert_eq!(
            shown(&folder, &History::default()),
            "\
error[schema-version-order]: version 3.1.0 does not come after 3.2.0
  --> migrations/4.sql:1:27
  |
1 | -- segue: schema-version: 3.1.0
  |                           ^^^^^ `3.sql` brings 3.2.0
  = note: versions rise with the names of the files
  = help: if this file is to come later, the next version is one of `3.2.1`, `3.3.0` and `4.0.0`

error[schema-version-order]: version 3.2.0 does not come after 3.2.0
  --> migrations/5.sql:1:27
  |
1 | -- segue: schema-version: 3.2.0
  |                           ^^^^^ `3.sql` brings 3.2.0
  = note: versions rise with the names of the files
  = help: if this file is to come later, the next version is one of `3.2.1`, `3.3.0` and `4.0.0`
"
        );
    }

    fn named(name: &str) -> Named {
        Named {
            name: Name::new(name),
            span: Span::new(0, 0),
        }
    }

    /// A concurrent migration that brings a version.
    fn beside(name: &str, partner: &str, version: &str) -> Migration {
        Migration {
            kind: Kind::Concurrent,
            partner: Some(named(partner)),
            // One that is about nothing disturbs no other.
            outline: Some(Outline {
                relations: Some(Relations::default()),
                ..Outline::default()
            }),
            ..bringing(name, version)
        }
    }

    fn ending(name: &str, ended: &[&str], version: &str) -> Migration {
        Migration {
            ends: ended.iter().map(|ended| named(ended)).collect(),
            ..bringing(name, version)
        }
    }

    fn overtaken(folder: &[Migration], history: &History) -> String {
        let (_, found) = crate::graph::Graph::new(folder.to_vec(), history);
        let shown = found
            .iter()
            .map(|diagnostic| render(diagnostic, Style::Plain));
        shown.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn no_version_overtakes_a_lower_one() {
        let folder = [
            bringing("1.sql", "3.0.0"),
            beside("2.sql", "1.sql", "3.1.0"),
            beside("3.sql", "1.sql", "3.2.0"),
            bringing("4.sql", "3.3.0"),
            bringing("5.sql", "3.4.0"),
        ];
        assert_eq!(
            overtaken(&folder, &History::default()),
            "\
error[schema-version-order]: version 3.2.0 may come before 3.1.0
  --> migrations/3.sql:1:27
  |
1 | -- segue: schema-version: 3.2.0
  |                           ^^^^^ `2.sql` brings 3.1.0, and may still run then
  = note: a schema that has a version has all lower ones: by it code relies on what they brought
  = help: take this line out, and bring the version with a later file that says `-- segue: end-concurrent-migration: 2.sql, 3.sql`

error[schema-version-order]: version 3.3.0 may come before 3.1.0
  --> migrations/4.sql:1:27
  |
1 | -- segue: schema-version: 3.3.0
  |                           ^^^^^ `2.sql` brings 3.1.0, and may still run then
  = note: a schema that has a version has all lower ones: by it code relies on what they brought
  = help: write `-- segue: end-concurrent-migration: 2.sql, 3.sql` here, or bring the version with a later file that says so
"
        );
    }

    #[test]
    fn a_version_comes_after_lower_ones_that_are_ended() {
        let folder = [
            bringing("1.sql", "3.0.0"),
            beside("2.sql", "1.sql", "3.1.0"),
            ending("3.sql", &["2.sql"], "3.2.0"),
            // Its partner comes after all that.
            beside("4.sql", "3.sql", "3.3.0"),
            Migration {
                schema_version: None,
                ..ending("5.sql", &["4.sql"], "3.3.1")
            },
            bringing("6.sql", "3.4.0"),
        ];
        assert_eq!(overtaken(&folder, &History::default()), "");
        // The partner may come before what ends the other.
        let early = [
            bringing("1.sql", "3.0.0"),
            beside("2.sql", "1.sql", "3.1.0"),
            Migration::example("3.sql", Kind::Batch),
            ending("4.sql", &["2.sql"], "3.2.0"),
            beside("5.sql", "3.sql", "3.3.0"),
        ];
        let found = overtaken(&early, &History::default());
        assert!(
            found.contains("version 3.3.0 may come before 3.1.0"),
            "{found}"
        );
        let mut done = History::default();
        for name in ["1.sql", "2.sql"] {
            done.records.insert(Name::new(name), applied());
        }
        assert_eq!(overtaken(&early, &done), "");
    }

    fn applied() -> Record {
        Record {
            checksum: Checksum([0; 32]),
            state: State::Applied,
            kind: Kind::Batch,
            deployment: None,
            at: String::new(),
            schema_diff: None,
            schema_version: None,
        }
    }

    #[test]
    fn what_is_done_is_done() {
        let folder = [bringing("1.sql", "3.2.0"), bringing("2.sql", "3.1.0")];
        let mut history = History::default();
        let mut apply = |name: &str| {
            history.records.insert(Name::new(name), applied());
            history.clone()
        };
        assert_ne!(shown(&folder, &apply("1.sql")), "");
        assert_eq!(shown(&folder, &apply("2.sql")), "");
    }
}
