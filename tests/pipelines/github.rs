//! The workflow, run as GitHub runs one: jobs in the order of `needs`, each
//! `run` by bash, and nothing after a failure. The runner is a Linux one.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::Value;

use super::file;
use super::shop::{SETTLED, Shop, UNCHANGED};
use crate::support::SEGUE;

struct Runner<'a> {
    shop: &'a Shop,
    /// Each step with its status, `JOB: COMMAND`.
    told: Vec<String>,
}

impl Runner<'_> {
    /// Runs all jobs; a job of which a needed one has failed is skipped.
    fn run(&mut self, workflow: &Value) {
        let jobs = workflow["jobs"].as_object().expect("jobs");
        let mut ended: BTreeMap<&str, bool> = BTreeMap::new();
        while ended.len() < jobs.len() {
            let before = ended.len();
            for (name, job) in jobs {
                let needs = job["needs"].as_str();
                let is_next = needs.is_none_or(|needed| ended.contains_key(needed));
                if !is_next || ended.contains_key(name.as_str()) {
                    continue;
                }
                let is_wanted = needs.is_none_or(|needed| ended[needed]);
                let succeeded = is_wanted && self.job(name, job);
                ended.insert(name, succeeded);
            }
            assert!(ended.len() > before, "`needs` names an unknown job");
        }
    }

    /// Each job has a machine of its own.
    fn job(&mut self, name: &str, job: &Value) -> bool {
        let root = self.shop.project.path();
        let temp = root.join(format!("runner-{name}"));
        fs::create_dir(&temp).expect("a folder");
        let added = temp.join("github-path");
        fs::write(&added, "").expect("a file");
        for step in job["steps"].as_array().expect("steps") {
            let Some(script) = step["run"].as_str() else {
                let action = step["uses"].as_str().expect("`run` or `uses`");
                assert_eq!(action, "actions/checkout@v4");
                continue;
            };
            let mut environment = vec![
                ("GITHUB_SHA".to_owned(), "0a1b2c3".to_owned()),
                ("GITHUB_PATH".to_owned(), added.display().to_string()),
                ("RUNNER_TEMP".to_owned(), temp.display().to_string()),
                // The archive is made by the test, and there is no other segue.
                (
                    "SEGUE_RELEASES".to_owned(),
                    format!("file://{}/releases", root.display()),
                ),
            ];
            let more = fs::read_to_string(&added).expect("the steps before");
            let more: Vec<&str> = more.lines().rev().collect();
            environment.push(("PATH".to_owned(), [&more.join(":"), PATH].join(":")));
            for (name, value) in step["env"].as_object().into_iter().flatten() {
                assert_eq!(value, "${{ secrets.DATABASE_URL }}", "{name}");
                environment.push((name.clone(), self.shop.database.url()));
            }
            let run = self.shop.bash(script, &environment);
            self.told
                .push(format!("{name}: {}, status {}", script.trim(), run.status));
            if run.status != 0 {
                self.told.push(run.stderr);
                return false;
            }
        }
        true
    }
}

/// Of a runner: without the test's own links.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A repository with the workflow, and a release page with an archive as
/// `scripts/package` makes them.
fn shop(shop: Shop) -> Shop {
    let install = file::text("github-actions/install-segue");
    shop.program(".github/install-segue", &install);
    // Nothing is set but by the workflow.
    fs::remove_file(shop.project.path().join("bin/segue")).expect("the link");
    let name = "segue-v0.1.0-x86_64-unknown-linux-musl";
    let folder = shop.project.path().join("releases/v0.1.0");
    fs::create_dir_all(folder.join(name)).expect("a folder");
    symlink(SEGUE, folder.join(name).join("segue")).expect("a link");
    let script = "
        tar --create --gzip --file \"$1.tar.gz\" \"$1\"
        sha256sum *.tar.gz >SHA256SUMS
        echo \"$(sha256sum </dev/null | cut -c 1-64)  another.tar.gz\" >>SHA256SUMS";
    let made = Command::new("bash")
        .args(["-euc", script, "bash", name])
        .current_dir(&folder)
        .status();
    assert!(made.expect("bash").success());
    shop
}

fn workflow() -> Value {
    file::yaml("github-actions/deploy.yml")
}

#[test]
fn batch_then_deploy_then_tail() {
    let shop = shop(Shop::new());
    let mut runner = Runner {
        shop: &shop,
        told: Vec::new(),
    };
    runner.run(&workflow());
    assert_eq!(
        runner.told,
        [
            "check: .github/install-segue, status 0",
            "check: segue check --format github, status 0",
            "release: .github/install-segue, status 0",
            "release: segue up --until ready, status 0",
            "release: ./deploy \"$GITHUB_SHA\", status 0",
            "settle: .github/install-segue, status 0",
            "settle: segue settle, status 0",
        ]
    );
    assert_eq!(shop.log(), ["deploy 0a1b2c3: 3 orders, index not valid"]);
    assert_eq!(shop.stands(), SETTLED);
}

/// What fails beside the data of production has passed `check`.
#[test]
fn when_the_batch_fails_nothing_is_deployed() {
    let shop = shop(Shop::failing());
    let mut runner = Runner {
        shop: &shop,
        told: Vec::new(),
    };
    runner.run(&workflow());
    let steps = &runner.told[..4];
    assert_eq!(
        steps[2..],
        [
            "release: .github/install-segue, status 0",
            "release: segue up --until ready, status 4"
        ]
    );
    assert_eq!(runner.told.len(), 5, "{:?}", runner.told);
    assert_eq!(shop.log(), Vec::<String>::new());
    assert_eq!(shop.stands(), UNCHANGED);
}

#[test]
fn an_archive_with_another_checksum_is_not_installed() {
    let shop = shop(Shop::new());
    let sum = "releases/v0.1.0/SHA256SUMS";
    let text = shop.project.read(sum);
    let other = text.replace(&text[..8], "00000000");
    shop.project.write(sum, other);
    let mut runner = Runner {
        shop: &shop,
        told: Vec::new(),
    };
    runner.run(&workflow());
    assert_eq!(runner.told[0], "check: .github/install-segue, status 1");
    assert_eq!(runner.told.len(), 2, "{:?}", runner.told);
}

/// The batch runs one at a time, the tail beside the next release.
#[test]
fn only_the_batch_holds_up_the_next_release() {
    let workflow = workflow();
    assert_eq!(workflow["concurrency"], Value::Null);
    let group = &workflow["jobs"]["release"]["concurrency"];
    assert_eq!(group["cancel-in-progress"], false);
    for job in ["check", "settle"] {
        assert_eq!(workflow["jobs"][job]["concurrency"], Value::Null);
    }
}
