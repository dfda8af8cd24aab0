//! Privileges → attributes.
//!
//! `privileges` is a map from role to a sorted list, `{"reader": ["SELECT"],
//! "public": ["EXECUTE", "USAGE WITH GRANT OPTION"]}`; `public` cannot be the
//! name of a role. What everyone has by default is left out: the entry of
//! `public` where it holds exactly that (an empty list says that it was
//! revoked), and the owner's, which stands in `owner_privileges` otherwise. So
//! an object whose privileges were never touched has neither attribute, and one
//! where they were set back reads the same. Who granted is left out.

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::{Attributes, Value};

/// Entries as PostgreSQL writes them (`reader=r*/owner`), those by default, and
/// the owner's name.
pub(super) type Acl = (Vec<String>, Vec<String>, String);

const PUBLIC: &str = "public";

/// The letters of an entry and the words of GRANT.
const PRIVILEGES: [(char, &str); 15] = [
    ('r', "SELECT"),
    ('a', "INSERT"),
    ('w', "UPDATE"),
    ('d', "DELETE"),
    ('D', "TRUNCATE"),
    ('x', "REFERENCES"),
    ('t', "TRIGGER"),
    ('m', "MAINTAIN"),
    ('X', "EXECUTE"),
    ('U', "USAGE"),
    ('C', "CREATE"),
    ('T', "TEMPORARY"),
    ('c', "CONNECT"),
    ('s', "SET"),
    ('A', "ALTER SYSTEM"),
];

/// `privileges` and `owner_privileges`, each only where it says something.
pub(super) fn attributes((acl, default, owner): &Acl) -> Attributes {
    let mut granted = by_role(acl);
    let mut default = by_role(default);
    let mut attributes = Attributes::new();
    let owners = granted.remove(owner).unwrap_or_default();
    if owners != default.remove(owner).unwrap_or_default() {
        attributes.insert("owner_privileges".to_owned(), list(&owners));
    }
    let publics = granted.remove(PUBLIC).unwrap_or_default();
    if publics != default.remove(PUBLIC).unwrap_or_default() {
        granted.insert(PUBLIC.to_owned(), publics);
    }
    if !granted.is_empty() {
        let roles = granted.into_iter();
        let roles = roles.map(|(role, privileges)| (role, list(&privileges)));
        attributes.insert("privileges".to_owned(), Value::Object(roles.collect()));
    }
    attributes
}

/// Letters, and whether with grant option; what several roles have granted to
/// one counts once, with grant option if any gave it.
fn by_role(acl: &[String]) -> BTreeMap<String, BTreeMap<char, bool>> {
    let mut roles: BTreeMap<String, BTreeMap<char, bool>> = BTreeMap::new();
    for entry in acl {
        let (role, rest) = grantee(entry);
        let role = if role.is_empty() {
            PUBLIC.to_owned()
        } else {
            role
        };
        let held = roles.entry(role).or_default();
        let letters = rest.split('/').next().unwrap_or_default();
        let mut letters = letters.chars().peekable();
        while let Some(letter) = letters.next() {
            let grantable = letters.next_if_eq(&'*').is_some();
            *held.entry(letter).or_default() |= grantable;
        }
    }
    roles
}

/// The role of an entry, empty for everyone, and what follows its `=`. A name
/// that is not plain stands in double quotes, doubled within.
fn grantee(entry: &str) -> (String, &str) {
    let Some(quoted) = entry.strip_prefix('"') else {
        let (role, rest) = entry.split_once('=').unwrap_or((entry, ""));
        return (role.to_owned(), rest);
    };
    let mut role = String::new();
    let mut characters = quoted.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        if character == '"' && characters.next_if(|(_, next)| *next == '"').is_none() {
            let rest = &quoted[index + 1..];
            return (role, rest.strip_prefix('=').unwrap_or(rest));
        }
        role.push(character);
    }
    (role, "")
}

fn list(privileges: &BTreeMap<char, bool>) -> Value {
    let words: BTreeSet<_> = privileges
        .iter()
        .map(|(letter, grantable)| {
            let known = PRIVILEGES.iter().find(|(known, _)| known == letter);
            // A letter of a version to come stands for itself.
            let word = known.map_or_else(|| letter.to_string(), |(_, word)| (*word).to_owned());
            if *grantable {
                format!("{word} WITH GRANT OPTION")
            } else {
                word
            }
        })
        .collect();
    words.into_iter().map(Value::String).collect()
}

#[cfg(test)]
mod tests;
