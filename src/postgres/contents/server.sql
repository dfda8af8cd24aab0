-- What a migration can change that is outside of its database and no role:
-- one line per fact.
SELECT fact FROM (
    SELECT pg_catalog.format('database %I of %s, %s connections', datname, datdba::pg_catalog.regrole, datconnlimit)
      FROM pg_catalog.pg_database
     WHERE datname <> pg_catalog.current_database()
    UNION ALL
    SELECT pg_catalog.format('setting of a database %s %s %s', d.datname, setrole, setconfig)
      FROM pg_catalog.pg_db_role_setting
      JOIN pg_catalog.pg_database AS d ON d.oid = setdatabase
    UNION ALL
    SELECT pg_catalog.format('setting of the server %s = %s', name, setting)
      FROM pg_catalog.pg_file_settings
     WHERE sourcefile LIKE '%postgresql.auto.conf'
    UNION ALL
    SELECT pg_catalog.format('replication slot %I %s', slot_name, plugin)
      FROM pg_catalog.pg_replication_slots
    UNION ALL
    SELECT pg_catalog.format('prepared transaction %s', gid)
      FROM pg_catalog.pg_prepared_xacts
    UNION ALL
    SELECT pg_catalog.format('%s large objects', pg_catalog.count(*))
      FROM pg_catalog.pg_largeobject_metadata
) AS facts (fact)
ORDER BY fact COLLATE "C"
