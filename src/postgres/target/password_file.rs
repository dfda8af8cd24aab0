//! The password file (manual, "The Password File").

use std::path::Path;

use super::file;
use super::secret::Secret;

/// The entries of a password file: host, port, database, user, password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PasswordFile {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    host: Field,
    port: Field,
    database: Field,
    user: Field,
    password: Secret,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    Any,
    Exactly(String),
}

impl Field {
    fn matches(&self, value: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(text) => text == value,
        }
    }
}

impl PasswordFile {
    /// Reads the file; missing it is empty, and a file that libpq would ignore
    /// is empty too, with the warning that says why.
    pub(crate) fn read(path: &Path) -> (Self, Option<String>) {
        let ignored = |reason: &str| {
            let warning = format!("password file `{}` was ignored: {reason}", path.display());
            (Self::default(), Some(warning))
        };
        let metadata = match file::metadata_if_there(path) {
            Ok(Some(metadata)) => metadata,
            Ok(None) => return (Self::default(), None),
            Err(error) => return ignored(&error.to_string()),
        };
        if !metadata.is_file() {
            return ignored("it is not a plain file");
        }
        if file::is_open_to_others(&metadata) {
            return ignored(
                "group or others may access it; permissions should be u=rw (0600) or less",
            );
        }
        match file::read_if_there(path) {
            Ok(bytes) => {
                let bytes = bytes.unwrap_or_default();
                (Self::parse(&String::from_utf8_lossy(&bytes)), None)
            }
            Err(error) => ignored(&error.to_string()),
        }
    }

    fn parse(text: &str) -> Self {
        let entries = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let mut rest = line;
                Some(Entry {
                    host: field(&mut rest)?,
                    port: field(&mut rest)?,
                    database: field(&mut rest)?,
                    user: field(&mut rest)?,
                    password: Secret::new(unescape(rest)),
                })
            })
            .collect();
        Self { entries }
    }

    /// The password of the first entry that fits.
    pub(crate) fn find(
        &self,
        host: &str,
        port: u16,
        database: &str,
        user: &str,
    ) -> Option<&Secret> {
        let port = port.to_string();
        self.entries
            .iter()
            .find(|entry| {
                entry.host.matches(host)
                    && entry.port.matches(&port)
                    && entry.database.matches(database)
                    && entry.user.matches(user)
            })
            .map(|entry| &entry.password)
    }
}

/// The field up to the next unescaped colon, which is taken off `rest`.
fn field(rest: &mut &str) -> Option<Field> {
    let mut escaped = false;
    let end = rest.find(|character| {
        let colon = character == ':' && !escaped;
        escaped = character == '\\' && !escaped;
        colon
    })?;
    let text = &rest[..end];
    *rest = &rest[end + 1..];
    Some(if text == "*" {
        Field::Any
    } else {
        Field::Exactly(unescape(text))
    })
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    plain
}
