SELECT c.oid, n.nspname AS namespace, 'collation' AS kind, c.collname AS name,
    pg_catalog.pg_get_userbyid(c.collowner) AS owner,
    CASE c.collprovider
        WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' WHEN 'd' THEN 'default'
    END AS provider,
--@17     c.colllocale AS locale,
--@<17 --@15     c.colliculocale AS locale,
--@<15     CASE WHEN c.collprovider = 'i' THEN c.collcollate END AS locale,
--@16     c.collicurules AS rules,
    CASE WHEN c.collprovider <> 'i' THEN c.collcollate END AS lc_collate,
    CASE WHEN c.collprovider <> 'i' THEN c.collctype END AS lc_ctype,
    CASE WHEN NOT c.collisdeterministic THEN 'false' END AS "deterministic:json",
    -- collversion is the operating system's.
    $comment(c.oid) AS comment
FROM pg_catalog.pg_collation AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.collnamespace
WHERE $only(c.oid) AND $owned(c.oid) AND $namespace(n.nspname)
