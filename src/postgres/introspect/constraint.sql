SELECT con.conrelid AS oid, 'constraints' AS part, con.conname AS key,
    CASE WHEN NOT con.convalidated
        -- Whether it holds is an attribute of its own: validating it makes it
        -- no other constraint.
        THEN pg_catalog.regexp_replace(pg_catalog.pg_get_constraintdef(con.oid), ' NOT VALID$', '')
        ELSE pg_catalog.pg_get_constraintdef(con.oid)
    END AS "definition:sql",
    -- One that is not enforced is never validated, and says so in its definition.
--@<18 CASE WHEN NOT con.convalidated THEN 'false' END AS "validated:json",
--@18 CASE WHEN con.conenforced AND NOT con.convalidated THEN 'false' END AS "validated:json",
    parent.conname AS parent,
    CASE WHEN con.coninhcount > 0 THEN con.coninhcount END AS "inherited:json",
    CASE WHEN con.coninhcount > 0 AND con.conislocal THEN 'true' END AS "local:json"
FROM pg_catalog.pg_constraint AS con
JOIN pg_catalog.pg_namespace AS n ON n.oid = con.connamespace
LEFT JOIN pg_catalog.pg_constraint AS parent ON parent.oid = con.conparentid
WHERE $only(con.conrelid) AND con.conrelid <> 0 AND $namespace(n.nspname)
    -- A foreign key to a partitioned table has one more for each partition, on
    -- the same table. They follow from it, and their names from the order in
    -- which things were made.
    AND parent.conrelid IS DISTINCT FROM con.conrelid
