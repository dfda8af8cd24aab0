SELECT p.oid, NULL AS namespace, 'publication' AS kind, p.pubname AS name,
    pg_catalog.pg_get_userbyid(p.pubowner) AS owner,
    CASE WHEN p.puballtables THEN 'true' END AS "all_tables:json",
--@15     (
--@15         SELECT pg_catalog.jsonb_agg(n.nspname ORDER BY n.nspname COLLATE "C")
--@15         FROM pg_catalog.pg_publication_namespace AS m
--@15         JOIN pg_catalog.pg_namespace AS n ON n.oid = m.pnnspid
--@15         WHERE m.pnpubid = p.oid
--@15     ) AS "tables_in_schema:json",
    CASE WHEN NOT (p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate) THEN
        pg_catalog.to_jsonb(pg_catalog.array_remove(ARRAY[
            CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
            CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END
        ], NULL))
    END AS "publish:json",
    CASE WHEN p.pubviaroot THEN 'true' END AS "publish_via_partition_root:json",
--@18     CASE p.pubgencols WHEN 's' THEN 'stored' END AS publish_generated_columns,
    $comment(p.oid) AS comment,
    $labels(p.oid) AS "security_labels:json"
FROM pg_catalog.pg_publication AS p
WHERE $only(p.oid) AND $owned(p.oid)
