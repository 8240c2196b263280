-- What detectors are tried on: columns that no masking rule names, with values in them that are known by
-- what they look like. Each has the canary: an address, a token, and a card number made of the number.
SET ROLE app;

CREATE TYPE entry AS (kind text, said text);
CREATE TABLE notes (
    id      int PRIMARY KEY CHECK (id > 0),
    body    text NOT NULL,
    short   varchar(90),
    padded  char(80),
    doc     json,
    docb    jsonb,
    list    text[],
    entry   entry,
    raw     bytea,
    markup  xml,
    big     numeric
);
INSERT INTO notes VALUES (
    1,
    'call kq7zxv41wm@leak.example, pays with 6273918456201938463',
    'key ghp_kq7zxv41wmAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'kq7zxv41wm@leak.example',
    '{"to": "kq7zxv41wm@leak.example", "by": 6273918456201938463, "hid": "kq7zxv41wm\u0040leak.example"}',
    '{"to": ["kq7zxv41wm@leak.example"], "by": 6273918456201938463}',
    '{kq7zxv41wm@leak.example,"card 6273918456201938463"}',
    '("a note","kq7zxv41wm@leak.example, and more")',
    'kq7zxv41wm@leak.example',
    '<to>kq7zxv41wm@leak.example</to>',
    1
);
CREATE UNIQUE INDEX said ON notes (body);
CREATE FUNCTION aloud(int) RETURNS int LANGUAGE plpgsql
    AS $$ BEGIN RAISE NOTICE 'it says %', (SELECT body FROM public.notes WHERE id = $1); RETURN 1; END $$;
CREATE FUNCTION read_out(int) RETURNS text LANGUAGE sql AS 'SELECT body FROM public.notes WHERE id = $1';
RESET ROLE;
