SELECT p.polrelid AS oid, 'policies' AS part, p.polname AS key,
    CASE WHEN NOT p.polpermissive THEN 'false' END AS "permissive:json",
    CASE p.polcmd
        WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete'
    END AS command,
    CASE WHEN p.polroles <> '{0}' THEN (
        SELECT pg_catalog.json_agg(role.name ORDER BY role.name)
        FROM (
            SELECT pg_catalog.pg_get_userbyid(one)::pg_catalog.text COLLATE "C" AS name
            FROM pg_catalog.unnest(p.polroles) AS one
        ) AS role
    ) END AS "roles:json",
    pg_catalog.pg_get_expr(p.polqual, p.polrelid) AS "using:sql",
    pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) AS "with_check:sql"
FROM pg_catalog.pg_policy AS p
JOIN pg_catalog.pg_class AS c ON c.oid = p.polrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE $only(p.polrelid) AND $namespace(n.nspname)
