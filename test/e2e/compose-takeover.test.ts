/**
 * One project, by turns in the hands of our compose and of Debian's docker-compose 1.29 on our socket. That one knows a
 * project by the same labels but has a digest and names of its own: either makes the other's containers anew once.
 */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CommandResult, run, slowness } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-takeover-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const daemon = withDaemon();

const file = join(dir, "compose.yaml");
writeFileSync(
  file,
  `
services:
  db: {image: busybox, command: [sleep, "1000"], stop_signal: SIGKILL, volumes: ["data:/data"]}
  web: {image: busybox, command: [sleep, "1000"], stop_signal: SIGKILL, depends_on: [db], networks: [back]}
networks: {back: {}}
volumes: {data: {}}
`,
);

async function compose(binary: readonly string[], ...args: string[]): Promise<CommandResult> {
  const result = await run([...binary, ...args], {
    env: { DOCKER_HOST: `unix://${daemon().socket}`, DHOW_AUTOSTART: "0", COMPOSE_ANSI: "never" },
  });
  if (result.code !== 0)
    throw new Error(`${args.join(" ")} -> ${result.code}\n${result.stderr}\n${daemon().lastLogged()}`);
  return result;
}
const taken = ["-f", file, "-p", "taken"];
const ours = (...args: string[]) => compose([dhowBinary, "compose", ...taken], ...args);
const old = (...args: string[]) => compose(["docker-compose", ...taken], ...args);

interface Row {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>>;
}

/** `db running` for each container of the project, and their ids. */
async function found(): Promise<{ readonly states: string[]; readonly ids: string[]; readonly names: string[] }> {
  const filters = encodeURIComponent(JSON.stringify({ label: ["com.docker.compose.project=taken"] }));
  const { body } = await daemon().api<Row[]>("GET", `/containers/json?all=1&filters=${filters}`);
  const rows = body.sort((a, b) => (service(a) < service(b) ? -1 : 1));
  return {
    states: rows.map((row) => `${service(row)} ${row.State}`),
    ids: rows.map(({ Id }) => Id),
    names: rows.map(({ Names }) => Names[0] ?? ""),
  };
}
const service = ({ Labels }: Row): string => Labels["com.docker.compose.service"] ?? "";
const both = ["db running", "web running"];
const data = async (db: string) => (await daemon().docker("exec", db, "cat", "/data/kept")).stdout.trim();

test.skipIf(Bun.which("docker-compose") === null)(
  "a project goes from our compose to docker-compose 1.29 and back, with its volume's data and nothing twice",
  async () => {
    await ours("up", "-d");
    const first = await found();
    expect(first).toMatchObject({ states: both, names: ["/taken-db-1", "/taken-web-1"] });
    await daemon().must("exec", first.names[0]!.slice(1), "sh", "-c", "echo data > /data/kept");

    expect((await old("ps", "-q")).stdout.trim().split("\n").sort()).toEqual([...first.ids].sort());
    await old("up", "-d", "--no-recreate");
    expect((await found()).ids).toEqual(first.ids);
    await old("restart", "-t", "1", "web");
    await old("rm", "-sf");
    expect((await found()).states).toEqual([]);
    await old("up", "-d");
    const second = await found();
    expect(second.states).toEqual(both);
    expect(second.ids.filter((id) => first.ids.includes(id))).toEqual([]);
    expect(await data(second.ids[0]!)).toBe("data");
    await old("up", "-d");
    expect((await found()).ids).toEqual(second.ids);

    expect((await ours("ps", "-q", "--no-trunc")).stdout.trim().split("\n").sort()).toEqual([...second.ids].sort());
    await ours("up", "-d");
    const third = await found();
    expect(third).toMatchObject({ states: both, names: ["/taken-db-1", "/taken-web-1"] });
    expect(await data(third.ids[0]!)).toBe("data");
    await ours("up", "-d");
    expect((await found()).ids).toEqual(third.ids);

    await old("stop");
    expect((await found()).states).toEqual(["db exited", "web exited"]);
    await old("down");
    expect((await found()).states).toEqual([]);
    await ours("down", "-v");
    expect(await daemon().must("volume", "ls", "-q")).toBe("");
    expect(await daemon().must("network", "ls", "-q", "--filter", "name=taken")).toBe("");
  },
  180_000 * slowness,
);

test.skipIf(Bun.which("docker-compose") === null)(
  "docker-compose 1.29 makes a changed service's container anew and keeps what its anonymous volumes hold",
  async () => {
    const base = await daemon().must("create", "busybox", "true");
    await daemon().must("commit", "-c", "VOLUME /declared", base.trim(), "with-volume");
    await daemon().must("rm", base.trim());
    const changing = join(dir, "changing.yaml");
    const write = (value: string): void =>
      writeFileSync(
        changing,
        `
services:
  kept: {image: busybox, command: [sleep, "1000"], stop_signal: SIGKILL}
  app:
    image: with-volume
    command: [sleep, "1000"]
    stop_signal: SIGKILL
    volumes: [/asked]
    environment: {VALUE: "${value}"}
`,
      );
    const changed = (binary: readonly string[], ...args: string[]) =>
      compose([...binary, "-f", changing, "-p", "changing"], ...args);
    const rows = async (): Promise<string> =>
      daemon().must(
        "ps",
        "-a",
        "--filter",
        "label=com.docker.compose.project=changing",
        "--format",
        "{{.Names}} {{.ID}}",
      );
    const idOf = (text: string, name: string): string => text.split("\n").find((line) => line.includes(name)) ?? "";
    write("one");
    await changed(["docker-compose"], "up", "-d");
    const first = await rows();
    const app = idOf(first, "app").split(" ")[0]!;
    await daemon().must("exec", app, "sh", "-c", "echo a > /asked/f; echo b > /declared/f");
    write("two");
    await changed(["docker-compose"], "up", "-d");
    const second = await rows();
    expect(second.trim().split("\n")).toHaveLength(2);
    expect(idOf(second, "kept")).toBe(idOf(first, "kept"));
    expect(idOf(second, "app")).not.toBe(idOf(first, "app"));
    expect(await daemon().must("exec", app, "sh", "-c", "cat /asked/f /declared/f; echo $VALUE")).toBe("a\nb\ntwo\n");
    await changed(["docker-compose"], "up", "-d");
    expect(await rows()).toBe(second);
    await changed([dhowBinary, "compose"], "up", "-d");
    await changed(["docker-compose"], "up", "-d");
    expect((await rows()).trim().split("\n")).toHaveLength(2);
    await changed(["docker-compose"], "down", "-v");
  },
  120_000 * slowness,
);
