SELECT r.ev_class AS oid, 'rules' AS part, r.rulename AS key,
    pg_catalog.pg_get_ruledef(r.oid) AS "definition:sql",
    CASE r.ev_enabled
        WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always'
    END AS enabled
FROM pg_catalog.pg_rewrite AS r
JOIN pg_catalog.pg_class AS c ON c.oid = r.ev_class
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
-- `_RETURN` is the view itself.
WHERE $only(r.ev_class) AND $namespace(n.nspname) AND r.rulename <> '_RETURN'
