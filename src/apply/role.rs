//! Missing roles, made where that hurts nobody: on a throwaway server.

use std::collections::BTreeSet;

use super::{Event, Run};
use crate::diagnostic::Diagnostic;
use crate::postgres::{self, Session, role};
use crate::text::Variables;

/// What was made for one block or migration, so that each role is made once
/// for it: one that is missing again was dropped by the history itself.
#[derive(Debug, Default)]
pub(super) struct Made(BTreeSet<String>);

impl Made {
    /// Makes the role that `diagnostic` says is missing; whether there was
    /// one, so that the same may be tried again.
    ///
    /// # Errors
    /// A server that cannot be reached any more, or refuses.
    pub(super) async fn make(
        &mut self,
        run: &Run,
        diagnostic: &Diagnostic,
        variables: &Variables,
    ) -> Result<bool, postgres::Error> {
        let sqlstate = diagnostic.sqlstate.as_deref().unwrap_or_default();
        let Some(name) = role::missing(sqlstate, &diagnostic.message) else {
            return Ok(false);
        };
        // What is told has the variable's name in place of the value.
        let filled = variables.fill(name);
        let known = filled.as_ref().map_or(name, |filled| &filled.text);
        if !run.target.is_disposable() || !self.0.insert(known.to_owned()) {
            return Ok(false);
        }
        let session = Session::connect(&run.target, run.connect_wait).await?;
        role::create(&session, known).await?;
        session.close().await;
        run.events.tell(Event::RoleMade {
            role: name.to_owned(),
        });
        Ok(true)
    }
}
