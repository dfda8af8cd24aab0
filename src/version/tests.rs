use super::*;

fn shown<T: fmt::Display>(found: Result<T, Malformed>) -> String {
    match found {
        Ok(found) => found.to_string(),
        Err(Malformed { range, reason }) => format!("{}..{}: {reason}", range.start, range.end),
    }
}

#[test]
fn a_version_has_three_numbers() {
    let check = |text, expected| assert_eq!(shown(Version::parse(text)), expected, "{text}");
    check("3.1.0", "3.1.0");
    check("2026.11.22", "2026.11.22");
    check("999999999.0.0", "999999999.0.0");
    check("1.1000000000.0", "2..12: a number is too large");
    check("3.1", "0..3: three numbers are needed");
    check("3.1.0.2", "0..7: three numbers are needed");
    check("3.01.0", "2..4: a number begins with 0");
    check("3.+1.0", "2..4: not a number");
    check("3.1.0-rc1", "4..9: not a number");
    check("v3.1.0", "0..2: not a number");
    check("3..0", "2..2: a number is missing");
    check("", "0..0: a number is missing");
    check("3.1.٣", "4..6: not a number");
}

#[test]
fn what_is_left_out_is_zero_of_a_version_and_anything_of_a_series() {
    assert_eq!(shown(Version::parse_short("3.1")), "3.1.0");
    assert_eq!(shown(Version::parse_short("3")), "3.0.0");
    let series = |text| Series::parse(text).expect("a series");
    let version = |text| Version::parse(text).expect("a version");
    for (of, after) in [("3", "4.0.0"), ("3.1", "3.2.0"), ("3.1.4", "3.1.5")] {
        assert_eq!(series(of).after(), version(after));
        assert_eq!(series(of).to_string(), of);
    }
    assert!(series("3.1").contains(version("3.1.99")));
    assert!(!series("3.1").contains(version("3.10.0")));
    assert!(!series("3.1.4").contains(version("3.1.5")));
    assert_eq!(series("3.1").numbers(), 2);
}

#[test]
fn versions_rise_by_their_numbers() {
    let text = ["2.13.0", "3.0.0", "3.0.1", "3.2.0", "3.10.0", "10.0.0"];
    let versions = text.map(|text| Version::parse(text).expect("a version"));
    assert!(versions.is_sorted());
}

#[test]
fn ranges_are_bounds_that_all_hold() {
    let check = |text, expected| assert_eq!(shown(Range::parse(text)), expected, "{text}");
    check(">= 3.1, < 4", ">= 3.1.0, < 4.0.0");
    check(">=3.1,<4", ">= 3.1.0, < 4.0.0");
    check("= 3.1", ">= 3.1.0, < 3.2.0");
    check("= 3.1.4", ">= 3.1.4, < 3.1.5");
    check("> 3", ">= 4.0.0");
    check("<= 3.1", ">= 0.0.0, < 3.2.0");
    check(">= 1, >= 2, < 5, < 4", ">= 2.0.0, < 4.0.0");
    check(">= 4, < 4", "0..9: no version is in this range");
    check("3.1", "0..3: needs `>=`, `>`, `<=`, `<` or `=` before it");
    check(">= 3.1 < 4", "7..7: a comma is missing before this");
    check(">= 3.1,", "7..7: a bound is missing: `>= 3.1`, for example");
    check("", "0..0: a bound is missing: `>= 3.1`, for example");
    check(" >= 3.x", "6..7: not a number");
    check("^ 3", "0..3: needs `>=`, `>`, `<=`, `<` or `=` before it");
    check(">=", "2..2: a number is missing");
}

#[test]
fn a_range_has_its_lower_end_and_not_its_upper_one() {
    let range = Range::parse(">= 3.1, < 4").expect("a range");
    let has = |text| range.contains(Version::parse(text).expect("a version"));
    assert!(has("3.1.0") && has("3.1.7") && has("3.99.0"));
    assert!(!has("3.0.9") && !has("4.0.0"));
    let shown = range.to_string();
    assert_eq!(Range::parse(&shown), Ok(range));
}
