//! The manifests, applied by their own script and run as a cluster would.

use std::net::{SocketAddr, TcpStream};
use std::thread;

use serde_json::Value;

use super::file;
use super::pod::{Node, object};
use super::shop::{SETTLED, Shop, UNCHANGED};
use crate::connect::server::free_port;
use crate::support::{http, wait_until};

/// What `deploy 18` gives to kubectl.
fn applied(shop: &Shop) -> Vec<Value> {
    shop.program(
        "bin/kubectl",
        "#!/bin/sh\necho \"$*\" >>kubectl.log\ncase $1 in apply) cat >applied.yaml ;; esac\n",
    );
    let deploy = file::path("kubernetes/deploy");
    let run = shop.project.output_of(&mut shop.command(deploy, &["18"]));
    run.expect("", "", 0);
    assert_eq!(
        shop.project.read("kubectl.log"),
        "apply --filename -\nrollout status deployment/shop --timeout 40m\n"
    );
    let text = shop.project.read("applied.yaml");
    assert!(!text.contains("RELEASE"), "{text}");
    file::documents(&text)
}

/// A session that no concurrent build can pass.
fn hold_up(shop: &Shop) -> crate::support::TestSession {
    let session = shop.database.session();
    session.run("BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    session
}

/// All pods start at once, and find their order: the new code runs when the
/// batch is committed, and before the index is valid.
#[test]
fn pods_that_start_at_once_find_their_order() {
    let shop = Shop::new();
    let objects = applied(&shop);
    let mut node = Node::new(&shop);
    let port = free_port();
    node.addresses
        .push(("0.0.0.0:7433", format!("127.0.0.1:{port}")));
    let holder = hold_up(&shop);
    let app = &object(&objects, "Deployment", "shop")["spec"]["template"];
    thread::scope(|scope| {
        let new_pod = scope.spawn(|| {
            let (is_started, sidecars) = node.init(app);
            assert!(is_started);
            wait_until("the readiness probe of the gate", || {
                let address = SocketAddr::from(([127, 0, 0, 1], port));
                TcpStream::connect(address).is_ok() && http::get(address, "/ready").status == 200
            });
            assert!(node.containers(app));
            drop(sidecars);
        });
        let tail = scope.spawn(|| node.job(object(&objects, "Job", "shop-settle-18")));
        let session = shop.database.session();
        // Beside the session that looks and the one that holds up builds.
        wait_until("both to wait", || {
            session.query(
                "SELECT count(*) >= 4 FROM pg_stat_activity WHERE datname = current_database()",
            ) == "t"
        });
        assert_eq!(shop.log(), Vec::<String>::new());
        assert_eq!(node.job(object(&objects, "Job", "shop-up-18")), (true, 1));
        new_pod.join().expect("the new pod");
        assert_eq!(shop.log(), ["shop : 3 orders, index not valid"]);
        holder.run("COMMIT");
        assert_eq!(tail.join().expect("the job"), (true, 1));
    });
    assert_eq!(shop.stands(), SETTLED);
}

#[test]
fn when_the_batch_fails_no_new_pod_starts() {
    let shop = Shop::failing();
    let objects = applied(&shop);
    let node = Node::new(&shop);
    let app = &object(&objects, "Deployment", "shop")["spec"]["template"];
    let wait = &app["spec"]["initContainers"][0];
    assert_eq!(wait["name"], "ready");

    // One that sees a deployment fail ends, and its kubelet has it wait anew.
    let seen = node.start(wait);
    seen.wait_for_stderr("Waiting");
    assert_eq!(node.job(object(&objects, "Job", "shop-up-18")), (false, 3));
    assert_eq!(seen.wait().status, 1);
    let mut waiting = node.start(wait);
    waiting.wait_for_stderr("Waiting");
    assert!(!waiting.has_ended());
    assert_eq!(shop.log(), Vec::<String>::new());
    assert_eq!(shop.stands(), UNCHANGED);

    // What is deployed next lets its own pods in.
    shop.database.run("DELETE FROM orders WHERE id = 3");
    assert_eq!(node.job(object(&objects, "Job", "shop-up-18")), (true, 1));
    assert_eq!(waiting.wait().status, 0);
}

/// A node dies in the middle of the batch: the controller runs the job again.
#[test]
fn a_job_that_was_killed_is_run_again() {
    let shop = Shop::new();
    let objects = applied(&shop);
    let node = Node::new(&shop);
    let up = object(&objects, "Job", "shop-up-18");
    let holder = shop.database.session();
    holder.run("BEGIN; LOCK TABLE orders");
    let killed = node.start(&up["spec"]["template"]["spec"]["containers"][0]);
    killed.wait_for_stderr("Waiting");
    killed.kill();
    assert_eq!(killed.wait().status, 137);
    assert_eq!(shop.stands(), UNCHANGED);
    holder.run("COMMIT");
    assert_eq!(node.job(up), (true, 1));
    assert_eq!(shop.stands(), "1-orders.sql 2-state.sql|f");
}

/// Two deployments of one release, in two clusters for example: each job
/// succeeds, and each migration is applied once.
#[test]
fn two_deployments_at_once_take_turns() {
    let shop = Shop::new();
    let objects = applied(&shop);
    let node = Node::new(&shop);
    for name in ["shop-up-18", "shop-settle-18"] {
        let job = object(&objects, "Job", name);
        thread::scope(|scope| {
            let runs = [(); 2].map(|()| scope.spawn(|| node.job(job)));
            for run in runs {
                assert_eq!(run.join().expect("a job"), (true, 1), "{name}");
            }
        });
    }
    assert_eq!(shop.stands(), SETTLED);
    let deployments = "SELECT count(*) FROM segue.deployment WHERE state = 'settled'";
    assert_eq!(shop.database.query(deployments), "2");
}

/// An overlapping older release that is applied again has nothing to do.
#[test]
fn an_older_release_waits_for_nothing_and_changes_nothing() {
    let shop = Shop::new();
    let objects = applied(&shop);
    let node = Node::new(&shop);
    assert_eq!(node.job(object(&objects, "Job", "shop-up-18")), (true, 1));
    assert_eq!(
        node.job(object(&objects, "Job", "shop-settle-18")),
        (true, 1)
    );
    // The folder of the release before.
    for file in ["2-state.sql", "3-index.sql"] {
        std::fs::remove_file(shop.project.path().join("migrations").join(file)).expect("a file");
    }
    assert_eq!(node.job(object(&objects, "Job", "shop-up-18")), (true, 1));
    assert_eq!(
        node.job(object(&objects, "Job", "shop-settle-18")),
        (true, 1)
    );
    assert_eq!(shop.stands(), SETTLED);
    assert_ne!(shop.stands(), UNCHANGED);
}

/// In place of an init container: the pod's own command waits, and becomes the
/// application.
#[test]
fn the_application_may_wait_by_itself() {
    let shop = Shop::new();
    let mut command = shop.command("segue", &["wait", "ready", "--exec", "shop", "18"]);
    command.env("SEGUE_DATABASE_URL", shop.reader());
    let waiting = shop.project.spawn_command(command);
    waiting.wait_for_stderr("Waiting");
    assert_eq!(shop.log(), Vec::<String>::new());
    shop.project
        .segue(&["up", "--until", "ready"])
        .expect_success();
    assert_eq!(waiting.wait().status, 0);
    assert_eq!(shop.log(), ["shop 18: 3 orders, index not valid"]);
}

/// No pod runs as root, writes to its image, or may ask the cluster anything;
/// the new code reaches the Service by its labels, the jobs do not.
#[test]
fn pods_are_confined_and_only_the_application_is_served() {
    let shop = Shop::new();
    let objects = applied(&shop);
    let service = &object(&objects, "Service", "shop")["spec"]["selector"];
    for object in objects.iter().filter(|object| object["kind"] != "Service") {
        let template = &object["spec"]["template"];
        let spec = &template["spec"];
        assert_eq!(spec["automountServiceAccountToken"], false, "{object}");
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{object}");
        let containers = ["initContainers", "containers"];
        for container in containers
            .iter()
            .filter_map(|list| spec[list].as_array())
            .flatten()
        {
            let context = &container["securityContext"];
            assert_eq!(context["readOnlyRootFilesystem"], true, "{container}");
            assert_eq!(context["allowPrivilegeEscalation"], false, "{container}");
            assert_eq!(container["image"], "registry.example.com/shop:18");
        }
        let is_served = template["metadata"]["labels"] == *service;
        assert_eq!(is_served, object["kind"] == "Deployment", "{object}");
    }
}
