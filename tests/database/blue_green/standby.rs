//! Readers on a streaming standby: its own replay opens the gate.

use super::customers::Errand;
use super::folders::Folders;
use super::stage::{Check, Stage};
use super::{Blue, Green};
use crate::connect::server::Server;
use crate::support::{TestSession, wait_until};

const HBA: &str = "local all all trust\nlocal replication all trust\n";

#[track_caller]
fn replayed(primary: &TestSession, standby: &TestSession) {
    let at = primary.query("SELECT pg_current_wal_lsn()");
    let has_replayed = format!("SELECT pg_last_wal_replay_lsn() >= '{at}'");
    wait_until("the standby to replay", || {
        standby.query(&has_replayed) == "t"
    });
}

#[track_caller]
fn opens_by_replay(check: Check) {
    let primary = Server::start(HBA, None);
    let standby = primary.standby("on");
    let url = primary.socket("postgres");
    let folders = Folders::deployed(&url);
    let on_primary = TestSession::connect(&url);
    let on_standby = TestSession::connect(&standby.socket("postgres"));
    replayed(&on_primary, &on_standby);
    let readers = standby.socket("postgres");
    let stage = Stage::open(&folders, &readers, check, Errand::Look);

    on_standby.run("SELECT pg_wal_replay_pause()");
    wait_until("the pause", || {
        on_standby.query("SELECT pg_get_wal_replay_pause_state()") == "paused"
    });
    folders.green.segue(&["up"]).expect_success();
    let wait = ["wait", "ready", "--timeout", "10s"];
    folders.green.segue(&wait).expect_success();
    // The primary is ready, and the standby has received it all.
    stage.customers.wait_for(Blue, 300);
    assert_eq!(stage.customers.served(Green), 0);

    on_standby.run("SELECT pg_wal_replay_resume()");
    stage.customers.wait_for(Green, 50);
    stage.close().expect_no_failure().expect_one_switch();
}

#[test]
fn agent_check_sends_readers_to_a_standby_once_it_has_replayed() {
    opens_by_replay(Check::Agent);
}

#[test]
fn httpchk_sends_readers_to_a_standby_once_it_has_replayed() {
    opens_by_replay(Check::Http);
}
