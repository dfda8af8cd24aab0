//! The rules of `segue lint` as a step of `segue check`.

use super::{empty, expect};

#[test]
fn what_a_rule_objects_to_counts_unless_it_is_left_out() {
    let project = empty();
    project
        .file("1.sql", "CREATE TABLE t (id int);\n")
        .file("2.sql", "CREATE INDEX t_id ON t (id);\n")
        .file(
            "3.sql",
            "-- segue: allow: set-not-null-scans, it has ten rows\nALTER TABLE t ALTER id SET NOT NULL;\n",
        );
    expect(&project, "lint", &[]);
    expect(&project, "no-lint", &["--no-lint"]);
    project.write("segue.toml", "[lint]\nsince = \"2.sql\"\n");
    expect(&project, "lint-since", &[]);
    project.write("segue.toml", "[lint]\noff = [\"index-not-concurrently\"]\n");
    expect(&project, "lint-off", &[]);
}
