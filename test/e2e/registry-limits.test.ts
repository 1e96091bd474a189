/** Hardening, row 154: what a registry answers when its host has no more to give, and that it goes on when the host has. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, succeed } from "../harness/command.ts";
import { type OwnRegistry, startRegistry } from "../harness/own-registry.ts";
import { codeOf, RegistryCalls } from "../harness/registry-calls.ts";

describe("on a file system of its own", () => {
  const root = mkdtempSync(join(tmpdir(), "dhow-registry-full-"));
  // Beside the lock, which is open for writing and would keep it from becoming read-only.
  const mounted = join(root, "docker");
  let registry: OwnRegistry;
  let calls: RegistryCalls;
  beforeAll(async () => {
    mkdirSync(mounted);
    await succeed(["mount", "-t", "tmpfs", "-o", "size=16m", "none", mounted]);
    registry = await startRegistry({ root });
    calls = new RegistryCalls(registry.host);
  });
  afterAll(async () => {
    await registry?.[Symbol.asyncDispose]();
    await run(["umount", mounted]);
    rmSync(root, { recursive: true, force: true });
  });

  test("hardening 154: a full one is said, takes nothing with it, and takes pushes again when there is room", async () => {
    const { body } = await calls.pushManifest("full", "v1");
    const begin = async () => (await calls.call("POST", "/v2/full/blobs/uploads/")).headers.get("location") ?? "";
    const location = await begin();
    const half = Buffer.alloc(10 << 20, "half");
    expect((await calls.call("PATCH", location, { body: half })).status).toBe(202);
    const other = await begin();
    expect(await codeOf(await calls.call("PATCH", other, { body: half }))).toEqual([503, "UNAVAILABLE"]);
    expect(await (await calls.call("GET", "/v2/full/manifests/v1")).text()).toBe(body);
    const manifest = await calls.call("PUT", "/v2/full/manifests/v2", { body });
    expect([201, 503]).toContain(manifest.status);
    expect((await calls.call("DELETE", other)).status).toBe(204);
    expect((await calls.call("PUT", "/v2/full/manifests/v2", { body })).status).toBe(201);
    // What was acknowledged before is there, and goes on.
    expect((await calls.call("GET", location)).headers.get("range")).toBe(`0-${half.length - 1}`);
    expect((await calls.call("PATCH", location, { body: "more" })).headers.get("range")).toBe(`0-${half.length + 3}`);
    expect((await calls.call("DELETE", location)).status).toBe(204);
    await calls.pushBlob("full", half);
  });

  test("hardening 154: one that is read-only is read, and refuses the rest", async () => {
    const { body } = await calls.pushManifest("reading", "v1");
    await succeed(["mount", "-o", "remount,ro", mounted]);
    expect(await (await calls.call("GET", "/v2/reading/manifests/v1")).text()).toBe(body);
    for (const [method, path] of [
      ["POST", "blobs/uploads/"],
      ["PUT", "manifests/v2"],
      ["DELETE", "manifests/v1"],
    ] as const) {
      const response = await calls.call(method, `/v2/reading/${path}`, method === "PUT" ? { body } : {});
      expect([method, ...(await codeOf(response))]).toEqual([method, 503, "UNAVAILABLE"]);
    }
    await succeed(["mount", "-o", "remount,rw", mounted]);
    expect((await calls.call("DELETE", "/v2/reading/manifests/v1")).status).toBe(202);
  });
});

test("hardening 154: with a hundred descriptors more clients than that are answered, or told to come again", async () => {
  await using registry = await startRegistry({ under: ["prlimit", "--nofile=100:100"] });
  const calls = new RegistryCalls(registry.host);
  const { digest } = await calls.pushBlob("many", Buffer.alloc(1 << 20, "many"));
  const push = async (text: string) => (await calls.call("POST", "/v2/many/blobs/uploads/", { body: text })).status;
  const get = async () => {
    const response = await calls.call("GET", `/v2/many/blobs/${digest}`);
    await response.arrayBuffer();
    return response.status;
  };
  const signal = AbortSignal.timeout(5000);
  const asked = Array.from({ length: 400 }, (_, at) =>
    (at % 2 === 0 ? get() : push(`blob ${at}`)).catch((error: { code?: string }) => error.code ?? "cut"),
  );
  const answers = new Set(await Promise.all(asked.map((one) => Promise.race([one, late(signal)]))));
  for (const answer of answers) expect([200, 202, 503, "ECONNRESET", "ConnectionClosed", "waiting"]).toContain(answer);
  expect(answers.has(200)).toBe(true);
  expect(await get()).toBe(200);
  await calls.pushBlob("many", "afterwards");
  expect((await fetch(`http://${registry.host}/v2/`)).status).toBe(200);
}, 30_000);

/** "waiting" once `signal` is aborted. */
function late(signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve("waiting"), { once: true }));
}
