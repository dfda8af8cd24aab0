-- segue: end-concurrent-migration: 13-ended-index.sql
ALTER INDEX person_city RENAME TO person_by_city;
INSERT INTO counter VALUES ('14');
