import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type CommandResult, run } from "../harness/command.ts";
import { dhowBinary, TestDaemon } from "../harness/daemon.ts";

let place: TestDaemon;
let socket: string;
let environment: Record<string, string>;

beforeEach(async () => {
  place = TestDaemon.reserve();
  socket = join(place.root, "run", "dhow.sock");
  const configFile = join(place.root, "daemon.json");
  await Bun.write(
    configFile,
    JSON.stringify({
      "data-root": place.dataRoot,
      "exec-root": place.execRoot,
      pidfile: join(place.root, "dhow.pid"),
      "bridge-name": place.bridge,
      bip: `10.213.${place.slot}.1/24`,
      "default-address-pools": [{ base: `10.214.${place.slot}.0/24`, size: 27 }],
    }),
  );
  // DOCKER_HOST would be a choice, and what somebody chose is never started.
  environment = { DHOW_SOCKET: socket, DHOW_CONFIG_FILE: configFile, DHOW_AUTOSTART: "", DOCKER_HOST: "" };
});

afterEach(async () => {
  if (existsSync(socket)) await dhow("daemon", "stop", "--all");
  await place[Symbol.asyncDispose]();
});

function dhow(...args: string[]): Promise<CommandResult> {
  return run([dhowBinary, ...args], { env: environment });
}

/** Process ids of the daemons of this place. */
function daemons(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        return command[1] === "daemon" && readFileSync(`/proc/${pid}/environ`, "utf8").includes(`=${socket}\0`);
      } catch {
        return false;
      }
    });
}

test("a command that finds no daemon starts one, says so with its log file, and goes on", async () => {
  const first = await dhow("ps");
  const log = join(place.root, "run", "dhow.log");
  expect(first.stderr).toBe(`dhow: no daemon at unix://${socket}, starting one in the background (log: ${log})\n`);
  expect(first.stdout).toStartWith("CONTAINER ID");
  expect(first.code).toBe(0);
  expect(readFileSync(log, "utf8")).toContain("API listen on");

  const [pid = 0] = daemons();
  const session = readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[5];
  expect(session).toBe(String(pid));
  expect(await dhow("ps", "-q")).toEqual({ code: 0, stdout: "", stderr: "" });
  expect((await dhow("daemon", "stop", "--all")).code).toBe(0);
  expect(daemons()).toEqual([]);
});

test("four commands at once start one daemon", async () => {
  const results = await Promise.all([dhow("ps"), dhow("ps"), dhow("images"), dhow("version", "-f", "{{.Server.Os}}")]);
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  expect(results.filter(({ stderr }) => stderr.includes("starting one"))).toHaveLength(1);
  expect(daemons()).toHaveLength(1);
});

test("a daemon that cannot start is told with the end of its log", async () => {
  await Bun.write(environment.DHOW_CONFIG_FILE!, `{"no-such-option": 1}`);
  const { code, stderr } = await dhow("ps");
  expect(code).toBe(1);
  expect(stderr).toContain("starting a daemon failed; the end of ");
  expect(stderr).toContain("the following directives don't match any configuration option: no-such-option");
});

test("no daemon is started with DHOW_AUTOSTART=0, nor where somebody chose the daemon", async () => {
  mkdirSync(join(place.root, "run"), { recursive: true });
  const cases: [Record<string, string>, string[]][] = [
    [{ DHOW_AUTOSTART: "0" }, ["ps"]],
    [{ DOCKER_HOST: `unix://${socket}` }, ["ps"]],
    [{}, ["-H", `unix://${socket}`, "ps"]],
  ];
  for (const [extra, args] of cases) {
    const { code, stderr } = await run([dhowBinary, ...args], { env: { ...environment, ...extra } });
    expect(stderr).toBe(`Cannot connect to the Docker daemon at unix://${socket}. Is the docker daemon running?\n`);
    expect(code).toBe(1);
  }
  expect(daemons()).toEqual([]);
});
