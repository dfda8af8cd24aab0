//! Where the password comes from, and that nobody sees it.

use super::*;

#[test]
fn the_password_file_is_read_by_its_rules() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".pgpass");
    let write = |text: &str, mode: u32| {
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let check = |url: &str, variables: &[(&str, &str)], expected: &str| {
        assert_eq!(told(url, variables, Some(home.path())), expected, "{url}");
    };
    write(
        "#h:*:*:*:comment\nbroken line\nh:5433:*:*:port\nh:*:app:deploy:both\\:\\\\x\n\
         localhost:*:*:*:local\n\\*:*:*:*:star\n\\:\\:1:*:*:*:six\n10.0.0.1:*:*:*:addr\r\n*:*:*:last:any\n",
        0o600,
    );
    check(
        "host=h port=5433 user=deploy dbname=app",
        &[],
        "deploy:port@h:5433/app",
    );
    check(
        "host=h user=deploy dbname=app",
        &[],
        r"deploy:both:\x@h:5432/app",
    );
    check("host=h user=deploy dbname=x", &[], "deploy@h:5432/x");
    check("", &[], "os:local@the local socket:5432/os");
    check("host=/tmp", &[], "os:local@/tmp:5432/os");
    check("host=/elsewhere", &[], "os@/elsewhere:5432/os");
    check("host=*", &[], "os:star@*:5432/os");
    check("host=::1", &[], "os:six@[::1]:5432/os");
    check(
        "hostaddr=10.0.0.1",
        &[],
        "os:addr@10.0.0.1:5432/os hostaddr=10.0.0.1",
    );
    check(
        "host=n hostaddr=10.0.0.1",
        &[],
        "os@n:5432/os hostaddr=10.0.0.1",
    );
    check("host=n user=last", &[], "last:any@n:5432/last");
    check(
        "host=n user=last",
        &[("PGPASSWORD", "env")],
        "last:env@n:5432/last",
    );
    check(
        "host=n user=last password=string",
        &[("PGPASSWORD", "env")],
        "last:string@n:5432/last",
    );
    write("*:*:*:*:secret\n", 0o640);
    check(
        "host=h",
        &[],
        &format!(
            "os@h:5432/os\nwarning: password file `{}` was ignored: group or others may access it; \
             permissions should be u=rw (0600) or less",
            file.display()
        ),
    );
    check("host=h password=x", &[], "os:x@h:5432/os");
    check("host=h", &[("PGPASSFILE", "/no/such")], "os@h:5432/os");
    let directory = home.path().to_str().unwrap();
    check(
        &format!("host=h passfile={directory}"),
        &[],
        &format!(
            "os@h:5432/os\nwarning: password file `{directory}` was ignored: it is not a plain file"
        ),
    );
}

#[test]
fn the_password_follows_database_and_host() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".pgpass");
    std::fs::write(&file, "a:*:one:*:a1\na:*:two:*:a2\nb:*:*:*:b\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let target = Target::resolve(
        Some("host=a,b dbname=one"),
        &environment(&[], Some(home.path())),
    )
    .unwrap();
    let passwords = |target: &Target| {
        target
            .hosts
            .iter()
            .map(|host| target.password_for(host).unwrap().reveal().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(passwords(&target), ["a1", "b"]);
    assert_eq!(passwords(&target.with_database("two")), ["a2", "b"]);
}

#[test]
fn no_password_is_ever_shown() {
    let url = "host=h password=secret sslpassword=secret user=u";
    let target =
        Target::resolve(Some(url), &environment(&[("PGPASSWORD", "secret")], None)).unwrap();
    for shown in [
        format!("{target}"),
        format!("{target:?} {target:#?}"),
        target.uri_without_password(),
        format!("{:?} {}", target.password(), target.password().unwrap()),
    ] {
        assert!(!shown.contains("secret"), "{shown}");
    }
    assert_eq!(target.uri(), "postgresql://u:secret@h:5432/u");
}
