// node-postgres: named prepared statements, transactions, types, errors, the pool.

const assert = require("node:assert/strict");
const { Client, Pool, types } = require("pg");

const CLIENTS = 8;
const ROUNDS = 12;
const ZONES = ["UTC", "Asia/Tokyo", "Europe/Paris", "America/Lima"];

const value = async (client, ...query) => Object.values((await client.query(...query)).rows[0])[0];

async function connected(work) {
  const client = new Client();
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

// Statements of the same name have a text of each client's own.
const named = (number) =>
  connected(async (client) => {
    const pids = [];
    for (let round = 0; round < ROUNDS; round++) {
      const text = `SELECT pg_backend_pid() AS pid, $1::int + ${number} AS total`;
      const { rows } = await client.query({ name: "sum", text, values: [round] });
      assert.equal(rows[0].total, round + number);
      pids.push(rows[0].pid);
    }
    return pids;
  });

const transactions = (number) =>
  connected(async (client) => {
    await client.query(`SET TimeZone = '${ZONES[number % 4]}'`);
    for (let round = 0; round < ROUNDS; round++) {
      await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
      await client.query("INSERT INTO visits VALUES ($1, $2)", [number, { round }]);
      await client.query("SAVEPOINT s");
      await assert.rejects(client.query("SELECT 1 / $1::int", [0]), { code: "22012" });
      await client.query("ROLLBACK TO s");
      assert.equal(await value(client, "SHOW transaction_isolation"), "repeatable read");
      await client.query(round % 3 === 0 ? "ROLLBACK" : "COMMIT");
      assert.equal(await value(client, "SHOW TimeZone"), ZONES[number % 4]);
    }
    const kept = await client.query("SELECT info FROM visits WHERE client = $1", [number]);
    assert.equal(kept.rows.length, ROUNDS - Math.ceil(ROUNDS / 3));
    assert.ok(kept.rows.every((row) => row.info.round % 3 !== 0));
  });

const results = (number) =>
  connected(async (client) => {
    for (let round = 0; round < ROUNDS; round++) {
      const wide = await client.query("SELECT n, repeat('x', 200) FROM generate_series(1, 500) n");
      assert.equal(wide.rows.length, 500);
      const array = await value(client, "SELECT $1::int[]", [[number, round]]);
      assert.deepEqual(array, [number, round]);
      const several = await client.query(`SELECT 1; SELECT ${number} AS mine`);
      assert.equal(several[1].rows[0].mine, number);
      await assert.rejects(client.query("SELEC"), { code: "42601" });
    }
  });

// Queued without waiting for each other, answered in order.
const queued = (number) =>
  connected(async (client) => {
    const asked = Array.from({ length: 50 }, (_, n) => value(client, "SELECT $1::int", [n]));
    assert.deepEqual(await Promise.all(asked), [...Array(50).keys()]);
  });

async function pool() {
  const connections = new Pool({ max: 4 });
  const tasks = Array.from({ length: 100 }, (_, n) => value(connections, "SELECT $1::int", [n]));
  assert.deepEqual(await Promise.all(tasks), [...Array(100).keys()]);
  await connections.end();
}

function checkServers(seen) {
  if (!process.env.SERVERS) return;
  const distinct = new Set(seen.flat()).size;
  assert.ok(distinct <= Number(process.env.SERVERS), `${distinct} servers`);
  assert.ok(seen.some((pids) => new Set(pids).size > 1), `every client stayed on its server`);
}

async function main() {
  types.setTypeParser(20, Number);
  await connected((client) => client.query("CREATE TABLE visits (client int, info jsonb)"));
  const together = (work) => Promise.all([...Array(CLIENTS).keys()].map(work));
  checkServers(await together(named));
  for (const check of [transactions, results, queued]) await together(check);
  await pool();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
