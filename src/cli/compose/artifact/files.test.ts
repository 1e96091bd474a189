import { expect, test } from "bun:test";
import type { PublishedFile } from "../../../compose/publish/files.ts";
import { type Digest, digestOf } from "../../../lib/digest.ts";
import { ociIndex } from "../../../registry/media-types.ts";
import { artifactFiles, projectIn } from "./files.ts";
import { projectArtifact } from "./manifest.ts";

const files: readonly PublishedFile[] = [
  { kind: "compose", name: "a.yaml", text: "services: {a: {image: a}}\n" },
  { kind: "compose", name: "b.yaml", text: "services: {b: {image: b}}\n" },
  { kind: "extended", name: "c0.yaml", text: "services: {c: {image: c}}\n" },
  { kind: "env", name: "e0.env", text: "A=1\n" },
];
const texts = (found: ReadonlyMap<string, Buffer>): Record<string, string> =>
  Object.fromEntries([...found].map(([name, bytes]) => [name, bytes.toString()]));

test.each(["1.0", "1.1"] as const)("artifactFiles() reads what projectArtifact() made with OCI %s", async (version) => {
  const { text, blobs, artifactType } = projectArtifact(files, version, "2026-01-01T00:00:00Z");
  expect(artifactType).toBe(version === "1.1" ? "application/vnd.docker.compose.project" : "");
  const read = async (digest: Digest): Promise<Buffer> =>
    Buffer.from(blobs.find((blob) => digestOf(blob) === digest) ?? "?");
  expect(texts(await artifactFiles(Buffer.from(text), "r/app", read))).toEqual({
    "compose.yaml": "services: {a: {image: a}}\n\n---\nservices: {b: {image: b}}\n",
    "c0.yaml": "\n---\nservices: {c: {image: c}}\n",
    "e0.env": "A=1\n",
  });
});

const manifestOf = (layers: unknown[], more: object = {}): Buffer =>
  Buffer.from(JSON.stringify({ artifactType: "application/vnd.docker.compose.project", layers, ...more }));
const layer = (type: string, annotations: object): object => ({ mediaType: type, digest: digestOf("x"), annotations });
const yaml = "application/vnd.docker.compose.file+yaml";
const env = "application/vnd.docker.compose.envfile";

test.each(["../out", "/etc/cron.d/x", "a/b", "a\\b", "..", ".", "", "a\0b", 7, "compose.yaml"])(
  "artifactFiles() lets no file be called %j, and fetches nothing then",
  async (name) => {
    let asked = 0;
    const read = async (): Promise<Buffer> => Buffer.alloc(asked++);
    const first = layer(yaml, { "com.docker.compose.file": "compose.yaml" });
    const bad = layer(env, { "com.docker.compose.envfile": name });
    await expect(artifactFiles(manifestOf([first, bad]), "r/app", read)).rejects.toThrow("invalid OCI artifact");
    expect(asked).toBe(0);
    if (name === "compose.yaml") return;
    const extended = layer(yaml, { "com.docker.compose.extends": "true", "com.docker.compose.file": name });
    await expect(artifactFiles(manifestOf([extended]), "r/app", read)).rejects.toThrow("invalid OCI artifact");
  },
);

test("artifactFiles() refuses what is no project, and more layers than anybody has", async () => {
  const read = (): Promise<Buffer> => Promise.reject(new Error("was read"));
  const image = manifestOf([], { artifactType: "", config: { mediaType: "application/vnd.oci.image.config.v1+json" } });
  await expect(artifactFiles(image, "r/app", read)).rejects.toThrow("r/app is not a compose project OCI artifact");
  const many = manifestOf(Array.from({ length: 300 }, () => layer(yaml, {})));
  await expect(artifactFiles(many, "r/app", read)).rejects.toThrow("r/app has more than 256 layers");
  await expect(artifactFiles(manifestOf([{ digest: "sha256:../x" }]), "r", read)).rejects.toThrow(
    "invalid digest of a layer",
  );
  await expect(artifactFiles(manifestOf([layer(env, {})]), "r", read)).rejects.toThrow(
    "missing annotation com.docker.compose.envfile",
  );
});

test("projectIn() finds the project of an index", () => {
  const digest = digestOf("x");
  const index = (manifests: unknown): Buffer => Buffer.from(JSON.stringify({ manifests }));
  const project = { artifactType: "application/vnd.docker.compose.project", digest };
  expect(projectIn(index([{ digest: digestOf("y") }, project]), ociIndex, "r")).toBe(digest);
  expect(projectIn(index([project]), "application/vnd.oci.image.manifest.v1+json", "r")).toBeNull();
  expect(() => projectIn(index([]), ociIndex, "r")).toThrow("OCI index r doesn't refer to compose artifacts");
});
