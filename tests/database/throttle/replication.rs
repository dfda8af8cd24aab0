//! Standbys and subscribers.

use std::time::Duration;

use segue::backfill::throttle::{Reading, Signal, Throttle, Unseen};

use super::{Eye, all, lag};
use crate::standby::Pair;
use crate::support::{Server, TestDatabase, wait_until};

/// Whether the one standby that there is has replayed all that there was.
fn is_even(seen: &Reading) -> bool {
    let [standby] = seen.standbys.as_slice() else {
        return false;
    };
    standby.replayed >= seen.wal_bytes
}

#[test]
fn a_standby_that_stops_replaying_is_behind_until_it_is_gone() {
    let pair = Pair::new();
    let (primary, standby) = (pair.on_primary(), pair.on_standby());
    primary.run("CREATE TABLE t (a int); CREATE ROLE weak LOGIN");
    let url = pair.primary.socket("postgres");
    let eye = Eye::new(&url, "t", 1);
    wait_until("the standby to replay", || is_even(&eye.look(&all())));
    assert_eq!(eye.look(&all()).standbys[0].name, "walreceiver");

    standby.run("SELECT pg_wal_replay_pause()");
    primary.run("INSERT INTO t VALUES (1)");
    let seen = eye.look(&all());
    assert!(seen.standbys[0].replayed < seen.wal_bytes, "{seen:?}");
    // Nothing more is written: it is behind all the same, and more each time.
    let mut throttle = Throttle::new(lag(Duration::from_millis(1500)));
    let look = |throttle: &mut Throttle| {
        let signals = throttle.look(&eye.look(throttle.limits()), Duration::from_secs(1));
        signals.iter().map(Signal::kind).collect::<Vec<_>>()
    };
    for _ in 0..3 {
        look(&mut throttle);
    }
    assert_eq!(look(&mut throttle), ["replication-lag"]);
    // Who may not see how far it is says so.
    let weak = Eye::new(&pair.primary.socket("weak"), "t", 1);
    let seen = weak.look(&all());
    assert_eq!(seen.standbys, []);
    assert_eq!(seen.unseen, [Unseen::Standbys, Unseen::Sessions]);

    standby.run("SELECT pg_wal_replay_resume()");
    wait_until("the standby to replay", || is_even(&eye.look(&all())));
    look(&mut throttle);
    assert_eq!(look(&mut throttle), [""; 0]);

    standby.run("SELECT pg_wal_replay_pause()");
    primary.run("INSERT INTO t VALUES (1)");
    for _ in 0..4 {
        look(&mut throttle);
    }
    assert_eq!(look(&mut throttle), ["replication-lag"]);
    drop(standby);
    pair.standby.control("stop");
    wait_until("the standby to be gone", || {
        eye.look(&all()).standbys.is_empty()
    });
    look(&mut throttle);
    assert_eq!(look(&mut throttle), [""; 0]);
}

#[test]
fn a_subscriber_that_does_not_get_on_is_behind() {
    let server = Server::start(&[("wal_level", "logical")]);
    let (here, there) = (TestDatabase::on(&server), TestDatabase::on(&server));
    for database in [&here, &there] {
        database.run("CREATE TABLE t (a int PRIMARY KEY)");
    }
    here.run("CREATE PUBLICATION p FOR TABLE t");
    // In one cluster the slot has to be there before.
    here.run("SELECT pg_create_logical_replication_slot('sub', 'pgoutput')");
    there.run(&format!(
        "CREATE SUBSCRIPTION sub CONNECTION '{}' PUBLICATION p WITH (create_slot = false, slot_name = 'sub', copy_data = false)",
        here.url()
    ));
    let eye = Eye::new(&here.url(), "t", 1);
    wait_until("the subscriber", || eye.look(&all()).standbys.len() == 1);
    assert_eq!(eye.look(&all()).standbys[0].application, "sub");
    let holder = there.session();
    holder.run("BEGIN; LOCK TABLE t");
    here.run("INSERT INTO t VALUES (1)");
    let at = eye.look(&all()).wal_bytes;
    for _ in 0..5 {
        let seen = eye.look(&all());
        assert!(seen.standbys[0].replayed < at, "{seen:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    holder.run("COMMIT");
    wait_until("the subscriber to get on", || {
        eye.look(&all()).standbys[0].replayed >= at
    });
    there.run("ALTER SUBSCRIPTION sub DISABLE");
    wait_until("the subscriber to be gone", || {
        eye.look(&all()).standbys.is_empty()
    });
    there.run("ALTER SUBSCRIPTION sub SET (slot_name = NONE)");
    there.run("DROP SUBSCRIPTION sub");
    here.run("SELECT pg_drop_replication_slot('sub')");
}
