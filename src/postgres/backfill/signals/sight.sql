-- Whether other roles' sessions are seen, whether the archive's folder is, and
-- which server this is.
SELECT pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE'),
       coalesce(pg_catalog.has_function_privilege(pg_catalog.to_regprocedure('pg_catalog.pg_ls_archive_statusdir()')::pg_catalog.oid, 'EXECUTE'), false),
       extract(epoch FROM pg_catalog.pg_postmaster_start_time()) || ' ' || pg_catalog.pg_is_in_recovery()
