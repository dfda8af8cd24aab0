SELECT n.nspname, c.relname, pg_catalog.has_table_privilege(c.oid, 'SELECT'),
       (SELECT pg_catalog.json_agg(a.attname ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relname IN ('sql_migrations', '_sqlx_migrations', 'refinery_schema_history',
                     '__diesel_schema_migrations', 'schema_migrations', 'goose_db_version',
                     'flyway_schema_history', 'schema_version')
   AND c.relkind IN ('r', 'p')
   AND n.nspname !~ '^pg_(toast_)?temp_'
   AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
 ORDER BY n.nspname, c.relname
