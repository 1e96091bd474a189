/** `compose` over our daemon: projects brought up, changed, looked at and taken down; what is there is asked of the engine. */
import { afterAll, afterEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, slowness } from "../harness/command.ts";
import { dhowBinary, runClient } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-compose-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const daemon = withDaemon();
const minute = 60_000 * slowness;

/** The project `t` of this text, in a directory of its own. */
const write = (yaml: string, name = "compose.yaml"): void => writeFileSync(join(dir, name), yaml);
const compose = (...args: string[]) =>
  daemon().dhow("compose", "--project-directory", dir, "-f", join(dir, "compose.yaml"), "-p", "t", ...args);
const ok = async (...args: string[]) => {
  const { code, stdout, stderr } = await compose(...args);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return {
    stdout,
    lines: stderr
      .trimEnd()
      .split("\n")
      .map((line) => line.trim()),
  };
};
const docker = async (...args: string[]) => (await daemon().docker(...args)).stdout.trim();
const ids = async () =>
  (await docker("ps", "-aq", "--no-trunc", "--filter", "label=com.docker.compose.project=t")).split("\n").sort();

afterEach(async () => {
  await compose("down", "-v", "-t", "0", "--remove-orphans");
  expect(await docker("ps", "-aq", "--filter", "label=com.docker.compose.project=t")).toBe("");
  expect(await docker("network", "ls", "-q", "--filter", "label=com.docker.compose.project=t")).toBe("");
  expect(await docker("volume", "ls", "-q", "--filter", "label=com.docker.compose.project=t")).toBe("");
}, minute);

const two = `
services:
  db:
    image: busybox
    command: [sleep, "1000"]
    init: true
    healthcheck: {test: [CMD, "true"], interval: 200ms}
    volumes: [data:/data, /anon]
  web:
    image: busybox
    command: [sleep, "1000"]
    init: true
    depends_on: {db: {condition: service_healthy}}
volumes: {data: }
`;

test(
  "up makes a project in the order of its dependencies; a second one changes nothing",
  async () => {
    write(two);
    const { lines } = await ok("up", "-d");
    expect(lines.indexOf("Container t-db-1  Healthy")).toBeLessThan(lines.indexOf("Container t-web-1  Starting"));
    expect(lines).toContain("Network t_default  Created");
    expect(lines).toContain("Volume t_data  Created");
    const before = await ids();
    expect((await ok("up", "-d")).lines.sort()).toEqual([
      "Container t-db-1  Healthy",
      "Container t-db-1  Running",
      "Container t-db-1  Waiting",
      "Container t-web-1  Running",
    ]);
    expect(await ids()).toEqual(before);
    const labels = JSON.parse(await docker("inspect", "-f", "{{json .Config.Labels}}", "t-web-1"));
    expect(labels).toMatchObject({
      "com.docker.compose.project": "t",
      "com.docker.compose.service": "web",
      "com.docker.compose.container-number": "1",
      "com.docker.compose.oneoff": "False",
      "com.docker.compose.depends_on": "db:service_healthy:false",
      "com.docker.compose.project.working_dir": dir,
      "com.docker.compose.project.config_files": join(dir, "compose.yaml"),
    });
    expect(await docker("exec", "t-web-1", "wget", "-q", "-O-", "http://db")).toBe("");
    expect(await docker("exec", "t-web-1", "nslookup", "db")).toContain("Address");
  },
  minute,
);

test(
  "up replaces only what has changed, and keeps its anonymous volumes unless -V says otherwise",
  async () => {
    write(two);
    await ok("up", "-d");
    await docker("exec", "t-db-1", "sh", "-c", "echo here > /anon/f");
    const web = await docker("inspect", "-f", "{{.Id}}", "t-web-1");
    write(two.replace("init: true\n    healthcheck", "init: true\n    environment: {A: b}\n    healthcheck"));
    const { lines } = await ok("up", "-d");
    expect(lines).toContain("Container t-db-1  Recreated");
    expect(lines).toContain("Container t-web-1  Running");
    expect(await docker("inspect", "-f", "{{.Id}}", "t-web-1")).toBe(web);
    expect(await docker("exec", "t-db-1", "cat", "/anon/f")).toBe("here");
    await ok("up", "-d", "--force-recreate", "-V");
    expect(await docker("exec", "t-db-1", "ls", "/anon")).toBe("");
    expect(await docker("inspect", "-f", "{{.Id}}", "t-web-1")).not.toBe(web);
  },
  minute,
);

test(
  "secrets and configs are where the file says, with owner and mode",
  async () => {
    writeFileSync(join(dir, "secret.txt"), "hidden");
    write(`
services:
  a:
    image: busybox
    command: [sleep, "1000"]
    init: true
    secrets: [s, {source: e, target: /etc/e, uid: "7", gid: "8", mode: 0440}]
    configs: [{source: c, target: /etc/c}]
secrets: {s: {file: ./secret.txt}, e: {environment: SECRET}}
configs: {c: {content: "hello $$x"}}
`);
    const { code, stderr } = await daemon().dhow("compose", "-f", join(dir, "compose.yaml"), "-p", "t", "up", "-d");
    expect(code).not.toBe(0);
    expect(stderr).toContain("SECRET");
    await runClient("dhow", daemon().socket, ["compose", "-f", join(dir, "compose.yaml"), "-p", "t", "up", "-d"], {
      env: { SECRET: "from env" },
    });
    expect(await docker("exec", "t-a-1", "cat", "/run/secrets/s", "/etc/e", "/etc/c")).toBe("hiddenfrom envhello $x");
    expect(await docker("exec", "t-a-1", "stat", "-c", "%a %u:%g", "/etc/e")).toBe("440 7:8");
  },
  minute,
);

test(
  "a dependency that fails ends up, told by its container's name",
  async () => {
    write(`
services:
  once: {image: busybox, command: [sh, -c, "exit 3"]}
  sick: {image: busybox, command: [sleep, "1000"], init: true, healthcheck: {test: [CMD, "false"], interval: 100ms, retries: 1}}
  a: {image: busybox, command: "true", depends_on: {once: {condition: service_completed_successfully}}}
  b: {image: busybox, command: "true", depends_on: {sick: {condition: service_healthy}}}
  c: {image: busybox, command: [sleep, "1000"], init: true, depends_on: {once: {condition: service_completed_successfully, required: false}}}
`);
    const first = await compose("up", "-d", "a");
    expect({
      code: first.code,
      said: first.stderr.includes(`service "once" didn't complete successfully: exit 3`),
    }).toEqual({ code: 1, said: true });
    const second = await compose("up", "-d", "b");
    expect({
      code: second.code,
      said: second.stderr.includes("dependency failed to start: container t-sick-1 is unhealthy"),
    }).toEqual({ code: 1, said: true });
    await ok("up", "-d", "c");
    expect(await docker("inspect", "-f", "{{.State.Status}}", "t-c-1")).toBe("running");
  },
  minute,
);

test(
  "scale, orphans, ps, ls and the other lists",
  async () => {
    write(
      "services: {a: {image: busybox, command: [sleep, '1000'], init: true}, b: {image: busybox, command: [sleep, '1000'], init: true}}\n",
    );
    await ok("up", "-d", "--scale", "a=3");
    expect((await ok("ps", "--format", "{{.Name}} {{.Service}} {{.State}}")).stdout).toBe(
      "t-a-1 a running\nt-a-2 a running\nt-a-3 a running\nt-b-1 b running\n",
    );
    await ok("scale", "a=1");
    expect((await ok("ps", "-q", "a")).stdout.trim()).toBe(await docker("inspect", "-f", "{{.Id}}", "t-a-1"));
    expect((await ok("ps", "--services")).stdout).toBe("a\nb\n");
    const [row] = (await ok("ps", "--format", "json", "b")).stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(row).toMatchObject({ Name: "t-b-1", Project: "t", Service: "b", ExitCode: 0, Publishers: [] });
    expect((await ok("ls", "--format", "json")).stdout).toContain('"Name":"t","Status":"running(2)"');
    expect((await ok("images", "--format", "json")).stdout).toContain('"Repository":"busybox"');
    expect((await ok("top", "b")).stdout).toContain("sleep 1000");
    write("services: {b: {image: busybox, command: [sleep, '1000'], init: true}}\n");
    expect((await ok("up", "-d")).lines[0]).toContain("Found orphan containers ([t-a-1]) for this project");
    await ok("up", "-d", "--remove-orphans");
    expect((await ok("ps", "-a", "--format", "{{.Name}}")).stdout).toBe("t-b-1\n");
  },
  minute,
);

test(
  "stop, start, restart, pause, kill and rm do so in order, and down needs no file",
  async () => {
    write(two);
    await ok("up", "-d");
    const stopped = await ok("stop", "-t", "1");
    expect(stopped.lines).toEqual([
      "Container t-web-1  Stopping",
      "Container t-web-1  Stopped",
      "Container t-db-1  Stopping",
      "Container t-db-1  Stopped",
    ]);
    await ok("start");
    await ok("restart", "-t", "0", "web");
    await ok("pause", "db");
    expect((await ok("ps", "--status", "paused", "--format", "{{.Name}}")).stdout).toBe("t-db-1\n");
    await ok("unpause");
    await ok("kill", "web");
    await ok("rm", "-f", "web");
    expect((await ok("ps", "-a", "--format", "{{.Name}}")).stdout).toBe("t-db-1\n");
    const down = await run([dhowBinary, "compose", "-p", "t", "down", "-t", "0", "-v"], {
      env: { DHOW_AUTOSTART: "0", DOCKER_HOST: `unix://${daemon().socket}` },
      cwd: "/",
    });
    expect(down.code).toBe(0);
    expect(await docker("ps", "-aq", "--filter", "label=com.docker.compose.project=t")).toBe("");
  },
  minute,
);

test(
  "exec, run, logs, cp and port work on a service's container",
  async () => {
    write(`
services:
  d: {image: busybox, command: [sleep, "1000"], init: true}
  a:
    image: busybox
    command: [sh, -c, "echo out; echo err >&2; exec sleep 1000"]
    init: true
    depends_on: [d]
    ports: ["127.0.0.1::80"]
    post_start: [{command: [sh, -c, "echo hook > /hook"]}]
`);
    await ok("up", "-d");
    expect((await ok("exec", "-T", "a", "cat", "/hook")).stdout).toBe("hook\n");
    expect((await compose("exec", "-T", "a", "sh", "-c", "exit 4")).code).toBe(4);
    const logs = await compose("logs");
    expect([logs.stdout, logs.stderr]).toEqual(["a-1  | out\n", "a-1  | err\n"]);
    expect((await ok("port", "a", "80")).stdout).toMatch(/^127\.0\.0\.1:\d+\n$/);
    write("hello", "f");
    await ok("cp", join(dir, "f"), "a:/tmp/f");
    expect(await docker("exec", "t-a-1", "cat", "/tmp/f")).toBe("hello");
    await ok("down", "-t", "0");
    const run = await compose("run", "--rm", "-e", "X=y", "a", "sh", "-c", "echo $X; exit 7");
    expect([run.code, run.stdout]).toEqual([7, "y\n"]);
    expect(await docker("ps", "--format", "{{.Names}}", "--filter", "label=com.docker.compose.project=t")).toBe(
      "t-d-1",
    );
    expect((await compose("exec", "a", "true")).stderr).toContain('service "a" is not running');
    expect((await compose("ps", "nope")).stderr).toContain("no such service: nope");
  },
  minute,
);

test(
  "up in the foreground shows lines by name, and ends with the first that ends",
  async () => {
    write(`
services:
  a: {image: busybox, command: [sh, -c, "echo hello; sleep 0.5; exit 3"], init: true}
  longer: {image: busybox, command: [sh, -c, "echo hi; exec sleep 1000"], init: true, stop_grace_period: 1s}
`);
    const { code, stdout } = await compose("up", "--abort-on-container-exit");
    expect(code).toBe(3);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toBe("Attaching to a-1, longer-1");
    expect(lines).toContain("a-1       | hello");
    expect(lines).toContain("longer-1  | hi");
    expect(lines).toContain("a-1 exited with code 3");
    expect(await docker("ps", "-q", "--filter", "label=com.docker.compose.project=t")).toBe("");
    expect((await compose("up", "--exit-code-from", "longer")).code).toBe(143);
  },
  minute,
);

test(
  "--dry-run touches nothing, up --wait waits, and a new container may start before the old one stops",
  async () => {
    write(two);
    expect((await ok("--dry-run", "up", "-d")).lines).toContain("DRY-RUN MODE -  Container t-web-1  Started");
    expect(await ids()).toEqual([""]);
    const { lines } = await ok("up", "--wait");
    expect(lines).toContain("Container t-web-1  Healthy");
    await ok("down", "-v", "-t", "0");
    const first = (env: string) =>
      `services: {s: {image: busybox, command: [sleep, "1000"], init: true, environment: {A: ${env}}, deploy: {update_config: {order: start-first}}}}\n`;
    write(first("one"));
    await ok("up", "-d");
    write(first("two"));
    const replaced = (await ok("up", "-d")).lines;
    expect(replaced.indexOf("Container t-s-1  Healthy")).toBeLessThan(replaced.indexOf("Container t-s-1  Stopping"));
    expect(replaced.indexOf("Container t-s-1  Healthy")).toBeGreaterThan(-1);
    expect(await docker("inspect", "-f", "{{.Config.Env}}", "t-s-1")).toContain("A=two");
    const kept = await ids();
    write(first("three").replace("init: true", 'healthcheck: {test: [CMD, "false"], interval: 100ms, retries: 1}'));
    expect((await compose("up", "-d")).stderr).toContain("is unhealthy");
    expect(await ids()).toEqual(kept);
    expect(await docker("inspect", "-f", "{{.State.Status}} {{.Config.Env}}", "t-s-1")).toMatch(/^running .*A=two/);
  },
  minute,
);

test(
  "build makes the images of services, and up takes the new one",
  async () => {
    mkdirSync(join(dir, "app"), { recursive: true });
    writeFileSync(join(dir, "app", "f"), "one");
    write(`
services:
  app: {build: {context: ./app, dockerfile_inline: "FROM busybox\\nCOPY f /f\\nCMD [\\"sleep\\",\\"1000\\"]\\n"}, init: true}
`);
    await ok("up", "-d");
    expect(await docker("exec", "t-app-1", "cat", "/f")).toBe("one");
    expect(await docker("inspect", "-f", "{{.Config.Image}}", "t-app-1")).toBe("t-app");
    writeFileSync(join(dir, "app", "f"), "two");
    await ok("up", "-d", "--build");
    expect(await docker("exec", "t-app-1", "cat", "/f")).toBe("two");
    write(`
services:
  app: {build: {context: ./app, args: {A: given}, dockerfile_inline: "FROM busybox\\nARG A\\nRUN echo $$A > /a\\n"}, command: [cat, /a]}
`);
    await ok("build");
    expect((await ok("run", "--rm", "app")).stdout).toBe("given\n");
    await ok("build", "--build-arg", "A=other", "--quiet");
    expect((await ok("run", "--rm", "app")).stdout).toBe("other\n");
    const failed = await compose("build", "--build-arg", "A=b", "nope");
    expect(failed.stderr).toContain("no such service: nope");
    await ok("down", "-t", "0", "--rmi", "local");
    expect(await docker("images", "-q", "t-app")).toBe("");
    await daemon().docker("builder", "prune", "-af");
  },
  minute,
);
