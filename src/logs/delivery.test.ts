import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readDelivered } from "../lib/log-file/position.ts";
import { LogWriter } from "../lib/log-file/writer.ts";
import type { LogTarget } from "../supervisor/protocol.ts";
import { info, StreamSink, UdpSink, until } from "./fixtures/sinks.ts";
import { createLogs, type Logs } from "./logs.ts";

let directory: string;
let troubles: string[];
beforeEach(() => {
  directory = mkdtempSync("/tmp/dhow-delivery-");
  troubles = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

let clock = 1_700_000_000_000_000_000n;
const now = (): bigint => clock++;
const engine = (): Logs => createLogs({ log: (text) => troubles.push(text) });
const { containerId } = info({});

const syslog = (port: number, more: Record<string, string> = {}) => ({
  Type: "syslog",
  Config: { "syslog-address": `tcp://127.0.0.1:${port}`, "cache-max-size": "2k", ...more },
});

const start = async (logs: Logs, log: ReturnType<typeof syslog>): Promise<LogTarget> => {
  const target = await logs.start(log, info(log.Config), directory);
  if (!target) throw new Error("no target");
  return target;
};

const writerOf = (target: LogTarget): LogWriter => new LogWriter({ ...target, now });
const said = (sink: StreamSink): string[] => sink.text.split("\n").flatMap((line) => line.split("]: ")[1] ?? []);
const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `${from + i}`);
const write = (writer: LogWriter, from: number, to: number): void => {
  for (let i = from; i < to; i++) writer.write("stdout", Buffer.from(`${i}\n`));
};

describe("a log that is delivered", () => {
  test("goes on where it stood after the engine's restart: nothing lost, nothing doubled", async () => {
    await using sink = await StreamSink.open();
    const log = syslog(sink.port);
    let logs = engine();
    const target = await start(logs, log);
    using writer = writerOf(target);
    write(writer, 0, 20);
    await until(() => said(sink).length === 20);
    for (let round = 1; round < 5; round++) {
      await logs[Symbol.asyncDispose]();
      write(writer, round * 20, round * 20 + 10);
      logs = engine();
      logs.resume(log, info(log.Config), directory, true);
      write(writer, round * 20 + 10, round * 20 + 20);
      await until(() => said(sink).length >= round * 20 + 20);
    }
    expect(said(sink)).toEqual(numbers(0, 100));
    await logs[Symbol.asyncDispose]();
    expect(troubles).toEqual([]);
  });

  test("by datagrams is left off in the middle without a failure", async () => {
    await using udp = await UdpSink.open();
    const logs = engine();
    const log = { Type: "syslog", Config: { "syslog-address": `udp://127.0.0.1:${udp.port}` } };
    const target = await logs.start(log, info(log.Config), directory);
    if (!target) throw new Error("no target");
    using writer = writerOf(target);
    write(writer, 0, 3);
    await until(() => udp.datagrams.length === 3);
    await logs[Symbol.asyncDispose]();
    expect(troubles).toEqual([]);
  });

  test("goes elsewhere from the first message that is not delivered, once its options change", async () => {
    await using one = await StreamSink.open();
    await using two = await StreamSink.open();
    await using logs = engine();
    const target = await start(logs, syslog(one.port));
    using writer = writerOf(target);
    write(writer, 0, 20);
    await until(() => said(one).length === 20);
    const log = syslog(two.port);
    await logs.change(log, info(log.Config), directory);
    write(writer, 20, 40);
    await until(() => said(two).length >= 20);
    expect([said(one), said(two)]).toEqual([numbers(0, 20), numbers(20, 40)]);
    expect(troubles).toEqual([]);
  });

  test("is delivered to its end after the container has ended, and to a removal's patience", async () => {
    await using sink = await StreamSink.open();
    await using logs = engine();
    const target = await start(logs, syslog(sink.port));
    const writer = writerOf(target);
    write(writer, 0, 200);
    writer.write("stderr", Buffer.from("tail"));
    writer.end("stderr");
    writer[Symbol.dispose]();
    logs.ended(containerId);
    await logs.removed(containerId);
    await until(() => said(sink).length >= 201);
    expect(said(sink)).toEqual([...numbers(0, 200), "tail"]);
    await until(() => sink.connections.every(({ ended }) => ended));
  });

  test("waits for a sink that goes away and comes back", async () => {
    const sink = await StreamSink.open();
    const { port } = sink;
    await using logs = engine();
    using writer = writerOf(await start(logs, syslog(port)));
    write(writer, 0, 10);
    await until(() => said(sink).length === 10);
    await sink.close();
    // A connection that the far side has closed may swallow one write before the kernel tells; so it is told here first.
    await Bun.sleep(50);
    write(writer, 10, 30);
    await until(() => troubles.length > 0);
    await using back = await StreamSink.open({ port });
    await until(() => said(back).length >= 20);
    expect(said(back)).toEqual(numbers(10, 30));
    expect(troubles.length).toBe(1);
  });

  test("whose sink is slow holds its writer in blocking mode, and only then", async () => {
    const fill = async (more: Record<string, string>): Promise<number> => {
      await using sink = await StreamSink.open();
      sink.onConnection = (socket) => void socket.pause();
      await using logs = engine();
      using writer = writerOf(await start(logs, syslog(sink.port, more)));
      let lines = 0;
      for (; lines < 4000; lines++) {
        const room = writer.room();
        if (room && (await Promise.race([room.then(() => true), Bun.sleep(300)])) !== true) break;
        writer.write("stdout", Buffer.from(`${"x".repeat(8000)}\n`));
      }
      return lines;
    };
    expect(await fill({ "cache-max-size": "200k" })).toBeLessThan(4000);
    expect(troubles).toEqual([]);
    expect(await fill({ "cache-max-size": "200k", mode: "non-blocking" })).toBe(4000);
  }, 60_000);

  test("tells in non-blocking mode how many messages a sink that came back late does not get", async () => {
    const sink = await StreamSink.open();
    const { port } = sink;
    await using logs = engine();
    const small = { "cache-max-size": "1k", "cache-max-file": "2", mode: "non-blocking" };
    using writer = writerOf(await start(logs, syslog(port, small)));
    await sink.close();
    await Bun.sleep(50);
    for (let i = 0; i < 30; i++) {
      write(writer, i * 10, i * 10 + 10);
      await Bun.sleep(2);
    }
    await until(() => troubles.length > 0);
    await using back = await StreamSink.open({ port });
    await until(() => said(back).at(-1) === "299");
    const dropped = troubles.flatMap((text) => /(\d+) messages dropped/.exec(text)?.[1] ?? []).map(Number);
    expect(dropped.reduce((sum, each) => sum + each, 0) + said(back).length).toBe(300);
    expect(dropped.length).toBeGreaterThan(0);
  });

  test("whose syslog is away does not hold its writer; a fluentd that is away does", async () => {
    const roomWhileAway = async (Type: string, Config: Record<string, string>, sink: StreamSink): Promise<boolean> => {
      await using logs = engine();
      const target = await logs.start({ Type, Config }, info(Config), directory);
      await sink.close();
      await Bun.sleep(50);
      using writer = writerOf(target as LogTarget);
      for (let i = 0; i < 20; i++) write(writer, 0, 10);
      await until(() => troubles.length > 0);
      const room = writer.room() === null;
      rmSync(directory, { recursive: true, force: true });
      return room;
    };
    const small = { "cache-max-size": "1k", "cache-max-file": "2" };
    const one = await StreamSink.open();
    expect(await roomWhileAway("syslog", { ...syslog(one.port).Config, ...small }, one)).toBe(true);
    directory = mkdtempSync("/tmp/dhow-delivery-");
    troubles = [];
    const two = await StreamSink.open();
    expect(await roomWhileAway("fluentd", { "fluentd-address": `127.0.0.1:${two.port}`, ...small }, two)).toBe(false);
  });

  test("fails the start in dockerd's words when there is nobody, and leaves nothing running", async () => {
    await using logs = engine();
    await expect(start(logs, syslog(1))).rejects.toThrow(
      "failed to create task for container: failed to initialize logging driver: dial tcp 127.0.0.1:1: connect: connection refused",
    );
    expect(existsSync(join(directory, "container-cached.log.position"))).toBe(false);
  });

  test("keeps the parts of a line together across the engine's restart", async () => {
    await using sink = await StreamSink.open();
    const Config = { "fluentd-address": `127.0.0.1:${sink.port}` };
    const log = { Type: "fluentd", Config };
    let logs = engine();
    const target = (await logs.start(log, info(Config), directory)) as LogTarget;
    using writer = writerOf(target);
    writer.write("stdout", Buffer.from("x".repeat(16_384)));
    await until(() => readDelivered(target.position ?? "")?.partial.stdout?.ordinal === 1);
    const first = readDelivered(target.position ?? "")?.partial.stdout?.id ?? "";
    await logs[Symbol.asyncDispose]();
    logs = engine();
    logs.resume(log, info(Config), directory, true);
    writer.write("stdout", Buffer.from("rest\n"));
    await until(() => sink.text.includes("partial_last\u{fffd}true") || /partial_last.true/.test(sink.text));
    expect(sink.text.split(first).length).toBe(3);
    expect(sink.text).toMatch(/partial_ordinal.2/);
    await logs[Symbol.asyncDispose]();
  });
});
