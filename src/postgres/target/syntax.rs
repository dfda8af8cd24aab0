//! Connection strings, both of libpq's forms → keyword and value pairs.
//!
//! What a keyword means and whether its value makes sense is left to
//! [`super::setting`]. No error repeats text that could be a part of a password.

use super::error::TargetError;
use super::parameter::{self, Parameter};

/// A parameter and its value as written, later ones override earlier ones.
pub(crate) type Pair = (&'static Parameter, String);

const PLACE: &str = "the connection string";
const ENCODE: &str = "in a URI write `@` as %40, `/` as %2F, `:` as %3A, `?` as %3F, `%` as %25 in a user or password";

/// Parses a URI (`postgres://`, `postgresql://`) or a keyword=value string.
pub(crate) fn parse(text: &str) -> Result<Vec<Pair>, TargetError> {
    let pairs = match ["postgresql://", "postgres://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
    {
        Some(rest) => uri(rest)?,
        None => keywords(text)?,
    };
    // A NUL would cut the startup message short.
    match pairs.iter().find(|(_, value)| value.contains('\0')) {
        Some((parameter, _)) => Err(syntax(
            format!("the value of `{}` holds a zero byte", parameter.keyword),
            None,
        )),
        None => Ok(pairs),
    }
}

fn syntax(reason: impl Into<String>, help: Option<&str>) -> TargetError {
    TargetError::Syntax {
        reason: reason.into(),
        help: help.map(str::to_owned),
    }
}

/// `user:password@host:port,host:port/dbname?keyword=value&…`, the scheme
/// already taken off.
fn uri(rest: &str) -> Result<Vec<Pair>, TargetError> {
    let mut pairs = Vec::new();
    // As libpq: an `@` before the first `/` ends the credentials.
    let credentials_end = rest
        .find(['@', '/'])
        .filter(|&at| rest.as_bytes()[at] == b'@');
    let mut rest = rest;
    if let Some(at) = credentials_end {
        let (user, password) = match rest[..at].split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (&rest[..at], None),
        };
        store(&mut pairs, "user", user, "the user")?;
        store(
            &mut pairs,
            "password",
            password.unwrap_or_default(),
            "the password",
        )?;
        rest = &rest[at + 1..];
    }
    let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(authority_end);
    // With credentials a second `@` is a raw one in the password, without them
    // the password holds a raw `/`; either way what follows may be its tail.
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    if authority.contains('@') || path.contains('@') {
        return Err(syntax("`@` or `/` stands in it unencoded", Some(ENCODE)));
    }
    let (hosts, ports) = hosts(authority)?;
    store(&mut pairs, "host", &hosts, "the host")?;
    store(&mut pairs, "port", &ports, "the port")?;
    store(
        &mut pairs,
        "dbname",
        path.strip_prefix('/').unwrap_or(path),
        "the database name",
    )?;
    for part in query
        .unwrap_or_default()
        .split('&')
        .filter(|part| !part.is_empty())
    {
        let Some((keyword, value)) = part.split_once('=') else {
            return Err(syntax("a query parameter has no `=`", Some(ENCODE)));
        };
        if value.contains('=') {
            return Err(syntax(
                "a query parameter has a second `=`",
                Some("write `=` within a value as %3D"),
            ));
        }
        let keyword = decode(keyword, "the name of a query parameter")?;
        let value = decode(value, "a query parameter")?;
        // JDBC's spelling, which libpq takes as well.
        if keyword == "ssl" && value == "true" {
            pairs.push((parameter::find("sslmode", PLACE)?, "require".to_owned()));
        } else {
            pairs.push((parameter::find(&keyword, PLACE)?, value));
        }
    }
    Ok(pairs)
}

/// An empty part of a URI means that it was not given.
fn store(
    pairs: &mut Vec<Pair>,
    keyword: &str,
    encoded: &str,
    what: &str,
) -> Result<(), TargetError> {
    if !encoded.is_empty() {
        pairs.push((parameter::find(keyword, PLACE)?, decode(encoded, what)?));
    }
    Ok(())
}

/// `a:1,[::1]:2` as the comma-separated lists `a,::1` and `1,2`; a list of
/// nothing but empty elements is the empty string.
fn hosts(authority: &str) -> Result<(String, String), TargetError> {
    let mut hosts = Vec::new();
    let mut ports = Vec::new();
    for part in authority.split(',') {
        let (host, port) = if let Some(rest) = part.strip_prefix('[') {
            let Some((host, rest)) = rest.split_once(']') else {
                return Err(syntax("`]` is missing after an IPv6 address", None));
            };
            if host.is_empty() {
                return Err(syntax("the IPv6 address in `[]` is empty", None));
            }
            match rest.strip_prefix(':') {
                Some(port) => (host, port),
                None if rest.is_empty() => (host, ""),
                None => return Err(syntax("only `:` and a port may follow `]`", None)),
            }
        } else {
            part.split_once(':').unwrap_or((part, ""))
        };
        if port.contains(':') {
            return Err(syntax(
                "a host has more than one `:`",
                Some("write an IPv6 address in brackets, as in `postgres://[::1]:5432/`"),
            ));
        }
        hosts.push(host);
        ports.push(port);
    }
    let join = |list: Vec<&str>| {
        if list.iter().all(|element| element.is_empty()) {
            String::new()
        } else {
            list.join(",")
        }
    };
    Ok((join(hosts), join(ports)))
}

/// Percent-decoding as libpq does it: `+` is a plus sign, and a broken or zero
/// escape is an error.
fn decode(encoded: &str, what: &str) -> Result<String, TargetError> {
    let broken = || {
        syntax(
            format!("{what} holds `%` without two hexadecimal digits"),
            Some(ENCODE),
        )
    };
    let bytes = encoded.as_bytes();
    for (at, _) in encoded.match_indices('%') {
        let digits = bytes.get(at + 1..at + 3).ok_or_else(broken)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(broken());
        }
    }
    percent_encoding::percent_decode_str(encoded)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| syntax(format!("{what} is not UTF-8 once decoded"), None))
}

/// `keyword = 'value' …`: blanks around `=`, quotes and backslashes as in libpq.
fn keywords(text: &str) -> Result<Vec<Pair>, TargetError> {
    const FORMS: &str = "write `postgres://user@host:5432/database` or `host=… dbname=… user=…`";
    const QUOTE: &str = "quote a value that holds blanks: `password='a b'`";
    let mut pairs: Vec<Pair> = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c == '=' || c.is_ascii_whitespace())
            .unwrap_or(rest.len());
        let (keyword, after) = rest.split_at(end);
        let Some(after) = after.trim_start().strip_prefix('=') else {
            return Err(syntax(
                "it is neither a URI nor a list of keyword=value",
                Some(if pairs.is_empty() { FORMS } else { QUOTE }),
            ));
        };
        // After a password an unknown keyword is likely the password's second
        // word, so it is not repeated.
        let after_password = pairs
            .last()
            .is_some_and(|(parameter, _)| is_secret(parameter.keyword));
        let parameter = parameter::find(keyword, PLACE).map_err(|error| {
            if after_password {
                syntax(
                    "what follows the password is no known parameter",
                    Some(QUOTE),
                )
            } else {
                error
            }
        })?;
        let (value, after) = value(after.trim_start())?;
        pairs.push((parameter, value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// Whether the parameter's value must never be shown.
pub(crate) fn is_secret(keyword: &str) -> bool {
    matches!(keyword, "password" | "sslpassword" | "oauth_client_secret")
        || keyword.starts_with("scram_")
}

/// The value at the start of `text`, and what follows it.
fn value(text: &str) -> Result<(String, &str), TargetError> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices();
    if quoted {
        characters.next();
    }
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            blank if !quoted && blank.is_ascii_whitespace() => return Ok((value, &text[at..])),
            other => value.push(other),
        }
    }
    if quoted {
        return Err(syntax("a quoted value has no closing quote", None));
    }
    Ok((value, ""))
}
