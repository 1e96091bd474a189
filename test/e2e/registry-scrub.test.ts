/** Hardening, row 153: what has changed on the disk is found, told of and given to nobody, and can be pushed again. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../harness/command.ts";
import { freePort, startOwnRegistry } from "../harness/own-registry.ts";
import { codeOf, digestOf, RegistryCalls } from "../harness/registry-calls.ts";

test("hardening 153: a bit that flips in a blob or a manifest is found", async () => {
  const metrics = `127.0.0.1:${await freePort()}`;
  await using registry = await startOwnRegistry("--scrub-interval", "50ms", "--metrics-addr", metrics);
  const calls = new RegistryCalls(registry.host);
  const manifest = await calls.pushManifest("scrubbed", "v1");
  const layer = digestOf("layer of scrubbed");
  const data = join(registry.root, "docker/registry/v2");
  const flip = (digest: string) => {
    const path = join(data, "blobs/sha256", digest.slice(7, 9), digest.slice(7), "data");
    const bytes = readFileSync(path);
    bytes[3] = (bytes[3] ?? 0) ^ 1;
    writeFileSync(path, bytes);
  };
  flip(layer);
  flip(manifest.digest);
  // A manifest is held against its digest each time, whether or not a scrub has come by.
  const reads = ["v1", manifest.digest].map((reference) => calls.call("GET", `/v2/scrubbed/manifests/${reference}`));
  for (const read of await Promise.all(reads)) expect(await codeOf(read)).toEqual([404, "MANIFEST_UNKNOWN"]);
  for (const digest of [layer, manifest.digest]) {
    await until("the scrub", () => registry.log.includes(`scrub: blob ${digest} is not what its digest says`));
    expect(await Bun.file(join(data, "_spoilt", digest.slice(7))).exists()).toBe(true);
  }
  expect(await codeOf(await calls.call("GET", `/v2/scrubbed/blobs/${layer}`))).toEqual([404, "BLOB_UNKNOWN"]);
  expect((await calls.call("HEAD", `/v2/scrubbed/blobs/${layer}`)).status).toBe(404);
  expect(await (await calls.call("GET", `/v2/scrubbed/blobs/${digestOf("{}")}`)).text()).toBe("{}");
  await until("the round to be counted", async () => {
    const text = await (await fetch(`http://${metrics}/metrics`)).text();
    return /^dhow_registry_scrub_spoilt_total 2$/m.test(text);
  });
  await calls.pushManifest("scrubbed", "v1");
  expect(await (await calls.call("GET", "/v2/scrubbed/manifests/v1")).text()).toBe(manifest.body);
  expect(await (await calls.call("GET", `/v2/scrubbed/blobs/${layer}`)).text()).toBe("layer of scrubbed");
});

test("hardening 153: what is spoilt is replaced by a push, and can be removed, before anybody has found it", async () => {
  await using registry = await startOwnRegistry("--scrub-interval", "0");
  const calls = new RegistryCalls(registry.host);
  const { digest, body } = await calls.pushManifest("spoilt", "v1");
  const at = (one: string) =>
    join(registry.root, "docker/registry/v2/blobs/sha256", one.slice(7, 9), one.slice(7), "data");
  writeFileSync(at(digest), "x".repeat(body.length));
  writeFileSync(at(digestOf("{}")), "[]");
  await calls.pushManifest("spoilt", "v1");
  expect(await (await calls.call("GET", "/v2/spoilt/manifests/v1")).text()).toBe(body);
  expect(await (await calls.call("GET", `/v2/spoilt/blobs/${digestOf("{}")}`)).text()).toBe("{}");
  writeFileSync(at(digest), "{");
  expect((await calls.call("DELETE", `/v2/spoilt/manifests/${digest}`)).status).toBe(202);
  expect((await calls.call("DELETE", `/v2/spoilt/manifests/${digest}`)).status).toBe(404);
  expect(await (await calls.call("GET", "/v2/spoilt/tags/list")).json()).toMatchObject({ tags: [] });
});
