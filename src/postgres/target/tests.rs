//! Tables: what is given → where it leads. `postgres` judges the values.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::options::Keepalives;
use super::*;

mod password;
mod value;

fn environment(variables: &[(&str, &str)], home: Option<&Path>) -> Environment {
    Environment {
        variables: variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        home: home.map(Path::to_owned),
        user: Some("os".to_owned()),
    }
}

/// `user:password@hosts/database` and every other parameter that is given, or
/// the error and its help.
fn told(url: &str, variables: &[(&str, &str)], home: Option<&Path>) -> String {
    match Target::resolve(Some(url), &environment(variables, home)) {
        Ok(target) => {
            let password = target
                .password_for(&target.hosts[0])
                .map(|password| format!(":{}", password.reveal()))
                .unwrap_or_default();
            let said = [
                "user",
                "password",
                "host",
                "port",
                "dbname",
                "service",
                "servicefile",
                "passfile",
            ];
            let others = target
                .settings
                .iter()
                .filter(|(keyword, _)| !said.contains(keyword));
            let rest: Vec<String> = others
                .map(|(keyword, value)| format!(" {keyword}={value}"))
                .collect();
            let warnings: Vec<String> = target
                .warnings
                .iter()
                .map(|warning| format!("\nwarning: {warning}"))
                .collect();
            let (rest, warnings) = (rest.concat(), warnings.concat());
            format!(
                "{}{password}@{}/{}{rest}{warnings}",
                target.user(),
                target.hosts(),
                target.database()
            )
        }
        Err(error) => match error.help() {
            Some(help) => format!("error: {error}\nhelp: {help}"),
            None => format!("error: {error}"),
        },
    }
}

fn check(url: &str, expected: &str) {
    assert_eq!(told(url, &[], None), expected, "{url}");
}

fn check_in(url: &str, variables: &[(&str, &str)], expected: &str) {
    assert_eq!(told(url, variables, None), expected, "{url} {variables:?}");
}

#[test]
fn nothing_given_means_the_local_socket_and_the_user_of_the_system() {
    check("", "os@the local socket:5432/os");
    assert_eq!(
        Target::resolve(None, &Environment::default()).map(|target| target.to_string()),
        Err(TargetError::NoUser)
    );
}

#[test]
fn uris_are_read_as_libpq_reads_them() {
    check("postgresql://", "os@the local socket:5432/os");
    check("postgres://localhost", "os@localhost:5432/os");
    check("postgres://localhost:5433", "os@localhost:5433/os");
    check("postgres://localhost/app", "os@localhost:5432/app");
    check(
        "postgres://deploy@localhost",
        "deploy@localhost:5432/deploy",
    );
    check(
        "postgres://deploy:pw@localhost/app",
        "deploy:pw@localhost:5432/app",
    );
    check(
        "postgres://deploy:@localhost/app",
        "deploy@localhost:5432/app",
    );
    check("postgres://a:1,b:2/app", "os@a:1, b:2/app");
    check("postgres://a,b:2/app", "os@a:5432, b:2/app");
    check("postgres://a,b/app?port=7", "os@a:7, b:7/app");
    check("postgres://[::1]:5433/app", "os@[::1]:5433/app");
    check(
        "postgres://[2001:db8::1],[::1]:6/app",
        "os@[2001:db8::1]:5432, [::1]:6/app",
    );
    check("postgres://%2Fvar%2Frun/app", "os@/var/run:5432/app");
    check("postgres:///app?host=/tmp&port=5433", "os@/tmp:5433/app");
    check("postgres:///app?host=@abstract", "os@@abstract:5432/app");
    check(
        "postgres://?user=a&dbname=b&host=c&password=d",
        "a:d@c:5432/b",
    );
    check("postgres://u%40x:p%2F%3Aw@h/d%20b", "u@x:p/:w@h:5432/d b");
    check("postgres://h/app?ssl=true", "os@h:5432/app sslmode=require");
    check(
        "postgres://h/app?application_name=a+b%20c&connect_timeout=10",
        "os@h:5432/app application_name=a+b c connect_timeout=10",
    );
    check("postgres://h1/app?host=h2", "os@h2:5432/app");
    check(
        "postgres:///app?hostaddr=10.0.0.1",
        "os@10.0.0.1:5432/app hostaddr=10.0.0.1",
    );
}

#[test]
fn broken_uris_are_described_and_never_repeated() {
    const ENCODE: &str = "\nhelp: in a URI write `@` as %40, `/` as %2F, `:` as %3A, `?` as %3F, \
                          `%` as %25 in a user or password";
    const MALFORMED: &str = "error: the connection string is malformed: ";
    let encode = |reason: &str| format!("{MALFORMED}{reason}{ENCODE}");
    for url in [
        "postgres://deploy:p@secret@h/app",
        "postgres://deploy:1/secret@h/app",
        "postgres://deploy:p/secret@h/app?x=y",
    ] {
        check(url, &encode("`@` or `/` stands in it unencoded"));
    }
    check(
        "postgres://deploy:100%secret@h/app",
        &encode("the password holds `%` without two hexadecimal digits"),
    );
    check(
        "postgres://h/app?secret",
        &encode("a query parameter has no `=`"),
    );
    check(
        "postgres://h/app?password=secret=x",
        &format!(
            "{MALFORMED}a query parameter has a second `=`\nhelp: write `=` within a value as %3D"
        ),
    );
    check(
        "postgres://u:%00secret@h/app",
        &format!("{MALFORMED}the value of `password` holds a zero byte"),
    );
    check(
        "postgres://u:%ffsecret@h/app",
        &format!("{MALFORMED}the password is not UTF-8 once decoded"),
    );
    check(
        "postgres://u:secret",
        "error: connection parameter `port` (from the connection string) must be a number from 1 to 65535",
    );
    check(
        "postgres://[::1/app",
        &format!("{MALFORMED}`]` is missing after an IPv6 address"),
    );
    check(
        "postgres://[]/app",
        &format!("{MALFORMED}the IPv6 address in `[]` is empty"),
    );
    check(
        "postgres://[::1]x/app",
        &format!("{MALFORMED}only `:` and a port may follow `]`"),
    );
    check(
        "postgres://::1/app",
        &format!(
            "{MALFORMED}a host has more than one `:`\nhelp: write an IPv6 address in brackets, \
             as in `postgres://[::1]:5432/`"
        ),
    );
}

#[test]
fn keyword_strings_are_read_as_libpq_reads_them() {
    check("host=h dbname=app user=u password=p port=1", "u:p@h:1/app");
    check("  host = h\tdbname\n=\napp ", "os@h:5432/app");
    check(
        r"host=h password='a b\'c\\d' dbname=x",
        r"os:a b'c\d@h:5432/x",
    );
    check(r"host=h password=a\ b dbname=x", "os:a b@h:5432/x");
    check("host='' dbname=x", "os@the local socket:5432/x");
    check("host=a host=b", "os@b:5432/os");
    check("host=a,b port=1,2", "os@a:1, b:2/os");
    check("host=a,b port=,2", "os@a:5432, b:2/os");
    check("host=,b port=1", "os@the local socket:1, b:1/os");
    check(
        "host=a,b hostaddr=10.0.0.1,::1 port=3",
        "os@a:3, b:3/os hostaddr=10.0.0.1,::1",
    );
}

#[test]
fn broken_keyword_strings_are_described_and_never_repeated() {
    const NEITHER: &str = "error: the connection string is malformed: it is neither a URI nor a \
                           list of keyword=value\n";
    for url in ["app", "secret@h", "https:/secret", "mysql//u:secret@h"] {
        check(
            url,
            &format!(
                "{NEITHER}help: write `postgres://user@host:5432/database` or \
                 `host=… dbname=… user=…`"
            ),
        );
    }
    check(
        "password=a secret",
        &format!("{NEITHER}help: quote a value that holds blanks: `password='a b'`"),
    );
    check(
        "password=a secret=b",
        "error: the connection string is malformed: what follows the password is no known \
         parameter\nhelp: quote a value that holds blanks: `password='a b'`",
    );
    check(
        "password='secret",
        "error: the connection string is malformed: a quoted value has no closing quote",
    );
    check(
        "hots=h",
        "error: unknown connection parameter `hots` in the connection string\nhelp: did you mean `host`?",
    );
    check(
        "postgres://h/?aplication_name=x",
        "error: unknown connection parameter `aplication_name` in the connection string\n\
         help: did you mean `application_name`?",
    );
    check(
        "frobnicate=h",
        "error: unknown connection parameter `frobnicate` in the connection string",
    );
}

#[test]
fn the_environment_fills_what_the_string_leaves_open() {
    let all = [
        ("PGHOST", "h"),
        ("PGPORT", "1"),
        ("PGUSER", "u"),
        ("PGDATABASE", "d"),
        ("PGPASSWORD", "p"),
    ];
    check_in("", &all, "u:p@h:1/d");
    check_in("postgres://other", &all, "u:p@other:1/d");
    check_in("postgres:///other", &all, "u:p@h:1/other");
    check_in("user=other", &all, "other:p@h:1/d");
    check_in("", &[("PGUSER", "u")], "u@the local socket:5432/u");
    check_in(
        "",
        &[("PGUSER", ""), ("PGHOST", ""), ("PGPORT", "")],
        "os@the local socket:5432/os",
    );
    // Given but empty is given: the variable does not come back.
    check_in("host=''", &[("PGHOST", "h")], "os@the local socket:5432/os");
    check_in(
        "host=h",
        &[
            ("PGAPPNAME", "a"),
            ("PGCONNECT_TIMEOUT", "3"),
            ("PGSSLMODE", "require"),
        ],
        "os@h:5432/os application_name=a connect_timeout=3 sslmode=require",
    );
    check_in(
        "host=h",
        &[("PGREQUIRESSL", "1")],
        "os@h:5432/os sslmode=require",
    );
    check_in("host=h", &[("PGREQUIRESSL", "0")], "os@h:5432/os");
    check_in(
        "host=h",
        &[("PGREQUIRESSL", "1"), ("PGSSLMODE", "disable")],
        "os@h:5432/os sslmode=disable",
    );
    check_in(
        "host=h",
        &[("PGHOSTADDR", "10.0.0.1")],
        "os@h:5432/os hostaddr=10.0.0.1",
    );
    check_in(
        "host=h sslmode=verify-full",
        &[
            ("PGTARGETSESSIONATTRS", "read-write"),
            ("PGLOADBALANCEHOSTS", "random"),
        ],
        "os@h:5432/os load_balance_hosts=random sslmode=verify-full target_session_attrs=read-write",
    );
}

#[test]
fn a_service_stands_between_string_and_environment() {
    let home = tempfile::tempdir().unwrap();
    let system = tempfile::tempdir().unwrap();
    let named = home.path().join("named.conf");
    let service = home.path().join(".pg_service.conf");
    std::fs::write(
        &service,
        "# comment\n[other]\nhost=wrong\n[app]\n  host=service \nport=2\nport=3\ndbname=sdb\n\n[app]\nuser=late\n",
    )
    .unwrap();
    std::fs::write(
        system.path().join("pg_service.conf"),
        "[system]\nhost=sys\n[app]\nhost=no\n",
    )
    .unwrap();
    std::fs::write(&named, "[app]\nhost=named\npassword=pw\n").unwrap();
    let sysconf = system.path().to_str().unwrap();
    let check = |url: &str, variables: &[(&str, &str)], expected: &str| {
        let mut variables = variables.to_vec();
        variables.push(("PGSYSCONFDIR", sysconf));
        assert_eq!(
            told(url, &variables, Some(home.path())),
            expected,
            "{url} {variables:?}"
        );
    };
    check("service=app", &[], "os@service:2/sdb");
    check("", &[("PGSERVICE", "app")], "os@service:2/sdb");
    check(
        "service=app",
        &[("PGHOST", "env"), ("PGUSER", "u")],
        "u@service:2/sdb",
    );
    check(
        "postgres://string/?service=app",
        &[("PGPORT", "9")],
        "os@string:2/sdb",
    );
    check("service=system", &[("PGSERVICE", "app")], "os@sys:5432/os");
    let named = named.to_str().unwrap();
    check(
        "service=app",
        &[("PGSERVICEFILE", named)],
        "os:pw@named:5432/os",
    );
    check(
        &format!("service=app servicefile={named}"),
        &[],
        "os:pw@named:5432/os",
    );
    check(
        "service=none",
        &[],
        &format!(
            "error: definition of service `none` not found in `{}` or `{sysconf}/pg_service.conf`\n\
             help: add a section `[none]` to a service file, or set `PGSERVICEFILE`",
            service.display()
        ),
    );
    check(
        "service=app",
        &[("PGSERVICEFILE", "/no/such")],
        "error: service file `/no/such`: there is no such file",
    );
    for (line, reason) in [
        ("host", ", line 2: the line is not keyword=value"),
        (
            "service=app",
            ", line 2: a service cannot name another service",
        ),
        ("host = h", ", line 2: no blanks may stand around `=`"),
        (
            "ldap://x",
            ", line 2: segue does not look services up by LDAP",
        ),
    ] {
        std::fs::write(&service, format!("[app]\n{line}\n")).unwrap();
        let expected = format!("error: service file `{}`{reason}", service.display());
        check("service=app", &[], &expected);
    }
    std::fs::write(&service, "[app]\nhots=h\n").unwrap();
    check(
        "service=app",
        &[],
        &format!(
            "error: unknown connection parameter `hots` in service file `{}`\nhelp: did you mean `host`?",
            service.display()
        ),
    );
}

#[test]
fn variables_of_the_session_become_options() {
    let environment = environment(
        &[
            ("PGOPTIONS", "-c statement_timeout=5s"),
            ("PGTZ", r"a\b c"),
            ("PGDATESTYLE", "ISO, DMY"),
            ("PGGEQO", "default"),
        ],
        None,
    );
    let target = Target::resolve(None, &environment).unwrap();
    assert_eq!(
        target.options.server,
        r"-c statement_timeout=5s -c datestyle=ISO,\ DMY -c timezone=a\\b\ c"
    );
}

#[test]
fn the_application_is_segue_unless_told() {
    let name = |url: &str| {
        let target = Target::resolve(Some(url), &environment(&[], None)).unwrap();
        target.application_name().to_owned()
    };
    assert_eq!(name(""), "segue");
    assert_eq!(name("fallback_application_name=f"), "f");
    assert_eq!(name("application_name=a fallback_application_name=f"), "a");
    let target = Target::resolve(Some("application_name=a"), &environment(&[], None)).unwrap();
    assert_eq!(target.with_application_name("b").application_name(), "b");
}

#[test]
fn its_uri_leads_to_the_same_target() {
    for url in [
        "postgres://u%40:p%3A%25@a:1,[::1]:2/d%2Fb?sslmode=require&application_name=x%26y",
        "host=/tmp,@abs port=3,4 user='a b' dbname='ü=?'",
        "host=a hostaddr=10.0.0.1 password='x y'",
        "hostaddr=::1 options='-c a=b'",
    ] {
        let target = Target::resolve(Some(url), &environment(&[], None)).unwrap();
        let elsewhere = environment(&[("PGHOST", "no"), ("PGPORT", "9"), ("PGUSER", "no")], None);
        let again = Target::resolve(Some(&target.uri()), &elsewhere).unwrap();
        assert_eq!(again.to_string(), target.to_string(), "{url}");
        assert_eq!(again.uri(), target.uri(), "{url}");
        assert_eq!(again.password, target.password, "{url}");
        assert_eq!(again.options, target.options, "{url}");
    }
    let target = Target::resolve(Some("host=h user=u dbname=d"), &environment(&[], None)).unwrap();
    assert_eq!(
        target.with_database("x/y").uri(),
        "postgresql://u@h:5432/x%2Fy"
    );
}

#[test]
fn a_dead_peer_is_noticed_within_a_minute_unless_the_system_is_to_say() {
    let keepalives = |url: &str| {
        let target = Target::resolve(Some(url), &environment(&[], None)).expect("a good string");
        target.options().keepalives
    };
    let seconds = |number| Some(Duration::from_secs(number));
    let ours = Keepalives {
        enabled: true,
        idle: seconds(30),
        interval: seconds(10),
        count: Some(3),
        user_timeout: seconds(60),
    };
    assert_eq!(keepalives("host=h"), ours);
    assert_eq!(
        keepalives("host=h keepalives_idle=0 tcp_user_timeout=0 keepalives_count=9"),
        Keepalives {
            idle: None,
            user_timeout: None,
            count: Some(9),
            ..ours
        }
    );
    assert!(!keepalives("host=h keepalives=0").enabled);
}
