//! A real browser without a window: Chromium, driven by chromedriver through
//! the `WebDriver` protocol, plain HTTP with JSON.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::wait::wait_until;

/// An open browser with one tab; ended when dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: TempDir,
}

/// How it looks at a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Light,
    Dark,
}

/// What a page takes from elsewhere, or does wrong, is in none of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Errors and warnings of the console, refused loads among them.
    pub problems: Vec<String>,
    /// URLs that were asked for, in their order.
    pub requests: Vec<String>,
}

impl Browser {
    /// Starts one with a profile of its own.
    pub fn start() -> Self {
        let profile = tempfile::Builder::new().prefix("segue-browser-").tempdir();
        let profile = profile.expect("a folder");
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver: {error}; `scripts/setup` installs it"));
        let mut lines = BufReader::new(driver.stdout.take().expect("piped")).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("successfully on port ")?;
                port.trim_end_matches('.').parse().ok()
            })
            .expect("chromedriver tells its port");
        // What it says later is read, or it would wait.
        std::thread::spawn(move || lines.for_each(drop));
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
            profile,
        };
        let folder = format!("--user-data-dir={}", browser.profile.path().display());
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb", folder,
            ] },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        } } });
        let session = browser.send("POST", "/session", &capabilities);
        session["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("a session, not {session}"))
            .clone_into(&mut browser.session);
        // The browser's own first page asks for much.
        browser.open("about:blank");
        browser.log();
        browser
    }

    /// Opens a page and waits until it is loaded.
    #[track_caller]
    pub fn open(&self, url: &str) -> &Self {
        self.post("/url", &json!({ "url": url }));
        self
    }

    /// How wide and high the page is, in CSS pixels, and which scheme its
    /// reader prefers.
    #[track_caller]
    pub fn look(&self, width: u32, height: u32, scheme: Scheme) -> &Self {
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            &json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false }),
        );
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        self.devtools(
            "Emulation.setEmulatedMedia",
            &json!({ "features": [
                { "name": "prefers-color-scheme", "value": value },
                { "name": "prefers-reduced-motion", "value": "reduce" },
            ] }),
        );
        self
    }

    /// Pages opened from now on run no script.
    #[track_caller]
    pub fn without_script(&self) -> &Self {
        self.devtools(
            "Emulation.setScriptExecutionDisabled",
            &json!({ "value": true }),
        );
        self
    }

    /// The value of a function's body, run in the page.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Text of the first element, as it is shown.
    #[track_caller]
    pub fn text(&self, selector: &str) -> String {
        let script = format!(
            "return document.querySelector({})?.innerText ?? ''",
            json!(selector)
        );
        let text = self.run(&script);
        text.as_str().expect("a text").to_owned()
    }

    /// Waits until the text of an element contains `text`.
    #[track_caller]
    pub fn wait_for(&self, selector: &str, text: &str) -> &Self {
        wait_until(&format!("`{text}` in {selector}"), || {
            self.text(selector).contains(text)
        });
        self
    }

    /// Presses a key, `Tab` for example, by its name in the DOM and its code.
    #[track_caller]
    pub fn press(&self, key: &str, code: u32) -> &Self {
        for kind in ["rawKeyDown", "keyUp"] {
            self.devtools(
                "Input.dispatchKeyEvent",
                &json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code }),
            );
        }
        self
    }

    /// A picture of the whole page, as PNG in a file.
    #[track_caller]
    pub fn screenshot(&self, path: &Path) {
        let picture = self.devtools(
            "Page.captureScreenshot",
            &json!({ "format": "png", "captureBeyondViewport": true }),
        );
        let data = picture["data"].as_str().expect("a picture");
        std::fs::write(path, base64(data)).expect("a file");
    }

    /// What assistive technology is told: role and name of each node, in the
    /// order of reading; ignored nodes are left out.
    #[track_caller]
    pub fn accessibility(&self) -> Vec<(String, String)> {
        let tree = self.devtools("Accessibility.getFullAXTree", &json!({}));
        let nodes = tree["nodes"].as_array().expect("nodes");
        let by_id: BTreeMap<&str, &Value> = nodes
            .iter()
            .filter_map(|node| Some((node["nodeId"].as_str()?, node)))
            .collect();
        let mut told = Vec::new();
        let mut next = vec![nodes.first().expect("a root")];
        while let Some(node) = next.pop() {
            if node["ignored"] != true {
                let text = |field: &str| node[field]["value"].as_str().unwrap_or("").to_owned();
                told.push((text("role"), text("name")));
            }
            let children = node["childIds"].as_array().into_iter().flatten().rev();
            next.extend(children.filter_map(|id| by_id.get(id.as_str()?).copied()));
        }
        told
    }

    /// What has happened since the last time.
    #[track_caller]
    pub fn log(&self) -> Log {
        let entries = |kind: &str| {
            let entries = self.post("/se/log", &json!({ "type": kind }));
            entries.as_array().expect("a log").clone()
        };
        let problems = entries("browser")
            .iter()
            .filter(|entry| entry["level"] != "INFO" && entry["level"] != "DEBUG")
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect();
        let requests = entries("performance")
            .iter()
            .filter_map(|entry| {
                let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
                let message = &message["message"];
                let is_request = message["method"] == "Network.requestWillBeSent";
                let url = message["params"]["request"]["url"].as_str()?;
                is_request.then(|| url.to_owned())
            })
            .collect();
        Log { problems, requests }
    }

    /// A command of the `DevTools` protocol.
    #[track_caller]
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post(
            "/goog/cdp/execute",
            &json!({ "cmd": command, "params": parameters }),
        )
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        self.send("POST", &format!("/session/{}{path}", self.session), body)
    }

    /// The value of the reply.
    #[track_caller]
    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let reply = request(self.port, method, path, &body.to_string());
        let reply = reply.unwrap_or_else(|error| panic!("chromedriver, {path}: {error}"));
        let mut value: Value = serde_json::from_str(&reply).expect("JSON");
        let value = value["value"].take();
        assert!(
            value["error"].is_null(),
            "{path}: {}: {}",
            value["error"],
            value["message"]
        );
        value
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends the browser with the session, and fails if that has ended.
        let path = format!("/session/{}", self.session);
        let _ = request(self.port, "DELETE", &path, "");
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The body of the reply.
fn request(port: u16, method: &str, path: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.is_empty() {
            break;
        }
    }
    // It keeps the connection open, so the length decides.
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What is written in base 64, without line ends.
fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |byte: &u8| DIGITS.iter().position(|digit| digit == byte);
    let digits: Vec<usize> = text.as_bytes().iter().filter_map(digit).collect();
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let bits = group.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - group.len()));
        for index in 0..group.len() - 1 {
            bytes.push(u8::try_from(bits >> (16 - 8 * index) & 0xff).expect("a byte"));
        }
    }
    bytes
}
