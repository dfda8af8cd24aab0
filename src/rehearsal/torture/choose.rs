//! Spots, phases and a seed → the points that are tried.

use std::collections::BTreeMap;

use super::{At, Blow, Fault, Moment, Point, RequestKind, Spot, Wait};

/// The points of a torture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// What is tried, in this order.
    pub points: Vec<Point>,
    /// How many single faults there are in all.
    pub all: usize,
    /// How many spots that change something and phases there are.
    pub spots: usize,
    /// How many of those have a point.
    pub hit: usize,
}

/// Each way in which a statement is disturbed that changes something.
const WAYS: [(Moment, Fault); 18] = [
    (Moment::During, Fault::KillSegue),
    (Moment::Answered, Fault::Cut),
    (Moment::Before, Fault::KillSegue),
    (Moment::Answered, Fault::KillBackend),
    (Moment::During, Fault::KillBackend),
    (Moment::During, Fault::Cut),
    (Moment::During, Fault::Terminate),
    (Moment::Before, Fault::FillDisk),
    (Moment::During, Fault::Cancel),
    (Moment::Before, Fault::Cut),
    (Moment::Answered, Fault::StopServer),
    (Moment::During, Fault::StopServer),
    (Moment::Before, Fault::Terminate),
    (Moment::During, Fault::CutAll),
    (Moment::During, Fault::KillServer),
    (Moment::Before, Fault::KillBackend),
    (Moment::Answered, Fault::Terminate),
    (Moment::Before, Fault::CutAll),
];

/// Each way for one that only asks.
const WAYS_TO_ASK: [(Moment, Fault); 5] = [
    (Moment::Before, Fault::KillSegue),
    (Moment::During, Fault::Cut),
    (Moment::Before, Fault::KillBackend),
    (Moment::During, Fault::Terminate),
    (Moment::Answered, Fault::StopServer),
];

/// What happens in a phase of a concurrent statement.
const WAYS_TO_WAIT: [Fault; 7] = [
    Fault::KillSegue,
    Fault::KillBackend,
    Fault::Cancel,
    Fault::Cut,
    Fault::Terminate,
    Fault::StopServer,
    Fault::CutAll,
];

/// So many spots of one key: a COPY has thousands of messages, and a file may
/// have thousands of like statements.
const LIKE_MAX: usize = 4;
/// So many of one that only asks.
const LIKE_MAX_TO_ASK: usize = 2;

/// What only asks comes so many rounds later.
const ROUNDS_LATER: usize = 2;

/// Longest time that the server is left to work on a statement, in
/// milliseconds.
const DELAY_MAX_MS: u64 = 40;

/// Of five points, one has faults at random in place of one by the table.
const RANDOM_PART: usize = 5;

/// Points for `spots` of an undisturbed run and the phases of its concurrent
/// statements, at most `limit`; `None` is all. `faults` are those that can be
/// had here. The same arguments give the same points.
///
/// First comes one point for each phase and each spot that changes something,
/// then another one for each, and so on, every way once; what only asks comes
/// later. The last fifth are random, and disturb what goes on after a fault too.
#[must_use]
pub fn choose(
    spots: &[Spot],
    waits: &[(Spot, Wait)],
    faults: &[Fault],
    limit: Option<usize>,
    seed: u64,
) -> Choice {
    let mut random = fastrand::Rng::with_seed(seed);
    let spots = thinned(spots);
    let mut columns: Vec<Column> = Vec::new();
    for (spot, wait) in waits {
        let blows = WAYS_TO_WAIT.iter().map(|fault| Blow {
            fault: *fault,
            spot: spot.clone(),
            at: At::Wait(wait.clone()),
            delay_ms: 0,
        });
        columns.push(Column {
            only_asks: false,
            blows: blows.collect(),
        });
    }
    for spot in &spots {
        let ways = if spot.key.only_asks() {
            WAYS_TO_ASK.as_slice()
        } else {
            WAYS.as_slice()
        };
        // A backend is known only once there is a connection.
        let is_possible = |fault: &Fault| {
            spot.key.kind != RequestKind::Connect
                || matches!(fault, Fault::KillSegue | Fault::Cut | Fault::StopServer)
        };
        let ways = ways.iter().filter(|(_, fault)| is_possible(fault));
        let blows = ways.map(|(moment, fault)| Blow {
            fault: *fault,
            spot: spot.clone(),
            at: At::Moment(*moment),
            delay_ms: 0,
        });
        columns.push(Column {
            only_asks: spot.key.only_asks(),
            blows: blows.collect(),
        });
    }
    for (index, column) in columns.iter_mut().enumerate() {
        column.blows.retain(|blow| faults.contains(&blow.fault));
        // Neighbours begin with different ways.
        let length = column.blows.len().max(1);
        column.blows.rotate_left(index % length);
    }
    let all: usize = columns.iter().map(|column| column.blows.len()).sum();
    let rounds = columns.iter().map(|column| column.blows.len()).max();
    let rounds = rounds.unwrap_or_default() + ROUNDS_LATER;
    let mut blows = Vec::with_capacity(all);
    for round in 0..rounds {
        let mut of_round: Vec<Blow> = columns
            .iter()
            .filter_map(|column| column.in_round(round).cloned())
            .collect();
        // What does not fit is left out at random, not at the run's end.
        random.shuffle(&mut of_round);
        blows.extend(of_round);
    }
    let systematic = limit.map_or(all, |limit| (limit - limit / RANDOM_PART).min(all));
    let extra = limit.map_or(all / RANDOM_PART, |limit| limit - systematic);
    let mut points: Vec<Point> = blows
        .iter()
        .take(systematic)
        .map(|blow| Point(vec![blow.clone()]))
        .collect();
    let counted = columns.iter().filter(|column| !column.only_asks);
    let counted: Vec<_> = counted.filter(|column| !column.blows.is_empty()).collect();
    let is_hit = |column: &&&Column| {
        let mut own = column.blows.iter();
        own.any(|blow| blows[..systematic].contains(blow))
    };
    let hit = counted.iter().filter(is_hit).count();
    if !blows.is_empty() {
        for _ in 0..extra {
            let count = random.usize(1..=3);
            let point = (0..count).map(|_| at_random(&blows, &mut random));
            points.push(Point(point.collect()));
        }
    }
    Choice {
        points,
        all,
        spots: counted.len(),
        hit,
    }
}

/// The ways in which one spot, or one phase, is disturbed.
struct Column {
    only_asks: bool,
    blows: Vec<Blow>,
}

impl Column {
    fn in_round(&self, round: usize) -> Option<&Blow> {
        let round = if self.only_asks {
            round.checked_sub(ROUNDS_LATER)?
        } else {
            round
        };
        self.blows.get(round)
    }
}

fn at_random(blows: &[Blow], random: &mut fastrand::Rng) -> Blow {
    let mut blow = blows[random.usize(..blows.len())].clone();
    if blow.at == At::Moment(Moment::During) {
        blow.delay_ms = random.u64(0..=DELAY_MAX_MS);
    }
    blow
}

/// Of spots with one key the first, the last, and some between, in order.
fn thinned(spots: &[Spot]) -> Vec<Spot> {
    let mut last: BTreeMap<_, usize> = BTreeMap::new();
    for spot in spots {
        last.insert(&spot.key, spot.nth);
    }
    let is_kept = |spot: &&Spot| {
        let of = last[&spot.key];
        let most = if spot.key.only_asks() {
            LIKE_MAX_TO_ASK
        } else {
            LIKE_MAX
        };
        of <= most
            // Evenly, both ends included.
            || (0..most).any(|part| spot.nth == 1 + part * (of - 1) / (most - 1))
    };
    spots.iter().filter(is_kept).cloned().collect()
}
