SELECT c.oid, n.nspname AS namespace, 'text-search-configuration' AS kind, c.cfgname AS name,
    pg_catalog.pg_get_userbyid(c.cfgowner) AS owner,
    pg_catalog.quote_ident(o.nspname) || '.' || pg_catalog.quote_ident(p.prsname) AS parser,
    (
        SELECT pg_catalog.jsonb_object_agg(mapping.alias, mapping.dictionaries) FROM (
            SELECT token.alias, pg_catalog.jsonb_agg(
                m.mapdict::pg_catalog.regdictionary::pg_catalog.text ORDER BY m.mapseqno
            ) AS dictionaries
            FROM pg_catalog.pg_ts_config_map AS m
            JOIN pg_catalog.ts_token_type(c.cfgparser) AS token ON token.tokid = m.maptokentype
            WHERE m.mapcfg = c.oid
            GROUP BY token.alias
        ) AS mapping
    ) AS "mappings:json",
    $comment(c.oid) AS comment
FROM pg_catalog.pg_ts_config AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.cfgnamespace
JOIN pg_catalog.pg_ts_parser AS p ON p.oid = c.cfgparser
JOIN pg_catalog.pg_namespace AS o ON o.oid = p.prsnamespace
WHERE $only(c.oid) AND $owned(c.oid) AND $namespace(n.nspname)
