-- What the databases of a server share and a migration can change, one line per
-- fact.
SELECT fact FROM (
    SELECT pg_catalog.format('role %I %s %s %s %s %s %s %s', rolname, rolsuper, rolinherit,
                             rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls)
      FROM pg_catalog.pg_roles
    UNION ALL
    SELECT pg_catalog.format('member %s %s', roleid::pg_catalog.regrole, member::pg_catalog.regrole)
      FROM pg_catalog.pg_auth_members
    UNION ALL
    SELECT pg_catalog.format('setting %s %s', setrole::pg_catalog.regrole, setconfig)
      FROM pg_catalog.pg_db_role_setting
     WHERE setdatabase = 0
    UNION ALL
    SELECT pg_catalog.format('tablespace %I', spcname)
      FROM pg_catalog.pg_tablespace
) AS facts (fact)
ORDER BY fact COLLATE "C"
