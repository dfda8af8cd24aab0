//! Where servers are: the lists `host`, `hostaddr` and `port` → hosts.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use super::error::TargetError;
use super::file;
use super::setting::Settings;

/// Directories in which servers put their sockets: Debian's and its heirs'
/// first, then PostgreSQL's own default.
const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// One server that may be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub address: Address,
    /// The element of `host`, if there is one and it is a name: what a
    /// certificate has to be for, also where `hostaddr` says whom to call.
    pub name: Option<String>,
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// Nothing is said: a Unix socket in the usual directories.
    DefaultSocket,
    /// Directory of a Unix socket; begins with `@` in the abstract namespace.
    Socket(String),
    /// A name to look up, or an address as text.
    Name(String),
    /// From `hostaddr`.
    Ip(IpAddr),
}

impl Host {
    /// Every host, at least one, in the order to try them.
    pub(crate) fn list(settings: &Settings) -> Result<Vec<Self>, TargetError> {
        let names = elements(settings.get("host"));
        let addresses = elements(settings.get("hostaddr"));
        let ports = elements(settings.get("port"));
        let count = match (names.len(), addresses.len()) {
            (0, 0) => 1,
            (names, 0) => names,
            (0, addresses) => addresses,
            (names, addresses) if names == addresses => addresses,
            (names, addresses) => {
                return Err(settings.invalid(
                    "hostaddr",
                    format!("has {addresses} elements, `host` has {names}"),
                ));
            }
        };
        if ports.len() > 1 && ports.len() != count {
            let reason = format!("has {} elements for {count} hosts", ports.len());
            return Err(settings.invalid("port", reason));
        }
        (0..count)
            .map(|index| {
                let element = |list: &[&str]| {
                    list.get(index)
                        .copied()
                        .filter(|element| !element.is_empty())
                        .map(str::to_owned)
                };
                let port = ports
                    .get(index)
                    .or(ports.first().filter(|_| ports.len() == 1));
                Self::new(
                    settings,
                    element(&names),
                    element(&addresses),
                    port.copied(),
                )
            })
            .collect()
    }

    fn new(
        settings: &Settings,
        name: Option<String>,
        address: Option<String>,
        port: Option<&str>,
    ) -> Result<Self, TargetError> {
        let port = match port.map(str::trim).filter(|port| !port.is_empty()) {
            None => 5432,
            // Not repeated: after a raw `/` in a URI it is a piece of the password.
            Some(port) => port
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| settings.invalid("port", "must be a number from 1 to 65535"))?,
        };
        let socket = name.as_ref().filter(|name| name.starts_with(['/', '@']));
        let address = match (address, socket, &name) {
            (Some(address), _, _) => Address::Ip(address.parse().map_err(|_| {
                settings.invalid("hostaddr", format!("is `{address}`, must be an IP address"))
            })?),
            (None, Some(directory), _) => Address::Socket(directory.clone()),
            (None, None, Some(name)) => Address::Name(name.clone()),
            (None, None, None) => Address::DefaultSocket,
        };
        Ok(Self {
            address,
            name,
            port,
        })
    }

    /// What entries of a password file call this host.
    pub(crate) fn name_for_password(&self) -> String {
        let name = self.name.clone().unwrap_or_else(|| match &self.address {
            Address::Ip(address) => address.to_string(),
            Address::Name(name) | Address::Socket(name) => name.clone(),
            Address::DefaultSocket => "localhost".to_owned(),
        });
        // libpq knows one default directory; these are what it is compiled to.
        if SOCKET_DIRECTORIES.contains(&name.as_str()) {
            "localhost".to_owned()
        } else {
            name
        }
    }

    /// The directory that has its socket, else the first one to look in; none
    /// for a host that is reached by TCP.
    pub(super) fn existing_socket_directory(&self) -> Option<&str> {
        let directories = self.socket_directories();
        let socket = format!(".s.PGSQL.{}", self.port);
        let mut there = directories.iter();
        let there = there.find(|directory| file::exists(&Path::new(directory).join(&socket)));
        there.or(directories.first()).copied()
    }

    /// Directories to look for the socket in; none for a host that is reached
    /// by TCP.
    pub(crate) fn socket_directories(&self) -> Vec<&str> {
        match &self.address {
            Address::DefaultSocket => SOCKET_DIRECTORIES.to_vec(),
            Address::Socket(directory) => vec![directory],
            Address::Name(_) | Address::Ip(_) => Vec::new(),
        }
    }
}

/// A comma-separated list, without elements if nothing is given.
fn elements(list: Option<&str>) -> Vec<&str> {
    list.map(|list| list.split(',').map(str::trim).collect())
        .unwrap_or_default()
}

/// `db1:5432`, `[::1]:5432`, `/tmp:5432`.
impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match (&self.name, &self.address) {
            (Some(name), _) | (None, Address::Name(name) | Address::Socket(name)) => {
                if name.contains(':') {
                    write!(formatter, "[{name}]:{port}")
                } else {
                    write!(formatter, "{name}:{port}")
                }
            }
            (None, Address::Ip(IpAddr::V6(address))) => write!(formatter, "[{address}]:{port}"),
            (None, Address::Ip(IpAddr::V4(address))) => write!(formatter, "{address}:{port}"),
            (None, Address::DefaultSocket) => write!(formatter, "the local socket:{port}"),
        }
    }
}
