//! All that runs: a balancer, two versions of the application, `segue serve`
//! beside each, customers.

use std::fs;

use super::customers::{Customers, Day, Errand};
use super::folders::{Folders, example};
use super::host::{AGENT, FRONT, HTTP, Network, Shop};
use super::shop::Version::{self, Blue, Green};
use crate::support::{Background, HaProxy, Project, wait_until};

/// How the balancer knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    Agent,
    Http,
}

impl Check {
    fn file(self) -> &'static str {
        match self {
            Self::Agent => "agent-check.cfg",
            Self::Http => "httpchk.cfg",
        }
    }
}

/// The stage; everything on it ends with it.
#[derive(Debug)]
pub struct Stage<'a> {
    pub customers: Customers,
    pub haproxy: HaProxy,
    _shops: [Shop; 2],
    _blue: Background<'a>,
    /// Green's `segue serve`, while it lives.
    green: Option<Background<'a>>,
    folders: &'a Folders,
    network: Network,
    /// Where the applications and `segue serve` find the database.
    url: String,
}

impl<'a> Stage<'a> {
    /// Everything runs, and blue serves.
    pub fn open(folders: &'a Folders, url: &str, check: Check, errand: Errand) -> Self {
        let network = Network::new();
        let shops = [Blue, Green].map(|version| Shop::open(version, network.of(version), url));
        let blue = serve(&folders.blue, url, network, Blue);
        let green = serve(&folders.green, url, network, Green);
        let read = |name: &str| fs::read_to_string(example(name)).expect("the example");
        let file = read(check.file())
            .replace("10.0.0.11", &network.of(Blue).to_string())
            .replace("10.0.0.12", &network.of(Green).to_string())
            .replace(":8080", &format!("{}:{FRONT}", network.front()));
        let haproxy = HaProxy::configured(&file, &[("start.state", &read("start.state"))]);
        wait_until("blue to be known", || {
            haproxy.stat("shop", "blue", "status") == "UP"
        });
        let customers = Customers::come((network.front(), FRONT).into(), errand);
        customers.wait_for(Blue, 20);
        Self {
            customers,
            haproxy,
            _shops: shops,
            _blue: blue,
            green: Some(green),
            folders,
            network,
            url: url.to_owned(),
        }
    }

    /// `kill -9` of green's `segue serve`.
    pub fn kill_serve(&mut self) {
        let green = self.green.take().expect("it lives");
        green.kill();
        assert_eq!(green.wait().status, 137);
    }

    pub fn start_serve(&mut self) {
        let green = serve(&self.folders.green, &self.url, self.network, Green);
        self.green = Some(green);
    }

    /// The customers go, and everything ends.
    pub fn close(self) -> Day {
        self.customers.leave()
    }
}

fn serve<'a>(
    project: &'a Project,
    url: &str,
    network: Network,
    version: Version,
) -> Background<'a> {
    let address = network.of(version);
    let process = project.spawn(&[
        "serve",
        "--database-url",
        url,
        "--listen",
        &format!("{address}:{HTTP}"),
        "--agent",
        &format!("{address}:{AGENT}"),
    ]);
    process.wait_for_stderr("agent-check on ");
    process
}
