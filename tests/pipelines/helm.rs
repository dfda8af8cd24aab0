//! The chart, rendered and run as Helm would. Helm itself is on no package
//! registry that this repository uses, so the templates keep to values alone:
//! anything else in braces fails here.

use serde_json::Value;

use super::file;
use super::pod::{Node, object};
use super::shop::{SETTLED, Shop, UNCHANGED};

/// The objects of a revision, in no order that means anything.
fn objects(revision: u32) -> Vec<Value> {
    let values = file::yaml("helm/shop/values.yaml");
    let mut objects = Vec::new();
    for template in ["up.yaml", "app.yaml", "settle.yaml"] {
        let mut text = file::text(&format!("helm/shop/templates/{template}"));
        for (name, value) in values.as_object().expect("values") {
            let value = value.as_str().map_or(value.to_string(), str::to_owned);
            text = text.replace(&format!("{{{{ .Values.{name} }}}}"), &value);
        }
        text = text.replace("{{ .Release.Name }}", "shop");
        text = text.replace("{{ .Release.Revision }}", &revision.to_string());
        assert!(!text.contains("{{"), "{text}");
        objects.extend(file::documents(&text));
    }
    objects
}

/// What `helm upgrade` does: hooks before the upgrade, and if they succeed all
/// else at once, without waiting for jobs.
fn upgrade(shop: &Shop, revision: u32) -> bool {
    let node = Node::new(shop);
    let objects = objects(revision);
    let hook = |object: &Value| object["metadata"]["annotations"]["helm.sh/hook"].clone();
    for object in objects.iter().filter(|object| !hook(object).is_null()) {
        assert_eq!(hook(object), "pre-install,pre-upgrade");
        if !node.job(object).0 {
            return false;
        }
    }
    let app = object(&objects, "Deployment", "shop");
    assert!(node.run(&app["spec"]["template"]));
    let tail = object(&objects, "Job", &format!("shop-settle-{revision}"));
    assert_eq!(node.job(tail), (true, 1));
    true
}

#[test]
fn batch_then_upgrade_then_tail() {
    let shop = Shop::new();
    assert!(upgrade(&shop, 2));
    assert_eq!(shop.log(), ["shop : 3 orders, index not valid"]);
    assert_eq!(shop.stands(), SETTLED);
}

#[test]
fn when_the_batch_fails_nothing_is_upgraded() {
    let shop = Shop::failing();
    assert!(!upgrade(&shop, 2));
    assert_eq!(shop.log(), Vec::<String>::new());
    assert_eq!(shop.stands(), UNCHANGED);
}

/// The next revision has a job of its own, and leaves this one alone.
#[test]
fn an_upgrade_does_not_end_the_tail_of_the_one_before() {
    let objects = objects(7);
    let tail = object(&objects, "Job", "shop-settle-7");
    let annotations = &tail["metadata"]["annotations"];
    assert_eq!(annotations["helm.sh/resource-policy"], "keep");
    assert_eq!(annotations["helm.sh/hook"], Value::Null);
    // It goes by itself some time.
    assert_eq!(tail["spec"]["ttlSecondsAfterFinished"], 604_800);
}

#[test]
fn the_chart_is_of_the_application() {
    let chart = file::yaml("helm/shop/Chart.yaml");
    assert_eq!(chart["apiVersion"], "v2");
    assert_eq!(chart["name"], "shop");
    assert_eq!(chart["type"], "application");
}
