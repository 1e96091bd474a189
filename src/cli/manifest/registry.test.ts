import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRegistry, type TestRegistry } from "../../../test/fixtures/registry.ts";
import { type Digest, digestOf } from "../../lib/digest.ts";
import { parseFlags } from "../../lib/flags.ts";
import { parseReference } from "../../lib/reference.ts";
import { ociImage, ociIndex } from "../../registry/media-types.ts";
import { Cli } from "../cli.ts";
import { globalFlags } from "../globals.ts";
import { fetchManifest } from "./registry.ts";

const directory = mkdtempSync(join(tmpdir(), "dhow-manifest-registry-"));
const cli = new Cli("dhow", { ...parseFlags(globalFlags, []).flags, config: directory });
let registry: TestRegistry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

function put(text: string, mediaType: string): Digest {
  const bytes = Buffer.from(text);
  for (const name of ["1", digestOf(bytes)]) registry.manifests.set(name, { bytes, mediaType });
  return digestOf(bytes);
}

function putBlob(text: string): Digest {
  registry.blobs.set(digestOf(text), Buffer.from(text));
  return digestOf(text);
}

const fetchIt = () => fetchManifest(cli, parseReference(`${registry.host}/a:1`), true);

test.each([
  ["null", ociImage, "no JSON object"],
  ["[]", ociIndex, "no JSON object"],
  ["{", ociImage, "unexpected EOF"],
  ["{}", ociImage, "names no configuration"],
  ['{"config":"x"}', ociImage, "names no configuration"],
  ['{"config":{"digest":"../../x"}}', ociImage, "names no configuration"],
  ['{"manifests":[null]}', ociIndex, "names no digest: null"],
  ['{"manifests":[{"digest":"sha256:0"}]}', ociIndex, "names no digest"],
  [`{"manifests":[{"digest":"sha256:${"0".repeat(64)}"}]}`, ociIndex, "no such manifest"],
  [`{"config":{"digest":"sha256:${"0".repeat(64)}"}}`, ociImage, "no such manifest"],
  ["{}", "text/html", 'is not a manifest, but "text/html"'],
])("fetchManifest() refuses %s as %s", async (text, mediaType, words) => {
  put(text, mediaType);
  await expect(fetchIt()).rejects.toThrow(words);
});

test("fetchManifest() refuses a list within a list, and a manifest or configuration of other bytes", async () => {
  const inner = put('{"manifests":[]}', ociIndex);
  put(JSON.stringify({ manifests: [{ digest: inner }] }), ociIndex);
  await expect(fetchIt()).rejects.toThrow("a list within the list");
  const config = putBlob("{}");
  const image = put(JSON.stringify({ config: { digest: config } }), ociImage);
  registry.manifests.set(image, { bytes: Buffer.from("{}"), mediaType: ociImage });
  put(JSON.stringify({ manifests: [{ digest: image }] }), ociIndex);
  await expect(fetchIt()).rejects.toThrow(`manifest verification failed for digest ${image}`);
  put(JSON.stringify({ config: { digest: config } }), ociImage);
  registry.blobs.set(config, Buffer.from("[]"));
  await expect(fetchIt()).rejects.toThrow(`blob verification failed for digest ${config}`);
});

test("fetchManifest() takes from a configuration what is a platform and leaves the rest", async () => {
  const config = { architecture: "arm", os: "linux", variant: 7, "os.features": ["a", 1], history: "x" };
  put(JSON.stringify({ mediaType: "text/html", config: { digest: putBlob(JSON.stringify(config)) } }), ociImage);
  expect(await fetchIt()).toMatchObject({
    kind: "image",
    image: {
      descriptor: { mediaType: ociImage, platform: { architecture: "arm", os: "linux", "os.features": ["a"] } },
    },
  });
});
