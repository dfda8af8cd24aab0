//! A runner that stalls in the middle of a COPY, stopped or cut off: the server
//! waits for its data for ever, all locks held, and none of its timeouts counts
//! that. A second session looks, and since the runner cannot, the looking is
//! done in the server.

use std::time::Duration;

use super::connect::Canceller;
use super::{Session, literal, settings};

/// How long a connection may take: without it there is only no watch.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// Ends a session whose COPY gets nowhere, because its client neither sends nor
/// takes data. Until dropped.
#[derive(Debug)]
pub struct CopyWatch {
    canceller: Canceller,
}

impl CopyWatch {
    /// Watches what `session` copies from now on; `None` if there is no second
    /// session to be had.
    pub async fn of(session: &Session) -> Option<Self> {
        let second = match tokio::time::timeout(CONNECT_MAX, session.sibling(Duration::ZERO)).await
        {
            Ok(Ok(second)) => second,
            Ok(Err(error)) => {
                tracing::debug!(%error, "COPY is not watched");
                return None;
            }
            Err(_) => return None,
        };
        let canceller = second.canceller();
        let backend = session.backend();
        let sql = include_str!("stall/copy.sql")
            .replace(":pid", &backend.pid.to_string())
            .replace(":start", &literal(&backend.start))
            .replace(
                ":seconds",
                &settings::IDLE_IN_TRANSACTION.as_secs().to_string(),
            );
        let clean = settings::clean_builder(second.server_version());
        tokio::spawn(async move {
            // Ends when it is cancelled, or with the session that it watches.
            let watching = async {
                second.execute(&clean).await?;
                second.execute(&sql).await
            };
            if let Err(error) = watching.await {
                tracing::debug!(%error, "COPY is watched no more");
            }
            second.close().await;
        });
        Some(Self { canceller })
    }
}

impl Drop for CopyWatch {
    fn drop(&mut self) {
        let canceller = self.canceller.clone();
        // Without a runtime the process is about to end, and the connection
        // with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = canceller.cancel().await;
            });
        }
    }
}
