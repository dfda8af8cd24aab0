//! Where a database stands against a folder, and what has to be told of it.

use crate::diagnostic::{Diagnostic, code};
use crate::graph::Graph;
use crate::history::{History, Renamed, State};
use crate::migration::{Kind, Migration, Name};

/// Where a database stands against a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing pending, nothing that the folder lacks.
    Equal,
    /// The folder has migrations that the database lacks.
    Behind {
        /// How many.
        pending: usize,
    },
    /// The ledger has migrations that the folder lacks, and nothing is
    /// pending: an older folder against a newer database.
    Ahead {
        /// Those that the folder lacks, by name.
        missing: Vec<Name>,
    },
    /// Both.
    Diverged {
        /// How many the database lacks.
        pending: usize,
        /// Those that the folder lacks, by name.
        missing: Vec<Name>,
    },
}

/// What is told, and refused with `--strict`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A pending file sorts before the newest applied one.
    OutOfOrder {
        /// The pending one.
        pending: Name,
        /// The newest applied one.
        newest: Name,
    },
    /// The text of an applied file has changed.
    Modified(Name),
    /// Applied files that are gone.
    Missing(Vec<Name>),
    /// The text of a concurrent migration that began or failed has changed.
    Edited(Name),
    /// Begun outside a transaction, not ended, and its file is gone: renamed,
    /// its statements would run again.
    LeftBegun(Name),
    /// The ledger knows a file by another name; told, never refused.
    Renamed {
        /// Its name in the ledger.
        from: Name,
        /// Its name now.
        to: Name,
    },
}

/// Place, facts, and what is refused.
pub(super) fn survey(
    graph: &Graph,
    history: &History,
    strict: bool,
) -> (Place, Vec<Fact>, Vec<Diagnostic>) {
    let is_closed = |name: &Name| history.is_closed(name);
    let pending: Vec<&Migration> = graph
        .migrations()
        .filter(|migration| !is_closed(&migration.name))
        .collect();
    let missing: Vec<Name> = history
        .records
        .iter()
        // One that was given up has left nothing that a folder could lack.
        .filter(|(name, record)| record.state == State::Applied && graph.get(name).is_none())
        .map(|(name, _)| name.clone())
        .collect();
    let place = match (pending.len(), missing.is_empty()) {
        (0, true) => Place::Equal,
        (0, false) => Place::Ahead {
            missing: missing.clone(),
        },
        (pending, true) => Place::Behind { pending },
        (pending, false) => Place::Diverged {
            pending,
            missing: missing.clone(),
        },
    };

    let mut facts: Vec<Fact> = history
        .renamed
        .iter()
        .map(|Renamed { from, to, .. }| Fact::Renamed {
            from: from.clone(),
            to: to.clone(),
        })
        .collect();
    let newest = history
        .records
        .iter()
        .filter(|(name, record)| is_closed(name) && record.kind != Kind::Concurrent)
        .map(|(name, _)| name)
        .next_back();
    for migration in &pending {
        match newest {
            // A concurrent migration is meant to come after later batches.
            Some(newest) if migration.kind != Kind::Concurrent && migration.name < *newest => {
                facts.push(Fact::OutOfOrder {
                    pending: migration.name.clone(),
                    newest: newest.clone(),
                });
            }
            _ => {}
        }
        if let Some(record) = history.records.get(&migration.name)
            && record.checksum != migration.checksum
        {
            facts.push(Fact::Edited(migration.name.clone()));
        }
    }
    let mut same = 0_usize;
    let mut modified = Vec::new();
    for migration in graph.migrations().filter(|one| is_closed(&one.name)) {
        if history.records[&migration.name].checksum == migration.checksum {
            same += 1;
        } else {
            modified.push(migration);
        }
    }
    let mut diagnostics = Vec::new();
    if same == 0 && !modified.is_empty() && !missing.is_empty() {
        diagnostics.extend(modified.iter().take(1).map(|migration| {
            Diagnostic::new(code::ANOTHER_PROJECT,
                format!(
                    "the ledger knows `{}` with another text, and nothing that this folder holds as it is",
                    migration.name
                ),
            )
            .source(&migration.source)
            .note("the database seems to belong to another project")
            .help("give this one its own name: `project = \"…\"` in `segue.toml`, or `--project`")
        }));
    }
    facts.extend(
        modified
            .iter()
            .map(|migration| Fact::Modified(migration.name.clone())),
    );
    if !missing.is_empty() {
        facts.push(Fact::Missing(missing));
    }
    facts.extend(
        history
            .records
            .iter()
            .filter(|(name, record)| {
                matches!(record.state, State::Begun | State::Failed(_)) && graph.get(name).is_none()
            })
            .map(|(name, _)| Fact::LeftBegun(name.clone())),
    );
    if strict {
        diagnostics.extend(facts.iter().filter_map(|fact| refusal(graph, fact)));
    }
    (place, facts, diagnostics)
}

fn refusal(graph: &Graph, fact: &Fact) -> Option<Diagnostic> {
    let of = |name: &Name, diagnostic: Diagnostic| match graph.get(name) {
        Some(migration) => diagnostic.source(&migration.source),
        None => diagnostic,
    };
    let diagnostic = match fact {
        Fact::OutOfOrder { pending, .. } => of(
            pending,
            Diagnostic::error(code::OUT_OF_ORDER, fact.to_string()),
        )
        .help("give it a later name, or run without `--strict`"),
        Fact::Modified(name) | Fact::Edited(name) => of(
            name,
            Diagnostic::error(code::MODIFIED_MIGRATION, fact.to_string()),
        )
        .help("bring its text back and write a new migration, or run without `--strict`"),
        Fact::LeftBegun(_) | Fact::Missing(_) => {
            Diagnostic::error(code::MISSING_MIGRATION, fact.to_string())
                .help("update the folder, or run without `--strict`")
        }
        Fact::Renamed { .. } => return None,
    };
    Some(diagnostic.note("refused because of `--strict`"))
}

impl std::fmt::Display for Fact {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OutOfOrder { pending, newest } => write!(
                formatter,
                "`{pending}` is older than `{newest}`, which is applied"
            ),
            Self::Modified(name) => write!(
                formatter,
                "the text of `{name}` has changed since it was applied"
            ),
            Self::Missing(names) => write!(
                formatter,
                "applied, but not in this folder: {}",
                list(names)
            ),
            Self::LeftBegun(name) => write!(
                formatter,
                "`{name}` began and did not end, and is not in this folder: under another name and with another text its statements run again; bring it back, or give it up by `segue abandon {name}`"
            ),
            Self::Renamed { from, to } => write!(
                formatter,
                "`{from}` is named `{to}` now, by its text; the ledger follows"
            ),
            Self::Edited(name) => write!(
                formatter,
                "the text of `{name}` has changed since it was tried; the new one runs"
            ),
        }
    }
}

/// Names in backticks; of very many, the first ones and a count.
fn list(names: &[Name]) -> String {
    const SHOWN_MAX: usize = 5;
    let mut shown: Vec<String> = names
        .iter()
        .take(SHOWN_MAX)
        .map(|name| format!("`{name}`"))
        .collect();
    if names.len() > SHOWN_MAX {
        shown.push(format!("and {} more", names.len() - SHOWN_MAX));
    }
    shown.join(", ")
}

impl Place {
    /// The migrations of the ledger that the folder lacks.
    #[must_use]
    pub fn missing(&self) -> &[Name] {
        match self {
            Self::Ahead { missing } | Self::Diverged { missing, .. } => missing,
            Self::Equal | Self::Behind { .. } => &[],
        }
    }

    /// One word: `equal`, `behind`, `ahead`, `diverged`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Behind { .. } => "behind",
            Self::Ahead { .. } => "ahead",
            Self::Diverged { .. } => "diverged",
        }
    }
}
