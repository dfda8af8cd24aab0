//! No secret leaves the server.

use crate::support::{Heard, Proxy, TestDatabase, pretty, snapshot_with_roles};

/// What none may see; each place has its own, so that a failure names it.
const SECRETS: &str = r#"
ALTER DATABASE :database SET app.jwt = 'hushed-by-database';
ALTER ROLE :secretive SET app.jwt = 'hushed-by-role';
ALTER ROLE :secretive IN DATABASE :database SET app.jwt = 'hushed-by-both';
ALTER ROLE :secretive PASSWORD 'hushed-password';
CREATE FOREIGN DATA WRAPPER wrapper OPTIONS (token 'hushed-by-wrapper');
CREATE SERVER server FOREIGN DATA WRAPPER wrapper OPTIONS (
    "user" 'hushed-user', password 'hushed-server', passfile 'hushed-file', sslpassword 'hushed-ssl',
    service 'hushed-service', options '-c app.jwt=hushed-options', dbname 'host=x password=hushed-conninfo',
    host 'postgresql://u:hushed-url@x'
);
CREATE USER MAPPING FOR :secretive SERVER server OPTIONS ("user" 'hushed-mapped', password 'hushed-mapping');
CREATE USER MAPPING FOR postgres SERVER server OPTIONS (password 'hushed-own');
CREATE FOREIGN TABLE remote (a integer OPTIONS (secret 'hushed-column')) SERVER server
    OPTIONS (password 'hushed-table');
CREATE SUBSCRIPTION subscription CONNECTION 'host=nowhere password=hushed-subscription' PUBLICATION p
    WITH (connect = false);
"#;

#[test]
fn the_server_is_not_asked_for_them() {
    let database = TestDatabase::new();
    let role = database.role("secretive", "LOGIN");
    let sql = SECRETS.replace(":database", database.name());
    database.run(&sql.replace(":secretive", &role));
    let proxy = Proxy::new(&database);
    proxy.listen();
    let seen = pretty(&snapshot_with_roles(&proxy.url()));
    let told = proxy.told();
    let told = String::from_utf8_lossy(&told);
    // It is the exchange that was listened to.
    assert!(told.contains("secretive ON server"), "{told}");
    // Values with a secret are never sent, not even to be thrown away.
    for text in [&*told, &seen] {
        let found = text.match_indices("hushed").next();
        let place = found.map(|(index, _)| &text[index..text.len().min(index + 30)]);
        assert_eq!(place, None);
    }
    // That they are there is seen.
    assert_eq!(seen.matches(r#": "present""#).count(), 14, "{seen}");
    for heard in proxy.heard() {
        let Heard::Query { sql, .. } = heard else {
            continue;
        };
        for column in ["subconninfo", "umoptions", "rolpassword", "pg_shadow"] {
            // A comment may say that it is left alone.
            let code = sql
                .lines()
                .filter(|line| !line.trim_start().starts_with("--"));
            assert!(!code.collect::<String>().contains(column), "{sql}");
        }
    }
}
