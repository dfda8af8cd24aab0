SELECT e.oid, NULL AS namespace, 'event-trigger' AS kind, e.evtname AS name,
    pg_catalog.pg_get_userbyid(e.evtowner) AS owner,
    e.evtevent AS event,
    (
        SELECT pg_catalog.jsonb_agg(tag ORDER BY tag COLLATE "C")
        FROM pg_catalog.unnest(e.evttags) AS tags (tag)
    ) AS "tags:json",
    e.evtfoid::pg_catalog.regprocedure::pg_catalog.text AS function,
    CASE e.evtenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END AS enabled,
    $comment(e.oid) AS comment,
    $labels(e.oid) AS "security_labels:json"
FROM pg_catalog.pg_event_trigger AS e
WHERE $only(e.oid) AND $owned(e.oid)
