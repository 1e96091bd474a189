/** A container that writes a gigabyte a minute, readers of its log that are slow, and some that take nothing at all. */
import { connect } from "node:net";
import type { TestDaemon } from "../../test/harness/daemon.ts";
import { Wire } from "../../test/harness/wire.ts";

const slowReaders = 2;
const hungReaders = 20;
/** What a slow reader takes at a time, and how long it rests then. */
const sipBytes = 64 * 1024;
const restMs = 20;

export async function flood(daemon: TestDaemon, seconds: number): Promise<void> {
  const flags = ["--log-opt", "max-size=10m", "--log-opt", "max-file=3"];
  // 2,000 lines of 100 bytes at a time, with rests: a gigabyte a minute, and somewhat more on an idle machine.
  const line = "x".repeat(99);
  const block = `block=$(for i in $(seq 1 2000); do echo ${line}; done)`;
  await daemon.must(
    "run",
    "-d",
    "--name",
    "flood",
    ...flags,
    "busybox",
    "sh",
    "-c",
    `${block}; while :; do echo "$block"; usleep 6000; done`,
  );
  const path = "/containers/flood/logs?follow=1&stdout=1&stderr=1";
  const hung = Array.from({ length: hungReaders }, () => Wire.send(daemon.socket, { method: "GET", path }));
  for (const each of hung) each.pause();
  const readers = Array.from({ length: slowReaders }, () => slowReader(daemon.socket, path));
  await Bun.sleep(seconds * 1000);
  const taken = readers.map((reader) => reader.stop());
  for (const each of hung) each[Symbol.dispose]();
  const written = Number((await daemon.must("exec", "flood", "cat", "/proc/1/io")).match(/wchar: (\d+)/)?.[1]);
  const perMinute = (written / seconds) * 60;
  console.log(
    `${(perMinute / 1e9).toFixed(2)} GB a minute written; slow readers took ${taken.map((n) => (n / 1e6).toFixed(0)).join(", ")} MB`,
  );
  await daemon.must("rm", "-f", "flood");
}

function slowReader(socket: string, path: string): { stop: () => number } {
  let taken = 0;
  let sip = 0;
  const client = connect({ path: socket });
  client.write(`GET ${path} HTTP/1.1\r\nHost: d\r\n\r\n`);
  client.on("error", () => {});
  client.on("data", (data) => {
    taken += data.length;
    sip += data.length;
    if (sip < sipBytes) return;
    sip = 0;
    client.pause();
    setTimeout(() => client.resume(), restMs);
  });
  return {
    stop: () => {
      client.destroy();
      return taken;
    },
  };
}
