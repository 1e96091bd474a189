import { afterAll, beforeAll, expect, test } from "bun:test";
import { storageSuite } from "../../../test/fixtures/storage-suite.ts";
import { type S3Server, startS3Server } from "../../../test/harness/s3-server.ts";
import { StorageUnavailable } from "../storage.ts";
import type { S3Options } from "./multipart.ts";
import { S3Storage } from "./s3-storage.ts";

let server: S3Server;
beforeAll(async () => {
  server = await startS3Server();
});
afterAll(() => server?.[Symbol.asyncDispose]());

const open = (more: Partial<S3Options> = {}) =>
  new S3Storage({
    endpoint: new URL(server.endpoint),
    bucket: "registry",
    prefix: "some/prefix/",
    region: "us-east-1",
    accessKeyId: "S3RVER",
    secretAccessKey: "S3RVER",
    sessionToken: null,
    // Larger objects are copied in pieces.
    maxCopy: 6 << 20,
    maxPage: 40,
    ...more,
  });
storageSuite(open);

test("what a store refuses, and what it does not answer, is said with its code and without the secret", async () => {
  const failed = async (storage: S3Storage) => {
    const error: unknown = await storage.write("x", "y").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StorageUnavailable);
    expect(String(error)).not.toContain("wrong-secret");
    return String(error);
  };
  expect(await failed(open({ secretAccessKey: "wrong-secret" }))).toContain("S3 PUT x: SignatureDoesNotMatch");
  expect(await failed(open({ bucket: "none" }))).toContain("NoSuchBucket");
  await expect(open({ bucket: "none" }).read("x")).rejects.toThrow("NoSuchBucket");
  const away = open({ endpoint: new URL("http://127.0.0.1:1") });
  const [written, checked] = await Promise.all([failed(away), away.check().catch(String)]);
  expect([written, checked]).toEqual([expect.stringContaining("ConnectionRefused"), expect.stringContaining("LIST")]);
});

test("an upload goes on where its document says, whatever a death left of the step after it", async () => {
  const storage = open();
  const bytes = Buffer.alloc(8 << 20, "part");
  {
    await using object = await storage.append("deaths/data");
    await object.write(Buffer.from("begun "));
  }
  // As one that dies once its part is sent, and before it is noted.
  const before = await storage.read("deaths/data.session");
  const dying = await storage.append("deaths/data");
  await dying.write(bytes);
  await storage.write("deaths/data.tail-1", "begun ");
  await storage.write("deaths/data.session", before ?? "");
  await using object = await storage.append("deaths/data");
  expect(object.size).toBe(6);
  await object.write(Buffer.alloc(8 << 20, "else"));
  await object.write(Buffer.from(" end"));
  await object.seal();
  const body = new Response(storage.body("deaths/data", 0, object.size));
  expect(await body.text()).toBe(`begun ${"else".repeat(2 << 20)} end`);
});
