/** Against servers of our own on loopback addresses. */
import { afterEach, expect, test } from "bun:test";
import { closeSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, encode } from "dns-packet";
import { createNamespace, type HeldNamespace, unpinNamespace } from "../../../linux/netns.ts";
import { framed, MessageReader } from "./framing.ts";
import { Upstreams } from "./upstream.ts";

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

const query = encode({ type: "query", id: 5, flags: 0x100, questions: [{ name: "example.org", type: "A" }] });
const answerTo = (asked: Uint8Array, data: string, more: { id?: number; name?: string; flags?: number } = {}) => {
  const packet = decode(Buffer.from(asked));
  const name = more.name ?? packet.questions?.[0]?.name ?? "";
  return encode({
    type: "response",
    id: more.id ?? packet.id ?? 0,
    flags: more.flags ?? 0,
    questions: [{ name, type: "A" }],
    answers: [{ name, type: "A", ttl: 1, data }],
  });
};

/** A server whose `reply` gives the datagrams that follow a query. */
async function server(address: string, reply: (asked: Uint8Array) => Uint8Array[]): Promise<Uint8Array[]> {
  const seen: Uint8Array[] = [];
  const socket = await Bun.udpSocket({
    hostname: address,
    port: 53,
    socket: {
      data(self, bytes, port, from) {
        seen.push(new Uint8Array(bytes));
        for (const each of reply(bytes)) self.send(each, port, from);
      },
    },
  });
  open.push(() => socket.close());
  return seen;
}

function upstreams(...addresses: string[]): Upstreams {
  const made = new Upstreams(
    addresses.map((address) => ({ address, fromHost: true })),
    { fd: -1 },
  );
  open.push(() => made[Symbol.dispose]());
  return made;
}

const dataOf = (answer: Buffer | null): unknown =>
  answer && decode(answer).answers?.map((each) => (each as { data: string }).data);

test("ask() speaks to a server with an IPv6 address", async () => {
  await server("::1", (asked) => [answerTo(asked, "1.2.3.4")]);
  expect(dataOf(await upstreams("::1").ask(query, false))).toEqual(["1.2.3.4"]);
});

test("ask() hides the client's id from the server and gives it back", async () => {
  const seen = await server("127.9.0.1", (asked) => [answerTo(asked, "1.2.3.4")]);
  const answers = await Promise.all(Array.from({ length: 20 }, () => upstreams("127.9.0.1").ask(query, false)));
  for (const answer of answers) {
    expect(dataOf(answer)).toEqual(["1.2.3.4"]);
    expect(answer?.readUInt16BE(0)).toBe(5);
  }
  expect(new Set(seen.map((bytes) => decode(Buffer.from(bytes)).id)).size).toBeGreaterThan(15);
});

test("hardening 106: an answer with another id or to another question is not believed", async () => {
  await server("127.9.0.2", (asked) => [
    answerTo(asked, "6.6.6.6", { id: ((decode(Buffer.from(asked)).id ?? 0) + 1) % 0x10000 }),
    answerTo(asked, "6.6.6.7", { name: "other.org" }),
    new Uint8Array(3),
    answerTo(asked, "1.2.3.4"),
  ]);
  expect(dataOf(await upstreams("127.9.0.2").ask(query, false))).toEqual(["1.2.3.4"]);
});

test("a server that refuses or that nobody runs is passed over at once, one that is silent after two seconds", async () => {
  await server("127.9.0.3", (asked) => [answerTo(asked, "6.6.6.6", { flags: 2 })]);
  await server("127.9.0.4", (asked) => [answerTo(asked, "1.2.3.4")]);
  await server("127.9.0.5", () => []);
  const from = performance.now();
  expect(dataOf(await upstreams("127.9.0.99", "127.9.0.3", "127.9.0.4").ask(query, false))).toEqual(["1.2.3.4"]);
  expect(performance.now() - from).toBeLessThan(1500);
  expect(dataOf(await upstreams("127.9.0.5", "127.9.0.4").ask(query, false))).toEqual(["1.2.3.4"]);
});

test("without any answer there is null, or the last refusal", async () => {
  await server("127.9.0.6", (asked) => [answerTo(asked, "0.0.0.0", { flags: 5 })]);
  expect(await upstreams().ask(query, false)).toBeNull();
  expect(((await upstreams("127.9.0.6").ask(query, false))?.[3] ?? 0) & 0xf).toBe(5);
});

test("ask() over TCP takes an answer that comes in pieces", async () => {
  const listener = Bun.listen<{ reader: MessageReader }>({
    hostname: "127.9.0.7",
    port: 53,
    socket: {
      open: (socket) => {
        socket.data = { reader: new MessageReader() };
      },
      async data(socket, bytes) {
        for (const asked of socket.data.reader.push(bytes)) {
          for (const byte of framed(answerTo(asked, "1.2.3.4"))) {
            socket.write(Uint8Array.of(byte));
            socket.flush();
            await Bun.sleep(0);
          }
        }
      },
    },
  });
  open.push(() => listener.stop(true));
  expect(dataOf(await upstreams("127.9.0.7").ask(query, true))).toEqual(["1.2.3.4"]);
  expect(await upstreams("127.9.0.98").ask(query, true)).toBeNull();
});

/** Runs in a network namespace with `lo` up that is gone afterwards; needs root. */
async function apart(
  inside: (namespace: HeldNamespace, within: (...args: string[]) => void) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "dhow-upstream-"));
  const path = join(dir, "ns");
  const namespace = createNamespace(path, () => {});
  const within = (...command: string[]) => {
    const { exitCode, stderr } = Bun.spawnSync(["nsenter", `--net=${path}`, ...command]);
    if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
  };
  try {
    within("ip", "link", "set", "lo", "up");
    await inside(namespace, within);
  } finally {
    closeSync(namespace.fd);
    unpinNamespace(path);
    rmSync(dir, { recursive: true });
  }
}

test("a server that answers a connection late, and then refuses it, harms nobody", async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  process.on("unhandledRejection", note);
  try {
    await apart(async (namespace, within) => {
      within(
        "nft",
        "add table ip t; add chain ip t c { type filter hook input priority 0; }; add rule ip t c tcp dport 53 drop",
      );
      const asked = new Upstreams([{ address: "127.0.0.1", fromHost: false }], namespace);
      open.push(() => asked[Symbol.dispose]());
      expect(await asked.ask(query, true)).toBeNull();
      within("nft", "flush ruleset");
      // The kernel asks again one and three seconds after the first time.
      await Bun.sleep(2500);
    });
    expect(unhandled).toEqual([]);
  } finally {
    process.off("unhandledRejection", note);
  }
}, 10_000);
