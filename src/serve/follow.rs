//! The one task that looks at the database, and the one that tells people what
//! is new.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::Settings;
use super::keeper::Keeper;
use super::state::{Moment, State};
use crate::apply::watch::{Look, PAUSE, Watch};
use crate::readiness::Looker;
use crate::status::View;

/// So many deployments the page shows.
const PAST_MAX: usize = 20;

/// Publishes each look; ends with the last who hears it.
pub(super) async fn follow(
    mut watch: Watch,
    settings: Settings,
    publisher: watch::Sender<Arc<State>>,
    began: Moment,
) {
    watch = watch.with_past(PAST_MAX).with_backfills();
    let watched = watch.watched().clone();
    let mut looker = Looker::new(&watched.project, settings.goal);
    let mut keeper = Keeper::new(&watched.project, &settings, &began);
    loop {
        let pause = looker.pause(PAUSE, Instant::now());
        let look = tokio::select! {
            look = watch.next(pause) => Some(look),
            () = until(keeper.ends()) => None,
        };
        let now = Moment::now();
        let is_seen = matches!(look, Some(Look::Seen(_)));
        let is_away = matches!(look, Some(Look::Away(_)));
        match look {
            Some(Look::Seen(seen)) => {
                let verdict = looker.look(
                    &watched.migrations,
                    &seen.history,
                    seen.is_standby(),
                    now.instant,
                );
                keeper.look(watch.status(&seen), verdict, &now);
                keeper.past(seen.past);
            }
            Some(Look::Away(away)) => keeper.away(&away.error.to_string(), &now),
            None => keeper.pass(&now),
        }
        publisher.send_if_modified(|state| {
            let mut next = state.next(keeper.view().clone(), keeper.seen());
            next.looks += u64::from(is_seen || is_away);
            next.failures += u64::from(is_away);
            let is_new = next.revision != state.revision;
            *state = Arc::new(next);
            is_new
        });
    }
}

/// Waits for a moment; for ever if there is none.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// Has `tell` hear what is new in a line: not progress.
pub(super) async fn tell(
    mut state: watch::Receiver<Arc<State>>,
    mut tell: impl FnMut(&State) + Send,
) {
    let told = |view: &View| {
        (
            view.is_ready,
            view.stage,
            view.reason.clone(),
            view.stale.clone().map(|stale| stale.reason),
        )
    };
    let mut last = None;
    while state.changed().await.is_ok() {
        let now = Arc::clone(&state.borrow_and_update());
        let line = told(&now.view);
        if last.as_ref() != Some(&line) {
            tell(&now);
            last = Some(line);
        }
    }
}
