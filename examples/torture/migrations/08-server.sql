-- segue: no-txn
CREATE DATABASE torture_made;
INSERT INTO counter VALUES ('08 between');
ALTER SYSTEM SET work_mem = '5MB';
CREATE DATABASE torture_dropped;
DROP DATABASE torture_dropped;
INSERT INTO counter VALUES ('08 last');
