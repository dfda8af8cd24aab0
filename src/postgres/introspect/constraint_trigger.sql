-- `ALTER TABLE … DISABLE TRIGGER ALL` turns off checks of constraints too. A dump
-- loses that.
SELECT con.conrelid AS oid, 'constraints' AS part, con.conname AS key,
    pg_catalog.json_object_agg(
        t.tgrelid::pg_catalog.regclass::pg_catalog.text || ' ' || p.proname,
        CASE t.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END
    ) AS "triggers:json"
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_constraint AS con ON con.oid = t.tgconstraint AND con.contype <> 't'
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
WHERE $only(con.conrelid) AND t.tgisinternal AND t.tgenabled <> 'O'
GROUP BY con.conrelid, con.conname
