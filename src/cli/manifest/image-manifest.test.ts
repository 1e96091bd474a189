import { expect, test } from "bun:test";
import { digestOf } from "../../lib/digest.ts";
import { ociImage } from "../../registry/media-types.ts";
import { blobsOf, parseStoredForm, storedForm } from "./image-manifest.ts";

const blob = digestOf("blob");
const bytes = Buffer.from(
  `{ "config": {"digest":"${blob}"}, "layers": [{"digest":"${blob}"},{"digest":"../x"}], "a": "<" }`,
);
const descriptor = { mediaType: ociImage, digest: digestOf(bytes), size: bytes.length };

test("storedForm() is what parseStoredForm() reads, byte for byte", () => {
  const stored = storedForm({ ref: "localhost/a:1", descriptor, bytes });
  expect(stored).toEndWith(
    `"OCIManifest":{"config":{"digest":"${blob}"},"layers":[{"digest":"${blob}"},{"digest":"../x"}],"a":"\\u003c"}}`,
  );
  expect(parseStoredForm(stored)).toEqual({ ref: "localhost/a:1", descriptor, bytes });
});

test.each([
  ["nothing", "null", "no JSON object"],
  ["no digest", '{"Ref":"a","Descriptor":{"digest":"x"}}', "no image's manifest"],
  ["no bytes", JSON.stringify({ Ref: "a", Descriptor: descriptor }), "create the list again"],
  ["other bytes", JSON.stringify({ Ref: "a", Descriptor: descriptor, Raw: btoa("{}") }), "internal digest mismatch"],
  ["half a file", '{"Ref":', "unexpected EOF"],
])("parseStoredForm() refuses %s", (_what, text, words) => {
  expect(() => parseStoredForm(text)).toThrow(words);
});

test("blobsOf() names the configuration, then the layers, and nothing that is no digest", () => {
  expect(blobsOf({ ref: "a", descriptor, bytes })).toEqual([blob, blob]);
});
