//! SIGINT and SIGTERM → [`Interrupt`].

use tokio::signal::unix::{SignalKind, signal};

use super::error::Error;
use super::outcome::Outcome;
use crate::apply::{Interrupt, Signal};

/// Listens from now on; the signals no longer end the process by themselves.
///
/// # Errors
/// If the system refuses to install a handler.
pub fn listen() -> Result<Interrupt, Error> {
    let failed = |error: std::io::Error| {
        Error::new(
            Outcome::Failed,
            format!("cannot listen for signals: {error}"),
        )
    };
    let mut interrupts = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminations = signal(SignalKind::terminate()).map_err(failed)?;
    let (sender, interrupt) = Interrupt::channel();
    tokio::spawn(async move {
        loop {
            let came = tokio::select! {
                Some(()) = interrupts.recv() => Signal::Interrupt,
                Some(()) = terminations.recv() => Signal::Terminate,
                else => return,
            };
            sender.send_modify(|signals| {
                if signals.first.is_some() {
                    signals.second.get_or_insert(came);
                }
                signals.first.get_or_insert(came);
                if came == Signal::Interrupt {
                    signals.interrupts += 1;
                }
            });
        }
    });
    Ok(interrupt)
}
