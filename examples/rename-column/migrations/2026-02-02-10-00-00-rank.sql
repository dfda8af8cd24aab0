-- segue: schema-version: 1.1.0
ALTER TABLE tasks ADD COLUMN rank integer;
