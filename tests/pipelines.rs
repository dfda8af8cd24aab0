//! `examples/pipelines/`: every command in them runs, in the order in which the
//! pipeline would run it, against a real server; every configuration is given
//! to the program that it is for, where a machine without a cluster has that
//! program. `scripts/pipelines` holds the files against published schemas.

#[path = "database/connect"]
#[expect(dead_code, reason = "it is shared with the tests of connections")]
mod connect {
    pub mod certificates;
    pub mod server;
}
#[path = "pipelines/argo.rs"]
mod argo;
#[path = "pipelines/balancer.rs"]
mod balancer;
#[path = "pipelines/compose.rs"]
mod compose;
#[path = "pipelines/file.rs"]
mod file;
#[path = "pipelines/github.rs"]
mod github;
#[path = "pipelines/gitlab.rs"]
mod gitlab;
#[path = "pipelines/helm.rs"]
mod helm;
#[path = "pipelines/kubernetes.rs"]
mod kubernetes;
#[path = "pipelines/pages.rs"]
mod pages;
#[path = "pipelines/pod.rs"]
mod pod;
#[path = "pipelines/psql.rs"]
mod psql;
#[path = "pipelines/shop.rs"]
mod shop;
#[path = "support/support.rs"]
mod support;
#[path = "pipelines/systemd.rs"]
mod systemd;
