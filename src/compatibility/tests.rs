use super::*;

fn version(text: &str) -> Version {
    Version::parse_short(text).expect("a version")
}

fn rules(oldest: Option<&str>, needs: &[(&str, &str)]) -> Rules {
    let needs = needs.iter().map(|(app, range)| {
        let app = Series::parse(app).expect("a series");
        (app, Range::parse(range).expect("a range"))
    });
    Rules::new(oldest.map(version), needs.collect())
}

/// The verdicts on each code (rows) with each schema (columns): `+` must work.
fn table(rules: &Rules, apps: &[&str], schemas: &[&str]) -> Vec<String> {
    let row = |app: &&str| -> String {
        schemas
            .iter()
            .map(
                |schema| match rules.verdict(version(app), Some(version(schema))) {
                    Verdict::Must => '+',
                    Verdict::NeedNot => '.',
                },
            )
            .collect()
    };
    apps.iter().map(row).collect()
}

#[test]
fn minor_versions_of_the_schema_go_first_and_major_ones_have_to_agree() {
    let apps = ["2.9.0", "3.0.0", "3.1.0", "3.1.7", "4.0.0"];
    let schemas = ["2.9.0", "3.0.0", "3.0.5", "3.1.0", "3.2.0", "4.0.0"];
    assert_eq!(
        table(&Rules::default(), &apps, &schemas),
        ["+.....", ".++++.", "...++.", "...++.", ".....+"],
    );
}

#[test]
fn the_most_exact_rule_wins() {
    let rules = rules(
        None,
        &[
            ("2", ">= 2, < 5"),
            ("2.13.4", "= 2.13"),
            ("2.13", ">= 2.13, < 3.1"),
        ],
    );
    let apps = ["2.1.0", "2.13.0", "2.13.4", "3.0.0"];
    let schemas = ["2.1.0", "2.13.0", "3.0.0", "3.1.0", "4.0.0"];
    assert_eq!(
        table(&rules, &apps, &schemas),
        ["+++++", ".++..", ".+...", "..++."],
    );
    let judged = rules.judge(version("2.13.2"), Some(version("3.1")));
    assert_eq!(
        judged.to_string(),
        "code 2.13.2 needs schema >= 2.13.0, < 3.1.0, by \"2.13\" in [versions.needs]"
    );
    assert_eq!(judged.rule.as_str(), "needs");
}

#[test]
fn nothing_is_promised_to_code_that_is_too_old_nor_without_a_version() {
    let rules = rules(Some("2.13"), &[]);
    let judged = rules.judge(version("2.12"), Some(version("2.12")));
    assert!(!judged.is_allowed());
    assert_eq!(
        judged.to_string(),
        "code 2.12.0 is older than 2.13.0, the oldest in [versions]"
    );
    assert!(!rules.judge(version("3"), None).is_allowed());
    assert_eq!(
        rules.needs(version("3.1.4")).to_string(),
        ">= 3.1.0, < 4.0.0"
    );
    assert_eq!(Verdict::Must.as_str(), "must work");
}
