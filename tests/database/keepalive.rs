//! Runners that are gone without a word: the server notices.

use crate::connect::server::Server;
use crate::support::Project;

/// What each kind of session is set to, over TCP.
#[test]
fn the_server_asks_whether_we_are_still_there() {
    const SEEN: &str = "INSERT INTO seen SELECT current_setting('tcp_keepalives_idle'), \
         current_setting('tcp_keepalives_interval'), current_setting('tcp_keepalives_count'), \
         current_setting('tcp_user_timeout'), current_setting('client_connection_check_interval');\n";
    let server = Server::start(
        "local all all trust\nhost all all 127.0.0.1/32 trust\n",
        None,
    );
    let mut project = Project::new();
    project.env(
        "DATABASE_URL",
        format!("postgres://postgres@127.0.0.1:{}/postgres", server.port),
    );
    project.file(
        "1.sql",
        &format!("CREATE TABLE seen (a text, b text, c text, d text, e text);\n{SEEN}"),
    );
    project.file(
        "2.sql",
        &format!("-- segue: begin-concurrent-migration-with: 1.sql\n{SEEN}"),
    );
    project.write("segue.toml", "[up]\nfold = false\n");
    project.segue(&["up"]).expect_success();
    let session = crate::support::TestSession::connect(&server.socket("postgres"));
    assert_eq!(
        session.query("SELECT * FROM seen"),
        "30|10|3|60000|1s\n30|10|3|60000|1s"
    );
}
