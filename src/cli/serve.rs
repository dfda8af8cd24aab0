//! `segue serve`

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::mpsc;

use super::context::Context;
use super::duration::HumanDuration;
use super::error::Error;
use super::outcome::Outcome;
use super::report::Report;
use super::signal;
use super::wait::GoalArg;
use crate::apply::watch::Watched;
use crate::serve::{ServeError, Server, Settings};

/// Tell over HTTP, and to load balancers, whether the database is ready for this folder
///
/// /ready answers 200 or 503, /status what `segue status --json` prints, /events what changes, as
/// server-sent events, /metrics the same for Prometheus, /health that the process lives. --agent
/// answers HAProxy's agent-check. All clients together cost the database one connection, which
/// only reads. While the database is away, what was seen last counts for --stale-after. The folder
/// is read once, at the start: it is that of the code that asks.
///
/// SIGTERM and SIGINT finish what is under way and end with status 0; a second one ends at once.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Where to speak HTTP; port 0 takes a free one
    ///
    /// Whoever reaches this address can read names of migrations, errors of the server and states
    /// of deployments; nobody can change anything.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:7433", value_parser = address)]
    pub listen: SocketAddr,

    /// Where to answer HAProxy's agent-check, if anywhere
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    pub agent: Option<SocketAddr>,

    /// What counts as ready
    #[arg(long, value_name = "STATE", default_value = "ready")]
    pub goal: GoalArg,

    /// How long what was seen last counts while the database is away
    ///
    /// After that it is not ready. Longer than a fail-over takes: code that serves is not taken
    /// out of traffic because a database restarts.
    #[arg(long, value_name = "D", default_value = "5m")]
    pub stale_after: HumanDuration,

    /// How long to say "not ready" before ending on a signal
    ///
    /// For a server that ends with the code it speaks for: longer than a load balancer takes to
    /// notice. Without it, ending says nothing about the database.
    #[arg(long, value_name = "D", default_value = "0s")]
    pub drain: HumanDuration,

    /// How often to look for drift while everything is settled; 0s never does
    ///
    /// The live schema is compared with the one that the last settled deployment has left, on a
    /// second connection that is closed again, for /metrics.
    #[arg(long, value_name = "D", default_value = "10m")]
    pub drift_every: HumanDuration,

    /// Name by which requests may call this server; may be repeated
    ///
    /// Addresses and `localhost` are known. On an address that only this machine reaches, and with
    /// this option on any, requests with another Host are refused: a web page could have its own
    /// name lead here.
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
}

/// An address and a port.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let help = "write `127.0.0.1:7433`, `[::1]:7433`, or `0.0.0.0:7433` for all addresses";
        format!("not an address with a port: {help}")
    })
}

/// Runs the command.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    args: &ServeArgs,
    context: &Context,
    report: &mut Report,
) -> Result<Outcome, Error> {
    let watched = Watched {
        target: context.target(report)?,
        project: context.project(),
        owner: context.owner(),
        migrations: context.valid_migrations(report)?.into(),
    };
    let interrupt = signal::listen()?;
    allow_connections();
    let server = Server::bind(Settings {
        listen: args.listen,
        agent: args.agent,
        goal: args.goal.into(),
        stale_after: args.stale_after.0,
        drain: args.drain.0,
        drift_every: Some(args.drift_every.0).filter(|every| *every > Duration::ZERO),
        rules: context.rules(),
        hosts: args.host.clone(),
    })
    .await?;
    report.listening(server.address(), server.agent_address());
    let (teller, mut told) = mpsc::unbounded_channel();
    let stop = async {
        interrupt.first().await;
    };
    let mut serving = std::pin::pin!(server.run(watched, stop, move |state| {
        // Nobody hears it any more when the command ends.
        let _ = teller.send(state.view.clone());
    }));
    loop {
        tokio::select! {
            () = &mut serving => return Ok(Outcome::Done),
            Some(view) = told.recv() => report.served(&view),
            signal = interrupt.second() => return Ok(signal.into()),
        }
    }
}

/// Has the system allow as many connections as it would at most: its usual
/// bound is for programs that know nothing of poll.
fn allow_connections() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // Refused, the server waits at the bound that there is.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

impl From<ServeError> for Error {
    fn from(error: ServeError) -> Self {
        let ServeError::Bind { source, .. } = &error;
        Self::usage(format!("{error}: {source}"))
            .help("`--listen ADDR:PORT` and `--agent ADDR:PORT` name other addresses")
    }
}
