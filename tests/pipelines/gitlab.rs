//! The pipeline, run as GitLab runs one: stage by stage, a job's lines by bash.

use serde_json::Value;

use super::file;
use super::shop::{SETTLED, Shop, UNCHANGED};

/// Runs the stages; tells each job with its status. What fails ends it.
fn run(shop: &Shop, pipeline: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for stage in file::strings(&pipeline["stages"]) {
        let jobs = pipeline.as_object().expect("jobs");
        let mut has_failed = false;
        for (name, job) in jobs.iter().filter(|(_, job)| job["stage"] == *stage) {
            let mut environment = vec![("CI_COMMIT_SHA".to_owned(), "0a1b2c3".to_owned())];
            for (variable, value) in job["variables"].as_object().into_iter().flatten() {
                let value = value.as_str().expect("a string");
                // The service `postgres` is the test's server.
                let server = shop.database.server().url("postgres");
                let value = value.replace("postgresql://postgres@postgres/postgres", &server);
                environment.push((variable.clone(), value));
            }
            if !job["environment"].is_null() {
                environment.push(("SEGUE_DATABASE_URL".to_owned(), shop.database.url()));
            }
            let run = shop.bash(&file::strings(&job["script"]).join("\n"), &environment);
            told.push(format!("{name}: status {}", run.status));
            has_failed |= run.status != 0;
        }
        if has_failed {
            break;
        }
    }
    told
}

#[test]
fn batch_then_deploy_then_tail() {
    let shop = Shop::new();
    let told = run(&shop, &file::yaml("gitlab-ci/.gitlab-ci.yml"));
    assert_eq!(
        told,
        ["check: status 0", "release: status 0", "settle: status 0"]
    );
    assert_eq!(shop.log(), ["deploy 0a1b2c3: 3 orders, index not valid"]);
    assert_eq!(shop.stands(), SETTLED);
    let report = shop.project.read("gl-code-quality-report.json");
    let report: Value = serde_json::from_str(&report).expect("a report");
    assert!(report.is_array(), "{report}");
}

#[test]
fn when_the_batch_fails_nothing_is_deployed() {
    let shop = Shop::failing();
    let told = run(&shop, &file::yaml("gitlab-ci/.gitlab-ci.yml"));
    assert_eq!(told, ["check: status 0", "release: status 4"]);
    assert_eq!(shop.log(), Vec::<String>::new());
    assert_eq!(shop.stands(), UNCHANGED);
}

/// The batch runs one at a time, the tail beside the next release; neither is
/// cancelled for a newer commit.
#[test]
fn only_the_batch_holds_up_the_next_release() {
    let pipeline = file::yaml("gitlab-ci/.gitlab-ci.yml");
    assert_eq!(pipeline["release"]["resource_group"], "production");
    assert_eq!(pipeline["settle"]["resource_group"], Value::Null);
    for job in ["release", "settle"] {
        assert_eq!(pipeline[job]["interruptible"], false);
    }
}
