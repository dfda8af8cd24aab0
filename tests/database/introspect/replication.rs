//! Publications, subscriptions, event triggers.

use super::made::check;

#[test]
fn publications() {
    check(
        r#"
        CREATE SCHEMA app;
        CREATE TABLE "T" (a integer PRIMARY KEY, b text, c text);
        CREATE TABLE app.t (a integer PRIMARY KEY, b text);
        CREATE PUBLICATION all_of_it FOR ALL TABLES WITH (publish = 'insert, truncate', publish_via_partition_root);
        CREATE PUBLICATION tables FOR TABLE "T", ONLY app.t;
        CREATE PUBLICATION none WITH (publish = '');
--@15 CREATE PUBLICATION parts FOR TABLE "T" (c, a) WHERE (a IN (1, 2));
--@15 CREATE PUBLICATION spaces FOR TABLES IN SCHEMA app, public;
--@18 CREATE PUBLICATION generated FOR TABLE "T" WITH (publish_generated_columns = stored);
        COMMENT ON PUBLICATION none IS 'Silence';
        ALTER PUBLICATION none OWNER TO :reader;
        "#,
        r#"
        {
          "namespace app": {},
          "publication all_of_it": {
            "all_tables": true,
            "publish": ["insert", "truncate"],
            "publish_via_partition_root": true
          },
          "publication none": {
            "comment": "Silence",
            "owner": "reader",
            "publish": []
          },
--@15     "publication parts": {
--@15       "tables": {"public.\"T\"": {"columns": ["a", "c"], "where": "(a = ANY (ARRAY[1, 2]))"}}
--@15     },
--@15     "publication spaces": {"tables_in_schema": ["app", "public"]},
--@18     "publication generated": {"publish_generated_columns": "stored", "tables": {"public.\"T\"": {}}},
          "publication tables": {
            "tables": {
              "app.t": {},
              "public.\"T\"": {}
            }
          }
        }
        "#,
    );
}

#[test]
fn subscriptions_without_their_connection() {
    check(
        r#"
        CREATE SUBSCRIPTION plain CONNECTION 'host=nowhere password=hushed' PUBLICATION b, "A" WITH (connect = false);

        CREATE SUBSCRIPTION other CONNECTION 'host=nowhere password=hushed' PUBLICATION a
--@<15 WITH (connect = false, slot_name = slot, synchronous_commit = remote_apply, binary, streaming);
--@15 --@<16 WITH (connect = false, slot_name = slot, synchronous_commit = remote_apply, binary, streaming, two_phase, disable_on_error);
--@16 --@<17 WITH (connect = false, slot_name = slot, synchronous_commit = remote_apply, binary, streaming = parallel, two_phase, disable_on_error, password_required = false, run_as_owner, origin = none);
--@17 WITH (connect = false, slot_name = slot, synchronous_commit = remote_apply, binary, streaming = on, two_phase, disable_on_error, password_required = false, run_as_owner, origin = none, failover);

        ALTER SUBSCRIPTION plain SET (slot_name = NONE);

        COMMENT ON SUBSCRIPTION plain IS 'From there';
        "#,
        r#"
        {
          "subscription other": {
            "binary": true,
--@15       "disable_on_error": true,
--@15       "two_phase": true,
--@16       "origin": "none",
--@16       "password_required": false,
--@16       "run_as_owner": true,
--@17       "failover": true,
            "publications": ["a"],
            "slot_name": "slot",
--@<16       "streaming": "on",
--@16 --@<17       "streaming": "parallel",
--@17       "streaming": "on",
            "synchronous_commit": "remote_apply"
          },
          "subscription plain": {
            "comment": "From there",
            "publications": ["A", "b"],
            "slot_name": "NONE"
          }
        }
        "#,
    );
}

#[test]
fn event_triggers() {
    check(
        r"
        CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
        CREATE EVENT TRIGGER plain ON sql_drop EXECUTE FUNCTION watch();
        CREATE EVENT TRIGGER drops ON ddl_command_end WHEN tag IN ('DROP TABLE', 'CREATE TABLE') EXECUTE FUNCTION watch();
        CREATE EVENT TRIGGER replica ON table_rewrite EXECUTE FUNCTION watch();
        CREATE EVENT TRIGGER always ON ddl_command_start EXECUTE FUNCTION watch();
        ALTER EVENT TRIGGER drops DISABLE;
        ALTER EVENT TRIGGER replica ENABLE REPLICA;
        ALTER EVENT TRIGGER always ENABLE ALWAYS;
        COMMENT ON EVENT TRIGGER plain IS 'Sees';
        ",
        r#"
        {
          "event trigger always": {
            "enabled": "always",
            "event": "ddl_command_start",
            "function": "public.watch()"
          },
          "event trigger drops": {
            "enabled": "disabled",
            "event": "ddl_command_end",
            "function": "public.watch()",
            "tags": ["CREATE TABLE", "DROP TABLE"]
          },
          "event trigger plain": {
            "comment": "Sees",
            "event": "sql_drop",
            "function": "public.watch()"
          },
          "event trigger replica": {
            "enabled": "replica",
            "event": "table_rewrite",
            "function": "public.watch()"
          },
          "function public.watch()": {
            "body": "BEGIN END",
            "language": "plpgsql",
            "returns": "event_trigger"
          }
        }
        "#,
    );
}
