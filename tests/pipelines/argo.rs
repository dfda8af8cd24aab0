//! The waves, run as Argo CD would: one after the other, each when the one
//! before is healthy. A job is healthy when it is complete, a deployment when
//! its pods run.

use std::collections::BTreeSet;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::file;
use super::pod::{Node, object};
use super::shop::{SETTLED, Shop, UNCHANGED};
use crate::support::wait_until;

fn objects() -> Vec<Value> {
    let files = ["up.yaml", "app.yaml", "settle.yaml"];
    let texts = files.map(|name| file::text(&format!("argo-cd/shop/{name}")));
    texts
        .iter()
        .flat_map(|text| file::documents(text))
        .collect()
}

fn wave(object: &Value) -> i32 {
    let wave = &object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"];
    // A number would be refused: annotations are strings.
    wave.as_str().expect("a string").parse().expect("a number")
}

/// The jobs of all waves in order, as far as they succeed; gives the wave that
/// everything before has made healthy.
fn sync(node: &Node<'_>, objects: &[Value]) -> Option<i32> {
    let waves: BTreeSet<i32> = objects.iter().map(wave).collect();
    for number in &waves {
        let of_wave = objects.iter().filter(|object| wave(object) == *number);
        for job in of_wave.filter(|object| object["kind"] == "Job") {
            let annotations = &job["metadata"]["annotations"];
            assert_eq!(annotations["argocd.argoproj.io/hook"], "Sync");
            if !node.job(job).0 {
                return None;
            }
        }
    }
    waves.last().copied()
}

#[test]
fn batch_then_new_code_while_a_service_runs_the_tail() {
    let shop = Shop::new();
    let node = Node::new(&shop);
    let objects = objects();
    let service = object(&objects, "Deployment", "shop-settle");
    // It is there since the release before, and may hear of this one first.
    let settle = node.start(&service["spec"]["template"]["spec"]["containers"][0]);
    let app = object(&objects, "Deployment", "shop");
    assert_eq!(sync(&node, &objects), Some(1));
    assert_eq!((wave(app), wave(service)), (1, 1));
    assert!(node.run(&app["spec"]["template"]));
    assert_eq!(shop.log().len(), 1);
    wait_until("the tail", || shop.stands() == SETTLED);
    settle.signal(Signal::SIGTERM);
    assert_eq!(settle.wait().status, 0);
}

#[test]
fn when_the_batch_fails_the_next_wave_does_not_come() {
    let shop = Shop::failing();
    let node = Node::new(&shop);
    assert_eq!(sync(&node, &objects()), None);
    assert_eq!(shop.stands(), UNCHANGED);
}

/// Against Argo CD's documentation: its schema is published with its source
/// only.
#[test]
fn the_application_leads_to_the_folder() {
    let application = file::yaml("argo-cd/application.yaml");
    assert_eq!(application["apiVersion"], "argoproj.io/v1alpha1");
    assert_eq!(application["kind"], "Application");
    assert_eq!(application["spec"]["source"]["path"], "shop");
    for object in objects() {
        let annotations = object["metadata"]["annotations"].as_object().expect("some");
        for (name, value) in annotations {
            let values: &[&str] = match name.as_str() {
                "argocd.argoproj.io/hook" => &["Sync"],
                "argocd.argoproj.io/hook-delete-policy" => &["BeforeHookCreation"],
                "argocd.argoproj.io/sync-wave" => &["0", "1"],
                _ => panic!("unknown annotation `{name}`"),
            };
            assert!(values.iter().any(|known| value == known), "{name}: {value}");
        }
    }
}
