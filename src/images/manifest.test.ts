import { describe, expect, test } from "bun:test";
import { fullConfig, mutations } from "../../test/fixtures/full-config.ts";
import { digestOf } from "../lib/digest.ts";
import { isKind } from "../lib/errors.ts";
import { maxManifestSize, parseConfig, parseManifest } from "./manifest.ts";

const descriptor = (mediaType: string) => ({ mediaType, digest: digestOf("x"), size: 1 });
const manifest = JSON.stringify({
  schemaVersion: 2,
  config: descriptor("application/vnd.oci.image.config.v1+json"),
  layers: [descriptor("application/vnd.oci.image.layer.v1.tar")],
});
const index = JSON.stringify({
  schemaVersion: 2,
  manifests: [descriptor("application/vnd.oci.image.manifest.v1+json")],
});
const config = JSON.stringify(fullConfig);

describe.each([
  ["manifest", manifest, (bytes: Buffer) => parseManifest(bytes, "")],
  ["index", index, (bytes: Buffer) => parseManifest(bytes, "")],
  ["config", config, parseConfig],
] as const)("hardening 26: of a JSON %s", (_kind, text, parse) => {
  /** The text with one more member in front. */
  const and = (member: string): string => `{${member},${text.slice(1)}`;
  const bad: Record<string, string | Buffer> = {
    "a hundred thousand levels": and(`"x":${"[".repeat(100_000)}${"]".repeat(100_000)}`),
    "a hundred thousand levels that do not end": '{"x":'.repeat(100_000),
    "a string of ten megabytes": and(`"x":"${"x".repeat(10 << 20)}"`),
    "a key that comes twice": and(`"x":1,"x":2`),
    "a known key that comes twice": and(text.slice(1, text.indexOf(","))),
    "bytes that are no UTF-8": Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
    "half a surrogate pair": and('"x":"\\ud800"'),
    "a surrogate as UTF-8": Buffer.from("7b2278223a22eda08022" + "7d", "hex"),
    "not a number": and('"x":NaN'),
    infinity: and('"x":Infinity'),
    "bytes that trail": `${text}{}`,
    "a NUL that trails": `${text}\0`,
    "a byte order mark": `\ufeff${text}`,
    "a comment": and('"x":1/**/'),
    nothing: "",
    "an end too early": text.slice(0, -1),
  };
  test.each(Object.keys(bad))("%s is refused", (name) => {
    expect(() => parse(Buffer.from(text))).not.toThrow();
    let error: unknown = null;
    try {
      parse(Buffer.from(bad[name] as string));
    } catch (reason) {
      error = reason;
    }
    expect(isKind(error, "invalidArgument")).toBe(true);
  });
});

test("hardening 26: parseManifest() reads what is as large as it may be, and no byte more", () => {
  const padded = (bytes: number): Buffer => Buffer.from(manifest.padEnd(bytes));
  expect(parseManifest(padded(maxManifestSize), "").kind).toBe("manifest");
  expect(() => parseManifest(padded(maxManifestSize + 1), "")).toThrow("larger than");
});

test("hardening 27: parseConfig() takes or refuses every change of type, and breaks at none", () => {
  let taken = 0;
  let refused = 0;
  for (const { name, value } of mutations(fullConfig)) {
    try {
      parseConfig(Buffer.from(JSON.stringify(value)));
      taken++;
    } catch (error) {
      expect([name, isKind(error, "invalidArgument")]).toEqual([name, true]);
      refused++;
    }
  }
  for (const whole of [null, [], 5, "x", { rootfs: null }, { rootfs: {} }, {}]) {
    expect(() => parseConfig(Buffer.from(JSON.stringify(whole)))).toThrow(/invalid image config/);
  }
  expect(taken).toBeGreaterThan(50);
  expect(refused).toBeGreaterThan(300);
});
