-- Each change gives a row a younger transaction, so that a sum of equal rows
-- grows; a row more or less changes the count.
SELECT pg_catalog.concat_ws(' ', m.rows, m.sum, d.rows, d.sum)
  FROM (SELECT pg_catalog.count(*) AS rows, pg_catalog.sum(xmin::pg_catalog.text::pg_catalog.int8) AS sum
          FROM segue.migration WHERE project = :project) AS m,
       (SELECT pg_catalog.count(*) AS rows, pg_catalog.sum(xmin::pg_catalog.text::pg_catalog.int8) AS sum
          FROM segue.deployment WHERE project = :project) AS d
