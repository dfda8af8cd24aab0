//! A target as the environment variables that libpq reads.

use super::host::Address;
use super::parameter::PARAMETERS;
use super::{Host, Target};

impl Target {
    /// All variables by which libpq chooses a server, for the environment of a
    /// child process: what each has to be, `None` where it must not be set, or
    /// it would lead elsewhere. A password, if it was given, is among them.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, Option<String>)> {
        let joined = |part: fn(&Host) -> String| {
            let parts: Vec<String> = self.hosts.iter().map(part).collect();
            Some(parts.join(","))
        };
        PARAMETERS
            .iter()
            .filter_map(|parameter| {
                let value = match parameter.keyword {
                    "host" => joined(place),
                    "port" => joined(|host| host.port.to_string()),
                    "user" => Some(self.user.clone()),
                    "dbname" => Some(self.database.clone()),
                    "password" => {
                        let password = self.password.as_ref();
                        password.map(|password| password.reveal().to_owned())
                    }
                    // What it says is in the others.
                    "service" | "servicefile" => None,
                    keyword => self.settings.get(keyword).map(str::to_owned),
                };
                Some((parameter.variable?, value))
            })
            .collect()
    }
}

/// A host as `PGHOST` has it.
fn place(host: &Host) -> String {
    if let Some(name) = &host.name {
        return name.clone();
    }
    match &host.address {
        Address::Ip(address) => address.to_string(),
        Address::Name(name) | Address::Socket(name) => name.clone(),
        Address::DefaultSocket => host
            .existing_socket_directory()
            .unwrap_or_default()
            .to_owned(),
    }
}
