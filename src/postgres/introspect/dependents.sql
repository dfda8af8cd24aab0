-- Objects whose text may be another one because names in it have changed: what
-- hangs on the changed objects by pg_depend.
--
-- `changed` has the objects that have changed and the hash of their names
-- before, `names` that hash as it is now; see names.sql.
--
-- A name goes from an object to what depends on it, and no further where that
-- has a name of its own: a table does not change its name because of its
-- columns. What carries it on: what stands in a renamed namespace; types, to
-- their arrays and to the routines that take them; routines and operators,
-- whose names have the types in them; indexes, to their partitions.
WITH RECURSIVE changed (catalog, oid, name) AS (
    VALUES $changed
), names AS (
    $names
), reached (catalog, oid, carries) AS (
    SELECT changed.catalog, changed.oid, true
    FROM changed
    LEFT JOIN names ON names.catalog = changed.catalog AND names.oid = changed.oid
    WHERE changed.name IS NULL OR changed.name IS DISTINCT FROM names.name
    UNION
    SELECT next.catalog, next.oid, next.carries
    FROM reached
    CROSS JOIN LATERAL (
        SELECT d.classid AS catalog, d.objid AS oid,
            reached.catalog = 'pg_catalog.pg_namespace'::pg_catalog.regclass
            OR CASE
                WHEN d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass THEN
                    (SELECT c.relkind IN ('i', 'I', 'c') FROM pg_catalog.pg_class AS c WHERE c.oid = d.objid)
                ELSE d.classid NOT IN ('pg_catalog.pg_attrdef'::pg_catalog.regclass,
                    'pg_catalog.pg_rewrite'::pg_catalog.regclass, 'pg_catalog.pg_trigger'::pg_catalog.regclass,
                    'pg_catalog.pg_policy'::pg_catalog.regclass)
            END AS carries
        FROM pg_catalog.pg_depend AS d
        WHERE d.refclassid = reached.catalog AND d.refobjid = reached.oid AND d.deptype NOT IN ('e', 'x')
        UNION ALL
        -- Nothing depends on these, though they are named.
        SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, o.oid, false
        FROM pg_catalog.pg_operator AS o
        WHERE reached.catalog = 'pg_catalog.pg_operator'::pg_catalog.regclass
            AND (o.oprcom = reached.oid OR o.oprnegate = reached.oid)
    ) AS next
    WHERE reached.carries
), part AS (
    SELECT DISTINCT catalog, oid FROM reached
)
SELECT CASE c.relkind WHEN 'c' THEN 'pg_catalog.pg_type'::pg_catalog.regclass ELSE part.catalog END,
    CASE c.relkind WHEN 'c' THEN c.reltype ELSE coalesce(i.indrelid, part.oid) END
FROM part
JOIN pg_catalog.pg_class AS c ON c.oid = part.oid
LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = part.oid
WHERE part.catalog = 'pg_catalog.pg_class'::pg_catalog.regclass
UNION
SELECT part.catalog, coalesce(r.rngtypid, part.oid)
FROM part
LEFT JOIN pg_catalog.pg_range AS r ON r.rngmultitypid = part.oid
WHERE part.catalog = 'pg_catalog.pg_type'::pg_catalog.regclass
UNION
SELECT CASE c.contypid WHEN 0 THEN 'pg_catalog.pg_class'::pg_catalog.regclass ELSE 'pg_catalog.pg_type'::pg_catalog.regclass END,
    CASE c.contypid WHEN 0 THEN c.conrelid ELSE c.contypid END
FROM part JOIN pg_catalog.pg_constraint AS c ON c.oid = part.oid
WHERE part.catalog = 'pg_catalog.pg_constraint'::pg_catalog.regclass
UNION
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, d.adrelid
FROM part JOIN pg_catalog.pg_attrdef AS d ON d.oid = part.oid
WHERE part.catalog = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
UNION
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, r.ev_class
FROM part JOIN pg_catalog.pg_rewrite AS r ON r.oid = part.oid
WHERE part.catalog = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
UNION
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, t.tgrelid
FROM part JOIN pg_catalog.pg_trigger AS t ON t.oid = part.oid
WHERE part.catalog = 'pg_catalog.pg_trigger'::pg_catalog.regclass
UNION
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, p.polrelid
FROM part JOIN pg_catalog.pg_policy AS p ON p.oid = part.oid
WHERE part.catalog = 'pg_catalog.pg_policy'::pg_catalog.regclass
UNION
SELECT 'pg_catalog.pg_publication'::pg_catalog.regclass, r.prpubid
FROM part JOIN pg_catalog.pg_publication_rel AS r ON r.oid = part.oid
WHERE part.catalog = 'pg_catalog.pg_publication_rel'::pg_catalog.regclass
--@15 UNION
--@15 SELECT 'pg_catalog.pg_publication'::pg_catalog.regclass, n.pnpubid
--@15 FROM part JOIN pg_catalog.pg_publication_namespace AS n ON n.oid = part.oid
--@15 WHERE part.catalog = 'pg_catalog.pg_publication_namespace'::pg_catalog.regclass
UNION
SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, o.amopfamily
FROM part JOIN pg_catalog.pg_amop AS o ON o.oid = part.oid
WHERE part.catalog = 'pg_catalog.pg_amop'::pg_catalog.regclass
UNION
SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, p.amprocfamily
FROM part JOIN pg_catalog.pg_amproc AS p ON p.oid = part.oid
WHERE part.catalog = 'pg_catalog.pg_amproc'::pg_catalog.regclass
UNION
SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, c.opcfamily
FROM part JOIN pg_catalog.pg_opclass AS c ON c.oid = part.oid
WHERE part.catalog = 'pg_catalog.pg_opclass'::pg_catalog.regclass
UNION
-- Operators and functions belong to a family, or to a class of it.
SELECT d.refclassid, d.refobjid
FROM part JOIN pg_catalog.pg_depend AS d ON d.classid = part.catalog AND d.objid = part.oid
WHERE part.catalog IN ('pg_catalog.pg_amop'::pg_catalog.regclass, 'pg_catalog.pg_amproc'::pg_catalog.regclass)
    AND d.refclassid = 'pg_catalog.pg_opclass'::pg_catalog.regclass
UNION
SELECT part.catalog, part.oid
FROM part
WHERE part.catalog NOT IN ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_type'::pg_catalog.regclass)
