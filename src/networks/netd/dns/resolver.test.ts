/** A name server in a namespace of its own, on the real kernel. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { closeSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, encode } from "dns-packet";
import { createNamespace, inNamespace, unpinNamespace } from "../../../linux/netns.ts";
import { Rtnetlink } from "../../../linux/rtnetlink.ts";
import { rtnetlink } from "../../../linux/rtnetlink-messages.ts";
import { framed, MessageReader } from "./framing.ts";
import { NameTable } from "./names.ts";
import { Resolver } from "./resolver.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-dns-"));
const path = join(dir, "ns");
const names = { network: "front", names: ["web"], aliases: {} };
const table = new NameTable();
table.add(names, "10.1.0.2");
let namespace: { fd: number };
const start = () =>
  Resolver.start({ namespace, spec: { servers: [] }, view: () => ({ table, seen: [names] }), forwards: () => true });
let resolver: Resolver;

beforeAll(async () => {
  namespace = createNamespace(path, () => {
    using inside = new Rtnetlink();
    inside.apply("bring up lo", rtnetlink.linkUp(1));
  });
  resolver = await start();
});
afterAll(() => {
  resolver[Symbol.dispose]();
  closeSync(namespace.fd);
  unpinNamespace(path);
  rmSync(dir, { recursive: true, force: true });
});

const query = (name: string) => encode({ type: "query", id: 9, flags: 0x100, questions: [{ name, type: "A" }] });

/** A socket inside that asks the server. */
function client(heard: (answer: Buffer) => void = () => {}) {
  const socket = { data: (_: unknown, bytes: Uint8Array) => heard(Buffer.from(bytes)), error() {} };
  return inNamespace(namespace, () => Bun.udpSocket({ connect: { hostname: "127.0.0.11", port: 53 }, socket }));
}

async function ask(name: string): Promise<ReturnType<typeof decode>> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const socket = await client(resolve);
  socket.send(query(name));
  const answer = await Promise.race([promise, Bun.sleep(3000).then(() => Promise.reject(new Error("no answer")))]);
  socket.close();
  return decode(answer);
}

test("port 53 of 127.0.0.11 answers over UDP and TCP, and nobody listens there", async () => {
  expect((await ask("web")).answers).toMatchObject([{ data: "10.1.0.2" }]);
  expect(await ask("else.where")).toMatchObject({ rcode: "SERVFAIL" });
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const reader = new MessageReader();
  const data = (_: unknown, bytes: Uint8Array): void => reader.push(bytes).forEach(resolve);
  const tcp = await inNamespace(namespace, () => Bun.connect({ hostname: "127.0.0.11", port: 53, socket: { data } }));
  tcp.write(framed(query("web")));
  expect(decode(await promise).answers).toMatchObject([{ data: "10.1.0.2" }]);
  tcp.end();
  const own = await inNamespace(namespace, () => Bun.udpSocket({ hostname: "0.0.0.0", port: 53 }));
  own.close();
});

test("a connection that sends more queries at once than anybody needs is closed", async () => {
  const answers = async (queries: number): Promise<number | "closed"> => {
    const { promise, resolve } = Promise.withResolvers<number | "closed">();
    const reader = new MessageReader();
    let heard = 0;
    const socket = {
      data: (_: unknown, bytes: Uint8Array) => {
        heard += reader.push(bytes).length;
        if (heard === queries) resolve(heard);
      },
      close: () => resolve("closed"),
    };
    const tcp = await inNamespace(namespace, () => Bun.connect({ hostname: "127.0.0.11", port: 53, socket }));
    tcp.write(Buffer.concat(Array<Buffer>(queries).fill(framed(query("web")))));
    const seen = await promise;
    tcp.end();
    return seen;
  };
  expect(await answers(100)).toBe(100);
  expect(await answers(2000)).toBe("closed");
});

test("clients that are gone before their answer end nothing", async () => {
  for (let round = 0; round < 20; round++) {
    const socket = await client();
    for (let i = 0; i < 100; i++) socket.send(query(i % 2 === 0 ? "web" : "else.where"));
    socket.close();
    await Bun.sleep(1);
  }
  expect((await ask("web")).answers).toHaveLength(1);
});

/** Asks with 64 questions under way, 100,000 or as many as three seconds take, and prints how many had no answer in the end. */
const keenClient = `
  const query = Buffer.from(process.env.QUERY, "hex");
  let asked = 0, heard = 0, isOver = false;
  const end = () => { console.log(heard > 64 ? asked - heard : "none was answered"); process.exit(0); };
  const ask = (socket) => { asked++; socket.send(query); };
  const data = (socket) => {
    heard++;
    if (asked < 100_000 && !isOver) ask(socket);
    else if (heard === asked) end();
  };
  const socket = await Bun.udpSocket({ connect: { hostname: "127.0.0.11", port: 53 }, socket: { data, error() {} } });
  for (let i = 0; i < 64; i++) ask(socket);
  setTimeout(() => { isOver = true; setTimeout(end, 20_000); }, 3000);`;

test("a client with many questions under way loses none, however long it asks", async () => {
  const env = { QUERY: query("web").toString("hex") };
  const command = ["nsenter", `--net=/proc/${process.pid}/fd/${namespace.fd}`, process.execPath, "-e", keenClient];
  const asks = Bun.spawn(command, { env, stdout: "pipe" });
  expect(await new Response(asks.stdout).text()).toBe("0\n");
  expect(await asks.exited).toBe(0);
}, 60_000);

test("a second server in the same namespace takes the port over, as after a death of netd", async () => {
  const next = await start();
  resolver[Symbol.dispose]();
  resolver = next;
  expect((await ask("web")).answers).toHaveLength(1);
});
