/** Hardening, section A, rows 20, 26, 27 and 34 to 36: images whose configuration, layers or names are made to hurt, on the daemon. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parseConfig } from "../../src/images/manifest.ts";
import { digestOf } from "../../src/lib/digest.ts";
import { setCanary } from "../canary.ts";
import { type ArchivedImage, archiveOf, imageArchive } from "../fixtures/docker-archive.ts";
import { fullConfig, mutations } from "../fixtures/full-config.ts";
import { manifestIn, startRegistry } from "../fixtures/registry.ts";
import { tarOf } from "../fixtures/tar-builder.ts";
import { until } from "../harness/command.ts";
import { importTar, loadArchive, pullImage, send, stored, withImages } from "../harness/image-api.ts";
import { busyboxTar } from "../harness/images.ts";
import { settledLedger } from "../harness/ledger.ts";
import { startOwnRegistry } from "../harness/own-registry.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const base = readFileSync(await busyboxTar());
const layers = [tarOf({ path: "one", type: "file", data: "1" }), tarOf({ path: "two", type: "file", data: "2" })];

test("hardening 20: layers that are not those of the config are refused by pull and load, and leave nothing", async () => {
  const d = daemon();
  const before = stored(d);
  const [one, two] = layers.map(digestOf);
  const wrong = {
    "of another content": [digestOf("x"), two],
    reordered: [two, one],
    "too few": [one],
    "too many": [one, two, two],
    none: [],
  };
  await using registry = await startRegistry();
  for (const layer of layers) registry.blobs.set(digestOf(layer), layer);
  for (const [name, diff_ids] of Object.entries(wrong)) {
    const file = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids } };
    const config = Buffer.from(JSON.stringify(file));
    registry.blobs.set(digestOf(config), config);
    registry.manifests.set("1", registry.manifests.get(manifestIn(registry, config, layers).digest)!);
    const words = /does not match its diff id|diff ids for 2 layers/;
    expect([name, (await pullImage(d, `${registry.host}/wrong`, "1")).error]).toEqual([
      name,
      expect.stringMatching(words),
    ]);
    const load = await loadArchive(d, imageArchive({ name: "wrong:1", file, layers }));
    expect([name, load.error]).toEqual([name, expect.stringMatching(words)]);
    expect(stored(d)).toEqual(before);
  }
});

test("hardening 26: JSON that is none is refused by load, and the daemon lives on", async () => {
  const d = daemon();
  const before = stored(d);
  const bad: (string | Buffer)[] = [
    "[".repeat(100_000),
    `[{"Config":"${"x".repeat(10 << 20)}"}]`,
    '[{"Config":"a","Config":"b"}]',
    Buffer.from('[{"Config":"\xff"}]', "latin1"),
    '[{"Config":"\\ud800"}]',
    '[{"Config":NaN}]',
    "[] []",
    "\ufeff[]",
    "",
  ];
  for (const text of bad) {
    const archives = [
      archiveOf({ "manifest.json": text }),
      archiveOf({ "index.json": text }),
      archiveOf({ c: text, "manifest.json": '[{"Config":"c","Layers":[]}]' }),
    ];
    for (const archive of archives) {
      const { status, error } = await loadArchive(d, archive);
      expect([String(text).slice(0, 40), status < 500, error]).toEqual([
        String(text).slice(0, 40),
        true,
        expect.any(String),
      ]);
    }
  }
  expect((await d.api("GET", "/_ping")).status).toBe(200);
  expect(stored(d)).toEqual(before);
});

test("hardening 27: an image of any config that is taken can be listed, inspected, made a container of and removed", async () => {
  const d = daemon();
  const diff_ids = [digestOf(layers[0]!)];
  const images: ArchivedImage[] = [];
  const seen = new Set<string>();
  // Two of each field: unit tests see to all.
  const ofField = new Map<string, number>();
  for (const { name, value } of mutations({ ...fullConfig, rootfs: { type: "layers", diff_ids } })) {
    const text = Buffer.from(JSON.stringify(value));
    try {
      if (parseConfig(text).rootfs.diff_ids.length !== 1) continue;
    } catch {
      continue;
    }
    if ((value as { os?: unknown }).os === "x" || seen.has(text.toString())) continue;
    seen.add(text.toString());
    const field = name.slice(0, name.indexOf(" "));
    ofField.set(field, (ofField.get(field) ?? 0) + 1);
    if ((ofField.get(field) ?? 0) > 2) continue;
    images.push({ name: `mutant:${images.length}`, file: value as object, layers: [layers[0]!] });
  }
  expect(images.length).toBeGreaterThan(50);
  await using _images = await withImages(daemon(), ...images);
  const failed: string[] = [];
  const ask = async (method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> => {
    const answer = await d.api(method, path, body);
    if (answer.status >= 500) failed.push(`${method} ${path} -> ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer;
  };
  for (const { name, file } of images) {
    for (const verb of ["json", "history"]) await ask("GET", `/images/${name}/${verb}`);
    const made = await ask("POST", "/containers/create", { Image: name, Cmd: ["/one"] });
    const { Id } = made.body as { Id?: string };
    if (Id !== undefined) {
      await ask("GET", `/containers/${Id}/json`);
      await ask("DELETE", `/containers/${Id}?v=1`);
    }
    if (failed.length > 0) failed.push(JSON.stringify(file));
    expect(failed).toEqual([]);
  }
  for (const path of ["/images/json?all=1", "/system/df"]) await ask("GET", path);
  expect(failed).toEqual([]);
}, 60_000);

describe("hardening 34", () => {
  const whole = imageArchive({ name: "cut:1", layers: [base, ...layers] });

  test.each([
    ["load", "/images/load", whole],
    ["import", "/images/create?fromSrc=-&repo=cut", base],
  ] as const)("%s whose client, or whose daemon, is killed midway leaves nothing", async (_name, path, body) => {
    const d = daemon();
    const before = stored(d);
    for (const who of ["client", "daemon"]) {
      const outgoing = request({ socketPath: d.socket, method: "POST", path, agent: false });
      outgoing.on("error", () => {});
      outgoing.write(body.subarray(0, body.length / 2));
      await until("the first half to come in", () => readdirSync(join(d.dataRoot, "content/ingest")).length > 0);
      if (who === "client") outgoing.destroy();
      else {
        await d.kill9();
        await d.start();
      }
      await until(`the rest of ${who}'s end to be cleared away`, () => stored(d).join() === before.join());
      expect((await d.api<object[]>("GET", "/images/json?all=1")).body).toHaveLength(1);
      outgoing.destroy();
    }
  });

  test("load and import of garbage leave nothing", async () => {
    const d = daemon();
    const before = stored(d);
    const random = Buffer.from(crypto.getRandomValues(new Uint8Array(65_536)));
    const garbage = [
      random,
      gzipSync(random),
      Buffer.from("PK\x03\x04 and so on"),
      Buffer.alloc(512, 1),
      gzipSync(whole).subarray(0, 9999),
    ];
    for (const bytes of garbage) {
      expect((await loadArchive(d, bytes)).error).not.toBeNull();
      expect((await importTar(d, "garbage", bytes)).error).not.toBeNull();
      expect(stored(d)).toEqual(before);
    }
    expect((await loadArchive(d, Buffer.alloc(0))).error).not.toBeNull();
    expect((await d.api<object[]>("GET", "/images/json?all=1")).body).toHaveLength(1);
  });
});

test("hardening 35: ids and names with a slash or two dots in them reach no path", async () => {
  const d = daemon();
  await settledLedger(d); // what others removed goes out of the trash
  using canary = setCanary(d.dataRoot);
  const bad = [
    "..%2f..%2fx",
    "%2e%2e%2fx",
    "sha256:..%2f..%2fx",
    `sha256:${"a".repeat(63)}%2f`,
    "..",
    "a%2f..%2fb",
    "%2fetc%2fpasswd",
    "x%00",
  ];
  for (const id of bad) {
    const calls: [string, string, unknown?][] = [
      ["GET", `/images/${id}/json`],
      ["GET", `/images/${id}/history`],
      ["GET", `/images/${id}/get`],
      ["DELETE", `/images/${id}`],
      ["POST", `/images/${id}/tag?repo=x`],
      ["POST", `/images/${id}/push`],
      ["POST", `/images/busybox/tag?repo=${id}`],
      ["POST", `/containers/create?name=${id}`, { Image: "busybox", Cmd: ["true"] }],
      ["GET", `/plugins/${id}/json`],
      ["DELETE", `/plugins/${id}`],
      ["GET", `/containers/${id}/json`],
      ["GET", `/volumes/${id}`],
      ["DELETE", `/containers/x/checkpoints/${id}`],
      ["POST", `/containers/x/start?checkpoint=${id}&checkpoint-dir=${id}`],
    ];
    for (const [method, path, body] of calls) {
      // As it stands here: fetch would resolve the dots of a path.
      const { status } = body === undefined ? await send(d, method, path) : await d.api(method, path, body);
      // 501: dhow has no checkpoints and no managed plugins.
      expect([method, path, status >= 400 && (status < 500 || status === 501)]).toEqual([method, path, true]);
    }
  }
  expect(canary.changes().filter((line) => !/dhow\.db/.test(line))).toEqual([]);
});

test("hardening 36: an artifact of a type that nobody knows is stored and given back by the registry, and never unpacked", async () => {
  const d = daemon();
  await using registry = await startOwnRegistry();
  const put = async (path: string, bytes: string, type: string): Promise<number> =>
    (
      await fetch(`http://${registry.host}/v2/odd/${path}`, {
        method: path.startsWith("blobs") ? "POST" : "PUT",
        headers: { "content-type": type },
        body: bytes,
      })
    ).status;
  const blob = String(tarOf({ path: "unpacked", type: "file", data: "never" }));
  expect(await put(`blobs/uploads/?digest=${digestOf(blob)}`, blob, "application/octet-stream")).toBe(201);
  const before = stored(d);
  const descriptor = (mediaType: string) => ({ mediaType, digest: digestOf(blob), size: blob.length });
  const image = "application/vnd.oci.image.config.v1+json";
  for (const [config, layer] of [
    ["application/vnd.example.unknown+json", "application/vnd.oci.image.layer.v1.tar"],
    [image, "application/vnd.example.unknown"],
    [image, "application/vnd.oci.image.layer.v1.tar+encrypted"],
  ] as const) {
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    const artifactType = "application/vnd.example.unknown";
    const manifest = {
      schemaVersion: 2,
      mediaType,
      artifactType,
      config: descriptor(config),
      layers: [descriptor(layer)],
    };
    const text = JSON.stringify(manifest);
    expect(await put("manifests/1", text, mediaType)).toBe(201);
    const back = await fetch(`http://${registry.host}/v2/odd/manifests/${digestOf(text)}`, {
      headers: { accept: mediaType },
    });
    expect(await back.text()).toBe(text);
    const { error } = await pullImage(d, `${registry.host}/odd`, "1");
    expect(error).toContain(config === image ? layer : config);
    expect(stored(d)).toEqual(before);
  }
});
