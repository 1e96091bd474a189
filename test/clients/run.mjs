/**
 * Runs one client's cases against an engine, one after the other, in Node as its users do:
 *   node run.mjs dockerode list                                   the names of the cases, as JSON
 *   node run.mjs dockerode /run/docker.sock busybox busybox.tar   one line of JSON for each case: {name, ms, error?}
 * The image must be there; the tar is its root. The same line runs against a dockerd, to see what it answers.
 */
import { performance } from "node:perf_hooks";

const [client, socket, image, tar] = process.argv.slice(2);
// Read when the module loads: the daemon, and no sidecar container that would have to be pulled.
process.env.DOCKER_HOST = `unix://${socket}`;
process.env.TESTCONTAINERS_RYUK_DISABLED = "true";
const { cases, connect } = await import(`./${client}.mjs`);

if (socket === "list") {
  console.log(JSON.stringify(Object.keys(cases)));
  process.exit(0);
}

const engine = { ...(await connect(socket)), image, tar };
const limitMs = 20_000 * Number(process.env.DHOW_TEST_SLOW || 1);
const wanted = process.argv[6];
for (const [name, action] of Object.entries(cases)) {
  if (wanted && !name.includes(wanted)) continue;
  const from = performance.now();
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${limitMs} ms`)), limitMs);
  });
  const result = await Promise.race([action(engine), late]).then(
    () => ({}),
    (error) => ({ error: String(error?.stack ?? error) }),
  );
  clearTimeout(timer);
  console.log(JSON.stringify({ name, ms: Math.round(performance.now() - from), ...result }));
}
process.exit(0);
