//! A server that shows views which a test chooses, by the rules of `segue
//! serve`: the same policy, and events when another view takes its place.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use segue::page;
use segue::status::View;

/// What `segue serve` sends with everything.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// A server on a port of its own, until it is dropped.
#[derive(Debug)]
pub struct Gallery {
    port: u16,
    shown: Arc<Shown>,
}

#[derive(Debug)]
struct Shown {
    view: Mutex<View>,
    streams: Mutex<Vec<TcpStream>>,
    /// Whether it answers.
    is_up: AtomicBool,
}

impl Gallery {
    pub fn open(view: View) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shown = Arc::new(Shown {
            view: Mutex::new(view),
            streams: Mutex::default(),
            is_up: AtomicBool::new(true),
        });
        let answering = Arc::clone(&shown);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shown = Arc::clone(&answering);
                // A browser that goes away in the middle is no failure.
                std::thread::spawn(move || drop(shown.answer(stream)));
            }
        });
        Self { port, shown }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Shows another one, and tells those who listen.
    pub fn show(&self, view: View) {
        *self.shown.view.lock().expect("not poisoned") = view;
        let mut streams = self.shown.streams.lock().expect("not poisoned");
        streams.retain_mut(|stream| stream.write_all(b"event: status\ndata: {}\n\n").is_ok());
    }

    /// Answers no more, and ends what is open.
    pub fn close(&self) {
        self.shown.is_up.store(false, Ordering::SeqCst);
        self.shown.streams.lock().expect("not poisoned").clear();
    }

    /// Answers again.
    pub fn reopen(&self) {
        self.shown.is_up.store(true, Ordering::SeqCst);
    }
}

impl Shown {
    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        while line.trim_end() != "" {
            line.clear();
            reader.read_line(&mut line)?;
        }
        if !self.is_up.load(Ordering::SeqCst) {
            return Ok(());
        }
        let (status, kind, body) = match path.as_str() {
            "/" => {
                let view = self.view.lock().expect("not poisoned");
                ("200 OK", "text/html; charset=utf-8", page::html(&view))
            }
            "/page.css" => ("200 OK", "text/css; charset=utf-8", page::STYLE.to_owned()),
            "/page.js" => (
                "200 OK",
                "text/javascript; charset=utf-8",
                page::SCRIPT.to_owned(),
            ),
            "/events" => {
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                     Content-Security-Policy: {POLICY}\r\nConnection: close\r\n\r\n\
                     retry: 100\n\nevent: status\ndata: {{}}\n\n"
                )?;
                self.streams.lock().expect("not poisoned").push(stream);
                return Ok(());
            }
            _ => ("404 Not Found", "text/plain", "not here\n".to_owned()),
        };
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
             Content-Security-Policy: {POLICY}\r\nX-Content-Type-Options: nosniff\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    }
}
