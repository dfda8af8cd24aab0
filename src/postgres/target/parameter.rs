//! The connection parameters that libpq knows, and where each comes from.
//!
//! One table (manual, "Parameter Key Words" and "Environment Variables") from
//! which look-ups, defaults and the refusal of what segue cannot honour derive.

use super::error::TargetError;

/// One connection parameter.
#[derive(Debug)]
pub(crate) struct Parameter {
    /// Keyword in connection strings and service files.
    pub keyword: &'static str,
    /// Environment variable that stands in for it.
    pub variable: Option<&'static str>,
    /// Why segue cannot honour it; a parameter that protects must not be
    /// ignored, so giving it a value is an error.
    pub refused: Option<&'static str>,
}

const fn known(keyword: &'static str, variable: Option<&'static str>) -> Parameter {
    Parameter {
        keyword,
        variable,
        refused: None,
    }
}

const fn refused(
    keyword: &'static str,
    variable: Option<&'static str>,
    reason: &'static str,
) -> Parameter {
    Parameter {
        keyword,
        variable,
        refused: Some(reason),
    }
}

const OAUTH: &str = "segue does not log in by OAuth";
const SCRAM_KEYS: &str = "segue logs in with a password, not with derived SCRAM keys";

/// Every parameter up to PostgreSQL 18.
pub(crate) const PARAMETERS: &[Parameter] = &[
    known("service", Some("PGSERVICE")),
    known("servicefile", Some("PGSERVICEFILE")),
    known("user", Some("PGUSER")),
    known("password", Some("PGPASSWORD")),
    known("passfile", Some("PGPASSFILE")),
    known("channel_binding", Some("PGCHANNELBINDING")),
    known("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    known("dbname", Some("PGDATABASE")),
    known("host", Some("PGHOST")),
    known("hostaddr", Some("PGHOSTADDR")),
    known("port", Some("PGPORT")),
    known("client_encoding", Some("PGCLIENTENCODING")),
    known("options", Some("PGOPTIONS")),
    known("application_name", Some("PGAPPNAME")),
    known("fallback_application_name", None),
    known("keepalives", None),
    known("keepalives_idle", None),
    known("keepalives_interval", None),
    known("keepalives_count", None),
    known("tcp_user_timeout", None),
    known("sslmode", Some("PGSSLMODE")),
    known("sslnegotiation", Some("PGSSLNEGOTIATION")),
    known("sslcompression", Some("PGSSLCOMPRESSION")),
    known("sslcert", Some("PGSSLCERT")),
    known("sslkey", Some("PGSSLKEY")),
    known("sslcertmode", Some("PGSSLCERTMODE")),
    known("sslpassword", None),
    known("sslrootcert", Some("PGSSLROOTCERT")),
    known("sslcrl", Some("PGSSLCRL")),
    known("sslcrldir", Some("PGSSLCRLDIR")),
    known("sslsni", Some("PGSSLSNI")),
    refused(
        "requirepeer",
        Some("PGREQUIREPEER"),
        "segue cannot check the user that a server runs as",
    ),
    refused(
        "require_auth",
        Some("PGREQUIREAUTH"),
        "segue cannot see how the server lets it in; `channel_binding=require` is the stronger demand",
    ),
    known("ssl_min_protocol_version", Some("PGSSLMINPROTOCOLVERSION")),
    known("ssl_max_protocol_version", Some("PGSSLMAXPROTOCOLVERSION")),
    known("min_protocol_version", Some("PGMINPROTOCOLVERSION")),
    known("max_protocol_version", Some("PGMAXPROTOCOLVERSION")),
    known("gssencmode", Some("PGGSSENCMODE")),
    // These three tune GSSAPI, which segue never speaks: without effect, as in
    // a libpq that was built without it.
    known("krbsrvname", Some("PGKRBSRVNAME")),
    known("gsslib", Some("PGGSSLIB")),
    known("gssdelegation", Some("PGGSSDELEGATION")),
    known("replication", None),
    known("target_session_attrs", Some("PGTARGETSESSIONATTRS")),
    known("load_balance_hosts", Some("PGLOADBALANCEHOSTS")),
    refused("scram_client_key", None, SCRAM_KEYS),
    refused("scram_server_key", None, SCRAM_KEYS),
    refused("oauth_issuer", None, OAUTH),
    refused("oauth_client_id", None, OAUTH),
    refused("oauth_client_secret", None, OAUTH),
    refused("oauth_scope", None, OAUTH),
    refused("sslkeylogfile", None, "segue writes TLS keys nowhere"),
];

/// The parameter called `keyword`.
///
/// `place` says where it was read, for the error: `the connection URI`.
pub(crate) fn find(keyword: &str, place: &str) -> Result<&'static Parameter, TargetError> {
    PARAMETERS
        .iter()
        .find(|parameter| parameter.keyword == keyword)
        .ok_or_else(|| TargetError::UnknownParameter {
            keyword: keyword.to_owned(),
            place: place.to_owned(),
            nearest: nearest(
                keyword,
                PARAMETERS.iter().map(|parameter| parameter.keyword),
            ),
        })
}

/// The candidate that `word` was probably meant to be.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .map(|(_, candidate)| candidate)
}
