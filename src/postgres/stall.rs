//! A runner that stalls in the middle of a COPY, stopped or cut off: the server
//! waits for its data for ever, all locks held, and none of its timeouts counts
//! that. A second session looks, and since the runner cannot, the looking is
//! done in the server.

use std::time::Duration;

use futures_util::future::try_join;
use tokio::sync::oneshot;

use super::{Session, Target, literal, settings};

/// How long the COPY is held up for its watch. It goes on unwatched then, until
/// there is one.
const BEGIN_MAX: Duration = Duration::from_secs(2);

/// Pause between two tries to connect.
const CONNECT_AGAIN: Duration = Duration::from_secs(2);

/// Ends a session whose COPY gets nowhere, because its client neither sends nor
/// takes data. Until dropped.
#[derive(Debug)]
pub struct CopyWatch {
    /// Its end says that the COPY is over.
    _over: oneshot::Sender<()>,
}

impl CopyWatch {
    /// Watches what `session` copies from now on: the server is told to before
    /// this returns, if a second session is to be had soon.
    pub async fn of(session: &Session) -> Self {
        let (sender, over) = oneshot::channel();
        let (begin, beginning) = oneshot::channel();
        let backend = session.backend();
        let sql = include_str!("stall/copy.sql")
            .replace(":pid", &backend.pid.to_string())
            .replace(":start", &literal(&backend.start))
            .replace(
                ":seconds",
                &settings::IDLE_IN_TRANSACTION.as_secs().to_string(),
            );
        tokio::spawn(watch(session.target().clone(), sql, begin, over));
        let _ = tokio::time::timeout(BEGIN_MAX, beginning).await;
        Self { _over: sender }
    }
}

/// Runs `sql` in a session of its own until it ends by itself or is over.
async fn watch(
    target: Target,
    sql: String,
    begin: oneshot::Sender<()>,
    mut over: oneshot::Receiver<()>,
) {
    let second = loop {
        tokio::select! {
            _ = &mut over => return,
            connected = Session::connect(&target, Duration::ZERO) => match connected {
                Ok(second) => break second,
                Err(error) => tracing::debug!(%error, "COPY is not watched yet"),
            },
        }
        tokio::select! {
            _ = &mut over => return,
            () = tokio::time::sleep(CONNECT_AGAIN) => {}
        }
    };
    let clean = settings::clean_builder(second.server_version());
    let cleaning = async {
        second.execute(&clean).await?;
        // The next one was sent with it: we may be stopped at any moment now.
        let _ = begin.send(());
        Ok(())
    };
    let watching = try_join(cleaning, second.execute(&sql));
    tokio::select! {
        _ = over => {
            // The loop in the server would end by itself too, with the session
            // that it watches.
            let _ = second.canceller().cancel().await;
        }
        watched = watching => {
            if let Err(error) = watched {
                tracing::debug!(%error, "COPY is watched no more");
            }
        }
    }
    second.close().await;
}
