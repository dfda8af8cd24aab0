SELECT pg_catalog.pg_get_userbyid(n.nspowner),
       n.nspowner <> r.oid
       AND CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 160000
                -- From 16 on a membership may come without the right to SET ROLE.
                THEN pg_catalog.pg_has_role(current_user, n.nspowner, 'SET')
                ELSE pg_catalog.pg_has_role(current_user, n.nspowner, 'MEMBER')
           END,
       EXISTS (SELECT FROM pg_catalog.pg_class c
                WHERE c.relnamespace = n.oid AND c.relname = 'ledger' AND c.relkind = 'r')
  FROM pg_catalog.pg_namespace n,
       pg_catalog.pg_roles r
 WHERE n.nspname = 'segue' AND r.rolname = current_user
