-- Nobody here exists. The card numbers are the ones that payment processors publish for testing.

CREATE TABLE people (
    id          int PRIMARY KEY,
    name        text NOT NULL,
    email       text NOT NULL UNIQUE,
    card_number text NOT NULL,
    born        date NOT NULL
);

CREATE TABLE orders (
    id        int PRIMARY KEY,
    person_id int NOT NULL REFERENCES people,
    item      text NOT NULL,
    amount    numeric(10, 2) NOT NULL,
    placed    timestamptz NOT NULL
);

CREATE TABLE notes (
    id        int PRIMARY KEY,
    person_id int NOT NULL REFERENCES people,
    body      jsonb NOT NULL
);

INSERT INTO people (id, name, email, card_number, born) VALUES
    (1, 'Ada Brandt', 'ada.brandt@example.com', '4242424242424242', '1962-06-12'),
    (2, 'Bruno Castell', 'bruno.castell@example.com', '4000056655665556', '1969-11-23'),
    (3, 'Chiara Dolan', 'chiara.dolan@example.com', '5555555555554444', '1976-04-06'),
    (4, 'Dmitri Eklund', 'dmitri.eklund@example.com', '2223003122003222', '1983-09-17'),
    (5, 'Esra Fontaine', 'esra.fontaine@example.com', '5200828282828210', '1990-02-28'),
    (6, 'Felix Grover', 'felix.grover@example.com', '5105105105105100', '1997-07-11'),
    (7, 'Greta Halloran', 'greta.halloran@example.com', '378282246310005', '1956-12-22'),
    (8, 'Hugo Ibarra', 'hugo.ibarra@example.com', '371449635398431', '1963-05-05'),
    (9, 'Ines Jansen', 'ines.jansen@example.com', '6011111111111117', '1970-10-16'),
    (10, 'Jonas Keller', 'jonas.keller@example.com', '6011000990139424', '1977-03-27'),
    (11, 'Kaya Lindqvist', 'kaya.lindqvist@example.com', '3056930009020004', '1984-08-10'),
    (12, 'Liam Mercer', 'liam.mercer@example.com', '36227206271667', '1991-01-21'),
    (13, 'Mira Novak', 'mira.novak@example.com', '6555900000604105', '1998-06-04'),
    (14, 'Nils Okafor', 'nils.okafor@example.com', '3566002020360505', '1957-11-15'),
    (15, 'Oona Petrov', 'oona.petrov@example.com', '6200000000000005', '1964-04-26'),
    (16, 'Pavel Quist', 'pavel.quist@example.com', '4111111111111111', '1971-09-09'),
    (17, 'Quinn Rosales', 'quinn.rosales@example.com', '4012888888881881', '1978-02-20'),
    (18, 'Rosa Steiner', 'rosa.steiner@example.com', '5454545454545454', '1985-07-03'),
    (19, 'Stellan Turan', 'stellan.turan@example.com', '4000002500003155', '1992-12-14'),
    (20, 'Tilda Ulrich', 'tilda.ulrich@example.com', '3530111333300000', '1999-05-25');

-- Three orders each, the same on every machine.
INSERT INTO orders (id, person_id, item, amount, placed)
SELECT n,
       1 + (n * 7) % 20,
       (ARRAY['lantern', 'tea kettle', 'wool blanket', 'field notebook', 'garden shears',
              'chess set', 'rain coat'])[1 + n % 7],
       round(5 + (n * 37) % 190 + (n % 100) / 100.0, 2),
       timestamptz '2026-01-05 09:00:00+00' + n * interval '5 hours 20 minutes'
FROM generate_series(1, 60) AS n;

INSERT INTO notes (id, person_id, body)
SELECT id,
       id,
       jsonb_build_object(
           'contact', jsonb_build_object('email', email, 'phone', '+1-202-555-01' || to_char(id, 'FM00')),
           'payment', jsonb_build_array(jsonb_build_object('card', card_number, 'primary', true)),
           'remark', name || ' asked to be called after ' || (8 + id % 10) || ' o''clock'
       )
FROM people
WHERE id % 2 = 0;
