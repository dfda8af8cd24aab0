use super::databases::{database_url, dev_database_url};
use super::*;
use crate::cli::config::Folders;

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// `direct` and `database` are the options of the command line.
#[track_caller]
fn check_url(
    direct: Option<&str>,
    database: Option<&str>,
    environment: &[(&str, &str)],
    expected: Option<&str>,
    notice: bool,
) {
    let global = Global {
        direct_url: direct.map(ToOwned::to_owned),
        database_url: database.map(ToOwned::to_owned),
        ..Global::default()
    };
    let chosen = database_url(&global, &variables(environment));
    assert_eq!(chosen.value.as_deref(), expected);
    assert_eq!(chosen.notice.is_some(), notice);
}

#[test]
fn the_command_line_comes_before_the_environment() {
    let all = [
        ("SEGUE_DIRECT_URL", "direct"),
        ("SEGUE_DATABASE_URL", "segue"),
        ("DATABASE_URL", "any"),
        ("CODD_CONNECTION", "codd"),
    ];
    check_url(Some("a"), Some("b"), &all, Some("a"), false);
    check_url(None, Some("b"), &all, Some("b"), false);
    check_url(None, None, &all, Some("direct"), false);
    check_url(None, None, &all[1..], Some("segue"), false);
    check_url(None, None, &all[2..], Some("any"), false);
    check_url(None, None, &all[3..], Some("codd"), true);
    check_url(None, None, &[], None, false);
}

#[test]
fn a_development_database_is_named_for_it() {
    #[track_caller]
    fn check(database: Option<&str>, environment: &[(&str, &str)], expected: Option<&str>) {
        let global = Global {
            database_url: database.map(ToOwned::to_owned),
            ..Global::default()
        };
        let url = dev_database_url(&global, &variables(environment));
        assert_eq!(url.as_deref(), expected);
    }
    let others = [
        ("SEGUE_DIRECT_URL", "direct"),
        ("SEGUE_DATABASE_URL", "segue"),
        ("DATABASE_URL", "any"),
        ("CODD_CONNECTION", "codd"),
        ("PGDATABASE", "libpq"),
    ];
    check(None, &others, None);
    check(Some("a"), &others, Some("a"));
    let own = ("SEGUE_DEV_DATABASE_URL", "own");
    check(None, &[others[0], own], Some("own"));
    check(Some("a"), &[own], Some("a"));
    check(None, &[("SEGUE_DEV_DATABASE_URL", "")], None);
}

#[test]
fn an_empty_variable_is_none() {
    let environment = [("SEGUE_DATABASE_URL", ""), ("DATABASE_URL", "any")];
    check_url(None, None, &environment, Some("any"), false);
}

#[track_caller]
fn check_folders(
    arguments: &[&str],
    environment: &[(&str, &str)],
    config: Option<Folders>,
    expected: &[&str],
    notice: bool,
) {
    let arguments: Vec<_> = arguments.iter().map(PathBuf::from).collect();
    let config = Config {
        migrations: config,
        ..Config::default()
    };
    let chosen = folders(
        &arguments,
        &variables(environment),
        &config,
        Path::new("deploy"),
    );
    let expected: Vec<_> = expected.iter().map(PathBuf::from).collect();
    assert_eq!(chosen.value, expected);
    assert_eq!(chosen.notice.is_some(), notice);
}

#[test]
fn folders_of_the_file_count_from_the_file() {
    let config = Some(Folders::Several(vec![
        "db".to_owned(),
        "/shared".to_owned(),
    ]));
    let segue = ("SEGUE_MIGRATIONS", "a:b:");
    let codd = ("CODD_MIGRATION_DIRS", "c");
    check_folders(
        &["x", "y"],
        &[segue, codd],
        config.clone(),
        &["x", "y"],
        false,
    );
    check_folders(&[], &[segue, codd], config.clone(), &["a", "b"], false);
    check_folders(&[], &[codd], config.clone(), &["c"], true);
    check_folders(&[], &[], config, &["deploy/db", "/shared"], false);
    check_folders(&[], &[], None, &["deploy/migrations"], false);
}
