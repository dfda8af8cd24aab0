-- What each object is made of, as one hash over the oid and xmin of all catalog
-- rows of it; parts count for their object. Objects are (catalog, oid) as the
-- other queries have them. What cannot be had that way is in ALWAYS.
--
-- An update of a catalog row makes a new tuple, so its xmin tells, and freezing
-- keeps xmin as it is shown. What the server changes in place keeps it too:
-- relhasindex, reltuples, relpages, relallvisible, relfrozenxid and relminmxid
-- of pg_class, datfrozenxid, datminmxid and dathasloginevt of pg_database. None
-- of that is schema. That an xmin comes again after 2^32 transactions does not
-- matter between two looks of one run.
--
-- What the system makes has oids below 16384. Only where that could be changed
-- by a migration, namespace public for example, it is listed.
--
-- Rows that never go without another row that is listed, those of columns for
-- example, would make the listing slow. Of them only those count that are not
-- older than $since, the oldest transaction that was under way when it was made
-- for the first time: a row that was there by then, and is older, can only have
-- been replaced by one that is not.
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS catalog,
    coalesce(i.indrelid, part.relation) AS oid, pg_catalog.bit_xor(part.hash) AS hash
FROM (
    -- Not TOAST, whose namespace is 99.
    SELECT oid AS relation, true AS own,
        pg_catalog.hash_record_extended(ROW (oid, xmin), 1) AS hash
    FROM pg_catalog.pg_class
    WHERE oid >= 16384 AND relkind <> 't' AND relnamespace <> 99
    UNION ALL
    SELECT attrelid, false, pg_catalog.hash_record_extended(ROW (attrelid, attnum, xmin), 41)
    FROM pg_catalog.pg_attribute
    WHERE pg_catalog.age(xmin) <= $since AND attnum > 0
    UNION ALL
    SELECT adrelid, false, pg_catalog.hash_record_extended(ROW (adrelid, oid, xmin), 42)
    FROM pg_catalog.pg_attrdef
    WHERE pg_catalog.age(xmin) <= $since
    UNION ALL
    SELECT conrelid, false, pg_catalog.hash_record_extended(ROW (oid, xmin), 4)
    FROM pg_catalog.pg_constraint
    WHERE conrelid >= 16384
    UNION ALL
    SELECT indexrelid, false, pg_catalog.hash_record_extended(ROW (indexrelid, xmin), 43)
    FROM pg_catalog.pg_index
    WHERE pg_catalog.age(xmin) <= $since
    UNION ALL
    SELECT tgrelid, false, pg_catalog.hash_record_extended(ROW (oid, xmin), 6)
    FROM pg_catalog.pg_trigger
    WHERE NOT tgisinternal OR tgparentid <> 0
    UNION ALL
    -- Whether the triggers of a constraint fire is an attribute of it, also
    -- where they are on the other table.
    SELECT c.conrelid, false, pg_catalog.hash_record_extended(ROW (t.oid, t.xmin), 50)
    FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_constraint AS c ON c.oid = t.tgconstraint
    WHERE pg_catalog.age(t.xmin) <= $since AND t.tgisinternal
    UNION ALL
    SELECT ev_class, false, pg_catalog.hash_record_extended(ROW (oid, xmin), 7)
    FROM pg_catalog.pg_rewrite
    WHERE ev_class >= 16384
    UNION ALL
    SELECT polrelid, false, pg_catalog.hash_record_extended(ROW (oid, xmin), 8)
    FROM pg_catalog.pg_policy
    UNION ALL
    SELECT inhrelid, false, pg_catalog.hash_record_extended(ROW (inhparent, xmin), 9)
    FROM pg_catalog.pg_inherits
    UNION ALL
    SELECT partrelid, false, pg_catalog.hash_record_extended(ROW (partrelid, xmin), 44)
    FROM pg_catalog.pg_partitioned_table
    WHERE pg_catalog.age(xmin) <= $since
    UNION ALL
    SELECT ftrelid, false, pg_catalog.hash_record_extended(ROW (ftrelid, xmin), 45)
    FROM pg_catalog.pg_foreign_table
    WHERE pg_catalog.age(xmin) <= $since
    UNION ALL
    SELECT seqrelid, false, pg_catalog.hash_record_extended(ROW (seqrelid, xmin), 46)
    FROM pg_catalog.pg_sequence
    WHERE pg_catalog.age(xmin) <= $since
    UNION ALL
    -- OWNED BY is nothing but a dependency.
    SELECT s.seqrelid, false,
        pg_catalog.hash_record_extended(ROW (d.refobjid, d.refobjsubid, d.deptype, d.xmin), 13)
    FROM pg_catalog.pg_sequence AS s
    JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.objid = s.seqrelid AND d.objsubid = 0
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0
    -- Comments, security labels, and what ties to an extension. An index counts
    -- for its table, so its own oid has to be in the hash: equal ones of one
    -- transaction would cancel each other.
    UNION ALL
    SELECT d.objoid, false, pg_catalog.hash_record_extended(ROW (d.objoid, d.objsubid, d.xmin), 14)
    FROM pg_catalog.pg_description AS d
    WHERE d.objoid >= 16384 AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
    UNION ALL
    SELECT d.objoid, false, pg_catalog.hash_record_extended(ROW (d.objoid, d.objsubid, d.provider, d.xmin), 15)
    FROM pg_catalog.pg_seclabel AS d
    WHERE d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
    UNION ALL
    SELECT d.objid, false, pg_catalog.hash_record_extended(ROW (d.objid, d.refobjid, d.deptype, d.xmin), 16)
    FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
    UNION ALL
    SELECT o.conrelid, false, pg_catalog.hash_record_extended(ROW (o.oid, d.objsubid, d.xmin), 14)
    FROM pg_catalog.pg_description AS d JOIN pg_catalog.pg_constraint AS o ON o.oid = d.objoid
    WHERE d.objoid >= 16384 AND d.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
    UNION ALL
    SELECT o.conrelid, false, pg_catalog.hash_record_extended(ROW (o.oid, d.refobjid, d.deptype, d.xmin), 16)
    FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_constraint AS o ON o.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
    UNION ALL
    SELECT o.tgrelid, false, pg_catalog.hash_record_extended(ROW (o.oid, d.objsubid, d.xmin), 14)
    FROM pg_catalog.pg_description AS d JOIN pg_catalog.pg_trigger AS o ON o.oid = d.objoid
    WHERE d.objoid >= 16384 AND d.classoid = 'pg_catalog.pg_trigger'::pg_catalog.regclass
    UNION ALL
    SELECT o.tgrelid, false, pg_catalog.hash_record_extended(ROW (o.oid, d.refobjid, d.deptype, d.xmin), 16)
    FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_trigger AS o ON o.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
    UNION ALL
    SELECT o.ev_class, false, pg_catalog.hash_record_extended(ROW (o.oid, d.objsubid, d.xmin), 14)
    FROM pg_catalog.pg_description AS d JOIN pg_catalog.pg_rewrite AS o ON o.oid = d.objoid
    WHERE d.objoid >= 16384 AND d.classoid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
    UNION ALL
    SELECT o.ev_class, false, pg_catalog.hash_record_extended(ROW (o.oid, d.refobjid, d.deptype, d.xmin), 16)
    FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_rewrite AS o ON o.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
    UNION ALL
    SELECT o.polrelid, false, pg_catalog.hash_record_extended(ROW (o.oid, d.objsubid, d.xmin), 14)
    FROM pg_catalog.pg_description AS d JOIN pg_catalog.pg_policy AS o ON o.oid = d.objoid
    WHERE d.objoid >= 16384 AND d.classoid = 'pg_catalog.pg_policy'::pg_catalog.regclass
    UNION ALL
    SELECT o.polrelid, false, pg_catalog.hash_record_extended(ROW (o.oid, d.refobjid, d.deptype, d.xmin), 16)
    FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_policy AS o ON o.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
) AS part
LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = part.relation
GROUP BY 2
HAVING pg_catalog.bool_or(part.own)
UNION ALL
SELECT catalog, oid, pg_catalog.bit_xor(hash)
FROM (
    -- Neither row types of relations nor the arrays that each type has.
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid AS catalog, oid,
        pg_catalog.hash_record_extended(ROW (oid, xmin), 20) AS hash
    FROM pg_catalog.pg_type
    WHERE oid >= 16384 AND typtype NOT IN ('c', 'm')
        AND NOT (typelem <> 0 AND typarray = 0 AND typlen = -1
            AND typsubscript = 'pg_catalog.array_subscript_handler'::pg_catalog.regproc)
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, c.reltype,
        pg_catalog.hash_record_extended(ROW (a.attnum, a.xmin, t.xmin, c.xmin), 21)
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_type AS t ON t.oid = c.reltype
    LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind = 'c' AND c.oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, c.reltype,
        pg_catalog.hash_record_extended(ROW (d.objsubid, d.xmin), 22)
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_description AS d ON d.objoid = c.oid AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
    WHERE c.relkind = 'c' AND c.oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, c.reltype,
        pg_catalog.hash_record_extended(ROW (l.objsubid, l.provider, l.xmin), 28)
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_seclabel AS l ON l.objoid = c.oid AND l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
    WHERE c.relkind = 'c' AND c.oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, enumtypid,
        pg_catalog.hash_record_extended(ROW (oid, xmin), 23)
    FROM pg_catalog.pg_enum
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, r.rngtypid,
        pg_catalog.hash_record_extended(ROW (r.rngtypid, r.xmin, m.xmin), 24)
    FROM pg_catalog.pg_range AS r
    LEFT JOIN pg_catalog.pg_type AS m ON m.oid = r.rngmultitypid
    WHERE r.rngtypid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, r.rngtypid,
        pg_catalog.hash_record_extended(ROW (d.objoid, d.xmin), 27)
    FROM pg_catalog.pg_range AS r
    JOIN pg_catalog.pg_description AS d ON d.objoid = r.rngmultitypid
        AND d.classoid = 'pg_catalog.pg_type'::pg_catalog.regclass
    WHERE r.rngtypid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, contypid,
        pg_catalog.hash_record_extended(ROW (oid, xmin), 25)
    FROM pg_catalog.pg_constraint
    WHERE contypid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, o.contypid,
        pg_catalog.hash_record_extended(ROW (o.oid, d.xmin), 26)
    FROM pg_catalog.pg_description AS d
    JOIN pg_catalog.pg_constraint AS o ON o.oid = d.objoid AND o.contypid <> 0
    WHERE d.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 30)
    FROM pg_catalog.pg_proc
    WHERE oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, aggfnoid, pg_catalog.hash_record_extended(ROW (aggfnoid, xmin), 31)
    FROM pg_catalog.pg_aggregate
    WHERE aggfnoid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 32)
    FROM pg_catalog.pg_operator
    WHERE oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 33)
    FROM pg_catalog.pg_opclass
    WHERE oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 34)
    FROM pg_catalog.pg_opfamily
    WHERE oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, amopfamily, pg_catalog.hash_record_extended(ROW (oid, xmin), 35)
    FROM pg_catalog.pg_amop
    WHERE oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, amprocfamily, pg_catalog.hash_record_extended(ROW (oid, xmin), 36)
    FROM pg_catalog.pg_amproc
    WHERE oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_cast'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 37)
    FROM pg_catalog.pg_cast
    WHERE oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_collation'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 38)
    FROM pg_catalog.pg_collation
    WHERE oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_conversion'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 39)
    FROM pg_catalog.pg_conversion
    WHERE oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 40)
    FROM pg_catalog.pg_statistic_ext
    WHERE oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_ts_config'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 41)
    FROM pg_catalog.pg_ts_config
    WHERE oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_ts_config'::pg_catalog.regclass, mapcfg, pg_catalog.hash_record_extended(ROW (maptokentype, mapseqno, xmin), 42)
    FROM pg_catalog.pg_ts_config_map
    WHERE mapcfg >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 43)
    FROM pg_catalog.pg_ts_dict
    WHERE oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_ts_parser'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 44)
    FROM pg_catalog.pg_ts_parser
    WHERE oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_ts_template'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 45)
    FROM pg_catalog.pg_ts_template
    WHERE oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 46)
    FROM pg_catalog.pg_namespace
    UNION ALL
    SELECT 'pg_catalog.pg_extension'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 47)
    FROM pg_catalog.pg_extension
    UNION ALL
    SELECT 'pg_catalog.pg_am'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 48)
    FROM pg_catalog.pg_am
    UNION ALL
    SELECT 'pg_catalog.pg_language'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 49)
    FROM pg_catalog.pg_language
    UNION ALL
    SELECT 'pg_catalog.pg_transform'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 50)
    FROM pg_catalog.pg_transform
    UNION ALL
    SELECT 'pg_catalog.pg_event_trigger'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 51)
    FROM pg_catalog.pg_event_trigger
    UNION ALL
    SELECT 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 52)
    FROM pg_catalog.pg_foreign_data_wrapper
    UNION ALL
    SELECT 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 53)
    FROM pg_catalog.pg_foreign_server
    UNION ALL
    SELECT 'pg_catalog.pg_publication'::pg_catalog.regclass, oid, pg_catalog.hash_record_extended(ROW (oid, xmin), 54)
    FROM pg_catalog.pg_publication
    UNION ALL
    SELECT 'pg_catalog.pg_publication'::pg_catalog.regclass, prpubid, pg_catalog.hash_record_extended(ROW (oid, xmin), 55)
    FROM pg_catalog.pg_publication_rel
    --@15 UNION ALL
    --@15 SELECT 'pg_catalog.pg_publication'::pg_catalog.regclass, pnpubid, pg_catalog.hash_record_extended(ROW (oid, xmin), 56)
    --@15 FROM pg_catalog.pg_publication_namespace
    UNION ALL
    SELECT classoid, objoid, pg_catalog.hash_record_extended(ROW (xmin), 14)
    FROM pg_catalog.pg_description
    WHERE classoid NOT IN ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_constraint'::pg_catalog.regclass,
            'pg_catalog.pg_trigger'::pg_catalog.regclass, 'pg_catalog.pg_rewrite'::pg_catalog.regclass,
            'pg_catalog.pg_policy'::pg_catalog.regclass,
            'pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass,
            'pg_catalog.pg_type'::pg_catalog.regclass)
    UNION ALL
    SELECT classoid, objoid, pg_catalog.hash_record_extended(ROW (xmin), 17)
    FROM pg_catalog.pg_description
    WHERE objoid >= 16384 AND classoid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass,
            'pg_catalog.pg_type'::pg_catalog.regclass)
    UNION ALL
    SELECT classoid, objoid, pg_catalog.hash_record_extended(ROW (provider, xmin), 15)
    FROM pg_catalog.pg_seclabel
    WHERE classoid <> 'pg_catalog.pg_class'::pg_catalog.regclass
    UNION ALL
    SELECT classid, objid, pg_catalog.hash_record_extended(ROW (refobjid, deptype, xmin), 16)
    FROM pg_catalog.pg_depend
    WHERE refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
        AND classid NOT IN ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_constraint'::pg_catalog.regclass,
            'pg_catalog.pg_trigger'::pg_catalog.regclass, 'pg_catalog.pg_rewrite'::pg_catalog.regclass,
            'pg_catalog.pg_policy'::pg_catalog.regclass)
) AS other
GROUP BY catalog, oid
