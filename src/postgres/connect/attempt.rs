//! One try at one address: stream, encryption, log-in, and whether the server
//! is of the kind that is wanted.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use rustls_tokio_postgres::MakeRustlsConnect;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Empty};
use tokio_postgres::config::{self, SslNegotiation};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, NoTls, TlsConnect};
use tokio_postgres::{Client, Config, Connection, SimpleQueryMessage};

use super::endpoint::{Endpoint, Transport};
use super::error::{ConnectError, Place, TlsFailure, tls_error, with_causes};
use super::{Canceller, Connected, Encryption, Messages};
use crate::postgres::target::host::Host;
use crate::postgres::target::options::ChannelBinding;
use crate::postgres::target::{SessionAttributes, SslMode, Target};

/// What a failed try means for the next one.
pub(super) enum Failed {
    /// Another address may do, for this reason not this one.
    Next(Step, String),
    /// Nobody else is to be asked.
    Final(ConnectError),
}

/// How far a try came; the furthest of all decides what the caller hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Nobody there.
    Unreachable,
    /// A server of the wrong kind.
    WrongKind,
    /// It may accept connections soon.
    NotAccepting,
}

/// Encryption of one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Plain,
    /// Without it if the server has none.
    TlsIfOffered,
    Tls,
}

/// Connects to one address, once more with or without encryption where
/// `sslmode` is `prefer` or `allow`.
pub(super) async fn connect(
    target: &Target,
    host: &Host,
    endpoint: &Endpoint,
    encryption: Option<&Result<Encryption, String>>,
    session: SessionAttributes,
) -> Result<Connected, Failed> {
    let options = target.options();
    if endpoint.is_socket() && options.channel_binding == ChannelBinding::Require {
        return Err(Failed::Final(ConnectError::Protocol {
            place: Box::new(Place::new(target, &endpoint.description)),
            reason: "`channel_binding=require` needs TLS, which a Unix socket has not".to_owned(),
        }));
    }
    let login = Login {
        target,
        host,
        endpoint,
        encryption,
        session,
    };
    let (first, second) = match options.tls.mode {
        _ if endpoint.is_socket() => (Layer::Plain, None),
        SslMode::Disable => (Layer::Plain, None),
        SslMode::Allow => (Layer::Plain, Some(Layer::Tls)),
        SslMode::Prefer => (Layer::TlsIfOffered, Some(Layer::Plain)),
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => (Layer::Tls, None),
    };
    let first_failure = match login.within_limit(first).await {
        Ok(connected) => return Ok(connected),
        Err(failure) => failure,
    };
    let Some(second) = second.filter(|_| first_failure.calls_for_other_layer(first)) else {
        return Err(first_failure.failed);
    };
    match login.within_limit(second).await {
        Ok(connected) => Ok(connected),
        // Both are true; the one is told that came of what was preferred.
        Err(failure) if second == Layer::Tls && !failure.is_tls_not_offered() => {
            Err(failure.failed)
        }
        Err(_) => Err(first_failure.failed),
    }
}

struct Failure {
    failed: Failed,
    encrypted: bool,
}

impl Failure {
    /// As libpq: a handshake that fails, or a server that lets nobody in this
    /// way. A wrong password is no reason to send it again unencrypted.
    fn calls_for_other_layer(&self, layer: Layer) -> bool {
        let Failed::Final(error) = &self.failed else {
            return false;
        };
        match error {
            ConnectError::Tls { .. } => true,
            ConnectError::NotPermitted { .. } => layer == Layer::Plain || self.encrypted,
            ConnectError::WrongPassword { .. } => layer == Layer::Plain,
            _ => false,
        }
    }

    fn is_tls_not_offered(&self) -> bool {
        matches!(
            self.failed,
            Failed::Final(ConnectError::Tls {
                failure: TlsFailure::NotOffered,
                ..
            })
        )
    }
}

struct Login<'a> {
    target: &'a Target,
    host: &'a Host,
    endpoint: &'a Endpoint,
    encryption: Option<&'a Result<Encryption, String>>,
    session: SessionAttributes,
}

impl Login<'_> {
    async fn within_limit(&self, layer: Layer) -> Result<Connected, Failure> {
        let Some(limit) = self.target.options().connect_timeout else {
            return self.connect(layer).await;
        };
        match tokio::time::timeout(limit, self.connect(layer)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure {
                failed: Failed::Next(Step::Unreachable, timed_out(limit)),
                encrypted: false,
            }),
        }
    }

    async fn connect(&self, layer: Layer) -> Result<Connected, Failure> {
        let plain = |failed| Failure {
            failed,
            encrypted: false,
        };
        let stream = self
            .endpoint
            .open()
            .await
            .map_err(|error| plain(from_io(&error)))?;
        let secured = match layer {
            Layer::Plain => Secured::Plain(stream),
            Layer::TlsIfOffered | Layer::Tls => {
                let encryption = match self.encryption {
                    Some(Ok(encryption)) => encryption,
                    Some(Err(reason)) => {
                        return Err(plain(self.tls(TlsFailure::Setup(reason.clone()))));
                    }
                    None => return Err(plain(self.tls(TlsFailure::NotOffered))),
                };
                secure(stream, encryption, &self.endpoint.server_name)
                    .await
                    .map_err(|error| plain(self.after_handshake(&error)))?
            }
        };
        match secured {
            Secured::Plain(_) if layer == Layer::Tls => {
                Err(plain(self.tls(TlsFailure::NotOffered)))
            }
            Secured::Plain(stream) => {
                let config = self.config(config::SslMode::Disable);
                let opened = config.connect_raw(stream, NoTls);
                self.log_in(opened, None).await.map_err(plain)
            }
            Secured::Tls(stream) => {
                let config = self.config(config::SslMode::Require);
                let opened = config.connect_raw(tokio::io::empty(), Established(*stream));
                let encryption = self
                    .encryption
                    .and_then(|encryption| encryption.as_ref().ok());
                self.log_in(opened, encryption)
                    .await
                    .map_err(|failed| Failure {
                        failed,
                        encrypted: true,
                    })
            }
        }
    }

    fn config(&self, ssl_mode: config::SslMode) -> Config {
        let options = self.target.options();
        let mut config = Config::new();
        config
            .user(self.target.user())
            .dbname(self.target.database())
            .application_name(self.target.application_name())
            // The handshake is over by then: tokio-postgres is not to ask for it.
            .ssl_mode(ssl_mode)
            .ssl_negotiation(SslNegotiation::Direct)
            .channel_binding(match options.channel_binding {
                ChannelBinding::Disable => config::ChannelBinding::Disable,
                ChannelBinding::Prefer => config::ChannelBinding::Prefer,
                ChannelBinding::Require => config::ChannelBinding::Require,
            });
        if !options.server.is_empty() {
            config.options(&options.server);
        }
        if let Some(password) = self.target.password_for(self.host) {
            config.password(password.reveal());
        }
        config
    }

    async fn log_in<S, T>(
        &self,
        opened: impl Future<Output = Result<(Client, Connection<S, T>), tokio_postgres::Error>>,
        encryption: Option<&Encryption>,
    ) -> Result<Connected, Failed>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (client, mut connection) = opened.await.map_err(|error| self.after_answer(&error))?;
        let reported = connection
            .parameter("server_version")
            .and_then(version_number);
        let mut messages: Messages = Box::pin(stream::poll_fn(move |context| {
            connection.poll_message(context)
        }));
        let server_version = reported.ok_or_else(|| {
            Failed::Final(ConnectError::Protocol {
                place: Box::new(self.place()),
                reason: "the server does not tell its version".to_owned(),
            })
        })?;
        if self.session != SessionAttributes::Any {
            let kind;
            (kind, messages) = ask_kind(&client, messages)
                .await
                .map_err(|error| self.after_answer(&error))?;
            if let Some(reason) = kind.reason_against(self.session) {
                return Err(Failed::Next(Step::WrongKind, reason.to_owned()));
            }
        }
        let canceller = Canceller {
            token: client.cancel_token(),
            endpoint: self.endpoint.clone(),
            encryption: encryption.cloned(),
        };
        Ok(Connected {
            client,
            connection: messages,
            canceller,
            host: self.endpoint.description.clone(),
            server_version,
            encrypted: encryption.is_some(),
        })
    }

    fn place(&self) -> Place {
        Place::new(self.target, &self.endpoint.description)
    }

    fn tls(&self, failure: TlsFailure) -> Failed {
        Failed::Final(ConnectError::Tls {
            place: Box::new(self.place()),
            failure,
        })
    }

    fn after_handshake(&self, error: &io::Error) -> Failed {
        if tls_error(error).is_none() && is_hang_up(error) {
            return from_io(error);
        }
        self.tls(TlsFailure::from_io(error))
    }

    fn after_answer(&self, error: &tokio_postgres::Error) -> Failed {
        if let Some(refusal) = error.as_db_error() {
            // Starting, stopping or recovering.
            if *refusal.code() == SqlState::CANNOT_CONNECT_NOW {
                return Failed::Next(Step::NotAccepting, refusal.message().to_owned());
            }
            return Failed::Final(ConnectError::refused(Box::new(self.place()), refusal));
        }
        let cause = std::error::Error::source(error);
        if let Some(cause) = cause.and_then(|cause| cause.downcast_ref::<io::Error>()) {
            // With TLS 1.3 a client's certificate is refused after the handshake.
            if tls_error(cause).is_some() {
                return self.tls(TlsFailure::from_io(cause));
            }
            if is_hang_up(cause) {
                return from_io(cause);
            }
        }
        if error.is_closed() {
            return Failed::Next(Step::NotAccepting, HANG_UP.to_owned());
        }
        // tokio-postgres has no kind of its own for it; a test holds this.
        if self.target.password_for(self.host).is_none()
            && cause.is_some_and(|cause| cause.to_string() == "password missing")
        {
            return Failed::Final(ConnectError::PasswordMissing {
                place: Box::new(self.place()),
                warnings: self.target.warnings().to_vec(),
            });
        }
        Failed::Final(ConnectError::Protocol {
            place: Box::new(self.place()),
            reason: with_causes(error),
        })
    }
}

const HANG_UP: &str = "the server closed the connection before it said anything";

fn timed_out(limit: Duration) -> String {
    format!("no answer within {} s (`connect_timeout`)", limit.as_secs())
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

/// A stream that could not be had, or was lost at once. Ports that Docker and
/// balancers forward hang up while there is no server behind them yet.
fn from_io(error: &io::Error) -> Failed {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            Failed::Next(Step::NotAccepting, "connection refused".to_owned())
        }
        io::ErrorKind::NotFound => {
            Failed::Next(Step::NotAccepting, "there is no such socket".to_owned())
        }
        _ if is_hang_up(error) => Failed::Next(Step::NotAccepting, HANG_UP.to_owned()),
        _ => Failed::Next(Step::Unreachable, error.to_string()),
    }
}

/// 150005 of `15.5 (Debian 15.5-1)`, 180000 of `18beta1`.
fn version_number(text: &str) -> Option<u32> {
    let number = |text: &str| {
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        text[..end].parse::<u32>().ok()
    };
    let major = number(text)?;
    let minor = text
        .split_once('.')
        .and_then(|(_, minor)| number(minor))
        .unwrap_or(0);
    major.checked_mul(10_000)?.checked_add(minor)
}

/// What a server is, as far as `target_session_attrs` asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    in_recovery: bool,
    read_only: bool,
}

impl Kind {
    fn reason_against(self, wanted: SessionAttributes) -> Option<&'static str> {
        match wanted {
            SessionAttributes::ReadWrite if self.read_only => Some("sessions are read-only"),
            SessionAttributes::ReadOnly if !self.read_only => Some("sessions are not read-only"),
            SessionAttributes::Primary if self.in_recovery => Some("the server is a standby"),
            SessionAttributes::Standby if !self.in_recovery => Some("the server is no standby"),
            _ => None,
        }
    }
}

/// Asks the server itself: what it reported while connecting is the pooler's
/// where there is one.
async fn ask_kind(
    client: &Client,
    mut messages: Messages,
) -> Result<(Kind, Messages), tokio_postgres::Error> {
    const SQL: &str = "SELECT pg_catalog.pg_is_in_recovery(), \
         pg_catalog.current_setting('transaction_read_only')";
    let mut early = Vec::new();
    let rows = {
        let mut query = pin!(client.simple_query(SQL));
        loop {
            tokio::select! {
                rows = &mut query => break rows?,
                Some(message) = messages.next() => early.push(message),
            }
        }
    };
    let kind = rows.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(Kind {
            in_recovery: row.get(0) == Some("t"),
            read_only: row.get(1) == Some("on"),
        }),
        _ => None,
    });
    let kind = kind.unwrap_or(Kind {
        in_recovery: false,
        read_only: false,
    });
    Ok((kind, Box::pin(stream::iter(early).chain(messages))))
}

/// A stream after the question whether to encrypt.
enum Secured {
    Plain(Transport),
    Tls(Box<Encrypted>),
}

type Encrypted = <MakeRustlsConnect as MakeTlsConnect<Transport>>::Stream;

async fn secure(
    mut stream: Transport,
    encryption: &Encryption,
    server_name: &str,
) -> io::Result<Secured> {
    if !encryption.direct {
        // SSLRequest (manual, "Message Formats"): its length, and its code.
        let request: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
        stream.write_all(&request).await?;
        stream.flush().await?;
        // One byte and no more: what somebody sends after it unencrypted has to
        // break the handshake, not to pass for the server's word.
        match stream.read_u8().await? {
            b'S' => {}
            b'N' => return Ok(Secured::Plain(stream)),
            _ => {
                return Err(io::Error::other(
                    "the server did not answer the request for TLS",
                ));
            }
        }
    }
    let mut maker = MakeRustlsConnect::new((*encryption.config).clone());
    let connector = MakeTlsConnect::<Transport>::make_tls_connect(&mut maker, server_name)?;
    Ok(Secured::Tls(Box::new(connector.connect(stream).await?)))
}

/// Asks the server at `endpoint` to cancel what `token` stands for.
pub(super) async fn cancel(
    token: &tokio_postgres::CancelToken,
    endpoint: &Endpoint,
    encryption: Option<&Encryption>,
) -> Result<(), String> {
    let stream = endpoint.open().await.map_err(|error| error.to_string())?;
    let sent = match encryption {
        None => token.cancel_query_raw(stream, NoTls).await,
        Some(encryption) => {
            match secure(stream, encryption, &endpoint.server_name)
                .await
                .map_err(|error| error.to_string())?
            {
                Secured::Tls(stream) => {
                    token
                        .cancel_query_raw(tokio::io::empty(), Established(*stream))
                        .await
                }
                Secured::Plain(_) => return Err(TlsFailure::NotOffered.to_string()),
            }
        }
    };
    sent.map_err(|error| with_causes(&error))
}

/// A stream whose handshake is over, in the place where tokio-postgres would
/// make one; the transport beneath is already in it.
struct Established(Encrypted);

impl TlsConnect<Empty> for Established {
    type Stream = Encrypted;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Self::Stream>>;

    fn connect(self, _: Empty) -> Self::Future {
        std::future::ready(Ok(self.0))
    }
}
