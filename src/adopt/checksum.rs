//! The other tools' checksums, to tell which files have changed since they
//! ran.

use sha2::{Digest as _, Sha384};

use super::Source;

/// Whether a file is what its tool has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// It is.
    Equal,
    /// Its text has changed since.
    Differs,
    /// The tool keeps no checksum, or none of this one.
    NotKept,
}

/// A checksum in the making. Text comes in pieces of any size.
#[derive(Clone, Debug)]
pub enum Checking {
    /// sqlx: SHA-384 of the bytes, in hexadecimal.
    Sqlx(Sha384),
    /// flyway: CRC-32 of the lines without what ends them.
    Flyway(Crc),
    /// refinery: SipHash-1-3 of name, version and text.
    Refinery(Box<Sip>),
}

impl Checking {
    /// For a file of `source`; `None` if that keeps no checksums.
    #[must_use]
    pub fn of(source: Source, file_name: &str) -> Option<Self> {
        match source {
            Source::Sqlx => Some(Self::Sqlx(Sha384::new())),
            Source::Flyway => Some(Self::Flyway(Crc::default())),
            Source::Refinery => {
                let stem = file_name.strip_suffix(".sql")?;
                let (version, name) = stem.strip_prefix(['V', 'U'])?.split_once("__")?;
                Some(Self::Refinery(Box::new(Sip::new(
                    name,
                    version.parse().ok()?,
                ))))
            }
            _ => None,
        }
    }

    /// Goes on with more of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sqlx(hash) => hash.update(bytes),
            Self::Flyway(crc) => crc.update(bytes),
            Self::Refinery(sip) => sip.write(bytes),
        }
    }

    /// As the tool stores it. Of refinery there are two, since its versions
    /// may have 32 or 64 bits.
    #[must_use]
    pub fn finish(self) -> Vec<String> {
        match self {
            Self::Sqlx(hash) => {
                let bytes: Vec<String> = hash
                    .finalize()
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                vec![bytes.concat()]
            }
            Self::Flyway(crc) => vec![crc.finish().to_string()],
            Self::Refinery(sip) => sip.finish(),
        }
    }
}

/// CRC-32 (IEEE 802.3) of a text's lines, without their ends, as Java's
/// `readLine` takes them, and without a byte order mark.
#[derive(Clone, Debug)]
pub struct Crc {
    state: u32,
    /// Bytes of the mark that may be one, at the very beginning.
    held: Vec<u8>,
    is_begun: bool,
}

const MARK: &[u8] = "\u{feff}".as_bytes();

impl Default for Crc {
    fn default() -> Self {
        Self {
            state: !0,
            held: Vec::new(),
            is_begun: false,
        }
    }
}

impl Crc {
    fn update(&mut self, bytes: &[u8]) {
        if self.is_begun {
            return self.take(bytes);
        }
        self.held.extend_from_slice(bytes);
        if self.held.len() >= MARK.len() || !MARK.starts_with(&self.held) {
            self.begin();
        }
    }

    fn begin(&mut self) {
        self.is_begun = true;
        let held = std::mem::take(&mut self.held);
        self.take(held.strip_prefix(MARK).unwrap_or(&held));
    }

    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().filter(|byte| !b"\r\n".contains(byte)) {
            self.state ^= u32::from(*byte);
            for _ in 0..8 {
                let carry = self.state & 1;
                self.state = (self.state >> 1) ^ (0xedb8_8320 & carry.wrapping_neg());
            }
        }
    }

    /// Signed, as flyway stores it.
    fn finish(mut self) -> i32 {
        if !self.is_begun {
            self.begin();
        }
        (!self.state).cast_signed()
    }
}

/// SipHash-1-3 with a key of zeros, as Rust hashes a name, a version and a
/// text: each string is followed by 0xff. One state for each width of the
/// version.
#[derive(Clone, Debug)]
pub struct Sip([State; 2]);

#[derive(Clone, Debug)]
struct State {
    v: [u64; 4],
    tail: u64,
    length: usize,
}

impl Sip {
    fn new(name: &str, version: i32) -> Self {
        let with = |version: &[u8]| {
            let mut state = State::new();
            state.write(name.as_bytes());
            state.write(&[0xff]);
            state.write(version);
            state
        };
        Self([
            with(&version.to_le_bytes()),
            with(&i64::from(version).to_le_bytes()),
        ])
    }

    fn write(&mut self, bytes: &[u8]) {
        for state in &mut self.0 {
            state.write(bytes);
        }
    }

    fn finish(self) -> Vec<String> {
        self.0
            .into_iter()
            .map(|mut state| {
                state.write(&[0xff]);
                state.finish().to_string()
            })
            .collect()
    }
}

impl State {
    fn new() -> Self {
        Self {
            v: [
                0x736f_6d65_7073_6575,
                0x646f_7261_6e64_6f6d,
                0x6c79_6765_6e65_7261,
                0x7465_6462_7974_6573,
            ],
            tail: 0,
            length: 0,
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.tail |= u64::from(*byte) << (8 * (self.length % 8));
            self.length += 1;
            if self.length.is_multiple_of(8) {
                let word = std::mem::take(&mut self.tail);
                self.absorb(word);
            }
        }
    }

    fn absorb(&mut self, word: u64) {
        self.v[3] ^= word;
        self.round();
        self.v[0] ^= word;
    }

    fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.v;
        a = a.wrapping_add(b);
        c = c.wrapping_add(d);
        b = b.rotate_left(13) ^ a;
        d = d.rotate_left(16) ^ c;
        a = a.rotate_left(32);
        c = c.wrapping_add(b);
        a = a.wrapping_add(d);
        b = b.rotate_left(17) ^ c;
        d = d.rotate_left(21) ^ a;
        c = c.rotate_left(32);
        self.v = [a, b, c, d];
    }

    fn finish(mut self) -> u64 {
        let last = self.tail | ((self.length as u64 & 0xff) << 56);
        self.absorb(last);
        self.v[2] ^= 0xff;
        for _ in 0..3 {
            self.round();
        }
        self.v.into_iter().fold(0, |hash, word| hash ^ word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: Source, name: &str, text: &[u8], expected: &str) {
        for cut in 0..=text.len() {
            let mut checking = Checking::of(source, name).expect("a checksum");
            checking.update(&text[..cut]);
            checking.update(&text[cut..]);
            let found = checking.finish();
            assert!(found.iter().any(|one| one == expected), "{found:?}");
        }
    }

    #[test]
    fn flyway_takes_lines_without_their_ends() {
        // The check value of CRC-32.
        check(Source::Flyway, "V1__x.sql", b"123456789", "-873187034");
        check(
            Source::Flyway,
            "V1__x.sql",
            b"1234\r\n56\n789\n",
            "-873187034",
        );
        check(
            Source::Flyway,
            "V1__x.sql",
            "\u{feff}123456789".as_bytes(),
            "-873187034",
        );
        check(Source::Flyway, "V1__x.sql", b"", "0");
    }

    #[test]
    fn sqlx_takes_the_bytes() {
        check(
            Source::Sqlx,
            "1_x.sql",
            b"abc",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        );
    }

    #[test]
    fn refinery_takes_what_rust_hashes() {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let text = "CREATE TABLE t (a int);\n";
        let mut hasher = DefaultHasher::new();
        "initial".hash(&mut hasher);
        7_i32.hash(&mut hasher);
        text.hash(&mut hasher);
        let expected = hasher.finish().to_string();
        check(
            Source::Refinery,
            "V7__initial.sql",
            text.as_bytes(),
            &expected,
        );
    }
}
