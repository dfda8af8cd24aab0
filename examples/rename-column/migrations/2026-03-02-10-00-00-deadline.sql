-- segue: schema-version: 1.2.0
ALTER TABLE tasks ADD COLUMN deadline timestamptz;
