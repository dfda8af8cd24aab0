//! Versions of the schema: they rise with the names of the files that bring
//! them.

use crate::diagnostic::{Diagnostic, code};
use crate::directive;
use crate::history::History;
use crate::migration::Migration;
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
    use crate::migration::{Checksum, Kind, Name};
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

    #[test]
    fn what_is_done_is_done() {
        let folder = [bringing("1.sql", "3.2.0"), bringing("2.sql", "3.1.0")];
        let mut history = History::default();
        let mut apply = |name: &str| {
            let record = Record {
                checksum: Checksum([0; 32]),
                state: State::Applied,
                kind: Kind::Batch,
                deployment: None,
                at: String::new(),
                schema_diff: None,
                schema_version: None,
            };
            history.records.insert(Name::new(name), record);
            history.clone()
        };
        assert_ne!(shown(&folder, &apply("1.sql")), "");
        assert_eq!(shown(&folder, &apply("2.sql")), "");
    }
}
