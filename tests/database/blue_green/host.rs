//! A host: an address of its own, on which a version of the application runs in
//! a process of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use super::shop::{self, Version};
use crate::support::wait_until;

/// Ports of `examples/blue-green/*.cfg`.
pub const FRONT: u16 = 8080;
const SHOP: u16 = 8000;
pub const HTTP: u16 = 7433;
pub const AGENT: u16 = 7434;

/// The addresses of one test; others are elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Network(u8, u8);

impl Network {
    pub fn new() -> Self {
        Self(fastrand::u8(1..255), fastrand::u8(1..255))
    }

    /// Of the balancer.
    pub fn front(self) -> Ipv4Addr {
        Ipv4Addr::new(127, self.0, self.1, 10)
    }

    pub fn of(self, version: Version) -> Ipv4Addr {
        let last = match version {
            Version::Blue => 11,
            Version::Green => 12,
        };
        Ipv4Addr::new(127, self.0, self.1, last)
    }
}

/// The application; killed when dropped.
#[derive(Debug)]
pub struct Shop(Child);

/// What the process needs to know, as environment variables.
const VERSION: &str = "SEGUE_TEST_SHOP_VERSION";
const ADDRESS: &str = "SEGUE_TEST_SHOP_ADDRESS";
const DATABASE: &str = "SEGUE_TEST_SHOP_DATABASE";

impl Shop {
    /// Starts it and waits until it listens.
    pub fn open(version: Version, at: Ipv4Addr, url: &str) -> Self {
        let address = SocketAddr::from((at, SHOP));
        let program = std::env::current_exe().expect("this test's program");
        let mut child = Command::new(program)
            .args(["--exact", "blue_green::host::process", "--ignored"])
            .env(VERSION, version.as_str())
            .env(ADDRESS, address.to_string())
            .env(DATABASE, url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test's program");
        wait_until("the shop to open", || {
            assert_eq!(child.try_wait().expect("a status"), None, "{version} ended");
            TcpStream::connect(address).is_ok()
        });
        Self(child)
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// No test: the process of a [`Shop`], which is this very program.
#[test]
#[ignore = "no test: the application, which tests start as a process of its own"]
fn process() {
    let [version, address, url] =
        [VERSION, ADDRESS, DATABASE].map(|name| std::env::var(name).unwrap_or_default());
    let Some(version) = Version::named(&version) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await;
        shop::serve(listener.expect("an address"), version, url).await;
    });
}
