SELECT c.oid, n.nspname AS namespace, 'operator-class' AS kind,
    m.amname || ' ' || c.opcname AS name,
    pg_catalog.pg_get_userbyid(c.opcowner) AS owner,
    pg_catalog.format_type(c.opcintype, NULL) AS type,
    CASE WHEN c.opcdefault THEN 'true' END AS "default:json",
    pg_catalog.quote_ident(o.nspname) || '.' || pg_catalog.quote_ident(f.opfname) AS family,
    CASE WHEN c.opckeytype <> 0 THEN pg_catalog.format_type(c.opckeytype, NULL) END AS storage,
    $comment(c.oid) AS comment
FROM pg_catalog.pg_opclass AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.opcnamespace
JOIN pg_catalog.pg_am AS m ON m.oid = c.opcmethod
JOIN pg_catalog.pg_opfamily AS f ON f.oid = c.opcfamily
JOIN pg_catalog.pg_namespace AS o ON o.oid = f.opfnamespace
WHERE $only(c.oid) AND $owned(c.oid) AND $namespace(n.nspname)
