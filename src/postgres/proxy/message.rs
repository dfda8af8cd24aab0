//! Messages of the frontend/backend protocol, cut out of the stream whole
//! (PostgreSQL manual, "Message Formats").

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// `SSLRequest` and `GSSENCRequest`.
const ENCRYPTION_REQUESTS: [u32; 2] = [80_877_103, 80_877_104];
/// `CancelRequest`.
const CANCEL_REQUEST: u32 = 80_877_102;

/// A first message, which has no kind.
#[derive(Debug)]
pub(super) enum Startup {
    /// It asks for encryption.
    Encryption,
    /// It cancels another session's statement.
    Cancel(Vec<u8>),
    /// It begins a session.
    Session(Vec<u8>),
}

impl Startup {
    pub(super) async fn read(source: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut bytes = vec![0; 4];
        source.read_exact(&mut bytes).await?;
        read_body(source, &mut bytes, 0).await?;
        let code = bytes.get(4..8).and_then(|code| code.try_into().ok());
        Ok(match code.map(u32::from_be_bytes) {
            Some(code) if ENCRYPTION_REQUESTS.contains(&code) => Self::Encryption,
            Some(CANCEL_REQUEST) => Self::Cancel(bytes),
            _ => Self::Session(bytes),
        })
    }
}

/// A message with its kind.
#[derive(Debug)]
pub(super) struct Message {
    /// Its first byte.
    pub(super) kind: u8,
    /// All of it.
    pub(super) bytes: Vec<u8>,
}

impl Message {
    /// `None` at the end of the stream.
    pub(super) async fn read(source: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let mut bytes = vec![0];
        if source.read(&mut bytes).await? == 0 {
            return Ok(None);
        }
        bytes.resize(5, 0);
        source.read_exact(&mut bytes[1..]).await?;
        read_body(source, &mut bytes, 1).await?;
        Ok(Some(Self {
            kind: bytes[0],
            bytes,
        }))
    }

    /// The zero-terminated strings at its beginning.
    fn string(&self, index: usize) -> Option<String> {
        let text = self.bytes.get(5..)?.split(|byte| *byte == 0).nth(index)?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    /// The text of a Query or a Parse.
    pub(super) fn statement(&self) -> Option<String> {
        match self.kind {
            b'Q' => self.string(0),
            // The name of the prepared statement comes first.
            b'P' => self.string(1),
            _ => None,
        }
    }

    /// The name that a Parse gives or a Bind uses, and the text if it is given.
    pub(super) fn prepared(&self) -> Option<(String, Option<String>)> {
        match self.kind {
            b'P' => Some((self.string(0)?, self.string(1))),
            // The name of the portal comes first.
            b'B' => Some((self.string(1)?, None)),
            _ => None,
        }
    }

    /// The process id of a `BackendKeyData`.
    pub(super) fn backend_pid(&self) -> Option<i32> {
        let pid = self.bytes.get(5..9)?.try_into().ok()?;
        (self.kind == b'K').then(|| i32::from_be_bytes(pid))
    }
}

/// What a server says that has only just been started: it is not there yet.
pub(super) fn starting_up() -> Vec<u8> {
    let fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
    let length = u32::try_from(fields.len() + 4).expect("short");
    let mut bytes = vec![b'E'];
    bytes.extend(length.to_be_bytes());
    bytes.extend(fields);
    bytes
}

/// Reads what the length at `at`, which counts itself, announces.
async fn read_body(
    source: &mut (impl AsyncRead + Unpin),
    bytes: &mut Vec<u8>,
    at: usize,
) -> io::Result<()> {
    let length = bytes[at..].try_into().map(u32::from_be_bytes);
    let length = length.expect("four bytes") as usize;
    let body = bytes.len();
    bytes.resize((at + length).max(body), 0);
    source.read_exact(&mut bytes[body..]).await?;
    Ok(())
}
