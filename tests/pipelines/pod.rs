//! What a kubelet does with a pod: init containers one after the other, a
//! sidecar stays, then the containers; and what a controller does with a job.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::file;
use super::shop::Shop;
use crate::support::Background;

/// Where the containers of a test run.
pub struct Node<'a> {
    pub shop: &'a Shop,
    /// What the secrets hold, by name.
    pub secrets: Vec<(&'a str, String)>,
    /// In place of the addresses in commands, which every pod has for itself.
    pub addresses: Vec<(&'a str, String)>,
}

impl<'a> Node<'a> {
    pub fn new(shop: &'a Shop) -> Self {
        let writer = shop.database.url();
        Self {
            shop,
            secrets: vec![
                ("shop-migrator", writer.clone()),
                ("shop-database", writer),
                ("shop-reader", shop.reader()),
            ],
            addresses: Vec::new(),
        }
    }

    /// The command line of a container, whose environment is all that it knows.
    fn command(&self, container: &Value) -> Command {
        let words = file::strings(&container["command"]);
        let mut words = words.iter().map(|word| {
            let placed = self.addresses.iter().find(|(address, _)| address == word);
            placed.map_or(*word, |(_, place)| place)
        });
        let program = words.next().expect("a program");
        let arguments: Vec<&str> = words.collect();
        let mut command = self.shop.command(program, &arguments);
        command.env_remove("DATABASE_URL");
        for variable in container["env"].as_array().into_iter().flatten() {
            let name = variable["name"].as_str().expect("a name");
            let secret = &variable["valueFrom"]["secretKeyRef"];
            assert_eq!(secret["key"], "url", "{name}");
            let found = self
                .secrets
                .iter()
                .find(|(known, _)| secret["name"] == *known);
            let (_, value) = found.unwrap_or_else(|| panic!("unknown secret: {secret}"));
            command.env(name, value);
        }
        command
    }

    /// Runs a pod that ends; false where a container has failed, and those after
    /// it have not run.
    pub fn run(&self, pod: &Value) -> bool {
        let (is_started, sidecars) = self.init(pod);
        assert!(sidecars.is_empty(), "a sidecar in a pod that ends");
        is_started && self.containers(pod)
    }

    /// Runs the init containers; gives the sidecars too.
    pub fn init(&self, pod: &Value) -> (bool, Vec<Background<'a>>) {
        let mut sidecars = Vec::new();
        for container in pod["spec"]["initContainers"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let mut command = self.command(container);
            if container["restartPolicy"] == "Always" {
                sidecars.push(self.shop.project.spawn_command(command));
            } else if self.shop.project.output_of(&mut command).status != 0 {
                return (false, sidecars);
            }
        }
        (true, sidecars)
    }

    /// Runs the containers.
    pub fn containers(&self, pod: &Value) -> bool {
        let containers = pod["spec"]["containers"].as_array().expect("containers");
        assert_eq!(containers.len(), 1);
        let run = self
            .shop
            .project
            .output_of(&mut self.command(&containers[0]));
        let name = containers[0]["name"].as_str().expect("a name");
        fs::write(
            self.shop.project.path().join(format!("{name}.log")),
            &run.stderr,
        )
        .expect("a log");
        run.status == 0
    }

    /// Starts a container in the background.
    pub fn start(&self, container: &Value) -> Background<'a> {
        self.shop.project.spawn_command(self.command(container))
    }

    /// Runs a job until it is complete, or failed as often as it may; gives how
    /// often it ran.
    pub fn job(&self, job: &Value) -> (bool, u64) {
        assert_eq!(job["kind"], "Job");
        let limit = job["spec"]["backoffLimit"].as_u64().expect("a number");
        for tried in 1..=limit + 1 {
            if self.run(&job["spec"]["template"]) {
                return (true, tried);
            }
        }
        (false, limit + 1)
    }
}

/// The object of this kind and name.
#[track_caller]
pub fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let mut found = objects
        .iter()
        .filter(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    let object = found.next().unwrap_or_else(|| panic!("no {kind} {name}"));
    assert!(found.next().is_none(), "two of {kind} {name}");
    object
}
