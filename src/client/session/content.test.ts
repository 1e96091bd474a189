import { afterAll, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Content, storeIdHeader, writeActions } from "../../api/buildkit/content.ts";
import { digestOf, hexOf } from "../../lib/digest.ts";
import { GrpcClient } from "../../lib/grpc/client.ts";
import { serveGrpc } from "../../lib/grpc/server.ts";
import { type GrpcError, statusCodes } from "../../lib/grpc/status.ts";
import { contentBindings } from "./content.ts";

const root = mkdtempSync(join(tmpdir(), "dhow-content-"));
const stack = new AsyncDisposableStack();
stack.defer(() => rmSync(root, { recursive: true }));
afterAll(() => stack.disposeAsync());

const blobs = join(root, "blobs", "sha256");
const text = Buffer.from("0123456789");
const digest = digestOf(text);
beforeEach(() => {
  rmSync(blobs, { recursive: true, force: true });
  mkdirSync(blobs, { recursive: true });
  writeFileSync(join(blobs, hexOf(digest)), text);
});

const stores = {
  "local:/cache": { path: root, isWritable: true },
  "oci:layout0": { path: root, isWritable: false },
};
const listener = createServer((socket) => void serveGrpc(socket, new Map(contentBindings(stores))));
const path = join(root, "s");
await new Promise<void>((resolve) => listener.listen(path, resolve));
stack.defer(() => void listener.close());
const client = stack.use(new GrpcClient(connect(path)));

const of = (store: string) => ({ metadata: new Map([[storeIdHeader, [store]]]) });
const failureOf = (promise: Promise<unknown>): Promise<GrpcError> =>
  promise.then(
    () => {
      throw new Error("it did not fail");
    },
    (error: GrpcError) => error,
  );

async function write(store: string, data: Uint8Array, expected: string): Promise<string> {
  await using call = client.open(Content.Write, of(store));
  const responses = call.responses[Symbol.asyncIterator]();
  const ask = async (action: number, piece: Uint8Array, offset: number) => {
    await call.send({ action, ref: "r", total: data.length, expected, offset, data: piece });
    return (await responses.next()).value;
  };
  await ask(writeActions.stat, new Uint8Array(), 0);
  await ask(writeActions.write, data.subarray(0, 4), 0);
  const end = await ask(writeActions.commit, data.subarray(4), 4);
  return end?.digest ?? "";
}

test("a blob is described and read, whole or in part", async () => {
  expect((await client.call(Content.Info, { digest }, of("oci:layout0"))).info).toMatchObject({ digest, size: 10 });
  const read = async (offset: number, size: number): Promise<string> => {
    const parts: Uint8Array[] = [];
    for await (const { data } of client.stream(Content.Read, { digest, offset, size }, of("oci:layout0")))
      parts.push(data);
    return Buffer.concat(parts).toString();
  };
  expect([await read(0, 0), await read(3, 2), await read(8, 100)]).toEqual(["0123456789", "34", "89"]);
  expect((await failureOf(read(11, 0))).code).toBe(statusCodes.outOfRange);
});

test("only what is offered is there: no other store, no path instead of a digest, no writing where that is not meant", async () => {
  const info = (store: string, at: string) => failureOf(client.call(Content.Info, { digest: at }, of(store)));
  expect((await info("local:/etc", digest)).message).toBe('unknown store "local:/etc"');
  expect((await info("oci:layout0", "sha256:../../s")).code).toBe(statusCodes.invalidArgument);
  expect((await info("oci:layout0", digestOf("none"))).code).toBe(statusCodes.notFound);
  expect((await failureOf(write("oci:layout0", text, ""))).code).toBe(statusCodes.permissionDenied);
});

test("what is written is there once it is whole and of its digest; all else leaves nothing", async () => {
  const data = Buffer.from("abcdefgh");
  expect((await failureOf(write("local:/cache", data, digestOf("other")))).message).toContain("unexpected digest");
  expect(readdirSync(blobs)).toEqual([hexOf(digest)]);
  expect(await write("local:/cache", data, digestOf(data))).toBe(digestOf(data));
  expect(readFileSync(join(blobs, hexOf(digestOf(data))), "utf8")).toBe("abcdefgh");
  expect((await failureOf(write("local:/cache", data, digestOf(data)))).code).toBe(statusCodes.alreadyExists);
  expect(readdirSync(blobs)).toHaveLength(2);
});
