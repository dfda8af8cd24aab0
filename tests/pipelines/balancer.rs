//! HAProxy and Caddy with the configurations of the examples, before two hosts:
//! one with the old code and folder, one with the new. The hosts are addresses
//! of the loopback network, which macOS has only one of.
#![cfg(target_os = "linux")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::file;
use super::shop::Shop;
use crate::connect::server::free_port;
use crate::support::{Background, wait_until};

const BLUE: &str = "127.0.0.11";
const GREEN: &str = "127.0.0.12";

/// Two hosts, each with an application and a `segue serve`.
struct Hosts<'a> {
    shop: &'a Shop,
    /// Of the applications, on both hosts; likewise the others.
    application: u16,
    http: u16,
    agent: u16,
    /// Where the balancer listens.
    front: u16,
}

/// An application that is always well, and tells who it is.
fn application(host: &'static str, port: u16, name: &'static str) {
    let listener = TcpListener::bind((host, port)).expect("a free port");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut buffer = [0; 4096];
            // A health check may leave before it is answered.
            if stream.read(&mut buffer).is_ok_and(|length| length > 0) {
                let length = name.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{name}"
                );
            }
        }
    });
}

impl<'a> Hosts<'a> {
    fn new(shop: &'a Shop) -> Self {
        let hosts = Self {
            shop,
            application: free_port(),
            http: free_port(),
            agent: free_port(),
            front: free_port(),
        };
        application(BLUE, hosts.application, "blue");
        application(GREEN, hosts.application, "green");
        // The old code's folder.
        for name in ["1-orders.sql", "2-state.sql", "3-index.sql"] {
            let text = shop.project.read(&format!("migrations/{name}"));
            if name == "1-orders.sql" {
                shop.project.write(&format!("blue/{name}"), &text);
            }
            shop.project.write(&format!("green/{name}"), text);
        }
        hosts
    }

    /// `segue serve` on a host, with that host's folder.
    fn serve(&self, host: &str, folder: &str) -> Background<'a> {
        let run = self.shop.project.spawn(&[
            "serve",
            "--migrations",
            folder,
            "--listen",
            &format!("{host}:{}", self.http),
            "--agent",
            &format!("{host}:{}", self.agent),
        ]);
        wait_until("segue serve", || {
            TcpStream::connect((host, self.http)).is_ok()
        });
        run
    }

    /// A configuration of the examples, with the test's addresses.
    fn configuration(&self, name: &str) -> String {
        let mut text = file::text(name);
        let changes = [
            ("10.0.0.11:8000", format!("{BLUE}:{}", self.application)),
            ("10.0.0.12:8000", format!("{GREEN}:{}", self.application)),
            ("7433", self.http.to_string()),
            ("7434", self.agent.to_string()),
            ("bind :8080", format!("bind 127.0.0.1:{}", self.front)),
            ("\n:8080 {", format!("\nhttp://127.0.0.1:{} {{", self.front)),
        ];
        text.insert(0, '\n');
        for (from, to) in &changes {
            text = text.replace(from, to);
        }
        text
    }

    fn start(&self, program: &str, arguments: &[&str], name: &str) -> Background<'a> {
        let mut text = self.configuration(name);
        if program == "caddy" {
            // Its administration has one port on a machine.
            text.insert_str(0, "{\n\tadmin off\n}\n");
        }
        self.shop.project.write("balancer.conf", text);
        let path = Path::new(program);
        let mut arguments = arguments.to_vec();
        arguments.push("balancer.conf");
        let command = self.shop.command(path, &arguments);
        self.shop.project.spawn_command(command)
    }

    /// Who answers a request through the balancer.
    fn who(&self) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.front)).ok()?;
        write!(stream, "GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.split(' ').nth(1).filter(|status| *status == "200")?;
        Some(body.to_owned())
    }

    /// Asks for a while, and expects this host each time.
    #[track_caller]
    fn only(&self, name: &str, while_: Duration) {
        let began = Instant::now();
        while began.elapsed() < while_ {
            assert_eq!(self.who().as_deref(), Some(name));
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Both hosts answer, one after the other.
    fn both(&self) -> bool {
        let answers: Vec<_> = (0..8).map(|_| self.who()).collect();
        ["blue", "green"].iter().all(|name| {
            answers
                .iter()
                .any(|answer| answer.as_deref() == Some(*name))
        })
    }
}

/// Longer than two checks take.
const CHECKS: Duration = Duration::from_millis(2500);

/// The whole story with one balancer.
fn opens_and_closes(program: &str, arguments: &[&str], name: &str) {
    let shop = Shop::new();
    let hosts = Hosts::new(&shop);
    let _blue = hosts.serve(BLUE, "blue");
    let _green = hosts.serve(GREEN, "green");
    let _balancer = hosts.start(program, arguments, name);
    // Some count a host as well until they have asked it.
    wait_until("the first checks", || {
        (0..20).all(|_| hosts.who().as_deref() == Some("blue"))
    });
    hosts.only("blue", CHECKS);

    // A batch that fails opens nothing.
    let right = shop.project.read("migrations/2-state.sql");
    let wrong = format!("{right}SELECT 1 / 0;\n");
    shop.project.file("2-state.sql", &wrong);
    let up = ["up", "--until", "ready"];
    assert_eq!(shop.project.segue(&up).status, 4);
    hosts.only("blue", CHECKS);

    // The COMMIT of one does, before the index is built.
    shop.project.file("2-state.sql", &right);
    shop.project.segue(&up).expect_success();
    wait_until("the gate", || hosts.both());
    assert_eq!(shop.stands(), "1-orders.sql 2-state.sql|f");
    shop.project.segue(&["settle"]).expect_success();

    // The database is not what the new code needs any more.
    shop.database
        .run("DELETE FROM segue.migration WHERE file = '2-state.sql'");
    wait_until("the gate to close", || {
        (0..20).all(|_| hosts.who().as_deref() == Some("blue"))
    });
    hosts.only("blue", CHECKS);
}

#[test]
fn haproxy_opens_by_httpchk() {
    opens_and_closes("haproxy", &["-db", "-f"], "haproxy/httpchk.cfg");
}

#[test]
fn haproxy_opens_by_agent_check() {
    opens_and_closes("haproxy", &["-db", "-f"], "haproxy/agent-check.cfg");
}

#[test]
fn caddy_opens_by_its_health_check() {
    let arguments = ["run", "--adapter", "caddyfile", "--config"];
    opens_and_closes("caddy", &arguments, "caddy/Caddyfile");
}

/// An agent that does not answer yet is no leave to send traffic: not once.
#[test]
fn a_host_without_an_agent_gets_nothing() {
    let shop = Shop::new();
    let hosts = Hosts::new(&shop);
    let _balancer = hosts.start("haproxy", &["-db", "-f"], "haproxy/agent-check.cfg");
    wait_until("HAProxy", || {
        TcpStream::connect(("127.0.0.1", hosts.front)).is_ok()
    });
    let began = Instant::now();
    while began.elapsed() < CHECKS {
        assert_eq!(hosts.who(), None);
        thread::sleep(Duration::from_millis(20));
    }
    let _blue = hosts.serve(BLUE, "blue");
    wait_until("blue", || hosts.who().as_deref() == Some("blue"));
    hosts.only("blue", CHECKS);
}

/// Of the two ways one keeps what it heard when `segue serve` is gone, the
/// other closes.
#[test]
fn without_serve_httpchk_closes_and_agent_check_stays() {
    for (name, is_open) in [
        ("haproxy/httpchk.cfg", false),
        ("haproxy/agent-check.cfg", true),
    ] {
        let shop = Shop::new();
        let hosts = Hosts::new(&shop);
        let blue = hosts.serve(BLUE, "blue");
        let _balancer = hosts.start("haproxy", &["-db", "-f"], name);
        wait_until("blue", || hosts.who().as_deref() == Some("blue"));
        blue.signal(Signal::SIGKILL);
        if is_open {
            hosts.only("blue", CHECKS);
        } else {
            wait_until("it to close", || hosts.who().is_none());
        }
    }
}
