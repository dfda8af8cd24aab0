SELECT w.oid, NULL AS namespace, 'foreign-data-wrapper' AS kind, w.fdwname AS name,
    pg_catalog.pg_get_userbyid(w.fdwowner) AS owner,
    CASE WHEN w.fdwhandler <> 0 THEN
        w.fdwhandler::pg_catalog.regprocedure::pg_catalog.text
    END AS handler,
    CASE WHEN w.fdwvalidator <> 0 THEN
        w.fdwvalidator::pg_catalog.regprocedure::pg_catalog.text
    END AS validator,
    $options(w.fdwoptions) AS "options:options",
    $comment(w.oid) AS comment,
    $acl(w.fdwacl, w.fdwowner, 'F') AS ":acl"
FROM pg_catalog.pg_foreign_data_wrapper AS w
WHERE $only(w.oid) AND $owned(w.oid)
