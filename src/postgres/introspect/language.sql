SELECT l.oid, NULL AS namespace, 'language' AS kind, l.lanname AS name,
    pg_catalog.pg_get_userbyid(l.lanowner) AS owner,
    CASE WHEN l.lanpltrusted THEN 'true' END AS "trusted:json",
    CASE WHEN l.lanplcallfoid <> 0 THEN
        l.lanplcallfoid::pg_catalog.regprocedure::pg_catalog.text
    END AS handler,
    CASE WHEN l.laninline <> 0 THEN
        l.laninline::pg_catalog.regprocedure::pg_catalog.text
    END AS inline,
    CASE WHEN l.lanvalidator <> 0 THEN
        l.lanvalidator::pg_catalog.regprocedure::pg_catalog.text
    END AS validator,
    $comment(l.oid) AS comment,
    $labels(l.oid) AS "security_labels:json",
    $acl(l.lanacl, l.lanowner, 'l') AS ":acl"
FROM pg_catalog.pg_language AS l
WHERE $only(l.oid) AND l.oid >= 16384 AND $owned(l.oid)
