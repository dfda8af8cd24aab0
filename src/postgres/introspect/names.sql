-- What others may render of an object: its names, as one hash. Where a catalog
-- is not here, any change may be one of names. A new column counts, too: the
-- text of a view may need an alias because of it.
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS catalog, relation.oid AS oid,
    pg_catalog.bit_xor(relation.hash) AS name
FROM (
    SELECT c.oid, pg_catalog.hash_record_extended(ROW (c.oid, c.relname, c.relnamespace), 1) AS hash
    FROM pg_catalog.pg_class AS c
    WHERE $relation(c.oid)
    UNION ALL
    SELECT c.indrelid, pg_catalog.hash_record_extended(ROW (i.oid, i.relname), 2)
    FROM pg_catalog.pg_index AS c JOIN pg_catalog.pg_class AS i ON i.oid = c.indexrelid
    WHERE $relation(c.indrelid)
    UNION ALL
    SELECT a.attrelid, pg_catalog.hash_record_extended(ROW (a.attrelid, a.attnum, a.attname), 3)
    FROM pg_catalog.pg_attribute AS a
    WHERE $relation(a.attrelid) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    -- Partitions name the constraint or the trigger that theirs belongs to.
    SELECT p.partrelid, pg_catalog.hash_record_extended(ROW (con.oid, con.conname), 10)
    FROM pg_catalog.pg_partitioned_table AS p JOIN pg_catalog.pg_constraint AS con ON con.conrelid = p.partrelid
    WHERE $relation(p.partrelid)
    UNION ALL
    SELECT p.partrelid, pg_catalog.hash_record_extended(ROW (t.oid, t.tgname), 11)
    FROM pg_catalog.pg_partitioned_table AS p JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = p.partrelid
    WHERE $relation(p.partrelid)
) AS relation
GROUP BY relation.oid
UNION ALL
SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, part.oid, pg_catalog.bit_xor(part.hash)
FROM (
    SELECT t.oid, pg_catalog.hash_record_extended(ROW (t.oid, t.typname, t.typnamespace, t.typbasetype, t.typtypmod), 4) AS hash
    FROM pg_catalog.pg_type AS t
    WHERE $type(t.oid)
    UNION ALL
    SELECT e.enumtypid, pg_catalog.hash_record_extended(ROW (e.oid, e.enumlabel), 5)
    FROM pg_catalog.pg_enum AS e
    WHERE $type(e.enumtypid)
    UNION ALL
    SELECT r.rngtypid, pg_catalog.hash_record_extended(ROW (m.oid, m.typname, m.typnamespace), 6)
    FROM pg_catalog.pg_range AS r JOIN pg_catalog.pg_type AS m ON m.oid = r.rngmultitypid
    WHERE $type(r.rngtypid)
    UNION ALL
    SELECT c.reltype, pg_catalog.hash_record_extended(ROW (a.attnum, a.attname), 7)
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
    WHERE $type(c.reltype) AND a.attnum > 0 AND NOT a.attisdropped
) AS part
GROUP BY part.oid
UNION ALL
SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid,
    pg_catalog.hash_record_extended(ROW (p.oid, p.proname, p.pronamespace, p.proargtypes, p.proallargtypes,
        p.proargmodes, p.proargnames, p.prorettype, p.proretset, p.provariadic, p.prokind), 8)
FROM pg_catalog.pg_proc AS p
WHERE $routine(p.oid)
UNION ALL
SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid, pg_catalog.hash_record_extended(ROW (n.oid, n.nspname), 9)
FROM pg_catalog.pg_namespace AS n
WHERE $schema(n.oid)
