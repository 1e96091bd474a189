/**
 * npm run round-trips [-- CLIENT...]: docker, podman, skopeo, buildah, oras and cosign send images through `dhow registry serve`, and
 * through Debian's docker-registry beside it, so that a client's own fault can be told from ours. Prints a table in Markdown. The
 * clients are looked for on PATH, or where the command in DHOW_BENCH_ENTER leads (`nsenter -t PID -m -r --`); one that is not there
 * has no rows, and is named.
 */

import { startDockerRegistry } from "../../test/e2e/registry-server.ts";
import { succeed } from "../../test/harness/command.ts";
import { startOwnRegistry } from "../../test/harness/own-registry.ts";
import { putSource } from "../../test/harness/round-trips.ts";
import { type Case, cases, type Trip } from "./cases.ts";

const enter = process.env.DHOW_BENCH_ENTER?.split(" ") ?? [];
const wanted = process.argv.slice(2);
const known = [...new Set(cases.map(({ client }) => client))];
const stranger = wanted.find((name) => !known.includes(name));
if (stranger !== undefined) throw new Error(`no client "${stranger}"; there are: ${known.join(", ")}`);

await using own = await startOwnRegistry();
await using debian = await startDockerRegistry();
const registries = [
  { name: "dhow registry serve", host: own.host },
  { name: "docker-registry", host: debian.host },
];

const path = { PATH: `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin` };
/** Each script has a directory of its own, which goes with it. */
const frame = 'exec 2>&1; dir=$(mktemp -d); trap \'rm -rf "$dir"\' EXIT; cd "$dir"\n';
const shell = (before: readonly string[], host: string) => (script: string) =>
  succeed([...before, "sh", "-ec", frame + script], { env: { H: host, ...path }, timeoutMs: 120_000 });

const versions = new Map<string, string>();
for (const client of known) {
  // dockerd's socket is this machine's, and so is its client.
  const version = await shell(
    client === "docker" ? [] : enter,
    "",
  )(`${client} --version 2>/dev/null || ${client} version`).catch(() => "");
  const [, found] = /version:?\s+v?([\w.+-]+)/i.exec(version) ?? [];
  if (version === "")
    console.log(`no ${client}${enter.length > 0 ? ` by ${enter.join(" ")}` : ""}: its rows are missing`);
  else versions.set(client, found ?? "");
}

/** What came of a case: "ok" with its time, or the end of what went wrong. */
async function outcome(one: Case, trip: Trip): Promise<{ ok: boolean; text: string }> {
  const from = performance.now();
  try {
    await one.run(trip);
    return { ok: true, text: `ok, ${((performance.now() - from) / 1000).toFixed(1)} s` };
  } catch (error) {
    const words = (error instanceof Error ? error.message : String(error)).replace(/\s+/g, " ");
    return { ok: false, text: `failed: ${words.slice(-600)}` };
  }
}

let failed = 0;
const trips: Trip[] = [];
for (const { host } of registries) {
  trips.push({ host, source: await putSource(host), sh: shell(enter, host), here: shell([], host) });
}
console.log(`\n| client | what | ${registries.map(({ name }) => name).join(" | ")} |\n|---|---|---|---|`);
for (const one of cases) {
  const version = versions.get(one.client);
  if (version === undefined || (wanted.length > 0 && !wanted.includes(one.client))) continue;
  const cells: string[] = [];
  for (const [at, trip] of trips.entries()) {
    const { ok, text } = await outcome(one, trip);
    // Debian's is there for comparison.
    if (!ok && at === 0) failed++;
    cells.push(text);
  }
  console.log(`| ${one.client} ${version} | ${one.what} | ${cells.join(" | ")} |`);
}
process.exitCode = failed === 0 ? 0 : 1;
