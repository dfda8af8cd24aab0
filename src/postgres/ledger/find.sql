SELECT pg_catalog.pg_get_userbyid(n.nspowner),
       n.nspowner <> r.oid AND pg_catalog.pg_has_role(current_user, n.nspowner, :may_set_role),
       EXISTS (SELECT FROM pg_catalog.pg_class c
                WHERE c.relnamespace = n.oid AND c.relname = 'ledger' AND c.relkind = 'r')
  FROM pg_catalog.pg_namespace n,
       pg_catalog.pg_roles r
 WHERE n.nspname = 'segue' AND r.rolname = current_user
