-- How many rows the catalogs have and by which transaction the newest came:
-- what is made, changed or dropped changes one of these.
WITH catalogs (name, rows, newest) AS (
    SELECT 'pg_class', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_class UNION ALL
    SELECT 'pg_proc', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_proc UNION ALL
    SELECT 'pg_namespace', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_namespace UNION ALL
    SELECT 'pg_extension', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_extension UNION ALL
    SELECT 'pg_type', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_type UNION ALL
    SELECT 'pg_constraint', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_constraint UNION ALL
    SELECT 'pg_trigger', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_trigger UNION ALL
    SELECT 'pg_rewrite', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_rewrite UNION ALL
    SELECT 'pg_default_acl', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_default_acl UNION ALL
    SELECT 'pg_event_trigger', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_event_trigger UNION ALL
    SELECT 'pg_description', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_description UNION ALL
    SELECT 'pg_language', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_language UNION ALL
    SELECT 'pg_cast', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_cast UNION ALL
    SELECT 'pg_operator', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_operator UNION ALL
    SELECT 'pg_depend', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_depend UNION ALL
    SELECT 'pg_publication', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_publication UNION ALL
    SELECT 'pg_foreign_data_wrapper', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_foreign_data_wrapper UNION ALL
    SELECT 'pg_foreign_server', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_foreign_server UNION ALL
    SELECT 'pg_largeobject_metadata', pg_catalog.count(*), pg_catalog.max(xmin::pg_catalog.text::pg_catalog.int8) FROM pg_catalog.pg_largeobject_metadata
)
SELECT pg_catalog.format(
           'catalogs %I %s', d.datname,
           pg_catalog.md5(pg_catalog.concat(
               (SELECT pg_catalog.string_agg(
                           pg_catalog.concat_ws(' ', name, rows, newest), ',' ORDER BY name
                       ) FROM catalogs),
               (SELECT pg_catalog.string_agg(
                           pg_catalog.concat_ws(' ', s.setrole, s.setconfig), ',' ORDER BY s.setrole
                       ) FROM pg_catalog.pg_db_role_setting AS s WHERE s.setdatabase = d.oid),
               d.datacl, d.datdba, d.datallowconn, d.datistemplate, d.datconnlimit
           ))
       )
  FROM pg_catalog.pg_database AS d
 WHERE d.datname = pg_catalog.current_database()
