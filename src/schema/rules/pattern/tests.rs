use super::*;

fn object(namespace: Option<&str>, kind: Kind, name: &str) -> ObjectId {
    ObjectId {
        namespace: namespace.map(ToOwned::to_owned),
        kind,
        name: name.to_owned(),
    }
}

#[track_caller]
fn check(pattern: &str, id: ObjectId, expected: bool) {
    let pattern: Pattern = pattern.parse().expect("a pattern");
    assert_eq!(pattern.to_string().parse().as_ref(), Ok(&pattern));
    let snapshot = Snapshot {
        objects: [(id, crate::schema::Map::new())].into(),
    };
    assert_eq!(!pattern.find(&snapshot).is_empty(), expected, "{pattern}");
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    let error = text.parse::<Pattern>().expect_err("an error");
    assert_eq!(error.to_string(), expected);
}

fn table(name: &str) -> ObjectId {
    object(Some("public"), Kind::Table, name)
}

#[test]
fn stars_and_question_marks() {
    check("table public.users", table("users"), true);
    check("table public.users", table("users2"), false);
    check("table public.tmp_*", table("tmp_"), true);
    check("table public.tmp_*", table("tmp_a"), true);
    check("table public.tmp_*", table("a_tmp_"), false);
    check("table public.*_*_x", table("a_b_c_x"), true);
    check("table public.*a*b*", table("xaxxbx"), true);
    check("table public.*a*b*", table("xbxxax"), false);
    check("table public.user?", table("users"), true);
    check("table public.user?", table("user"), false);
    check("table *.users", table("users"), true);
    check("table p*.u*", table("users"), true);
    check("view public.users", table("users"), false);
}

#[test]
fn a_star_does_not_reach_over_a_dot() {
    check("* audit.*", object(Some("audit"), Kind::View, "a"), true);
    check("* *", table("users"), false);
    check("* *.*", table("users"), true);
    check("* *.*", object(None, Kind::Extension, "citext"), false);
    check("* *", object(None, Kind::Extension, "citext"), true);
    // The dot of a name is no dot between two.
    check("table *.c", object(Some("a.b"), Kind::Table, "c"), true);
    check("table a.*", object(Some("a.b"), Kind::Table, "c"), false);
    check(
        "table \"a.b\".*",
        object(Some("a.b"), Kind::Table, "c"),
        true,
    );
    check("table public.a*", table("a.b"), true);
}

#[test]
fn names_are_as_they_are() {
    check("table public.Users", table("Users"), true);
    check("table public.Users", table("users"), false);
    check("table public.\"U*\"", table("U*"), true);
    check("table public.\"U*\"", table("Users"), false);
    check("table public.\"a\"\"b\"", table("a\"b"), true);
    check("table public.two words", table("two words"), true);
    check("table public.größe", table("größe"), true);
}

#[test]
fn kinds_of_two_words() {
    let view = || object(Some("public"), Kind::MaterializedView, "v");
    check("materialized-view public.v", view(), true);
    check("materialized view public.v", view(), true);
    check("view public.v", view(), false);
    let class = object(Some("public"), Kind::OperatorClass, "btree c");
    check("operator class public.btree c", class, true);
}

#[test]
fn routines_have_their_arguments() {
    let function = || object(Some("public"), Kind::Function, "f(public.mood, text)");
    check("function public.f(public.mood, text)", function(), true);
    check("function public.f(*)", function(), true);
    check("function public.*", function(), true);
    check("function public.f", function(), false);
}

#[test]
fn names_without_namespace_may_have_dots() {
    let cast = || object(None, Kind::Cast, "public.a AS public.b");
    check("cast public.a AS public.b", cast(), true);
    check("cast public.* AS public.*", cast(), true);
    check("cast *", cast(), true);
}

#[test]
fn many_stars_take_no_time() {
    let pattern = format!("table public.{}b", "*a".repeat(60));
    check(&pattern, table(&"a".repeat(5000)), false);
}

#[test]
fn what_is_no_pattern_says_why() {
    check_error(
        "public.users",
        "`public.users` lacks what it is for: `table public.users`, or `* public.users` for every kind",
    );
    check_error(
        "tabel a.b",
        "`tabel` is no kind of object: did you mean `table`?",
    );
    check_error("gizmo a.b", "`gizmo` is no kind of object");
    check_error(
        "table",
        "`table` lacks a name: `table public.tmp_*` for example",
    );
    check_error(
        "table users",
        "`table users` has to be like `table public.users`",
    );
    check_error(
        "table app.public.users",
        "`table app.public.users` has to be like `table public.some_*`",
    );
    check_error(
        "index public.idx_a",
        "`index public.idx_a` has to be like `index public.users.some_*`",
    );
    check_error(
        "partitions of events",
        "`partitions of events` has to be like `partitions of public.events`",
    );
    check_error("* a.b.c", "`* a.b.c` has to be like `* public.tmp_*`");
    check_error(
        "table public.\"a",
        "a `\"` of `table public.\"a` is not closed",
    );
    check_error("table public.", "a name in `table public.` is empty");
    check_error("table .a", "a name in `table .a` is empty");
}
