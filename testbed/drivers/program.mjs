// What node-postgres sees of a server: feature by feature, under a heading each. Run with the server's
// address in libpq's variables, and in TLS_CA the certificate that it is verified by.

import fs from "node:fs";
import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import pg from "pg";
import Cursor from "pg-cursor";
import copy from "pg-copy-streams";

const heading = (name) => console.log(`## ${name}`);
const told = ({ severity, code, detail, hint, position, where, schema, table, column, dataType, constraint, message }) =>
  JSON.stringify({ severity, code, message, detail, hint, position, where, schema, table, column, dataType, constraint });
const fails = async (client, ...query) => {
  try {
    const result = await client.query(...query);
    console.log("no error", JSON.stringify(result.rows));
  } catch (error) {
    console.log(told(error));
  }
};
const connect = async (settings = {}) => {
  const client = new pg.Client(settings);
  client.on("error", (error) => console.log("lost:", error.code ?? error.message));
  await client.connect();
  return client;
};
const show = (result) => console.log(result.command, result.rowCount, JSON.stringify(result.rows));

const client = await connect();

heading("simple query, several statements");
for (const result of await client.query("SELECT 1 AS one; SELECT 'a' AS a, NULL AS nothing; CREATE TEMP TABLE t (n int)")) show(result);
heading("simple query, an error in the middle");
await fails(client, "SELECT 1; SELECT 1/0; SELECT 2");
heading("empty query");
show(await client.query(""));
heading("extended query");
show(await client.query("SELECT $1::int + 1 AS sum, $2::text AS text, $3::bool AS yes", [41, "ä€😀", true]));
heading("columns of a result");
for (const field of (await client.query("SELECT 1::int2 AS a, 'x'::varchar(7) AS b, relname FROM pg_class LIMIT 1")).fields) {
  console.log(JSON.stringify(field));
}
heading("a named statement");
for (let n = 0; n < 5; n++) {
  console.log(JSON.stringify((await client.query({ name: "named", text: "SELECT $1::int * 2 AS n", values: [n] })).rows));
}
heading("a named statement, with rows a part at a time");
console.log((await client.query({ text: "SELECT n FROM generate_series(1, 1000) n", rows: 100 })).rows.length);
heading("binary results");
console.log(JSON.stringify((await client.query({ text: "SELECT 7::int4 AS i, 1.5::float8 AS f, 'x'::text AS t, true AS b", binary: true })).rows));
heading("values of many types");
show(
  await client.query(
    "SELECT '2024-02-29 12:34:56.789+02'::timestamptz, '{1,NULL,3}'::int[] AS ints, '{{a,\"b c\"},{\"\\\"\",NULL}}'::text[] AS texts, " +
      "'{\"a\": [1, 2.50, null]}'::jsonb AS json, '\\x00ff'::bytea AS bytes, 1.10::numeric AS exact, '1 mon 2 days'::interval AS span, " +
      "'(1,2)'::point AS point, '[1,5)'::int4range AS range, 9223372036854775807 AS big",
  ),
);
heading("arrays, JSON and bytes as parameters");
show(await client.query("SELECT $1::int[] AS a, $2::text[] AS b, $3::jsonb AS c, $4::bytea AS d", [[1, null, 3], ['"', "b c", null], { a: [1] }, Buffer.from([0, 255])]));
heading("many queries without waiting");
console.log(JSON.stringify(await Promise.all(Array.from({ length: 50 }, (_, n) => client.query("SELECT $1::int AS n", [n]).then((r) => r.rows[0].n)))));
heading("many queries without waiting, some wrong");
console.log(JSON.stringify(await Promise.all(Array.from({ length: 10 }, (_, n) => client.query("SELECT 10 / ($1::int % 3) AS n", [n]).then((r) => r.rows[0].n, (e) => e.code)))));

heading("cursor");
const cursor = client.query(new Cursor("SELECT n FROM generate_series(1, $1::int) n", [10]));
console.log(JSON.stringify([await cursor.read(3), await cursor.read(4), await cursor.read(10), await cursor.read(10)]));
const early = client.query(new Cursor("SELECT n FROM generate_series(1, 100000) n"));
console.log((await early.read(5)).length);
await early.close();
show(await client.query("SELECT 'closed early' AS was"));

heading("copy out");
let bytes = "";
for await (const chunk of client.query(copy.to("COPY (SELECT n, 'row ' || n FROM generate_series(1, 3) n) TO STDOUT (FORMAT csv, HEADER)"))) bytes += chunk;
console.log(JSON.stringify(bytes));
heading("copy out, large");
let size = 0;
for await (const chunk of client.query(copy.to("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 3000)) TO STDOUT"))) size += chunk.length;
console.log(size);
heading("copy in");
await client.query("CREATE TEMP TABLE copied (a int, b text)");
await pipeline(
  Readable.from((function* () { for (let n = 0; n < 2000; n++) yield `${n}\t${"x".repeat(300)}\n`; })()),
  client.query(copy.from("COPY copied FROM STDIN")),
);
show(await client.query("SELECT count(*), sum(length(b)) FROM copied"));
heading("copy in that the server refuses");
await pipeline(Readable.from(["no number\tx\n"]), client.query(copy.from("COPY copied FROM STDIN"))).catch((error) => console.log(told(error)));
heading("copy in that the client gives up");
await pipeline(
  Readable.from((function* () { yield "1\tx\n"; throw new Error("given up"); })()),
  client.query(copy.from("COPY copied FROM STDIN")),
).catch((error) => console.log(error.message));
show(await client.query("SELECT count(*) FROM copied"));

heading("LISTEN and NOTIFY");
const other = await connect();
const heard = new Promise((resolve) => {
  const payloads = [];
  client.on("notification", ({ channel, payload }) => {
    payloads.push([channel, payload]);
    if (payloads.length === 3) resolve(payloads);
  });
});
await client.query("LISTEN here");
await other.query("NOTIFY here, 'from another'");
await other.query("SELECT pg_notify($1, $2)", ["here", "by a function"]);
await other.query("NOTIFY here");
console.log(JSON.stringify(await heard));
heading("notices");
client.on("notice", ({ severity, code, message }) => console.log(severity, code, message));
await client.query("DO $$ BEGIN RAISE NOTICE 'noticed %', 1; END $$");
await client.query("DROP TABLE IF EXISTS never_there");

heading("transactions");
await client.query("CREATE TEMP TABLE kept (n int PRIMARY KEY, CONSTRAINT odd CHECK (n % 2 = 1))");
await client.query("BEGIN");
await client.query("INSERT INTO kept VALUES ($1)", [1]);
await client.query("SAVEPOINT here");
await fails(client, "INSERT INTO kept VALUES ($1)", [1]);
await fails(client, "SELECT 1");
await client.query("ROLLBACK TO here");
show(await client.query("COMMIT"));
await fails(client, "INSERT INTO kept VALUES (2)");
show(await client.query("SELECT * FROM kept"));

heading("errors");
for (const text of ["SELEC 1", "SELECT * FROM nowhere", "SELECT\n  nothing FROM pg_class", "SELECT 'x'::int"]) {
  await fails(client, text);
  await fails(client, text + " -- $1", []);
}
await fails(client, "SELECT $1::int", ["x"]);
await fails(client, "SELECT 1", [1]);
await fails(client, "SELECT $1; SELECT 2", ["x"]);

heading("statement_timeout");
const hurried = await connect({ statement_timeout: 1000, application_name: "hurried" });
await fails(hurried, "SELECT pg_sleep(20)");
show(await hurried.query("SELECT current_setting('application_name')"));
await hurried.end();
heading("cancel by another session");
const busy = await connect();
const pid = (await busy.query("SELECT pg_backend_pid() AS pid")).rows[0].pid;
const sleeping = fails(busy, "SELECT pg_sleep(20)");
while ((await other.query("SELECT count(*)::int AS n FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'", [pid])).rows[0].n === 0);
await other.query("SELECT pg_cancel_backend($1)", [pid]);
await sleeping;
show(await busy.query("SELECT 'alive' AS it_is"));
heading("the server ends the session");
const asleep = fails(busy, "SELECT pg_sleep(20)");
// It tells of the loss some time after the statement's failure.
const over = new Promise((told) => busy.once("end", told));
while ((await other.query("SELECT count(*)::int AS n FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'", [pid])).rows[0].n === 0);
await other.query("SELECT pg_terminate_backend($1)", [pid]);
await asleep;
await over;

heading("a pool");
const pool = new pg.Pool({ max: 4 });
console.log(JSON.stringify(await Promise.all(Array.from({ length: 20 }, (_, n) => pool.query("SELECT $1::int AS n", [n]).then((r) => r.rows[0].n)))));
await pool.end();

for (const [name, ssl] of Object.entries({
  none: false,
  unverified: { rejectUnauthorized: false },
  verified: { ca: fs.readFileSync(process.env.TLS_CA, "utf8") },
  "of nobody known": {},
})) {
  heading(`TLS, ${name}`);
  const secure = new pg.Client({ ssl });
  try {
    await secure.connect();
    show(await secure.query("SELECT 1 AS one"));
    console.log(secure.connection.stream.constructor.name);
    await secure.end();
  } catch (error) {
    console.log(error.code);
  }
}
await other.end();
await client.end();
