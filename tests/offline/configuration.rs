//! `segue.toml` as the program reads it.

use crate::support::Project;

#[test]
fn a_misspelt_key_is_located() {
    let project = Project::new();
    project.write("segue.toml", "[up]\njosb = 3\n");
    project.segue(&["plan"]).expect(
        "",
        "
        error[invalid-configuration]: unknown key `josb`
          --> segue.toml:2:1
          |
        2 | josb = 3
          | ^^^^ not known here
          = help: did you mean `jobs`?
        ",
        2,
    );
}

#[test]
fn a_named_file_has_to_be_there() {
    Project::new()
        .segue(&["plan", "--config", "other.toml"])
        .expect(
            "",
            "
        error: cannot read the configuration `other.toml`: No such file or directory (os error 2)
        ",
            2,
        );
}

#[test]
fn its_folders_count_from_the_file() {
    let project = Project::new();
    project.write("deploy/segue.toml", "migrations = \"db\"\n");
    project
        .segue(&["plan", "--config", "deploy/segue.toml"])
        .expect(
            "",
            "
            error: cannot read the folder `deploy/db`: No such file or directory (os error 2)
            help: `--migrations DIR` or `SEGUE_MIGRATIONS` names another folder
            ",
            2,
        );
}

#[test]
fn codds_variables_are_noticed() {
    let mut project = Project::new();
    project.env("CODD_MIGRATION_DIRS", "nowhere");
    project.segue(&["plan"]).expect(
        "",
        "
                Note the folders are those of CODD_MIGRATION_DIRS; set SEGUE_MIGRATIONS to be exact
        error: cannot read the folder `nowhere`: No such file or directory (os error 2)
        help: `--migrations DIR` or `SEGUE_MIGRATIONS` names another folder
        ",
        2,
    );
}
