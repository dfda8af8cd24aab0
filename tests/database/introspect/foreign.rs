//! Foreign data: wrappers, servers, user mappings.

use super::made::check;

#[test]
fn wrappers_servers_and_mappings() {
    check(
        r#"
        CREATE FUNCTION check_options(text[], oid) RETURNS boolean LANGUAGE sql AS 'SELECT true';
        CREATE FOREIGN DATA WRAPPER wrapper VALIDATOR check_options OPTIONS (host 'h', "what else" 'hushed');
        CREATE SERVER there TYPE 'kind' VERSION '1.2' FOREIGN DATA WRAPPER wrapper
            OPTIONS (host 'example.org', port '5433', dbname 'app', fetch_size '10', "user" 'hushed', password 'hushed', service 'hushed');
        CREATE SERVER sly FOREIGN DATA WRAPPER wrapper OPTIONS (dbname 'host=x password=hushed', host 'postgres://u:hushed@x');
        CREATE USER MAPPING FOR :reader SERVER there OPTIONS ("user" 'hushed', password 'hushed');
        CREATE USER MAPPING FOR public SERVER there;
        COMMENT ON FOREIGN DATA WRAPPER wrapper IS 'w';
        COMMENT ON SERVER there IS 's';
        GRANT USAGE ON FOREIGN DATA WRAPPER wrapper TO :reader WITH GRANT OPTION;
        GRANT USAGE ON FOREIGN SERVER there TO :reader;
        ALTER SERVER there OWNER TO :reader;
        "#,
        r#"{}"#,
    );
}
