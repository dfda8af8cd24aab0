-- What CREATE DATABASE … TEMPLATE leaves out, as statements, in order; each row
-- is a transaction. A list, search_path for example, cannot be given as one
-- literal, hence FROM CURRENT; what changes the session's role is not tried on.
WITH model AS (
    SELECT oid, datname, datacl, datconnlimit, datdba, pg_catalog.pg_get_userbyid(datdba) AS owner
      FROM pg_catalog.pg_database
     WHERE datname = :model
), setting AS (
    SELECT s.setrole, pg_catalog.split_part(one, '=', 1) AS name,
           pg_catalog.substr(one, pg_catalog.strpos(one, '=') + 1) AS value
      FROM pg_catalog.pg_db_role_setting AS s
      JOIN model ON model.oid = s.setdatabase
     CROSS JOIN pg_catalog.unnest(s.setconfig) AS one
), named AS (
    SELECT name, value,
           name IN ('role', 'session_authorization') AS is_role,
           pg_catalog.concat(
               CASE setrole WHEN 0 THEN pg_catalog.format('ALTER DATABASE %I', :name)
                    ELSE pg_catalog.format('ALTER ROLE %I IN DATABASE %I', pg_catalog.pg_get_userbyid(setrole), :name)
               END,
               ' SET ',
               (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(part), '.' ORDER BY position)
                  FROM pg_catalog.unnest(pg_catalog.string_to_array(name, '.'))
                       WITH ORDINALITY AS parts (part, position))
           ) AS sets
      FROM setting
), privilege AS (
    SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END AS grantee,
           privilege_type, is_grantable
      FROM model
     CROSS JOIN pg_catalog.aclexplode(datacl)
)
SELECT before, statement FROM (
    SELECT 1 AS place, NULL AS before, pg_catalog.format('REVOKE ALL ON DATABASE %I FROM PUBLIC, %I', :name, owner) AS statement
      FROM model
     WHERE datacl IS NOT NULL
    UNION ALL
    SELECT 2, NULL, pg_catalog.concat('GRANT ', privilege_type, ' ON DATABASE ', pg_catalog.quote_ident(:name), ' TO ', grantee,
                                      CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END)
      FROM privilege
    UNION ALL
    SELECT 3, CASE WHEN NOT is_role THEN pg_catalog.format('SELECT pg_catalog.set_config(%L, %L, true)', name, value) END,
           CASE WHEN is_role THEN pg_catalog.format('%s TO %L', sets, value) ELSE pg_catalog.concat(sets, ' FROM CURRENT') END
      FROM named
    UNION ALL
    SELECT 4, NULL, pg_catalog.format('COMMENT ON DATABASE %I IS %L', :name, pg_catalog.shobj_description(oid, 'pg_database'))
      FROM model
     WHERE pg_catalog.shobj_description(oid, 'pg_database') IS NOT NULL
    UNION ALL
    SELECT 5, NULL, pg_catalog.format('ALTER DATABASE %I CONNECTION LIMIT %s', :name, datconnlimit)
      FROM model
     WHERE datconnlimit <> -1
    UNION ALL
    SELECT 6, NULL, pg_catalog.format('ALTER DATABASE %I OWNER TO %I', :name, owner)
      FROM model
     WHERE owner <> current_user
) AS statements
ORDER BY place, statement
