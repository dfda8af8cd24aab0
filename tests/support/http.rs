//! A client that speaks just enough HTTP for the tests.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde_json::Value;

use super::wait::PATIENCE;

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200 for example.
    pub status: u16,
    /// Names in lower case, with their values, as they came.
    pub headers: Vec<(String, String)>,
    /// Without the framing of chunks, which the tests do not ask for.
    pub body: String,
}

impl Answer {
    /// The first header of this name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A connection, with what it has not yet been asked for.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_nodelay(true).expect("a socket");
    stream
}

/// `GET PATH`.
#[track_caller]
pub fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, &format!("GET {path} HTTP/1.0\r\n\r\n"))
}

/// What comes back for a request, up to the connection's end.
#[track_caller]
pub fn ask(address: SocketAddr, request: &str) -> Answer {
    let text = exchange(address, request.as_bytes());
    parse(&text).unwrap_or_else(|| panic!("no answer but {text:?}"))
}

/// All that comes back for these bytes, whatever they are.
#[track_caller]
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address);
    // It may have closed already, with an answer to be read all the same.
    let _ = stream.write_all(bytes);
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// An answer whose body reaches to the end.
pub fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        })
        .collect::<Option<_>>()?;
    Some(Answer {
        status,
        headers,
        body: body.to_owned(),
    })
}

/// A connection that is kept for several requests.
pub struct Kept(BufReader<TcpStream>);

impl Kept {
    /// `None` if nobody listens.
    pub fn try_open(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        Some(Self(BufReader::new(stream)))
    }

    /// `GET PATH`; `None` if the connection has ended instead.
    pub fn get(&mut self, path: &str) -> Option<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes()).ok()?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let mut answer = parse(&head)?;
        let length = answer.header("content-length")?.parse().ok()?;
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).ok()?;
        answer.body = String::from_utf8(body).ok()?;
        Some(answer)
    }
}

/// A message of a stream of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its name.
    pub event: String,
    /// Where a client goes on from.
    pub id: String,
    /// On one line.
    pub data: Value,
}

/// An open stream of events.
pub struct Events(BufReader<TcpStream>);

impl Events {
    /// `GET PATH`, with further header lines.
    pub fn open(address: SocketAddr, path: &str, headers: &str) -> Self {
        let mut stream = connect(address);
        let request = format!("GET {path} HTTP/1.0\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        Self(BufReader::new(stream))
    }

    /// The next message, without header lines and comments; `None` at the end.
    #[track_caller]
    pub fn next(&mut self) -> Option<Message> {
        let mut event = None;
        let mut id = String::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).expect("a line in time") == 0 {
                return None;
            }
            if let Some(name) = line.strip_prefix("event: ") {
                event = Some(name.trim_end().to_owned());
            } else if let Some(text) = line.strip_prefix("id: ") {
                text.trim_end().clone_into(&mut id);
            } else if let Some(text) = line.strip_prefix("data: ") {
                return Some(Message {
                    event: event.expect("a name before the data"),
                    id,
                    data: serde_json::from_str(text).expect("JSON"),
                });
            }
        }
    }

    /// Reads until there is one of this name, and gives it.
    #[track_caller]
    pub fn until(&mut self, event: &str) -> Message {
        loop {
            let message = self
                .next()
                .unwrap_or_else(|| panic!("ended before {event}"));
            if message.event == event {
                return message;
            }
        }
    }

    /// Hangs up.
    pub fn close(self) {
        let _ = self.0.get_ref().shutdown(Shutdown::Both);
    }
}
