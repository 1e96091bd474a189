/**
 * What Docker's Compose and ours ask an engine to make for one file with every key, held against each other. The plugin is named by
 * DHOW_TEST_COMPOSE.
 */
import { afterAll, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, slowness } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { type Made, startRecordingEngine } from "../harness/recording-engine.ts";

const plugin = process.env.DHOW_TEST_COMPOSE;
if (!plugin) console.log("bodies are not held against Compose 2: DHOW_TEST_COMPOSE names no plugin binary");

const dir = mkdtempSync(join(tmpdir(), "dhow-compose-bodies-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function madeBy(binary: readonly string[]): Promise<Map<string, unknown>> {
  const socket = join(dir, "s");
  using engine = startRecordingEngine(socket);
  const env = { DOCKER_HOST: `unix://${socket}`, DHOW_AUTOSTART: "0", DOCKER_CONFIG: dir };
  const { code, stderr } = await run([...binary, "create"], { cwd: dir, env });
  if (code !== 0) throw new Error(`${binary.join(" ")} -> ${code}\n${stderr}`);
  return new Map(engine.made.map((one) => [`${one.kind} ${one.name}`, meant(one)] as const).sort());
}

type Plain = { [key: string]: unknown };

/** Without what says nothing, lists in one order, and what is known to differ in the same words. */
function meant({ kind, body }: Made): unknown {
  const copy = structuredClone(body) as Plain;
  if (kind === "containers") {
    const host = copy.HostConfig as Plain;
    const labels = copy.Labels as Record<string, string>;
    const dependsOn = "com.docker.compose.depends_on";
    // In no order there.
    labels[dependsOn] = (labels[dependsOn] ?? "").split(",").sort().join(",");
    // Windows only, and there a hundredfold.
    delete host.CpuPercent;
    host.CapDrop = (host.CapDrop as string[] | null)?.map((name) => name.replace(/^CAP_/, ""));
    // The same mount in two forms.
    host.Binds = (host.Binds as string[] | null)?.filter((bind) => !bind.includes("nocopy"));
    host.Mounts = (host.Mounts as Plain[] | null)?.filter(({ Target }) => Target !== "/d");
    // Ours keeps that it is read-only.
    host.VolumesFrom = (host.VolumesFrom as string[] | null)?.map((entry) => entry.replace(/:ro$/, ""));
    for (const endpoint of Object.values((copy.NetworkingConfig as Plain | undefined)?.EndpointsConfig ?? {})) {
      // Said again where no engine reads it.
      for (const key of ["IPAddress", "IPv6Gateway"]) delete (endpoint as Plain)[key];
    }
  }
  return plain(copy);
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(plain).filter((item) => item !== undefined);
    if (items.every((item) => item === 0)) return undefined;
    return items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (typeof value !== "object" || value === null) return value || undefined;
  const entries = Object.entries(value).map(([key, one]) => [key, plain(one)] as const);
  const told = entries.filter(([, one]) => one !== undefined).sort(([a], [b]) => (a < b ? -1 : 1));
  return told.length === 0 ? undefined : Object.fromEntries(told);
}

test.skipIf(!plugin)(
  "compose create makes what Docker's makes, with its labels and hashes",
  async () => {
    cpSync(join(import.meta.dir, "../fixtures/compose-every-key.yaml"), join(dir, "compose.yaml"));
    for (const name of ["s1", "s2", "c1", "c2", "cred.json"]) writeFileSync(join(dir, name), "");
    writeFileSync(join(dir, "a.env"), "E=$x\n");
    writeFileSync(join(dir, "a.labels"), "fl=1\n");
    mkdirSync(join(dir, "here"));
    const theirs = await madeBy([plugin ?? ""]);
    const ours = await madeBy([dhowBinary, "compose"]);
    expect([...ours.keys()]).toEqual([...theirs.keys()]);
    expect(ours.size).toBeGreaterThan(10);
    for (const [name, body] of ours) expect([name, body]).toEqual([name, theirs.get(name)]);
  },
  60_000 * slowness,
);
