-- segue: begin-concurrent-migration-with: 10-partner.sql
CREATE INDEX CONCURRENTLY visit_length ON visit (length);
