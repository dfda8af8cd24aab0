-- Only what everybody may read: subconninfo is never named. Whether it is
-- enabled is its state: a failure may disable it, and so does a restored dump.
SELECT s.oid, NULL AS namespace, 'subscription' AS kind, s.subname AS name,
    pg_catalog.pg_get_userbyid(s.subowner) AS owner,
    (
        SELECT pg_catalog.jsonb_agg(publication ORDER BY publication COLLATE "C")
        FROM pg_catalog.unnest(s.subpublications) AS publications (publication)
    ) AS "publications:json",
    CASE WHEN s.subslotname IS NULL THEN 'NONE'
        WHEN s.subslotname <> s.subname THEN s.subslotname
    END AS slot_name,
    CASE WHEN s.subsynccommit <> 'off' THEN s.subsynccommit END AS synchronous_commit,
    CASE WHEN s.subbinary THEN 'true' END AS "binary:json",
--@<16     CASE WHEN s.substream THEN 'on' END AS streaming,
--@16 --@<18     CASE s.substream WHEN 't' THEN 'on' WHEN 'p' THEN 'parallel' END AS streaming,
--@18     CASE s.substream WHEN 't' THEN 'on' WHEN 'f' THEN 'off' END AS streaming,
--@15     CASE WHEN s.subtwophasestate <> 'd' THEN 'true' END AS "two_phase:json",
--@15     CASE WHEN s.subdisableonerr THEN 'true' END AS "disable_on_error:json",
--@16     CASE WHEN NOT s.subpasswordrequired THEN 'false' END AS "password_required:json",
--@16     CASE WHEN s.subrunasowner THEN 'true' END AS "run_as_owner:json",
--@16     CASE WHEN s.suborigin <> 'any' THEN s.suborigin END AS origin,
--@17     CASE WHEN s.subfailover THEN 'true' END AS "failover:json",
    $comment(s.oid) AS comment,
    $shared_labels(s.oid) AS "security_labels:json"
FROM pg_catalog.pg_subscription AS s
JOIN pg_catalog.pg_database AS d ON d.oid = s.subdbid
WHERE $only(s.oid) AND d.datname = pg_catalog.current_database()
