use super::*;
use crate::cli::report::schema;
use crate::serve::example;

fn shared(listen: &str, hosts: &[&str]) -> Shared {
    let mut settings = example::settings(std::time::Duration::ZERO);
    settings.hosts = hosts.iter().map(|&host| host.to_owned()).collect();
    let (_, state) = watch::channel(Arc::new(example::first()));
    let (_, course) = watch::channel(example::serving());
    let (_, drift) = watch::channel(None);
    let address = listen.parse().expect("an address");
    Shared::new(&settings, address, state, course, drift)
}

#[track_caller]
fn check(shared: &Shared, known: &[&str], unknown: &[&str]) {
    for host in known {
        assert!(shared.is_known(host), "{host}");
    }
    for host in unknown {
        assert!(!shared.is_known(host), "{host}");
    }
}

#[test]
fn on_loopback_only_names_that_lead_nowhere_else_are_known() {
    check(
        &shared("127.0.0.1:1", &[]),
        &[
            "127.0.0.1:7433",
            "localhost",
            "LOCALHOST:1",
            "[::1]:7433",
            "[::1]",
            "10.0.0.1",
        ],
        &[
            "evil.example",
            "evil.example:7433",
            "localhost.evil.example",
            "",
            "[",
            "::1",
        ],
    );
    check(
        &shared("127.0.0.1:1", &["db.example"]),
        &["db.example", "DB.example:80", "localhost"],
        &["evil.example"],
    );
}

#[test]
fn elsewhere_any_name_is_known_unless_some_are_named() {
    check(&shared("0.0.0.0:1", &[]), &["evil.example"], &[]);
    check(
        &shared("0.0.0.0:1", &["db.example"]),
        &["db.example"],
        &["evil.example"],
    );
}

#[test]
fn text_is_for_those_who_ask_for_it() {
    let wants = |accept: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, HeaderValue::from_static(value));
        }
        wants_text(&headers)
    };
    assert!(wants(&["text/plain"]));
    assert!(wants(&["text/html", "text/plain;q=0.8, */*;q=0.1"]));
    assert!(!wants(&[]));
    assert!(!wants(&["*/*"]));
    assert!(!wants(&["application/json, text/plain"]));
}

#[test]
fn json_follows_its_schema() {
    for view in [
        example::view(true, None),
        example::view(false, Some("gone")),
        example::first().view,
    ] {
        schema::check("served", &view.to_json());
        schema::check_def("served", "ready", &ready_json(&view));
        schema::check_def("served", "health", &health_json(&view));
    }
}
