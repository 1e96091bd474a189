/** `compose` on a terminal: the live table, what is printed beside it, its keys, and interrupts. */
import { afterAll, afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { slowness, until } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { Screen } from "../harness/screen.ts";
import { TerminalClient } from "../harness/terminal.ts";
import { withDaemon } from "./fixture.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-compose-terminal-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const daemon = withDaemon();
const minute = 60_000 * slowness;

const write = (yaml: string): void => writeFileSync(join(dir, "compose.yaml"), yaml);
const command = (...args: string[]) => [dhowBinary, "compose", "-f", join(dir, "compose.yaml"), "-p", "tt", ...args];
function open(args: readonly string[], size = { cols: 60, rows: 14 }): TerminalClient {
  return new TerminalClient(command(...args), { DOCKER_HOST: `unix://${daemon().socket}`, DHOW_AUTOSTART: "0" }, size);
}
afterEach(async () => void (await daemon().must(...command("down", "-t", "0", "--remove-orphans").slice(1))), minute);
const states = async () => {
  const filter = "label=com.docker.compose.project=tt";
  const { stdout } = await daemon().docker("ps", "-a", "--filter", filter, "--format", "{{.Names}} {{.State}}");
  return stdout.trim().split("\n").filter(Boolean).sort();
};
const sleeper = `image: busybox, init: true, command: [sleep, "1000"]`;
/** Says a word ten times in the first second, and sleeps. */
const talker = (word: string) =>
  `image: busybox, init: true, command: [sh, -c, "for i in 1 2 3 4 5 6 7 8 9 10; do echo ${word} $$i; sleep 0.1; done; sleep 1000"]`;

test(
  "the table of many services fits the screen, and stays as one line for each that is shown",
  async () => {
    const names = Array.from({ length: 20 }, (_, at) => `s${String(at).padStart(2, "0")}`);
    write(`services:\n${names.map((name) => `  ${name}: {${sleeper}}\n`).join("")}`);
    await using terminal = open(["up", "-d"]);
    expect(await terminal.exited()).toBe(0);
    const shown = new Screen(60, 14).feed(terminal.output).text.split("\n");
    expect(shown[0]).toBe("[+] Running 21/21");
    expect(shown.length).toBe(13);
    for (const line of shown.slice(1))
      expect(line).toMatch(/^ ✔ (Container tt-s\d\d-1|Network tt_default) +\w+ +\d+\.\ds$/);
    expect(new Set(shown).size).toBe(13);
  },
  minute,
);

test(
  "a terminal that becomes narrower keeps one table, and a service that fails is told below it",
  async () => {
    const bad = `image: busybox, command: [sh, -c, "sleep 1; exit 3"]`;
    write(
      `services:\n  a: {${bad}}\n  b: {${sleeper}, depends_on: {a: {condition: service_completed_successfully}}}\n  c: {${sleeper}}\n`,
    );
    await using terminal = open(["up", "-d"], { cols: 100, rows: 30 });
    await until("the table", () => terminal.output.includes("Waiting"));
    const before = terminal.output.length;
    terminal.resize(40, 30);
    expect(await terminal.exited()).toBe(1);
    await until("the failure", () => terminal.output.endsWith("exit 3\r\n"));
    const after = terminal.output.slice(before);
    const drawn = after.slice(after.lastIndexOf("[+] Running"));
    for (const line of Bun.stripANSI(drawn).split("\r\n").slice(0, 5)) expect(Bun.stringWidth(line)).toBeLessThan(40);
    expect(Bun.stripANSI(drawn)).toMatch(/ ✘ Container tt-a-1 +service "a"/);
    expect(Bun.stripANSI(drawn)).toContain(`service "a" didn't complete successfully: exit 3`);
  },
  minute,
);

test(
  "what containers write while others start stands above the table, each line once",
  async () => {
    const slow = `${sleeper}, depends_on: {talker: {condition: service_healthy}}`;
    write(
      `services:\n  talker: {${talker("word")}, healthcheck: {test: [CMD, "false"], interval: 100ms, retries: 1, start_period: 1s}}\n  b: {${slow}}\n`,
    );
    await using terminal = open(["up"], { cols: 80, rows: 24 });
    expect(await terminal.exited()).toBe(1);
    const { text } = new Screen(80, 24).feed(terminal.output);
    for (let at = 1; at <= 5; at++) expect(text.match(new RegExp(`talker-1 +\\| word ${at}$`, "gm"))).toHaveLength(1);
    expect(text.match(/\[\+\] Running/g)).toHaveLength(1);
    expect(text).toMatch(/✘ Container tt-talker-1 +dependency failed to start/);
    expect(text.indexOf("word 5")).toBeLessThan(text.indexOf("[+] Running"));
  },
  minute,
);

test(
  "Ctrl-C stops the project, a second one kills it",
  async () => {
    const stubborn = `image: busybox, stop_grace_period: 60s, command: [sh, -c, "trap '' TERM; echo ready; while :; do sleep 1; done"]`;
    write(`services:\n  a: {${talker("word")}}\n  b: {${stubborn}}\n`);
    {
      await using terminal = open(["up", "a"], { cols: 80, rows: 24 });
      await until("a line", () => terminal.output.includes("word 3"));
      terminal.type("\x03");
      expect(await terminal.exited()).toBe(130);
      const { text } = new Screen(80, 24).feed(terminal.output);
      expect(text).toContain("Gracefully Stopping... press Ctrl+C again to force");
      expect(text).toMatch(/✔ Container tt-a-1 +Stopped/);
      expect(text).toContain("a-1 exited with code 143");
      expect(await states()).toEqual(["tt-a-1 exited"]);
    }
    await using terminal = open(["up"], { cols: 80, rows: 24 });
    await until("both", () => terminal.output.includes("ready"));
    terminal.type("\x03");
    await until("the stop", () => terminal.output.includes("Stopping"));
    terminal.type("\x03");
    expect(await terminal.exited()).toBe(130);
    expect(await states()).toEqual(["tt-a-1 exited", "tt-b-1 exited"]);
  },
  minute,
);

test(
  "the menu's keys: w watches and ceases, d leaves the project running; the keys are the terminal's again",
  async () => {
    write(`services:\n  a: {${talker("word")}, develop: {watch: [{path: ./f, action: sync, target: /f}]}}\n`);
    writeFileSync(join(dir, "f"), "one");
    await using terminal = open(["up"], { cols: 80, rows: 24 });
    const screen = () => new Screen(80, 24).feed(terminal.output).text;
    await until("the menu", () => /w {2}Enable Watch {4}d {2}Detach$/.test(screen()));
    terminal.type("w");
    await until("watching", () => /Watch enabled[\s\S]*w {2}Disable Watch/.test(screen()));
    writeFileSync(join(dir, "f"), "two");
    await until("the change", async () => (await daemon().docker("exec", "tt-a-1", "cat", "/f")).stdout === "two");
    terminal.type("w");
    await until("no watch", () => /Watch disabled[\s\S]*w {2}Enable Watch/.test(screen()));
    await until("all words", () => screen().includes("word 10"));
    for (let at = 1; at <= 10; at++) expect(screen().match(new RegExp(`\\| word ${at}$`, "gm"))).toHaveLength(1);
    terminal.type("d");
    expect(await terminal.exited()).toBe(0);
    expect(screen()).not.toContain("Detach");
    expect(await states()).toEqual(["tt-a-1 running"]);
  },
  minute,
);

test(
  "an attached up outlives restarts, by policy and by hand, and ends with the last container",
  async () => {
    write(
      `services:\n  a: {image: busybox, init: true, restart: "on-failure:2", command: [sh, -c, "echo began; sleep 0.2; exit 5"]}\n`,
    );
    await using terminal = open(["up"], { cols: 80, rows: 24 });
    expect(await terminal.exited()).toBe(0);
    const { text } = new Screen(80, 24).feed(terminal.output);
    expect(text.match(/\| began$/gm)).toHaveLength(3);
    expect(text.match(/a-1 exited with code 5 \(restarting\)$/gm)).toHaveLength(2);
    expect(text.match(/a-1 exited with code 5$/gm)).toHaveLength(1);
    write(`services:\n  a: {${talker("word")}}\n`);
    await daemon().must(...command("up", "--no-start").slice(1));
    await using second = open(["up"], { cols: 80, rows: 24 });
    await until("a line", () => second.output.includes("word 2"));
    await daemon().must("restart", "-t", "1", "tt-a-1");
    await until("the second life", () => (second.output.match(/word 2/g) ?? []).length === 2);
    await daemon().must("kill", "tt-a-1");
    expect(await second.exited()).toBe(0);
  },
  minute,
);
