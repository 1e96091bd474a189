import { expect, test } from "bun:test";
import { annotationAttributes } from "./annotations.ts";
import { readAttestations } from "./attestations.ts";
import { readCache } from "./caches.ts";
import { readOutputs } from "./outputs.ts";
import { metadataOf } from "./results.ts";
import { readSecret } from "./secrets.ts";

const outputs = (...output: string[]): ReturnType<typeof readOutputs> =>
  readOutputs({ output, push: false, load: false, isTerminal: false });

test.each<[string, unknown]>([
  ["-", { type: "tar", attrs: {}, destination: { kind: "stdout" } }],
  ["out", { type: "local", attrs: {}, destination: { kind: "directory", path: "out" } }],
  ["type=tar,dest=x.tar", { type: "tar", attrs: {}, destination: { kind: "file", path: "x.tar" } }],
  ["type=oci", { type: "oci", attrs: {}, destination: { kind: "stdout" } }],
  [
    "type=oci,dest=d,tar=false",
    { type: "oci", attrs: { tar: "false" }, destination: { kind: "directory", path: "d" } },
  ],
  ["type=docker", { type: "docker", attrs: {}, destination: null }],
  ["type=registry", { type: "image", attrs: { push: "true" }, destination: null }],
  [
    'type=image,"name=a,b",compression=zstd',
    { type: "image", attrs: { name: "a,b", compression: "zstd" }, destination: null },
  ],
])("--output %s", (text, output) => {
  expect(outputs(text)).toEqual([output as ReturnType<typeof outputs>[number]]);
});

test.each([
  [["dest=x,a=b"], "type is required for output"],
  [["type=local"], "dest is required for local output"],
  [["type=local,dest=-"], "dest cannot be stdout"],
  [["type=local,dest=/etc/passwd"], "destination directory /etc/passwd is a file"],
  [["type=tar,dest=/etc"], "destination file /etc is a directory"],
  [["-", "type=oci"], "only one output can be written to standard output"],
  [["type=tar,x"], "invalid value x"],
])("--output %j is refused: %s", (texts, message) => {
  expect(() => outputs(...texts)).toThrow(message);
});

test("an archive is not written onto a terminal", () => {
  expect(() => readOutputs({ output: ["-"], push: false, load: false, isTerminal: true })).not.toThrow();
  expect(() => readOutputs({ output: ["type=tar"], push: false, load: false, isTerminal: true })).toThrow(
    "refusing to write to console",
  );
});

test("--push pushes the images of --output, or one of its own; --load adds the store", () => {
  const flags = { isTerminal: false, load: false, push: true };
  expect(readOutputs({ ...flags, output: ["type=image"] })).toEqual([
    { type: "image", attrs: { push: "true" }, destination: null },
  ]);
  expect(readOutputs({ ...flags, output: ["out"] }).map(({ type }) => type)).toEqual(["local", "image"]);
  expect(readOutputs({ ...flags, load: true, output: [] }).map(({ type }) => type)).toEqual(["image", "docker"]);
});

test.each<[string, unknown]>([
  ["a/b:c", [{ type: "registry", attrs: { ref: "a/b:c" } }]],
  [
    "a,b",
    [
      { type: "registry", attrs: { ref: "a" } },
      { type: "registry", attrs: { ref: "b" } },
    ],
  ],
  ["type=registry,ref=x,mode=max", [{ type: "registry", attrs: { ref: "x", mode: "max" } }]],
  ["type=local,dest=d", [{ type: "local", attrs: { dest: "d" } }]],
])("--cache-to %s", (text, caches) => {
  expect(readCache(text, "to")).toEqual(caches as ReturnType<typeof readCache>);
});

test.each([
  ["ref=x", "type required form"],
  ["type=registry", "registry cache to requires ref"],
  ["type=local", "local cache exporter requires dest"],
  ["type=a,b", "invalid field 'b' must be a key=value pair"],
])("--cache-to %s is refused: %s", (text, message) => {
  expect(() => readCache(text, "to")).toThrow(message);
});

test.each<[string, unknown]>([
  ["id=a,src=/x", { id: "a", from: { file: "/x" } }],
  ["src=/d/x", { id: "x", from: { file: "/d/x" } }],
  ["id=a,env=B", { id: "a", from: { env: "B" } }],
  ["env=B", { id: "B", from: { env: "B" } }],
  ["id=a,type=env,src=B", { id: "a", from: { env: "B" } }],
  ["id=HOME", { id: "HOME", from: { env: "HOME" } }],
  ["id=HOME,type=file", { id: "HOME", from: { file: "HOME" } }],
])("--secret %s", (text, secret) => {
  expect(readSecret(text)).toEqual(secret as ReturnType<typeof readSecret>);
});

test.each([
  ["foo", "invalid field 'foo' must be a key=value pair"],
  ["id=a,x=y", "unexpected key 'x' in 'x=y'"],
  ["type=file", "secret missing ID"],
  ["id=a,type=b", 'unsupported secret type "b"'],
])("--secret %s is refused: %s", (text, message) => {
  expect(() => readSecret(text)).toThrow(message);
});

test("attestations: the shorthands stand above --attest", () => {
  const all = readAttestations({
    attest: ["type=sbom,generator=g", "type=provenance,mode=min"],
    sbom: "false",
    provenance: "mode=max",
  });
  expect([...all]).toEqual([
    ["sbom", null],
    ["provenance", "mode=max"],
  ]);
  expect(readAttestations({ attest: [], sbom: "img", provenance: "true" }).get("sbom")).toBe("generator=img");
  expect(() => readAttestations({ attest: ["x=y"], sbom: "", provenance: "" })).toThrow(
    "attestation type not specified",
  );
});

test("annotations go to the levels that they name", () => {
  expect(annotationAttributes(["a=b", "index,manifest[linux/amd64]:k=v", "org.x:y=z"])).toEqual({
    "annotation.a": "b",
    "annotation-index.k": "v",
    "annotation-manifest[linux/amd64].k": "v",
    "annotation.org.x:y": "z",
  });
  expect(() => annotationAttributes(["foo"])).toThrow('invalid annotation "foo", expected key=value');
});

test("metadataOf() opens what is JSON, packed in base64 or not", () => {
  const response = new Map([
    ["containerimage.digest", "sha256:a"],
    ["containerimage.descriptor", Buffer.from('{"size":1}').toString("base64")],
    ["plain", '{"a":1}'],
  ]);
  expect(metadataOf(response, "r")).toEqual({
    "buildx.build.ref": "default/default/r",
    "containerimage.descriptor": { size: 1 },
    "containerimage.digest": "sha256:a",
    plain: { a: 1 },
  });
});
