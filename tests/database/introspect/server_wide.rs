//! Namespaces, the database, roles, default privileges.

use super::made::{Made, check, sorted};
use crate::support::{
    Server, TestDatabase, assert_same_snapshot, assert_text, of_version, pretty, snapshot,
};

#[test]
fn namespaces() {
    check(
        r#"
        CREATE SCHEMA app AUTHORIZATION :reader;
        COMMENT ON SCHEMA app IS 'Ours';
        GRANT USAGE ON SCHEMA app TO public;
        CREATE SCHEMA "Odd ""names"".";
        CREATE SCHEMA segue;
        CREATE TYPE segue.ignored AS ENUM ();
        COMMENT ON SCHEMA public IS 'Common';
        REVOKE ALL ON SCHEMA public FROM public;
        "#,
        r#"
        {
          "namespace \"Odd \"\"names\"\".\"": {},
          "namespace app": {
            "comment": "Ours",
            "owner": "reader",
            "privileges": {
              "public": ["USAGE"]
            }
          },
          "namespace public": {
--@15       "owner": "pg_database_owner",
            "comment": "Common"
          }
        }
        "#,
    );
}

#[test]
fn what_is_set_for_the_database() {
    check(
        r#"
        ALTER DATABASE :database SET work_mem = '7MB';
        ALTER DATABASE :database SET search_path = "$user", public;
        ALTER DATABASE :database SET "app.jwt_secret" = 'hushed';
        ALTER ROLE :reader IN DATABASE :database SET statement_timeout = '1s';
        ALTER ROLE :reader IN DATABASE :database SET "app.other_secret" = 'hushed';
        ALTER DATABASE :database CONNECTION LIMIT 50;
        COMMENT ON DATABASE :database IS 'All of it';
        GRANT CREATE ON DATABASE :database TO :reader;
        REVOKE TEMPORARY ON DATABASE :database FROM public;
        "#,
        r#"
        {
          "database current": {
            "comment": "All of it",
            "connection_limit": 50,
            "privileges": {
              "public": ["CONNECT"],
              "reader": ["CREATE"]
            },
            "role_settings": {
              "reader": {
                "settings": {
                  "app.other_secret": "present",
                  "statement_timeout": "1s"
                }
              }
            },
            "settings": {
              "app.jwt_secret": "present",
              "search_path": "\"$user\", public",
              "work_mem": "7MB"
            }
          }
        }
        "#,
    );
}

#[test]
fn roles() {
    let made = Made::by("");
    made.database.role(
        "all",
        "SUPERUSER CREATEROLE CREATEDB NOINHERIT REPLICATION BYPASSRLS CONNECTION LIMIT 3
         VALID UNTIL '2030-01-02 03:04:05+06' PASSWORD 'hushed'",
    );
    made.run(
        r#"
        COMMENT ON ROLE :database_all IS 'Can do everything';
        ALTER ROLE :database_all SET work_mem = '5MB';
        ALTER ROLE :database_all SET "app.secret" = 'hushed';
        GRANT pg_monitor TO :reader WITH ADMIN OPTION;
        GRANT :database_all TO :reader;
--@16   GRANT :database_all TO :reader WITH INHERIT FALSE, SET FALSE;
        "#,
    );
    made.check(
        r#"
        {
          "role all": {
            "bypassrls": true,
            "comment": "Can do everything",
            "connection_limit": 3,
            "createdb": true,
            "createrole": true,
            "inherit": false,
            "replication": true,
            "settings": {
              "app.secret": "present",
              "work_mem": "5MB"
            },
            "superuser": true,
            "valid_until": "2030-01-01 21:04:05+00"
          },
          "role reader": {
            "login": true,
            "member_of": {
--@<16         "all": {},
--@16         "all": {"inherit": false, "set": false},
              "pg_monitor": {
                "admin": true
              }
            }
          }
        }
        "#,
    );
}

#[test]
fn what_is_set_for_the_whole_server() {
    let server = Server::start(&[]);
    let database = TestDatabase::on(&server);
    let before = snapshot(&database.url());
    // It ends with its server.
    let reader = format!("{}_reader", database.name());
    database.run(&format!("CREATE ROLE {reader} LOGIN"));
    let sql = "
        ALTER ROLE ALL SET work_mem = '6MB';
        ALTER ROLE ALL SET app.secret = 'hushed';
--@15   GRANT SET ON PARAMETER work_mem TO :reader;
--@15   GRANT SET, ALTER SYSTEM ON PARAMETER app.quota TO public;
    ";
    database.run(&of_version(sql, &database).replace(":reader", &reader));
    let mut after = snapshot(&database.url());
    assert_same_snapshot("seen", &snapshot(&database.url_as(&reader)), &after);
    after
        .objects
        .retain(|id, attributes| before.objects.get(id) != Some(attributes));
    let actual = pretty(&after).replace(&reader, "reader");
    let expected = r#"
        {
          "database current": {
            "cluster_settings": {
              "app.secret": "present",
              "work_mem": "6MB"
            },
--@15       "parameters": {
--@15         "app.quota": {"privileges": {"public": ["ALTER SYSTEM", "SET"]}},
--@15         "work_mem": {"privileges": {"reader": ["SET"]}}
--@15       },
            "owner": "postgres"
          }
        }
        "#;
    let expected = of_version(expected, &database);
    assert_text("what is set", &sorted(&actual), &sorted(&expected));
}

#[test]
fn default_privileges() {
    check(
        r"
        CREATE SCHEMA app;
        ALTER DEFAULT PRIVILEGES FOR ROLE :reader IN SCHEMA app GRANT SELECT, INSERT ON TABLES TO public;
        ALTER DEFAULT PRIVILEGES FOR ROLE :reader IN SCHEMA app GRANT USAGE ON SEQUENCES TO :reader WITH GRANT OPTION;
        ALTER DEFAULT PRIVILEGES FOR ROLE :reader REVOKE EXECUTE ON FUNCTIONS FROM public;
        ALTER DEFAULT PRIVILEGES FOR ROLE :reader REVOKE ALL ON TYPES FROM :reader;
        ALTER DEFAULT PRIVILEGES FOR ROLE :reader GRANT USAGE ON SCHEMAS TO postgres;
--@18 ALTER DEFAULT PRIVILEGES FOR ROLE :reader GRANT SELECT ON LARGE OBJECTS TO postgres;
        ",
        r#"
        {
          "default privileges app.reader ON SEQUENCES": {
            "owner_privileges": ["USAGE WITH GRANT OPTION"]
          },
          "default privileges app.reader ON TABLES": {
            "privileges": {
              "public": ["INSERT", "SELECT"]
            }
          },
          "default privileges reader ON FUNCTIONS": {
            "privileges": {
              "public": []
            }
          },
--@18     "default privileges reader ON LARGE OBJECTS": {"privileges": {"postgres": ["SELECT"]}},
          "default privileges reader ON SCHEMAS": {
            "privileges": {
              "postgres": ["USAGE"]
            }
          },
          "default privileges reader ON TYPES": {
            "owner_privileges": []
          },
          "namespace app": {}
        }
        "#,
    );
}
