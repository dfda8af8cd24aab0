//! A change of a column's type that writes all rows anew.

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableCmd, AlterTableType, ColumnDef, RangeVar};

use crate::diagnostic::Severity;
use crate::lint::rule::EVERYWHERE;
use crate::lint::state::ColumnType;
use crate::lint::tree::{column, relation, strings};
use crate::lint::{Finding, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    name: "type-change-rewrites",
    severity: Severity::Error,
    page: include_str!("../../../rules/type-change-rewrites.md"),
    halves: EVERYWHERE,
    check,
};

/// What a change of type means for the rows that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The catalog alone changes.
    Kept,
    /// All rows are written anew.
    Rewritten,
    /// The text does not tell.
    Unknown,
}

fn check(subject: &Subject<'_>) -> Vec<Finding> {
    subject
        .commands_in_use()
        .into_iter()
        .filter(|(_, command)| command.subtype() == AlterTableType::AtAlterColumnType)
        .filter_map(|(table, command)| changed(subject, table, command))
        .collect()
}

fn changed(subject: &Subject<'_>, table: &RangeVar, command: &AlterTableCmd) -> Option<Finding> {
    let definition = command.def.as_deref().and_then(column)?;
    let to_node = definition.type_name.as_ref()?;
    let to = ColumnType::of(to_node)?;
    let name = relation(table);
    let known = subject.state.column(&name, &command.name);
    let from = known.and_then(|known| known.data_type.as_ref());
    let verdict = if is_computed(definition, &command.name, &to) {
        Verdict::Rewritten
    } else {
        match from {
            Some(from) => verdict(subject, from, &to),
            None => of_target(&to),
        }
    };
    let column = &command.name;
    let place = subject.word(to_node.location);
    let help = "add a column of the new type, keep the two equal by a trigger, fill it in batches in a concurrent migration, and let code go over to it";
    match verdict {
        Verdict::Kept => None,
        Verdict::Rewritten => {
            let was = from.map_or_else(String::new, |from| format!("; it is {from} now"));
            Some(
                subject
                    .finding(format!(
                        "`{name}` can be neither read nor written while all of it is written anew, since `{column}` becomes {to}"
                    ))
                    .label(place, format!("another form than what is stored{was}"))
                    .help(help),
            )
        }
        Verdict::Unknown => {
            let mut finding = subject
                .finding(format!(
                    "`{name}` may be written anew while nobody can read or write it, since `{column}` becomes {to}"
                ))
                .label(place, match from {
                    Some(from) => format!("it is {from} now"),
                    None => "which type it has now is not known".to_owned(),
                })
                .help(help);
            finding.diagnostic.severity = Severity::Warning;
            Some(finding)
        }
    }
}

/// Whether `USING` computes the value, beyond a cast that is implied anyway.
fn is_computed(definition: &ColumnDef, name: &str, to: &ColumnType) -> bool {
    let Some(using) = definition.raw_default.as_deref() else {
        return false;
    };
    let is_column = |node: Option<&NodeEnum>| {
        matches!(node, Some(NodeEnum::ColumnRef(column))
            if strings(&column.fields).last() == Some(&name))
    };
    match using.node.as_ref() {
        Some(NodeEnum::TypeCast(cast)) => {
            let is_implied = cast.type_name.as_ref().and_then(ColumnType::of).as_ref() == Some(to);
            !is_implied || !is_column(cast.arg.as_ref().and_then(|arg| arg.node.as_ref()))
        }
        node => !is_column(node),
    }
}

/// What is to be said of a target alone, where the column is not known: some
/// types have no other one of the same form.
fn of_target(to: &ColumnType) -> Verdict {
    match to.built_in() {
        // Mostly from `varchar(n)`.
        Some("text") => Verdict::Kept,
        Some("varchar") if is_unlimited(to) => Verdict::Kept,
        Some(
            "int2" | "int8" | "float4" | "float8" | "uuid" | "json" | "jsonb" | "bool" | "date"
            | "bytea" | "money" | "bpchar",
        ) => Verdict::Rewritten,
        _ => Verdict::Unknown,
    }
}

fn is_unlimited(data_type: &ColumnType) -> bool {
    data_type.modifiers.as_ref().is_some_and(Vec::is_empty)
}

/// As `ATColumnChangeRequiresRewrite` in PostgreSQL's `tablecmds.c` has it,
/// after the planner has taken out casts that change no length.
fn verdict(subject: &Subject<'_>, from: &ColumnType, to: &ColumnType) -> Verdict {
    if from == to {
        return Verdict::Kept;
    }
    if from.is_array || to.is_array {
        // Even `varchar(9)[]` to `text[]` is computed element by element.
        return Verdict::Rewritten;
    }
    let (Some(old), Some(new)) = (from.built_in(), to.built_in()) else {
        return Verdict::Unknown;
    };
    let (Some(old_modifiers), Some(new_modifiers)) = (&from.modifiers, &to.modifiers) else {
        return Verdict::Unknown;
    };
    let is_wider = |old: &[i32], new: &[i32]| match (old, new) {
        (_, []) => true,
        ([old, ..], [new, ..]) => new >= old,
        ([], _) => false,
    };
    let (old_modifiers, new_modifiers) = (old_modifiers.as_slice(), new_modifiers.as_slice());
    let is_kept = match (old, new) {
        // A length or precision that grows is only written down.
        ("varchar", "varchar")
        | ("varbit", "varbit")
        | ("timestamp", "timestamp")
        | ("timestamptz", "timestamptz")
        | ("time", "time")
        | ("timetz", "timetz")
        | ("interval", "interval") => is_wider(old_modifiers, new_modifiers),
        ("text" | "varchar" | "citext" | "xml", "text")
        | ("text" | "varchar", "citext")
        | ("cidr", "inet")
        | ("int4", "oid" | "regclass")
        | ("oid" | "regclass", "int4" | "oid" | "regclass") => true,
        // A limit is enforced where none of the same type was.
        ("text" | "citext", "varchar") | ("bit", "varbit") => new_modifiers.is_empty(),
        ("numeric", "numeric") => is_wider_numeric(old_modifiers, new_modifiers),
        ("timestamp", "timestamptz") | ("timestamptz", "timestamp") => {
            match subject.state.setting("timezone") {
                // The server's own is UTC on many.
                None => return Verdict::Unknown,
                Some(zone) => is_utc(zone) && is_wider(old_modifiers, new_modifiers),
            }
        }
        (old, new) if KNOWN.contains(&old) && KNOWN.contains(&new) => false,
        // A domain, or a type of an extension: perhaps the same underneath.
        _ if subject.state.is_enum(&from.name) || subject.state.is_enum(&to.name) => false,
        _ => return Verdict::Unknown,
    };
    if is_kept {
        Verdict::Kept
    } else {
        Verdict::Rewritten
    }
}

/// `numeric(p)` is `numeric(p, 0)`.
fn is_wider_numeric(old: &[i32], new: &[i32]) -> bool {
    let scale = |modifiers: &[i32]| modifiers.get(1).copied().unwrap_or(0);
    match (old, new) {
        (_, []) => true,
        ([], _) => false,
        ([old_precision, ..], [new_precision, ..]) => {
            new_precision >= old_precision && scale(old) == scale(new)
        }
    }
}

/// Between `timestamp` and `timestamptz` nothing is computed in UTC.
fn is_utc(zone: &str) -> bool {
    ["utc", "etc/utc", "gmt", "0", "+00", "+0"]
        .iter()
        .any(|name| zone.eq_ignore_ascii_case(name))
}

/// Types whose forms are known.
const KNOWN: &[&str] = &[
    "int2",
    "int4",
    "int8",
    "oid",
    "regclass",
    "float4",
    "float8",
    "numeric",
    "money",
    "text",
    "varchar",
    "bpchar",
    "citext",
    "xml",
    "json",
    "jsonb",
    "uuid",
    "bool",
    "bytea",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "bit",
    "varbit",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
];

#[cfg(test)]
mod tests {
    use crate::lint::Release;
    use crate::lint::tests::{check, check_files};

    const NAME: &str = "type-change-rewrites";

    /// A known type, what becomes of it, and whether all rows are written anew;
    /// `tests/database/lint.rs` asks a server about the same pairs.
    #[track_caller]
    fn change(from: &str, to: &str, is_rewritten: bool) {
        let made = format!("CREATE TABLE t (a {from})");
        let text = format!("ALTER TABLE t ALTER a TYPE {to}");
        let at = "1:28";
        let shown = to.split(" USING").next().expect("a type");
        let expected = format!(
            "{at} `t` can be neither read nor written while all of it is written anew, since `a` becomes {shown}"
        );
        let expected: &[&str] = if is_rewritten { &[&expected] } else { &[] };
        check_files(
            NAME,
            &[("a.sql", &made), ("b.sql", &text)],
            Release::Apart,
            expected,
        );
    }

    #[test]
    fn known_types() {
        for line in include_str!("../../../tests/database/lint/types.txt").lines() {
            let [from, to, verdict] = line.split(" | ").collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            change(from, to, verdict == "rewritten");
        }
    }

    #[test]
    fn unknown_types() {
        check(
            NAME,
            "ALTER TABLE t ALTER a TYPE bigint",
            &[
                "1:28 `t` can be neither read nor written while all of it is written anew, since `a` becomes bigint",
            ],
        );
        check(NAME, "ALTER TABLE t ALTER a TYPE text", &[]);
        check(
            NAME,
            "ALTER TABLE t ALTER a TYPE varchar(20)",
            &[
                "1:28 `t` may be written anew while nobody can read or write it, since `a` becomes varchar(20)",
            ],
        );
        check(
            NAME,
            "ALTER TABLE t ALTER a TYPE text USING upper(a)",
            &[
                "1:28 `t` can be neither read nor written while all of it is written anew, since `a` becomes text",
            ],
        );
        check(
            NAME,
            "CREATE TABLE t (a int); ALTER TABLE t ALTER a TYPE bigint",
            &[],
        );
    }

    #[test]
    fn in_utc_a_time_zone_is_nothing() {
        let made = ("a.sql", "CREATE TABLE t (a timestamp)");
        for (zone, expected) in [
            ("SET LOCAL timezone = 'UTC'; ", &[][..]),
            (
                "",
                &[
                    "1:28 `t` may be written anew while nobody can read or write it, since `a` becomes timestamptz",
                ],
            ),
            (
                "SET timezone = 'CET'; ",
                &[
                    "1:50 `t` can be neither read nor written while all of it is written anew, since `a` becomes timestamptz",
                ],
            ),
        ] {
            let changed = format!("{zone}ALTER TABLE t ALTER a TYPE timestamptz");
            check_files(NAME, &[made, ("b.sql", &changed)], Release::Apart, expected);
        }
    }
}
