-- segue: end-concurrent-migration: 10-ended-index.sql
ALTER INDEX person_city RENAME TO person_by_city;
INSERT INTO counter VALUES ('11');
