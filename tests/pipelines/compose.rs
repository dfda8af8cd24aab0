//! The services, run as Docker Compose would: each when those that it depends
//! on are as it asks.

use std::collections::BTreeMap;

use serde_json::Value;

use super::file;
use super::shop::{SETTLED, Shop, UNCHANGED};

/// Runs all services but the database, which is the test's; gives the status of
/// each that ran.
fn up(shop: &Shop) -> BTreeMap<String, i32> {
    let compose = file::yaml("compose/compose.yaml");
    let services = compose["services"].as_object().expect("services");
    let mut ended: BTreeMap<String, i32> = BTreeMap::new();
    let is_met = |ended: &BTreeMap<String, i32>, name: &str, condition: &Value| {
        match condition["condition"].as_str().expect("a condition") {
            // The test's server is.
            "service_healthy" => {
                let test = &services[name]["healthcheck"]["test"];
                assert_eq!(file::strings(test)[..2], ["CMD", "pg_isready"]);
                true
            }
            "service_completed_successfully" => ended.get(name) == Some(&0),
            other => panic!("unknown condition `{other}`"),
        }
    };
    loop {
        let next = services.iter().find(|(name, service)| {
            let needs = service["depends_on"].as_object();
            *name != "db"
                && !ended.contains_key(*name)
                && needs
                    .into_iter()
                    .flatten()
                    .all(|(needed, condition)| is_met(&ended, needed, condition))
        });
        let Some((name, service)) = next else {
            return ended;
        };
        let mut words = file::strings(&service["command"]).into_iter();
        let program = words.next().expect("a program");
        let arguments: Vec<&str> = words.collect();
        let mut command = shop.command(program, &arguments);
        command.env_remove("DATABASE_URL");
        for (variable, value) in service["environment"].as_object().expect("variables") {
            match (variable.as_str(), value.as_str().expect("a string")) {
                ("SEGUE_DATABASE_URL", "postgresql://shop@db/shop") => {
                    command.env(variable, shop.database.url());
                }
                ("PGPASSFILE", value) => {
                    assert_eq!(file::strings(&service["secrets"]), ["pgpass"]);
                    command.env(variable, value);
                }
                (other, _) => panic!("unknown variable `{other}`"),
            }
        }
        let run = shop.project.output_of(&mut command);
        ended.insert(name.clone(), run.status);
    }
}

fn statuses(ended: &BTreeMap<String, i32>) -> Vec<(&str, i32)> {
    ended
        .iter()
        .map(|(name, status)| (name.as_str(), *status))
        .collect()
}

#[test]
fn batch_then_application_and_tail() {
    let shop = Shop::new();
    assert_eq!(
        statuses(&up(&shop)),
        [("app", 0), ("migrate", 0), ("settle", 0)]
    );
    assert_eq!(shop.log().len(), 1);
    assert_eq!(shop.stands(), SETTLED);
}

#[test]
fn when_the_batch_fails_the_application_is_not_touched() {
    let shop = Shop::failing();
    assert_eq!(statuses(&up(&shop)), [("migrate", 4)]);
    assert_eq!(shop.log(), Vec::<String>::new());
    assert_eq!(shop.stands(), UNCHANGED);
}
