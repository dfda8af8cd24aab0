use super::*;

#[track_caller]
fn check(sql: &str, major: u32, expected: &str) {
    let expanded = expand(sql, "pg_proc", major, &Scope::All).expect("all is read");
    assert_eq!(expanded, format!("{expected}\n"));
}

#[test]
fn lines_are_for_some_versions() {
    let sql = "a\n--@15 b\n  --@<15   c\n--@15 --@<17 d\n-- a comment";
    check(sql, 14, "a\n  c\n-- a comment");
    check(sql, 15, "a\nb\nd\n-- a comment");
    check(sql, 16, "a\nb\nd\n-- a comment");
    check(sql, 17, "a\nb\n-- a comment");
}

#[test]
fn only_what_is_asked_for_is_read() {
    check("WHERE $only(p.oid)", 15, "WHERE true");
    let scope = Scope::Only([("pg_proc", [1, 22].into()), ("pg_cast", [].into())].into());
    let expand = |catalog| expand("$only(p.oid)", catalog, 15, &scope);
    assert_eq!(
        expand("pg_proc").as_deref(),
        Some("p.oid = ANY ('{1,22}'::pg_catalog.oid[])\n")
    );
    assert_eq!(expand("pg_cast"), None);
    assert_eq!(expand("pg_type"), None);
}

#[test]
fn a_comment_is_the_objects_own() {
    check(
        "$comment(p.oid)",
        15,
        "(SELECT described.description FROM pg_catalog.pg_description AS described \
         WHERE described.objoid = p.oid AND objsubid = 0 \
         AND described.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass)",
    );
}

#[test]
fn custom_settings_have_no_values() {
    check(
        "$settings(d.oid, 0)",
        15,
        "(SELECT pg_catalog.jsonb_object_agg(pg_catalog.split_part(one, '=', 1), \
         CASE WHEN pg_catalog.split_part(one, '=', 1) ~ '[.]' THEN 'present' \
         ELSE pg_catalog.substr(one, pg_catalog.strpos(one, '=') + 1) END) \
         FROM pg_catalog.pg_db_role_setting AS stored \
         CROSS JOIN LATERAL pg_catalog.unnest(stored.setconfig) AS settings (one) \
         WHERE stored.setdatabase = d.oid AND stored.setrole = 0)",
    );
}
