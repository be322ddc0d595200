// @ts-check
/**
 * A PostgreSQL database in this process (PGlite), behind a socket like any other. PGlite runs one statement at a time,
 * so it is started twice: `node database.js cards` for quick questions, `node database.js history` for the slow one.
 */
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { SPLIT_PURCHASES } from './queries.js';

const DATABASE = 'fraud';
const CONNECTIONS_MAX = 16;
/** How long the slow statement takes on this machine when nothing else runs: well over the caller's timeout. */
const SLOW_QUERY_MS = Number(process.env.SLOW_QUERY_MS ?? 5_000);
const SAMPLE_ROWS = 2_000;
const SAMPLE_RUNS = 3;
const ROWS_MAX = 100_000;

const contents = process.argv[2];
if (contents !== 'cards' && contents !== 'history') {
  console.error('usage: node database.js cards|history');
  process.exit(1);
}
// No listener for SIGTERM: while a statement runs, no JavaScript does, and nothing here is worth keeping.
process.on('SIGINT', () => {
  if (!process.connected) process.exit(0);
});
process.on('disconnect', () => process.exit(0));

const database = await openDatabase();
await (contents === 'cards' ? fillCards() : fillHistory());
const server = new PGLiteSocketServer({
  db: database,
  host: '127.0.0.1',
  port: Number(process.env.PORT ?? 0),
  maxConnections: CONNECTIONS_MAX,
});
await server.start();
const url = `postgres://postgres@${server.getServerConn()}/${DATABASE}`;
console.log(JSON.stringify({ service: `${DATABASE} database, ${contents}`, url }));

/** PGlite begins with the database `postgres`; ours has a name of its own, which only a second start can open. */
async function openDatabase() {
  const first = await PGlite.create();
  await first.exec(`CREATE DATABASE "${DATABASE}"`);
  const dataDirectory = await first.dumpDataDir('none');
  await first.close();
  return PGlite.create({ loadDataDir: dataDirectory, database: DATABASE });
}

async function fillCards() {
  await database.exec(`
    CREATE TABLE cards (last4 text PRIMARY KEY, chargebacks int NOT NULL);
    INSERT INTO cards VALUES ('4242', 0), ('1881', 1), ('0005', 0), ('0002', 4)`);
}

/**
 * As many orders as make the slow statement slow here: a fixed number would be quick on one machine and endless on
 * another.
 */
async function fillHistory() {
  await database.exec('CREATE TABLE orders (id int PRIMARY KEY, amount_cents int NOT NULL)');
  await addOrders(1, SAMPLE_ROWS);
  await comparePairs();
  let sampleMs = Infinity;
  for (let run = 0; run < SAMPLE_RUNS; run++) sampleMs = Math.min(sampleMs, await comparePairs());
  const rows = Math.round(SAMPLE_ROWS * Math.sqrt(SLOW_QUERY_MS / sampleMs));
  await addOrders(SAMPLE_ROWS + 1, Math.min(rows, ROWS_MAX));
}

/**
 * @param {number} firstId
 * @param {number} lastId
 */
async function addOrders(firstId, lastId) {
  await database.query(
    'INSERT INTO orders SELECT id, 100 + id * 7919 % 900 * 100 FROM generate_series($1::int, $2::int) AS id',
    [firstId, lastId],
  );
  await database.exec('ANALYZE orders');
}

/** @returns {Promise<number>} processor time in milliseconds: a busy machine stretches the clock, not the work */
async function comparePairs() {
  const before = process.cpuUsage();
  await database.query(SPLIT_PURCHASES.text, [74_900]);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
