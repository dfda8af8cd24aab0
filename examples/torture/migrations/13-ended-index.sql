-- segue: begin-concurrent-migration-with: 10-partner.sql
CREATE INDEX CONCURRENTLY person_city ON person (lower(city)) WHERE city IS NOT NULL;
