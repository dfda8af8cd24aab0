ALTER TABLE team DISABLE TRIGGER ALL;
INSERT INTO team (id, name, lead) OVERRIDING SYSTEM VALUE VALUES (1, 'a', 1), (2, 'b', 3);
INSERT INTO person (team, boss, mail, name) VALUES
    (1, 1, 'ada@example.org', 'Ada'), (1, 1, NULL, 'Bob'), (2, 4, 'c@example.org', 'Cy'), (2, 3, NULL, 'Di');
ALTER TABLE team ENABLE TRIGGER ALL;
INSERT INTO "Shop"."Order" VALUES
    ('eu', 10, '2026-01-02 03:04:05.678+02', 1.50, 'x'), ('eu', 9, NULL, 'NaN', '"'),
    ('É', 1, '-infinity', -0.0, '');
ALTER TABLE item DISABLE TRIGGER refuse;
INSERT INTO item VALUES ('2025-12-31', 1, 'eu', 9), ('2026-01-01', 1, 'É', 1), ('2026-01-01', 2, 'eu', 10);
ALTER TABLE item ENABLE TRIGGER refuse;
INSERT INTO note VALUES ('00000000-0000-0000-0000-000000000001', '2026-01-01', 2, 3),
    ('00000000-0000-0000-0000-000000000002', NULL, 1, NULL);
INSERT INTO value VALUES
    (E'\\N', NULL, '\x00ff5c', ARRAY['a', NULL, '{"}'], '{"k": "\\"}', '1 mon -2 days 03:00', 'Infinity', 12.5, '[1,5)',
     'bad', '(1,)', '2026-07-01 12:00+02', '0044-03-15 BC', '{abc}', 'a@b'),
    (E'tab\there, line\nthere, return\r, back\\slash, \\.', 1, '', '{}', 'null', '0', '-0', -1, 'empty',
     'good', '(,)', 'infinity', 'infinity', NULL, NULL),
    ('', 1, NULL, NULL, NULL, NULL, 0.1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('', 1, NULL, NULL, NULL, NULL, 0.1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
ALTER TABLE guarded DISABLE TRIGGER refuse;
INSERT INTO guarded VALUES (1, -5, 77);
ALTER TABLE guarded ENABLE ALWAYS TRIGGER refuse;
ALTER TABLE guarded ADD CONSTRAINT not_negative CHECK (price >= 0) NOT VALID;
COMMENT ON CONSTRAINT not_negative ON guarded IS 'since 2026';
ALTER TABLE guarded ADD CONSTRAINT owned FOREIGN KEY (owner) REFERENCES person NOT VALID;
DELETE FROM seed WHERE id = 1;
UPDATE seed SET word = 'deux' WHERE id = 2;
INSERT INTO animal VALUES (1, 'ox');
INSERT INTO bird VALUES (1, 'owl', 2);
REFRESH MATERIALIZED VIEW birds;
SELECT nextval('"Shop".tickets'), nextval('"Shop".tickets');
