//! An identifier ↔ the name of a file or folder, one to one on any file system.
//!
//! Plain lower-case names stay as they are. Everything else begins with `+`:
//!
//! - `+` and a lower-case letter is that letter in upper case: `+users` for
//!   `Users`, since file systems may not tell the two apart;
//! - `+(2f)` is the character with that code point: what some file system or
//!   shell takes for something else, and all that is not ASCII, since file
//!   systems normalise Unicode each in its way;
//! - `++` and a hash ends a name that would be too long; the whole name is then
//!   inside the file.
//!
//! What comes out is lower-case ASCII, never empty, has no dot or space at
//! either end, no leading `-`, is no device of Windows, and never begins with
//! `@`.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// Longest name, in bytes: with `.json` it fits where 143 are allowed
/// (eCryptfs), and leaves room in the 260 of a path on Windows.
pub(super) const LENGTH_MAX: usize = 120;

/// Ends a name that is cut, before its hash.
const CUT: &str = "++";

/// Bytes of the hash that are kept.
const HASH_BYTES: usize = 10;

/// The name of the file or folder for an identifier.
pub(super) fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len() + 4);
    // Where each character's part ends, to cut between two.
    let mut ends = Vec::with_capacity(name.len());
    let last = name.chars().count().saturating_sub(1);
    let is_device = is_device(name);
    for (index, letter) in name.chars().enumerate() {
        let is_edge = index == 0 || index == last;
        match letter {
            'a'..='z' if index == 0 && is_device => code_point(&mut escaped, letter),
            'a'..='z' | '0'..='9' | '_' | '(' | ')' | ',' | '[' | ']' | '=' => escaped.push(letter),
            '.' | ' ' if !is_edge => escaped.push(letter),
            '-' if index > 0 => escaped.push(letter),
            'A'..='Z' => {
                escaped.push('+');
                escaped.push(letter.to_ascii_lowercase());
            }
            _ => code_point(&mut escaped, letter),
        }
        ends.push(escaped.len());
    }
    if name.is_empty() {
        escaped.push_str("+()");
    }
    if escaped.len() <= LENGTH_MAX {
        return escaped;
    }
    let room = LENGTH_MAX - CUT.len() - 2 * HASH_BYTES;
    let kept = ends.iter().rev().find(|end| **end <= room);
    escaped.truncate(kept.copied().unwrap_or(0));
    escaped.push_str(CUT);
    for byte in &Sha256::digest(name)[..HASH_BYTES] {
        // Writing into a string cannot fail, here and below.
        let _ = write!(escaped, "{byte:02x}");
    }
    escaped
}

/// The identifier of a file or folder; `None` if [`escape`] gives no such name,
/// or it is cut.
pub(super) fn unescape(escaped: &str) -> Option<String> {
    let mut name = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((before, after)) = rest.split_once('+') {
        name.push_str(before);
        if let Some(code) = after.strip_prefix('(') {
            let (code, after) = code.split_once(')')?;
            if !code.is_empty() {
                name.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
            }
            rest = after;
        } else {
            let letter = after.chars().next().filter(char::is_ascii_lowercase)?;
            name.push(letter.to_ascii_uppercase());
            rest = &after[1..];
        }
    }
    name.push_str(rest);
    // One name has one form.
    (escape(&name) == escaped).then_some(name)
}

/// Whether a name is cut, so that the whole one is inside the file.
pub(super) fn is_cut(escaped: &str) -> bool {
    escaped.contains(CUT)
}

fn code_point(escaped: &mut String, letter: char) {
    let _ = write!(escaped, "+({:x})", u32::from(letter));
}

/// Whether Windows takes a lower-case name for a device, whatever follows its
/// first dot.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let numbered = |device: &str| {
        let number = stem.strip_prefix(device);
        number.is_some_and(|number| number.len() == 1 && number.as_bytes()[0].is_ascii_digit())
    };
    matches!(stem, "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

#[cfg(test)]
mod tests;
