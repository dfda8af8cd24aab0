use proptest::prelude::*;
use serde_json::json;

use super::*;

fn id(text: &str) -> ObjectId {
    // As it is displayed, with `kind|namespace.name` or `kind|name`.
    let (kind, name) = text.split_once('|').expect("kind|name");
    let kind: Kind = kind.parse().expect("a kind");
    let is_below = !matches!(
        kind,
        Kind::Role | Kind::Database | Kind::Namespace | Kind::Extension
    );
    match name.split_once('.').filter(|_| is_below) {
        Some((namespace, name)) => ObjectId {
            namespace: Some(namespace.to_owned()),
            kind,
            name: name.to_owned(),
        },
        None => ObjectId {
            namespace: None,
            kind,
            name: name.to_owned(),
        },
    }
}

fn snapshot() -> Snapshot {
    let table = json!({
        "owner": "me", "privileges": {"you": ["SELECT"]}, "owner_privileges": ["SELECT"],
        "columns": {
            "owner": {"position": 1, "type": "text"},
            "privileges": {"position": 2, "type": "text", "privileges": {"you": ["SELECT"]}},
        },
        "indexes": {"users_pkey": {}, "idx_a": {}},
    });
    let plain = json!({"owner": "me"});
    let part = |of: &str| json!({"owner": "me", "partition_of": of});
    let objects = [
        ("database|app", &json!({"connection_limit": 3})),
        ("role|me", &json!({"login": true})),
        ("namespace|public", &plain),
        ("namespace|audit", &plain),
        ("extension|citext", &json!({"version": "1.6"})),
        ("table|public.users", &table),
        ("table|public.events", &plain),
        ("table|public.events_1", &part("public.events")),
        ("table|public.events_1_a", &part("public.events_1")),
        ("foreign-table|audit.events_2", &part("public.events")),
        ("table|audit.log", &plain),
        ("default-privileges|me", &plain),
    ];
    Snapshot {
        objects: objects
            .map(|(name, value)| (id(name), value.as_object().expect("a map").clone()))
            .into(),
    }
}

/// All switches on.
fn all() -> Rules {
    Rules {
        namespaces: Vec::new(),
        ignore: Vec::new(),
        owners: true,
        column_order: true,
        privileges: true,
        roles: true,
        database_settings: true,
    }
}

/// What is gone, and the rules that matched nothing.
#[track_caller]
fn check(rules: &Rules, gone: &str, unused: &[&str]) {
    let whole = snapshot();
    let mut left = whole.clone();
    assert_eq!(rules.apply(&mut left), unused);
    let missing = whole.objects.iter().flat_map(|(id, attributes)| {
        let Some(left) = left.objects.get(id) else {
            return vec![format!("{id}\n")];
        };
        let flat = |attributes: &Attributes| {
            let mut paths = Vec::new();
            flatten("", &Value::Object(attributes.clone()), &mut paths);
            paths
        };
        let kept = flat(left);
        let gone = flat(attributes);
        let gone = gone.into_iter().filter(|path| !kept.contains(path));
        gone.map(|path| format!("{id}{path}\n")).collect()
    });
    let missing: String = missing.collect();
    assert_eq!(missing, gone);
    let once = left.clone();
    rules.apply(&mut left);
    assert_eq!(left, once, "applied twice");
}

fn flatten(path: &str, value: &Value, paths: &mut Vec<String>) {
    if !path.is_empty() {
        paths.push(path.to_owned());
    }
    if let Value::Object(map) = value {
        for (key, value) in map {
            flatten(&format!("{path} {key}"), value, paths);
        }
    }
}

fn ignoring(patterns: &[&str]) -> Rules {
    Rules {
        ignore: patterns
            .iter()
            .map(|pattern| pattern.parse().expect("a pattern"))
            .collect(),
        ..all()
    }
}

#[test]
fn with_all_switches_on_everything_stays() {
    check(&all(), "", &[]);
}

#[test]
fn owners() {
    let rules = Rules {
        owners: false,
        ..all()
    };
    check(
        &rules,
        "\
namespace audit owner
namespace public owner
default privileges me owner
table audit.log owner
foreign table audit.events_2 owner
table public.events owner
table public.events_1 owner
table public.events_1_a owner
table public.users owner
",
        &[],
    );
}

#[test]
fn column_order() {
    let rules = Rules {
        column_order: false,
        ..all()
    };
    check(
        &rules,
        "\
table public.users columns owner position
table public.users columns privileges position
",
        &[],
    );
}

#[test]
fn privileges() {
    let rules = Rules {
        privileges: false,
        ..all()
    };
    check(
        &rules,
        "\
default privileges me
table public.users columns privileges privileges
table public.users columns privileges privileges you
table public.users owner_privileges
table public.users privileges
table public.users privileges you
",
        &[],
    );
}

#[test]
fn roles_and_settings_of_the_database() {
    let rules = Rules {
        roles: false,
        database_settings: false,
        ..all()
    };
    check(&rules, "database app\nrole me\n", &[]);
}

#[test]
fn owned_namespaces() {
    let rules = Rules {
        namespaces: vec!["audit".to_owned(), "billing".to_owned()],
        ..all()
    };
    check(
        &rules,
        "\
namespace public
table public.events
table public.events_1
table public.events_1_a
table public.users
",
        &["namespaces: billing"],
    );
}

#[test]
fn ignored_objects_and_parts() {
    check(
        &ignoring(&[
            "* audit.*",
            "extension cit*",
            "index public.users.idx_*",
            "column *.*.owner",
            "table audit.log",
            "view public.*",
        ]),
        "\
extension citext
table audit.log
foreign table audit.events_2
table public.users columns owner
table public.users columns owner position
table public.users columns owner type
table public.users indexes idx_a
",
        &["ignore: view public.*"],
    );
}

#[test]
fn the_last_part_takes_its_key_with_it() {
    check(
        &ignoring(&["index public.users.*"]),
        "\
table public.users indexes
table public.users indexes idx_a
table public.users indexes users_pkey
",
        &[],
    );
}

#[test]
fn partitions_and_theirs() {
    let expected = "\
foreign table audit.events_2
table public.events_1
table public.events_1_a
";
    check(&ignoring(&["partitions of public.events"]), expected, &[]);
    // In whatever order, and whatever else goes.
    check(
        &ignoring(&["table public.events_1", "partitions of public.events"]),
        expected,
        &[],
    );
    check(
        &ignoring(&["partitions of public.users"]),
        "",
        &["ignore: partitions of public.users"],
    );
}

#[test]
fn a_rule_is_used_if_it_matches_in_any() {
    let rules = Rules {
        namespaces: vec!["audit".to_owned()],
        ..ignoring(&["table audit.log", "table audit.nothing"])
    };
    let unused = rules.apply_to_all([&mut snapshot(), &mut Snapshot::default()]);
    assert_eq!(unused, ["ignore: table audit.nothing"]);
}

proptest! {
    #[test]
    fn applying_twice_is_applying_once(
        switches in any::<[bool; 5]>(),
        namespaces in prop::collection::vec(prop::sample::select(vec!["public", "audit", "x"]), 0..3),
        ignore in prop::collection::vec(prop::sample::select(vec![
            "* audit.*", "* *", "partitions of public.*", "index *.*.idx_*", "column public.*.*",
            "table public.events*", "namespace public", "table public.events_1",
        ]), 0..4),
    ) {
        let [owners, column_order, privileges, roles, database_settings] = switches;
        let rules = Rules {
            namespaces: namespaces.into_iter().map(ToOwned::to_owned).collect(),
            owners, column_order, privileges, roles, database_settings,
            ..ignoring(&ignore)
        };
        let mut once = snapshot();
        rules.apply(&mut once);
        let mut twice = once.clone();
        rules.apply(&mut twice);
        prop_assert_eq!(once, twice);
    }
}
