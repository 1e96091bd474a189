import { afterEach, beforeEach, expect, setSystemTime, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../lib/digest.ts";
import { Blobs } from "./blobs.ts";
import { FileStorage } from "./file-storage.ts";
import type { RepositoryName } from "./layout.ts";
import { UploadSessions } from "./upload-sessions.ts";

let root: string;
let uploads: UploadSessions;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "dhow-uploads-"));
  uploads = new UploadSessions(new Blobs(new FileStorage(root)), { sessions: 2, bytes: 10 });
});
afterEach(() => {
  setSystemTime();
  rmSync(root, { recursive: true, force: true });
});

const ada = { name: "some/box" as RepositoryName, user: "ada" };
const bob = { name: "some/box" as RepositoryName, user: "bob" };
const anyLength = { from: null, length: null };
async function* text(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}
const failure = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: { code?: string }) => error.code,
  );

test("hardening 142: a user's uploads are so many at once; what nobody goes on with makes room after an hour", async () => {
  const [first, second] = [await uploads.begin(ada), await uploads.begin(ada)];
  expect(await failure(uploads.begin(ada))).toBe("TOOMANYREQUESTS");
  await uploads.begin(bob);
  await uploads.cancel(ada, second);
  const third = await uploads.begin(ada);
  setSystemTime(Date.now() + 3500_000);
  await uploads.append(ada, third, text("in use"), anyLength);
  setSystemTime(Date.now() + 200_000);
  await uploads.begin(ada);
  expect(await failure(uploads.size(ada, first))).toBe("BLOB_UPLOAD_UNKNOWN");
  expect(await uploads.size(ada, third)).toBe(6);
  expect(await failure(uploads.begin(ada))).toBe("TOOMANYREQUESTS");
});

test("hardening 142: a user's uploads are so large together, until they end", async () => {
  const [first, second] = [await uploads.begin(ada), await uploads.begin(ada)];
  await uploads.append(ada, first, text("123456"), anyLength);
  expect(await failure(uploads.append(ada, second, text("12", "345"), anyLength))).toBe("TOOMANYREQUESTS");
  expect(await uploads.size(ada, second)).toBe(2);
  await uploads.append(bob, await uploads.begin(bob), text("1234567890"), anyLength);
  await uploads.finish(ada, first, digestOf("123456"));
  expect(await uploads.append(ada, second, text("34567890"), anyLength)).toBe(10);
  await uploads.finish(ada, second, digestOf("1234567890"));
});

test("hardening 142: one that an earlier registry began counts from when it is gone on with", async () => {
  const id = await uploads.begin(ada);
  await uploads.append(ada, id, text("12345678"), anyLength);
  uploads = new UploadSessions(new Blobs(new FileStorage(root)), { sessions: 1, bytes: 10 });
  expect(await failure(uploads.append(ada, id, text("9", "0", "1"), anyLength))).toBe("TOOMANYREQUESTS");
  expect(await failure(uploads.begin(ada))).toBe("TOOMANYREQUESTS");
  expect(await uploads.finish(ada, id, digestOf("1234567890"))).toBe(10);
  await uploads.begin(ada);
});
