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
        r#"
        {
          "foreign data wrapper wrapper": {
            "comment": "w",
            "options": {
              "host": "h",
              "what else": "present"
            },
            "privileges": {
              "reader": ["USAGE WITH GRANT OPTION"]
            },
            "validator": "public.check_options(text[],oid)"
          },
          "foreign server sly": {
            "foreign_data_wrapper": "wrapper",
            "options": {
              "dbname": "present",
              "host": "present"
            }
          },
          "foreign server there": {
            "comment": "s",
            "foreign_data_wrapper": "wrapper",
            "options": {
              "dbname": "app",
              "fetch_size": "10",
              "host": "example.org",
              "password": "present",
              "port": "5433",
              "service": "present",
              "user": "present"
            },
            "owner": "reader",
            "type": "kind",
            "version": "1.2"
          },
          "function public.check_options(text[], oid)": {
            "arguments": "text[], oid",
            "body": "SELECT true",
            "language": "sql",
            "returns": "boolean"
          },
          "user mapping public ON there": {},
          "user mapping reader ON there": {}
        }
        "#,
    );
}
