//! One address of one server, and a stream to it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::error::Attempt;
use crate::postgres::target::host::{Address, Host};
use crate::postgres::target::options::{Keepalives, Options};

/// A stream of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Bytes to and from the server.
pub(super) type Transport = Box<dyn Stream>;

/// One address to connect to.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    address: Location,
    keepalives: Keepalives,
    /// Whom a certificate has to be for.
    pub server_name: String,
    /// For people: `` `db1` (10.0.0.3), port 5432 ``.
    pub description: String,
}

#[derive(Clone, Debug)]
enum Location {
    Tcp(SocketAddr),
    /// Begins with a zero byte in the abstract namespace.
    Socket(PathBuf),
}

/// Every address of a host, at least one, in the order to try them.
pub(super) async fn resolve(host: &Host, options: &Options) -> Result<Vec<Endpoint>, Attempt> {
    let endpoint = |address: Location, server_name: String, description: String| Endpoint {
        address,
        keepalives: options.keepalives,
        server_name,
        description,
    };
    let port = host.port;
    let (name, mut addresses) = match &host.address {
        Address::Socket(_) | Address::DefaultSocket => {
            return Ok(host
                .socket_directories()
                .into_iter()
                .map(|directory| {
                    let path = format!("{directory}/.s.PGSQL.{port}");
                    let description = format!("socket `{path}`");
                    let path = match path.strip_prefix('@') {
                        Some(name) => PathBuf::from(format!("\0{name}")),
                        None => PathBuf::from(path),
                    };
                    endpoint(Location::Socket(path), String::new(), description)
                })
                .collect());
        }
        Address::Ip(address) => {
            let name = host.name.clone().unwrap_or_else(|| address.to_string());
            (name, vec![SocketAddr::new(*address, port)])
        }
        Address::Name(name) => {
            let attempt = |reason| Attempt {
                host: format!("`{name}`, port {port}"),
                reason,
            };
            let limit = options.connect_timeout.unwrap_or(Duration::MAX);
            let found = tokio::time::timeout(limit, tokio::net::lookup_host((name.as_str(), port)))
                .await
                .map_err(|_| attempt(format!("no address within {} s", limit.as_secs())))?
                .map_err(|error| attempt(error.to_string()))?
                .collect::<Vec<_>>();
            if found.is_empty() {
                return Err(attempt("the name has no address".to_owned()));
            }
            (name.clone(), found)
        }
    };
    if options.shuffle {
        fastrand::shuffle(&mut addresses);
    }
    Ok(addresses
        .into_iter()
        .map(|address| {
            let ip = address.ip().to_string();
            let description = if ip == name {
                format!("`{name}`, port {port}")
            } else {
                format!("`{name}` ({ip}), port {port}")
            };
            endpoint(Location::Tcp(address), name.clone(), description)
        })
        .collect())
}

impl Endpoint {
    /// Whether it is on this machine by a Unix socket, where libpq never
    /// encrypts.
    pub(super) fn is_socket(&self) -> bool {
        matches!(self.address, Location::Socket(_))
    }

    /// A stream to it.
    pub(super) async fn open(&self) -> io::Result<Transport> {
        match &self.address {
            Location::Socket(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Location::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                self.keepalives.apply(&stream)?;
                Ok(Box::new(stream))
            }
        }
    }
}

impl Keepalives {
    fn apply(&self, stream: &TcpStream) -> io::Result<()> {
        let socket = SockRef::from(stream);
        // Some systems have no such option; libpq ignores it there, too.
        #[cfg(target_os = "linux")]
        if let Some(timeout) = self.user_timeout {
            socket.set_tcp_user_timeout(Some(timeout))?;
        }
        if !self.enabled {
            return Ok(());
        }
        socket.set_keepalive(true)?;
        let mut keepalive = TcpKeepalive::new();
        if let Some(idle) = self.idle {
            keepalive = keepalive.with_time(idle);
        }
        if let Some(interval) = self.interval {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(count) = self.count {
            keepalive = keepalive.with_retries(count);
        }
        socket.set_tcp_keepalive(&keepalive)
    }
}
