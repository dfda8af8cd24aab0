//! The units, started as systemd would by their own script.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;

use nix::sys::signal::Signal;

use super::file;
use super::shop::{SETTLED, Shop, UNCHANGED};
use crate::connect::server::{Server, free_port};
use crate::support::{Project, TestSession, http, wait_until};

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

/// The services that stay: one runs the tail that the deployment has left, the
/// other says yes; both stop when they are told to.
#[test]
fn the_services_do_what_the_deployment_leaves() {
    let shop = Shop::new();
    assert_eq!(deploy(&shop), 0);
    let ports = [free_port(), free_port()];
    let start = |unit: &str| {
        let line = values(unit, "ExecStart").remove(0);
        let line = line.replace("0.0.0.0:7433", &format!("127.0.0.1:{}", ports[0]));
        let line = line.replace("0.0.0.0:7434", &format!("127.0.0.1:{}", ports[1]));
        let arguments: Vec<&str> = line.split(' ').skip(1).collect();
        shop.project.spawn(&arguments)
    };
    let settle = start("segue-settle.service");
    let serve = start("segue-serve.service");
    wait_until("the tail", || shop.stands() == SETTLED);
    let address = SocketAddr::from(([127, 0, 0, 1], ports[0]));
    wait_until("yes", || {
        TcpStream::connect(address).is_ok() && http::get(address, "/ready").status == 200
    });
    for service in [settle, serve] {
        service.signal(Signal::SIGTERM);
        assert_eq!(service.wait().status, 0);
    }
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
    let project = Project::new();
    project.file("1.sql", "CREATE TABLE t (a int);\n");
    let line = format!(
        "127.0.0.1:{}:shop:shop_migrator:a-secret of\\:the shop\n",
        server.port
    );
    project.write("credentials/pgpass", line);
    let credential = project.path().join("credentials/pgpass");
    fs::set_permissions(&credential, fs::Permissions::from_mode(0o400)).expect("our file");
    let mut variables = Vec::new();
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
            variables.push((name.to_owned(), value));
        }
    }
    let line = values("segue-up.service", "ExecStart").remove(0);
    let arguments: Vec<&str> = line.split(' ').skip(1).collect();
    let mut command = project.command(&arguments);
    command.envs(variables);
    // It would come before the file.
    command.env_remove("PGPASSWORD");
    project.output_of(&mut command).expect_success();
    // And without the file there is no way in.
    command.env_remove("PGPASSFILE");
    assert_eq!(project.output_of(&mut command).status, 4);
}
