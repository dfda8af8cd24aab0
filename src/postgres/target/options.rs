//! Connection parameters as checked values.

use std::path::PathBuf;
use std::time::Duration;

use super::Environment;
use super::error::TargetError;
use super::setting::Settings;
use crate::postgres::keepalive;

/// Shall the connection be encrypted, and whom do we trust; weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// Never encrypted.
    Disable,
    /// Encrypted only if the server refuses otherwise.
    Allow,
    /// Encrypted if the server can.
    Prefer,
    /// Always encrypted; the certificate counts only if a root file is there.
    Require,
    /// Encrypted, and the certificate comes from a trusted authority.
    VerifyCa,
    /// As `VerifyCa`, and the certificate is for this host.
    VerifyFull,
}

/// Which kind of server will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionAttributes {
    /// The first that answers.
    Any,
    /// Sessions can write.
    ReadWrite,
    /// Sessions cannot write.
    ReadOnly,
    /// Not in recovery.
    Primary,
    /// In recovery.
    Standby,
    /// In recovery if there is such a server, else any.
    PreferStandby,
}

impl SessionAttributes {
    pub(crate) const NAMES: [(&'static str, Self); 6] = [
        ("any", Self::Any),
        ("read-write", Self::ReadWrite),
        ("read-only", Self::ReadOnly),
        ("primary", Self::Primary),
        ("standby", Self::Standby),
        ("prefer-standby", Self::PreferStandby),
    ];

    /// The word that libpq has for it, `read-write` for example.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, attributes)| *attributes == self)
            .map_or("any", |(name, _)| name)
    }
}

/// Channel binding of SCRAM to the TLS connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

/// A version of TLS that rustls speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsVersion {
    V1_2,
    V1_3,
}

/// Which certificate authorities are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    /// Those of the operating system.
    System,
    /// A PEM file; if it is missing, only `verify-…` modes fail.
    File(PathBuf),
    /// There is no home directory to look in.
    None,
}

/// Everything about encryption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsOptions {
    pub mode: SslMode,
    pub direct: bool,
    pub roots: Roots,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// PEM files of revocation lists; missing ones are skipped.
    pub revocation_list: Option<PathBuf>,
    pub revocation_directory: Option<PathBuf>,
    pub send_server_name: bool,
    pub min_version: TlsVersion,
    pub max_version: TlsVersion,
}

/// TCP keepalives; `None` leaves the operating system's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keepalives {
    pub enabled: bool,
    pub idle: Option<Duration>,
    pub interval: Option<Duration>,
    pub count: Option<u32>,
    pub user_timeout: Option<Duration>,
}

/// All that a connection needs besides hosts, user, database and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub tls: TlsOptions,
    pub channel_binding: ChannelBinding,
    pub keepalives: Keepalives,
    /// For each address tried, everything up to the first query included.
    pub connect_timeout: Option<Duration>,
    pub session: SessionAttributes,
    pub shuffle: bool,
    /// Command-line options for the server, those of PGTZ and the like last.
    pub server: String,
}

impl Options {
    pub(crate) fn new(settings: &Settings, environment: &Environment) -> Result<Self, TargetError> {
        check_fixed(settings)?;
        let channel_binding = settings
            .choice(
                "channel_binding",
                &[
                    ("disable", ChannelBinding::Disable),
                    ("prefer", ChannelBinding::Prefer),
                    ("require", ChannelBinding::Require),
                ],
            )?
            .unwrap_or(ChannelBinding::Prefer);
        let tls = TlsOptions::new(settings, environment)?;
        if channel_binding == ChannelBinding::Require && tls.mode == SslMode::Disable {
            return Err(settings.invalid(
                "channel_binding",
                "is `require`, which needs encryption, and `sslmode` is `disable`",
            ));
        }
        Ok(Self {
            tls,
            channel_binding,
            keepalives: Keepalives::new(settings)?,
            connect_timeout: positive(settings, "connect_timeout")?.map(Duration::from_secs),
            session: settings
                .choice("target_session_attrs", &SessionAttributes::NAMES)?
                .unwrap_or(SessionAttributes::Any),
            shuffle: settings
                .choice(
                    "load_balance_hosts",
                    &[("disable", false), ("random", true)],
                )?
                .unwrap_or(false),
            server: server_options(settings, environment),
        })
    }
}

/// Parameters of which segue can do with one value alone.
fn check_fixed(settings: &Settings) -> Result<(), TargetError> {
    if let Some(encoding) = settings.get("client_encoding") {
        // As the server compares names of encodings.
        let plain: String = encoding
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|character| character.to_ascii_lowercase())
            .collect();
        if !matches!(plain.as_str(), "utf8" | "unicode" | "auto") {
            let reason =
                format!("migrations are UTF-8, `{encoding}` would garble them; use `UTF8`");
            return Err(settings.unsupported("client_encoding", reason));
        }
    }
    if settings.choice(
        "gssencmode",
        &[("disable", false), ("prefer", false), ("require", true)],
    )? == Some(true)
    {
        return Err(settings.unsupported(
            "gssencmode",
            "segue encrypts by TLS, not by GSSAPI; use `sslmode=require` or stronger",
        ));
    }
    if settings.get("replication").is_some_and(|value| {
        !matches!(
            value.to_ascii_lowercase().as_str(),
            "false" | "off" | "no" | "0"
        )
    }) {
        return Err(settings.unsupported("replication", "migrations need an ordinary session"));
    }
    let versions = [("3.0", true), ("3.2", false), ("latest", true)];
    settings.choice("max_protocol_version", &versions)?;
    if settings.choice("min_protocol_version", &versions)? == Some(false)
        || settings.get("min_protocol_version") == Some("latest")
    {
        return Err(settings.unsupported("min_protocol_version", "segue speaks protocol 3.0"));
    }
    Ok(())
}

impl TlsOptions {
    fn new(settings: &Settings, environment: &Environment) -> Result<Self, TargetError> {
        let system_roots = settings.get("sslrootcert") == Some("system");
        let modes = [
            ("disable", SslMode::Disable),
            ("allow", SslMode::Allow),
            ("prefer", SslMode::Prefer),
            ("require", SslMode::Require),
            ("verify-ca", SslMode::VerifyCa),
            ("verify-full", SslMode::VerifyFull),
        ];
        let default = if system_roots {
            SslMode::VerifyFull
        } else {
            SslMode::Prefer
        };
        let mode = settings.choice("sslmode", &modes)?.unwrap_or(default);
        // Anyone can have a certificate from a public authority.
        if system_roots && mode != SslMode::VerifyFull {
            return Err(
                settings.invalid("sslmode", "must be `verify-full` with `sslrootcert=system`")
            );
        }
        let direct = settings
            .choice("sslnegotiation", &[("postgres", false), ("direct", true)])?
            .unwrap_or(false);
        if direct && mode < SslMode::Require {
            return Err(settings.invalid(
                "sslnegotiation",
                "is `direct`, which needs `sslmode` to be `require` or stronger",
            ));
        }
        let use_certificate = settings
            .choice(
                "sslcertmode",
                &[
                    ("disable", Some(false)),
                    ("allow", Some(true)),
                    ("require", None),
                ],
            )?
            .unwrap_or(Some(true));
        let Some(use_certificate) = use_certificate else {
            return Err(settings.unsupported(
                "sslcertmode",
                "segue cannot see whether the server asked for its certificate",
            ));
        };
        let home = |name: &str| {
            environment
                .home
                .as_ref()
                .map(|home| home.join(".postgresql").join(name))
        };
        let path = |keyword: &str, name: &str| {
            settings
                .get(keyword)
                .map(PathBuf::from)
                .or_else(|| home(name))
        };
        let roots = match path("sslrootcert", "root.crt") {
            _ if system_roots => Roots::System,
            Some(file) => Roots::File(file),
            None => Roots::None,
        };
        let (min_version, max_version) = versions(settings)?;
        // As libpq: naming one of the two takes away the other's default.
        let revocation_directory = settings.get("sslcrldir").map(PathBuf::from);
        let revocation_list = match (settings.get("sslcrl"), &revocation_directory) {
            (Some(file), _) => Some(PathBuf::from(file)),
            (None, Some(_)) => None,
            (None, None) => home("root.crl"),
        };
        Ok(Self {
            mode,
            direct,
            roots,
            certificate: path("sslcert", "postgresql.crt").filter(|_| use_certificate),
            key: path("sslkey", "postgresql.key"),
            revocation_list,
            revocation_directory,
            send_server_name: settings
                .choice("sslsni", &[("1", true), ("0", false)])?
                .unwrap_or(true),
            min_version,
            max_version,
        })
    }
}

fn versions(settings: &Settings) -> Result<(TlsVersion, TlsVersion), TargetError> {
    const OLD: &str = "is older than `TLSv1.2`, the oldest that segue speaks";
    let names = [
        ("TLSv1", None),
        ("TLSv1.1", None),
        ("TLSv1.2", Some(TlsVersion::V1_2)),
        ("TLSv1.3", Some(TlsVersion::V1_3)),
    ];
    let min = settings
        .choice("ssl_min_protocol_version", &names)?
        .flatten();
    let max = match settings.choice("ssl_max_protocol_version", &names)? {
        Some(None) => return Err(settings.invalid("ssl_max_protocol_version", OLD)),
        Some(Some(version)) => version,
        None => TlsVersion::V1_3,
    };
    let min = min.unwrap_or(TlsVersion::V1_2);
    if min > max {
        return Err(settings.invalid(
            "ssl_min_protocol_version",
            "must not be above `ssl_max_protocol_version`",
        ));
    }
    Ok((min, max))
}

impl Keepalives {
    /// libpq leaves all of it to the system, which asks after two hours: by
    /// then a gateway has long forgotten a connection over which nothing but
    /// the end of a build was to come, and nobody would ever be told. A zero
    /// leaves it to the system here, too.
    fn new(settings: &Settings) -> Result<Self, TargetError> {
        let or = |keyword, default| match settings.number(keyword)? {
            None => Ok::<_, TargetError>(Some(default)),
            Some(_) => positive(settings, keyword),
        };
        Ok(Self {
            enabled: settings.number("keepalives")? != Some(0),
            idle: or("keepalives_idle", keepalive::IDLE_SECONDS)?.map(Duration::from_secs),
            interval: or("keepalives_interval", keepalive::INTERVAL_SECONDS)?
                .map(Duration::from_secs),
            count: or("keepalives_count", keepalive::COUNT)?
                .map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
            user_timeout: or("tcp_user_timeout", keepalive::USER_TIMEOUT_MILLIS)?
                .map(Duration::from_millis),
        })
    }
}

/// The number if it is above zero; libpq means "not set" by the others.
fn positive(settings: &Settings, keyword: &'static str) -> Result<Option<u64>, TargetError> {
    let number = settings.number(keyword)?;
    Ok(number
        .and_then(|number| u64::try_from(number).ok())
        .filter(|number| *number > 0))
}

/// `options`, then what libpq sends for `PGTZ`, `PGDATESTYLE` and `PGGEQO`:
/// those win over `options`, and tokio-postgres has no other way to send them.
fn server_options(settings: &Settings, environment: &Environment) -> String {
    let mut options = settings.get("options").unwrap_or_default().to_owned();
    for (variable, name) in [
        ("PGDATESTYLE", "datestyle"),
        ("PGTZ", "timezone"),
        ("PGGEQO", "geqo"),
    ] {
        let Some(value) = environment.variable(variable) else {
            continue;
        };
        // libpq leaves `default` to the server.
        if value.eq_ignore_ascii_case("default") {
            continue;
        }
        if !options.is_empty() {
            options.push(' ');
        }
        options.push_str("-c ");
        options.push_str(name);
        options.push('=');
        for character in value.chars() {
            if character == '\\' || character.is_ascii_whitespace() {
                options.push('\\');
            }
            options.push(character);
        }
    }
    options
}
