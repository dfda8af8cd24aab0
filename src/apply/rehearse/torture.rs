//! Does a torture: runs `segue up` again and again on servers of its own,
//! disturbs it at the points that [`crate::rehearsal::torture`] chooses, lets it
//! go on, and compares what comes of it with an undisturbed run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream;

use super::{Place, RehearseError, Seen, Verdict};
use crate::apply::{ApplyError, Interrupt};
use crate::postgres::contents::{self, Column, Columns, Rows};
use crate::postgres::introspect;
use crate::postgres::throwaway::Throwaway;
use crate::rehearsal::torture::{
    self, Complaint, Fault, Hold, Point, Request, Spot, Wait, choose, spots,
};
use crate::rehearsal::{Finding, Step};
use crate::schema::{Diff, Rules, Snapshot};

mod arena;
mod holder;
mod segue;

use arena::{Arena, Run};
use segue::Ended;
pub use segue::Program;

/// Longest that one run of `segue up` may take.
const TRY_MAX: Duration = Duration::from_mins(2);

/// Runs of `segue up` after the last fault: one is to do, but what a killed
/// session has left may make another one fail.
const TRIES_MAX: usize = 4;

/// How long sessions that were cut may take to go.
const GONE_MAX: Duration = Duration::from_secs(15);

/// All that a torture needs.
#[derive(Debug)]
pub struct Torment<'a> {
    /// Throwaway servers of which kind.
    pub place: Place,
    /// How long to wait for a server that is starting.
    pub connect_wait: Duration,
    /// How `segue up` is run.
    pub program: Program,
    /// Roles that have to be there.
    pub roles: BTreeSet<String>,
    /// Which part of a schema counts.
    pub rules: &'a Rules,
    /// How many points at most; `None`: all there are.
    pub limit: Option<usize>,
    /// What is left to chance.
    pub seed: u64,
    /// Trials side by side, at least one.
    pub jobs: usize,
    /// Signals of the user.
    pub interrupt: Interrupt,
}

/// What happens in a torture, for people.
#[derive(Clone, Debug)]
pub enum Told {
    /// It begins.
    Chosen {
        /// How many points are tried.
        points: usize,
        /// How many single faults there would be.
        all: usize,
        /// At how many of the statements that change something and phases.
        hit: usize,
        /// How many of those there are.
        spots: usize,
        /// Phases of concurrent statements among them.
        phases: usize,
        /// Whether no disk can be filled here.
        no_full_disk: bool,
    },
    /// So many trials are done.
    Tried {
        /// How many.
        done: usize,
        /// Of so many.
        of: usize,
        /// The last one.
        point: String,
        /// Whether all was well after it.
        is_well: bool,
    },
}

/// What a torture came to.
#[derive(Debug)]
pub struct Tortured {
    /// For the list of steps.
    pub seen: Seen,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Trials in which segue did not come to the point.
    pub missed: usize,
    /// Columns whose values differ between undisturbed runs.
    pub volatile: Vec<String>,
}

/// What each trial needs.
struct Ground<'a> {
    place: Place,
    wait: Duration,
    program: &'a Program,
    roles: &'a BTreeSet<String>,
    rules: &'a Rules,
}

/// What an undisturbed run comes to.
struct Reference {
    schema: Snapshot,
    rows: BTreeMap<String, Rows>,
    server: Vec<String>,
    without: BTreeSet<Column>,
}

/// Tortures the migrations.
///
/// # Errors
/// [`RehearseError`]: servers that do not start, a signal of the user.
pub async fn torture(
    torment: &Torment<'_>,
    tell: &mut impl FnMut(Told),
) -> Result<Tortured, RehearseError> {
    let began = Instant::now();
    let ground = Ground {
        place: restarting(&torment.place),
        wait: torment.connect_wait,
        program: &torment.program,
        roles: &torment.roles,
        rules: torment.rules,
    };
    let interrupt = torment.interrupt.clone();
    let work = async {
        let (reference, heard) = match ground.reference().await? {
            Ok(reference) => reference,
            Err(complaint) => return Ok::<_, RehearseError>(Err(complaint)),
        };
        let mut waits = ground.waits(Hold::Writers).await?;
        waits.extend(ground.waits(Hold::Snapshot).await?);
        let can_fill_disk = Throwaway::can_fill_disk().await;
        let faults: Vec<Fault> = Fault::ALL
            .into_iter()
            .filter(|fault| *fault != Fault::FillDisk || can_fill_disk)
            .collect();
        let spots = spots(&heard);
        let choice = choose(&spots, &waits, &faults, torment.limit, torment.seed);
        tell(Told::Chosen {
            points: choice.points.len(),
            all: choice.all,
            hit: choice.hit,
            spots: choice.spots,
            phases: waits.len(),
            no_full_disk: !can_fill_disk,
        });
        let of = choice.points.len();
        let mut trials = stream::iter(choice.points)
            .map(|point| {
                let (ground, reference) = (&ground, &reference);
                async move {
                    let tried = Box::pin(ground.trial(reference, &point)).await;
                    (point, tried)
                }
            })
            .buffer_unordered(torment.jobs.max(1));
        let mut complaints = Vec::new();
        let (mut done, mut missed) = (0, 0);
        while let Some((point, tried)) = trials.next().await {
            let tried = tried?;
            done += 1;
            missed += usize::from(!tried.has_hit);
            tell(Told::Tried {
                done,
                of,
                point: point.to_string(),
                is_well: tried.complaints.is_empty(),
            });
            let all = tried.complaints.into_iter();
            complaints.extend(all.map(|complaint| (point.clone(), complaint)));
        }
        drop(trials);
        Ok(Ok((complaints, done, missed, reference)))
    };
    let worked = tokio::select! {
        worked = work => worked?,
        signal = interrupt.first() => {
            let committed = Vec::new();
            return Err(ApplyError::Interrupted { signal, committed }.into());
        }
    };
    let (findings, done, missed, volatile) = match worked {
        Ok((complaints, done, missed, reference)) => {
            let findings = torture::findings(&complaints, torment.seed);
            let volatile = reference.without.iter();
            let volatile = volatile.map(|one| format!("{}.{}", one.table, one.name));
            (findings, done, missed, volatile.collect())
        }
        Err(complaint) => (vec![torture::undisturbed(&complaint)], 0, 0, Vec::new()),
    };
    let verdict = if findings.is_empty() {
        Verdict::Passed
    } else {
        Verdict::Failed
    };
    Ok(Tortured {
        seen: Seen {
            step: Step::Torture,
            verdict,
            count: done,
            duration: began.elapsed(),
        },
        findings,
        missed,
        volatile,
    })
}

/// Servers that come again after a crash, and lose nothing by it.
fn restarting(place: &Place) -> Place {
    let mut place = place.clone();
    if let Place::Throwaway { options, .. } = &mut place {
        options.restarts = true;
        for (name, value) in [("full_page_writes", "on"), ("restart_after_crash", "on")] {
            options.settings.insert(name.to_owned(), value.to_owned());
        }
    }
    place
}

/// What a trial came to.
struct Tried {
    complaints: Vec<Complaint>,
    /// Whether every blow hit.
    has_hit: bool,
}

/// A run that did not end well.
fn stuck(ended: &Ended) -> Complaint {
    /// Of a Rust program that panics.
    const PANICKED: i32 = 101;
    if ended.status.code() == Some(PANICKED) {
        return Complaint::Panicked {
            said: ended.said.clone(),
        };
    }
    Complaint::Stuck {
        status: ended.status.to_string(),
        said: ended.said.clone(),
    }
}

impl Ground<'_> {
    /// Two undisturbed runs, and what the first one asked.
    async fn reference(
        &self,
    ) -> Result<Result<(Reference, Vec<Request>), Complaint>, RehearseError> {
        let mut all: Vec<(Columns, Arena<'_>)> = Vec::new();
        for _ in 0..2 {
            let mut arena = Arena::new(self).await?;
            match arena.run(None).await? {
                Run::Ended(ended) if ended.status.success() => {}
                Run::Ended(ended) | Run::Hung(ended) => return Ok(Err(stuck(&ended))),
            }
            let session = arena.session().await?;
            let columns = contents::columns(&session).await?;
            session.close().await;
            all.push((columns, arena));
        }
        let (first, mut arena) = all.swap_remove(0);
        let (second, _) = all.swap_remove(0);
        let mut without = first.numbered;
        for (column, digest) in &first.digests {
            if second.digests.get(column) != Some(digest) {
                without.insert(column.clone());
            }
        }
        let heard = arena.heard();
        let looked = self.look(&mut arena, &without).await?;
        let reference = Reference {
            schema: looked.schema,
            rows: looked.rows,
            server: looked.server,
            without,
        };
        Ok(Ok((reference, heard)))
    }

    async fn waits(&self, hold: Hold) -> Result<Vec<(Spot, Wait)>, RehearseError> {
        Arena::new(self).await?.probe(hold).await
    }

    async fn look(
        &self,
        arena: &mut Arena<'_>,
        without: &BTreeSet<Column>,
    ) -> Result<Looked, RehearseError> {
        let session = arena.session().await?;
        let mut schema = introspect::read(&session).await?.snapshot;
        self.rules.apply(&mut schema);
        let looked = Looked {
            schema,
            rows: contents::rows(&session, without).await?,
            server: contents::server(&session).await?,
        };
        session.close().await;
        Ok(looked)
    }

    async fn trial(&self, reference: &Reference, point: &Point) -> Result<Tried, RehearseError> {
        let mut arena = Arena::new(self).await?;
        let mut tried = Tried {
            complaints: Vec::new(),
            has_hit: true,
        };
        let mut blows = point.0.iter();
        let mut undisturbed = 0;
        loop {
            let blow = blows.next();
            if blow.is_none() {
                undisturbed += 1;
            }
            let ended = arena.run(blow).await?;
            tried.has_hit &= arena.has_hit;
            match ended {
                Run::Ended(ended) if ended.status.success() => break,
                Run::Ended(ended) => {
                    let complaint = stuck(&ended);
                    let is_panic = matches!(complaint, Complaint::Panicked { .. });
                    if is_panic || undisturbed >= TRIES_MAX {
                        tried.complaints.push(complaint);
                        return Ok(tried);
                    }
                }
                Run::Hung(ended) => {
                    tried.complaints.push(Complaint::Hung { said: ended.said });
                    return Ok(tried);
                }
            }
        }
        tried
            .complaints
            .extend(self.judge(&mut arena, reference).await?);
        Ok(tried)
    }

    /// What is wrong after a run that ended well.
    async fn judge(
        &self,
        arena: &mut Arena<'_>,
        reference: &Reference,
    ) -> Result<Vec<Complaint>, RehearseError> {
        let mut complaints = Vec::new();
        let deadline = Instant::now() + GONE_MAX;
        let session = arena.session().await?;
        loop {
            let left = contents::left(&session).await?;
            if left.is_empty() {
                break;
            }
            if Instant::now() > deadline {
                complaints.extend(left.into_iter().map(Complaint::Left));
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let before = contents::mark(&session).await?;
        session.close().await;
        match arena.run(None).await? {
            Run::Ended(ended) if ended.status.success() => {}
            Run::Ended(ended) => complaints.push(stuck(&ended)),
            Run::Hung(ended) => complaints.push(Complaint::Hung { said: ended.said }),
        }
        let session = arena.session().await?;
        let after = contents::mark(&session).await?;
        session.close().await;
        if before != after {
            let what = "the next `segue up` still has something to do";
            complaints.push(Complaint::Left(what.to_owned()));
        }
        let found = self.look(arena, &reference.without).await?;
        complaints.extend(found.differs(reference));
        Ok(complaints)
    }
}

/// What a database and its server hold.
struct Looked {
    schema: Snapshot,
    rows: BTreeMap<String, Rows>,
    server: Vec<String>,
}

impl Looked {
    fn differs(&self, reference: &Reference) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        let diff = Diff::between(&reference.schema, &self.schema);
        if !diff.changes().is_empty() {
            complaints.push(Complaint::Schema(diff));
        }
        let tables: BTreeSet<&String> = reference.rows.keys().chain(self.rows.keys()).collect();
        for table in tables {
            let (wanted, found) = (reference.rows.get(table), self.rows.get(table));
            if wanted != found {
                let shown = |rows: Option<&Rows>| match rows {
                    Some(Rows { count: 1, digest }) => format!("1 row, digest {digest}"),
                    Some(Rows { count, digest }) => format!("{count} rows, digest {digest}"),
                    None => "not there".to_owned(),
                };
                complaints.push(Complaint::Rows {
                    table: table.clone(),
                    wanted: shown(wanted),
                    found: shown(found),
                });
            }
        }
        let only = |one: &[String], other: &[String]| {
            let lines = one.iter().filter(|line| !other.contains(line));
            let lines: Vec<_> = lines.map(String::as_str).collect();
            lines.join("; ")
        };
        if self.server != reference.server {
            complaints.push(Complaint::Server {
                wanted: only(&reference.server, &self.server),
                found: only(&self.server, &reference.server),
            });
        }
        complaints
    }
}
