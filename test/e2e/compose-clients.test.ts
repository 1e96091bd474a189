/**
 * Compose as Docker and Debian ship it, driving the daemon as its users do: Debian's docker-compose 1.29, and the plugin of
 * today where DHOW_TEST_COMPOSE names its binary (Debian 12 has none).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CommandResult, run, slowness } from "../harness/command.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const plugin = process.env.DHOW_TEST_COMPOSE;
if (!plugin) console.log("compose 2 is not tested: DHOW_TEST_COMPOSE names no plugin binary");

const file = `services:
  base:
    image: busybox
    command: ["sh", "-c", "echo base is up; sleep 0.5; touch /tmp/well; exec sleep 1000"]
    stop_signal: SIGKILL
    healthcheck: {test: ["CMD", "test", "-e", "/tmp/well"], interval: 200ms, retries: 50}
    networks: [back]
  web:
    image: busybox
    command: ["sh", "-c", "echo web is up; echo hello > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"]
    stop_signal: SIGKILL
    environment: {GREETING: "hello there"}
    ports: ["127.0.0.1::8080"]
    depends_on: {base: {condition: service_healthy}}
    networks: {back: {aliases: [site]}}
    volumes: ["kept:/kept"]
  worker:
    image: busybox
    command: ["sleep", "1000"]
    stop_signal: SIGKILL
    networks: [back]
    tmpfs: /scratch
    mem_limit: 32m
networks: {back: {}}
volumes: {kept: {}}
`;

/** A project of that file: what a compose command says of it, which must succeed. */
function project(name: string, binary: readonly string[], text: string) {
  let folder = "";
  const write = (): void => {
    folder = mkdtempSync(join(tmpdir(), "dhow-compose-"));
    writeFileSync(join(folder, "compose.yml"), text);
  };
  const tried = (...args: string[]): Promise<CommandResult> =>
    run([...binary, "-p", name, "-f", join(folder, "compose.yml"), ...args], {
      env: { DOCKER_HOST: `unix://${daemon().socket}`, COMPOSE_ANSI: "never", COMPOSE_PROGRESS: "plain" },
      timeoutMs: 60_000,
    });
  const compose = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await tried(...args);
    if (code !== 0)
      throw new Error(`compose ${args.join(" ")} -> ${code}\n${stdout}\n${stderr}\n${daemon().lastLogged()}`);
    return stdout;
  };
  return { compose, tried, write, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

interface Summary {
  readonly Names: readonly string[];
  readonly State: string;
  readonly Created: number;
}

/** Names and states of a project's containers, as the engine lists them. */
async function states(name: string): Promise<Record<string, string>> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`com.docker.compose.project=${name}`] }));
  const { body } = await daemon().api<Summary[]>("GET", `/containers/json?all=1&filters=${filters}`);
  return Object.fromEntries(body.map(({ Names, State }) => [Names[0]?.slice(name.length + 2) ?? "", State]));
}

interface Inspected {
  readonly State: {
    readonly StartedAt: string;
    readonly Health?: { readonly Log: readonly { readonly End: string }[] };
  };
}

const inspect = async (name: string): Promise<Inspected> =>
  (await daemon().api<Inspected>("GET", `/containers/${name}/json`)).body;

/** What every compose can be asked; `separator` stands between the parts of a container's name. */
function asks(name: string, separator: string, { compose, tried }: ReturnType<typeof project>): void {
  const part = (service: string, n = 1) => `${service}${separator}${n}`;
  const whole = (service: string) => `${name}${separator}${part(service)}`;

  test("up makes all, and web only once base is healthy", async () => {
    expect(await states(name)).toEqual({
      [part("base")]: "running",
      [part("web")]: "running",
      [part("worker")]: "running",
    });
    const base = await inspect(whole("base"));
    const web = await inspect(whole("web"));
    expect(Date.parse(web.State.StartedAt)).toBeGreaterThanOrEqual(Date.parse(base.State.StartedAt) + 500);
    expect(await compose("ps")).toContain(whole("web"));
    expect((await compose("ps", "--services")).trim().split("\n").sort()).toEqual(["base", "web", "worker"]);
  });

  test("a second up changes nothing", async () => {
    const before = await inspect(whole("web"));
    await compose("up", "-d");
    expect((await inspect(whole("web"))).State.StartedAt).toBe(before.State.StartedAt);
  });

  test("logs, port, top, images and exec tell of a service", async () => {
    expect(await compose("logs", "web", "base")).toMatch(/web.*\|.* web is up/);
    expect(await compose("logs", "web", "base")).toMatch(/base.*\|.* base is up/);
    const address = (await compose("port", "web", "8080")).trim();
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(await (await fetch(`http://${address}/`)).text()).toBe("hello\n");
    expect(await compose("top", "worker")).toContain("sleep 1000");
    expect(await compose("images")).toContain("busybox");
    expect(await compose("exec", "-T", "web", "sh", "-c", "echo $GREETING; hostname -i | wc -w")).toBe(
      "hello there\n1\n",
    );
    expect(await compose("exec", "-T", "worker", "wget", "-qO-", "http://site:8080/")).toBe("hello\n");
    expect((await tried("exec", "-T", "web", "sh", "-c", "exit 9")).code).toBe(9);
  });

  test("scaling up and down", async () => {
    await compose("up", "-d", "--scale", "worker=3");
    expect(
      Object.keys(await states(name))
        .filter((each) => each.startsWith("worker"))
        .sort(),
    ).toEqual([1, 2, 3].map((n) => part("worker", n)));
    await compose("up", "-d", "--scale", "worker=1");
    expect(await states(name)).toEqual({
      [part("base")]: "running",
      [part("web")]: "running",
      [part("worker")]: "running",
    });
  });

  test("restart, stop, start, pause, kill and rm of one service", async () => {
    const before = await inspect(whole("web"));
    await compose("restart", "web");
    expect((await inspect(whole("web"))).State.StartedAt).not.toBe(before.State.StartedAt);
    const after: [command: string[], state: string | undefined][] = [
      [["stop", "worker"], "exited"],
      [["start", "worker"], "running"],
      [["pause", "worker"], "paused"],
      [["unpause", "worker"], "running"],
      [["kill", "worker"], "exited"],
      [["rm", "-f", "worker"], undefined],
      [["up", "-d", "worker"], "running"],
    ];
    for (const [command, state] of after) {
      await compose(...command);
      expect({ command, state: (await states(name))[part("worker")] }).toEqual({ command, state });
    }
  });

  test("run makes a container for one command, on the project's network", async () => {
    expect(await compose("run", "--rm", "-T", "worker", "wget", "-qO-", "http://web:8080/")).toBe("hello\n");
    expect((await tried("run", "--rm", "-T", "worker", "sh", "-c", "exit 4")).code).toBe(4);
    expect(Object.keys(await states(name)).length).toBe(3);
  });
}

/** Declares the hooks around a project's tests: up before, and at the end down, which leaves nothing. */
function withProject(name: string, made: ReturnType<typeof project>): void {
  beforeAll(async () => {
    made.write();
    await made.compose("up", "-d");
  }, 60_000 * slowness);
  afterAll(async () => {
    const down = await made.tried("down", "-v", "-t", "0");
    made.remove();
    expect({ code: down.code, stderr: down.code === 0 ? "" : down.stderr }).toEqual({ code: 0, stderr: "" });
    expect(await states(name)).toEqual({});
    expect(await daemon().must("volume", "ls", "-q")).toBe("");
    const networks = (await daemon().must("network", "ls", "--format", "{{.Name}}")).trim().split("\n").sort();
    expect(networks).toEqual(["bridge", "host", "none"]);
  }, 60_000 * slowness);
}

describe("docker-compose 1.29", () => {
  const made = project("older", ["docker-compose"], `version: "2.4"\n${file}`);
  withProject("older", made);
  asks("older", "_", made);
});

describe.skipIf(!plugin)("docker compose 2", () => {
  const more = `${file}configs: {told: {content: "from a config\\n"}}\nsecrets: {kept: {environment: COMPOSE_PROGRESS}}\n`;
  const text = more.replace("    tmpfs: /scratch\n", "    tmpfs: /scratch\n    configs: [told]\n    secrets: [kept]\n");
  const made = project("newer", [plugin ?? "docker-compose"], text);
  withProject("newer", made);
  asks("newer", "-", made);
  const { compose, tried } = made;

  // 1.29 reads a field for this that dockerd no longer tells since 25.
  test("a changed service is made anew, and keeps its volume", async () => {
    await compose("exec", "-T", "web", "touch", "/kept/file");
    const before = await inspect("newer-web-1");
    await compose("up", "-d", "--force-recreate", "--no-deps", "web");
    expect((await inspect("newer-web-1")).State.StartedAt).not.toBe(before.State.StartedAt);
    expect(await compose("exec", "-T", "web", "ls", "/kept")).toBe("file\n");
  });

  test("up --wait waits for health, and wait for an end", async () => {
    await compose("up", "-d", "--force-recreate", "--wait", "base");
    expect((await inspect("newer-base-1")).State.Health?.Log.length).toBeGreaterThan(0);
    const waited = tried("wait", "worker");
    await Bun.sleep(300);
    await compose("kill", "worker");
    expect((await waited).code).toBe(137);
    await compose("up", "-d");
  });

  test("configs and secrets are files in the container", async () => {
    expect(await compose("exec", "-T", "worker", "cat", "/told", "/run/secrets/kept")).toBe("from a config\nplain");
  });

  test("cp, ls, ps as JSON, stats and volumes", async () => {
    const out = mkdtempSync(join(tmpdir(), "dhow-compose-cp-"));
    try {
      await compose("cp", "web:/tmp/index.html", join(out, "copied"));
      expect(await Bun.file(join(out, "copied")).text()).toBe("hello\n");
      await compose("cp", join(out, "copied"), "worker:/tmp/back");
      expect(await compose("exec", "-T", "worker", "cat", "/tmp/back")).toBe("hello\n");
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
    expect(JSON.parse(await compose("ls", "--format", "json"))).toMatchObject([
      { Name: "newer", Status: "running(3)" },
    ]);
    const rows = (await compose("ps", "--format", "json"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(rows.map(({ Service, State }) => [Service, State]).sort()).toEqual([
      ["base", "running"],
      ["web", "running"],
      ["worker", "running"],
    ]);
    expect(await compose("stats", "--no-stream")).toContain("newer-web-1");
    expect(await compose("volumes")).toContain("newer_kept");
  });
});
