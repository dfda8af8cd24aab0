//! Messages of the frontend/backend protocol, cut out of the stream whole.

use std::io::{self, Read};

/// `SSLRequest` and `GSSENCRequest` ("Message Formats").
const ENCRYPTION_REQUESTS: [i32; 2] = [80_877_103, 80_877_104];

/// A first message, which has no kind.
#[derive(Debug)]
pub enum Startup {
    /// It asks for encryption.
    Encryption,
    /// It starts the session, or cancels another one's statement.
    Other(Vec<u8>),
}

/// A message with its kind.
#[derive(Debug)]
pub struct Message {
    /// Its first byte.
    pub kind: u8,
    /// All of it.
    pub bytes: Vec<u8>,
}

impl Startup {
    pub fn read(source: &mut impl Read) -> io::Result<Self> {
        let mut bytes = vec![0; 4];
        source.read_exact(&mut bytes)?;
        read_body(source, &mut bytes, 0)?;
        let code = bytes.get(4..8).and_then(|code| code.try_into().ok());
        match code.map(i32::from_be_bytes) {
            Some(code) if ENCRYPTION_REQUESTS.contains(&code) => Ok(Self::Encryption),
            _ => Ok(Self::Other(bytes)),
        }
    }
}

impl Message {
    /// `None` at the end of the stream.
    pub fn read(source: &mut impl Read) -> io::Result<Option<Self>> {
        let mut bytes = vec![0];
        if source.read(&mut bytes)? == 0 {
            return Ok(None);
        }
        bytes.resize(5, 0);
        source.read_exact(&mut bytes[1..])?;
        read_body(source, &mut bytes, 1)?;
        Ok(Some(Self {
            kind: bytes[0],
            bytes,
        }))
    }

    /// The text of a Query or a Parse.
    pub fn statement(&self) -> Option<&str> {
        let mut strings = self.bytes.get(5..)?.split(|byte| *byte == 0);
        match self.kind {
            b'Q' => {}
            // The name of the prepared statement comes first.
            b'P' => drop(strings.next()),
            _ => return None,
        }
        std::str::from_utf8(strings.next()?).ok()
    }
}

/// Reads what the length at `at`, which counts itself, announces.
fn read_body(source: &mut impl Read, bytes: &mut Vec<u8>, at: usize) -> io::Result<()> {
    let length = bytes[at..].try_into().map(u32::from_be_bytes);
    let length = length.expect("four bytes") as usize;
    let body = bytes.len();
    bytes.resize((at + length).max(body), 0);
    source.read_exact(&mut bytes[body..])
}
