//! Migrations that change what the databases of a server share.

use super::Place;

#[test]
fn a_state_with_roles_of_its_own_has_a_server_of_its_own() {
    let place = Place::new();
    place
        .project
        .file("1.sql", "CREATE TABLE t ();\n")
        .file(
            "2.sql",
            "CREATE ROLE reader;\nGRANT SELECT ON t TO reader;\n",
        )
        .file("3.sql", "ALTER ROLE reader LOGIN;\n");
    let roles = &["SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname = 'reader'"];
    assert_eq!(place.query("3", roles), "reader|t\n");
    assert_eq!(place.query("2", roles), "reader|f\n");
    assert_eq!(place.query("1", roles), "");
    assert_eq!(place.query("3", roles), "reader|t\n");
    // That of the others, and one each.
    assert_eq!(place.kept().len(), 3);
}

#[test]
fn a_role_that_is_missing_is_made_once() {
    let place = Place::new();
    place
        .project
        .file("1.sql", "CREATE TABLE t ();\n")
        .file("2.sql", "GRANT SELECT ON t TO reader;\n");
    let can = &["SELECT has_table_privilege('reader', 't', 'SELECT')"];
    for _ in 0..2 {
        assert_eq!(place.query("2", can), "t\n");
    }
    assert_eq!(place.query("1", can), "f\n");
    assert_eq!(place.kept().len(), 1);
}
