// node-postgres whose transactions are evicted.

const assert = require("node:assert/strict");
const { Client, Pool } = require("pg");

const PATIENCE_MS = 60000;

const one = async (client, ...query) => Object.values((await client.query(...query)).rows[0])[0];

async function connected(options, work) {
  const client = new Client(options);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

// The client of that name, once it does that.
async function found(admin, application, activity) {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    const { rows } = await admin.query("SHOW CLIENTS");
    const row = rows.find((r) => r.application_name === application && r.activity === activity);
    if (row) return row.id;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`${application} is never ${activity}`);
}

// Evicts the victim, which has the only server connection. Somebody waits for it meanwhile, and
// must get the same one.
const evict = (pid) =>
  connected({ database: "weir" }, (admin) =>
    connected({ application_name: "waiter" }, async (waiter) => {
      const answer = one(waiter, "SELECT pg_backend_pid()");
      await found(admin, "waiter", "waiting");
      await admin.query(`EVICT ${await found(admin, "victim", "idle in transaction")}`);
      assert.equal(await answer, pid);
    }),
  );

async function begun(client) {
  await client.query("BEGIN");
  const query = { name: "add", text: "INSERT INTO notes VALUES ($1)", values: ["evicted"] };
  await client.query(query);
  await evict(await one(client, "SELECT pg_backend_pid()"));
}

async function failed(what, promise) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.code, "25P03");
    assert.match(error.message, /rolled back/);
    assert.ok(error.detail && error.hint);
    console.log(`node-postgres | ${what} | ${error.constructor.name}`);
    return true;
  });
}

const left = () =>
  connected({}, async (client) =>
    (await client.query("SELECT note FROM notes ORDER BY note")).rows.map((row) => row.note),
  );

async function statements(client) {
  await begun(client);
  await failed("statement", client.query("SELECT 1"));
  const named = { name: "add", text: "INSERT INTO notes VALUES ($1)", values: ["more"] };
  await failed("prepared statement", client.query(named));
  await failed("rollback to a savepoint", client.query("ROLLBACK TO a"));
  assert.equal((await client.query("ROLLBACK")).command, "ROLLBACK");
  await client.query({ ...named, values: ["kept by node"] });
}

async function commits(client) {
  await begun(client);
  await failed("commit", client.query("COMMIT"));
  assert.equal(await one(client, "SELECT 2 AS two"), 2);
  // The usual handler of errors rolls back all the same.
  await client.query("ROLLBACK");
  await begun(client);
  await failed("commit with parameters", client.query({ name: "end", text: "COMMIT" }));
  assert.equal(await one(client, "SELECT 3 AS three"), 3);
}

// Queued without waiting: all that was meant for the transaction fails.
async function queued(client) {
  await begun(client);
  const asked = ["SELECT 1", "INSERT INTO notes VALUES ('more')", "COMMIT"];
  const answers = await Promise.allSettled(asked.map((text) => client.query(text)));
  assert.deepEqual(answers.map((answer) => answer.reason?.code), ["25P03", "25P03", "25P03"]);
  assert.equal(await one(client, "SELECT 4 AS four"), 4);
}

async function pools() {
  const pool = new Pool({ max: 1, application_name: "victim" });
  const client = await pool.connect();
  await begun(client);
  await failed("commit on a pooled client", client.query("COMMIT"));
  client.release();
  assert.equal(await one(pool, "SELECT 5 AS five"), 5);
  await pool.end();
}

async function main() {
  await connected({}, (client) => client.query("CREATE TABLE notes (note text)"));
  await connected({ application_name: "victim" }, async (client) => {
    for (const check of [statements, commits, queued]) {
      await check(client);
      assert.deepEqual(await left(), ["kept by node"]);
    }
  });
  await pools();
  assert.deepEqual(await left(), ["kept by node"]);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
