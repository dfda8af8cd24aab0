//! Concurrent migrations inside the block's transaction, as their plain
//! equivalents.

use super::{Ended, Flight, Placed, Try};
use crate::apply::backfill::refused;
use crate::backfill::Backfill;
use crate::migration::Name;
use crate::postgres::Pipeline;
use crate::postgres::detach::{self, LeftBehind};
use crate::statement::{RelationName, digest, fold};

/// A concurrent migration that could not be folded after all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::apply) struct Unfolded {
    /// Which.
    pub(in crate::apply) name: Name,
    /// Why, for people.
    pub(in crate::apply) reason: String,
}

impl Try<'_> {
    pub(super) fn is_folded(&self, migration: usize) -> bool {
        self.block.folded.contains(&self.migrations[migration].name)
    }

    /// Makes a statement of a folded migration its plain equivalent; what is to
    /// run behind it.
    pub(super) async fn plain(
        &mut self,
        pipeline: &mut Pipeline<'_, Flight>,
        migration: usize,
        placed: &mut Placed,
    ) -> Result<Option<String>, Ended> {
        if let Some(backfill) = &self.migrations[migration].backfill {
            self.drain(pipeline).await?;
            let all = placed.clone().over_all(&backfill.value);
            *placed = all.ok_or_else(|| self.changed(migration))?;
            self.refuse_key(migration, &backfill.value).await?;
            return Ok(None);
        }
        let digest = digest(&placed.text);
        let Some(folded) = digest.and_then(|digest| fold(&placed.text, &digest)) else {
            return Err(self.changed(migration));
        };
        placed.text = folded.text.into();
        match folded.detaches {
            None => Ok(None),
            Some(partition) => {
                self.drain(pipeline).await?;
                self.left_behind(migration, &partition).await
            }
        }
    }

    fn changed(&self, migration: usize) -> Ended {
        Ended::Unfold(Unfolded {
            name: self.migrations[migration].name.clone(),
            reason: "its text has changed since it was looked at".to_owned(),
        })
    }

    /// A table that could not be gone through in batches: nothing would be done
    /// for a row without a key, and what is wrong is to be told by all
    /// databases alike.
    async fn refuse_key(&mut self, migration: usize, backfill: &Backfill) -> Result<(), Ended> {
        let session = self.session;
        let looking = refused(session, backfill);
        match self.guard(looking).await? {
            Ok(None) => Ok(()),
            Ok(Some(refused)) => Err(Ended::Unfold(Unfolded {
                name: self.migrations[migration].name.clone(),
                reason: refused.message,
            })),
            Err(error) => Err(self.judge(error, Some(Flight::Ours { migration }))),
        }
    }

    /// What a concurrent detach would leave behind, as a statement for after
    /// the plain one.
    async fn left_behind(
        &mut self,
        migration: usize,
        name: &RelationName,
    ) -> Result<Option<String>, Ended> {
        let session = self.session;
        let looking = detach::left_behind(session, name);
        let left = match self.guard(looking).await? {
            Ok(left) => left,
            Err(error) => return Err(self.judge(error, Some(Flight::Ours { migration }))),
        };
        match left {
            LeftBehind::Check(sql) => Ok(Some(sql)),
            LeftBehind::Nothing => Ok(None),
            LeftBehind::Unknown => Err(Ended::Unfold(Unfolded {
                name: self.migrations[migration].name.clone(),
                reason: format!(
                    "what detaching `{name}` concurrently leaves behind is for the server to find out"
                ),
            })),
        }
    }
}
