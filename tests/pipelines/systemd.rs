//! The units, started as systemd would by their own script.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::file;
use super::shop::{Shop, UNCHANGED};
use crate::connect::server::Server;
use crate::support::{Project, TestSession};

/// Values of a key of a unit, in order.
fn values(unit: &str, key: &str) -> Vec<String> {
    let text = file::text(&format!("systemd/{unit}"));
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    lines.map(str::to_owned).collect()
}

/// A systemctl that starts a oneshot unit and what is restarted in order, and
/// fails with it; services that stay are only named.
fn systemctl(shop: &Shop) {
    let line = |unit: &str| {
        let line = values(unit, "ExecStart").remove(0);
        line.replace("/usr/local/bin/", "")
            .replace("/opt/shop/bin/", "")
    };
    let script = format!(
        "#!/bin/bash\n\
         set -e\n\
         verb=$1\n\
         shift\n\
         for unit; do\n\
         echo \"$verb $unit\" >>systemctl.log\n\
         case $unit in\n\
         segue-up.service) {} ;;\n\
         shop.service) {} ;;\n\
         esac\n\
         done\n",
        line("segue-up.service"),
        line("shop.service"),
    );
    shop.program("bin/systemctl", &script);
}

fn deploy(shop: &Shop) -> i32 {
    systemctl(shop);
    let run = shop
        .project
        .output_of(&mut shop.command(file::path("systemd/deploy"), &[]));
    run.status
}

#[test]
fn batch_then_restart_then_tail() {
    let shop = Shop::new();
    assert_eq!(deploy(&shop), 0);
    assert_eq!(
        shop.project.read("systemctl.log"),
        "start segue-up.service\nrestart segue-serve.service\nrestart shop.service\n\
         try-restart segue-settle.service\n"
    );
    assert_eq!(shop.log(), ["shop : 3 orders, index not valid"]);
}

#[test]
fn when_the_batch_fails_nothing_is_restarted() {
    let shop = Shop::failing();
    assert_eq!(deploy(&shop), 4);
    assert_eq!(
        shop.project.read("systemctl.log"),
        "start segue-up.service\n"
    );
    assert_eq!(shop.log(), Vec::<String>::new());
    assert_eq!(shop.stands(), UNCHANGED);
}

/// After a boot too: the application comes after the batch, not without it.
#[test]
fn the_application_needs_the_batch() {
    assert_eq!(values("segue-up.service", "Type"), ["oneshot"]);
    assert_eq!(values("segue-up.service", "Before"), ["shop.service"]);
    assert_eq!(values("shop.service", "Requires"), ["segue-up.service"]);
    let after = values("shop.service", "After").join(" ");
    assert!(after.contains("segue-up.service"), "{after}");
    // Were it remembered as done, a restart would not look at the folder.
    assert_eq!(values("segue-up.service", "RemainAfterExit"), [""; 0]);
    // The batch is never killed by a clock that is not segue's.
    assert_eq!(values("segue-up.service", "TimeoutStartSec"), ["infinity"]);
}

/// A credential is a file that only its owner may read, and is not in the
/// environment.
#[test]
fn the_password_comes_as_a_credential() {
    let server = Server::start(
        "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n",
        None,
    );
    let session = TestSession::connect(&server.socket("postgres"));
    session.run("CREATE ROLE shop_migrator LOGIN PASSWORD 'a-secret of:the shop'");
    session.run("CREATE DATABASE shop OWNER shop_migrator");
    let mut project = Project::new();
    project.file("1.sql", "CREATE TABLE t (a int);\n");
    let line = format!(
        "127.0.0.1:{}:shop:shop_migrator:a-secret of\\:the shop\n",
        server.port
    );
    project.write("credentials/pgpass", line);
    let credential = project.path().join("credentials/pgpass");
    fs::set_permissions(&credential, fs::Permissions::from_mode(0o400)).expect("our file");
    for unit in ["segue-up.service", "segue-settle.service"] {
        assert_eq!(
            values(unit, "LoadCredential"),
            ["pgpass:/etc/shop/migrator.pgpass"]
        );
        for value in values(unit, "Environment") {
            let (name, value) = value.split_once('=').expect("a variable");
            let value = match name {
                "SEGUE_DATABASE_URL" => {
                    value.replace("db.internal", &format!("127.0.0.1:{}", server.port))
                }
                "PGPASSFILE" => {
                    let folder = credential.parent().expect("a folder");
                    value.replace("%d", &folder.display().to_string())
                }
                _ => panic!("unknown variable `{name}`"),
            };
            project.env(name, value);
        }
    }
    let line = values("segue-up.service", "ExecStart").remove(0);
    let arguments: Vec<&str> = line.split(' ').skip(1).collect();
    project.segue(&arguments).expect_success();
}
