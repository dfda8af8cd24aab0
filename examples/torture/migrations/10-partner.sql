ALTER TABLE visit ADD COLUMN length int;
UPDATE visit SET length = length(note);
INSERT INTO counter VALUES ('10');
