/** Which daemon a command asks, by which name the binary was called, and what stands beside it: plugins and completion. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CommandResult, run } from "../harness/command.ts";
import { clients, dhowBinary } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const directory = mkdtempSync(join(tmpdir(), "dhow-clients-"));
const config = join(directory, "config");
const nowhere = `unix://${directory}/nowhere.sock`;
const refused = `Cannot connect to the Docker daemon at ${nowhere}. Is the docker daemon running?`;

beforeAll(async () => {
  for (const name of ["docker", "dockerd"]) symlinkSync(dhowBinary, join(directory, name));
  const plugin = join(config, "cli-plugins", "docker-hello");
  mkdirSync(join(config, "cli-plugins"), { recursive: true });
  await Bun.write(
    plugin,
    `#!/bin/sh
if [ "$1" = docker-cli-plugin-metadata ]; then
  echo '{"SchemaVersion":"0.1.0","Vendor":"Us","Version":"v1","ShortDescription":"Greets"}'
  exit
fi
echo "$@"
exit 7
`,
  );
  chmodSync(plugin, 0o755);
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function call(binary: string, args: readonly string[], env: Record<string, string> = {}): Promise<CommandResult> {
  return run([binary, ...args], {
    env: { DOCKER_CONFIG: config, DOCKER_HOST: "", DOCKER_CONTEXT: "", DHOW_AUTOSTART: "0", ...env },
  });
}

describe.each([...clients])("%s", (client) => {
  const binary = client === "dhow" ? dhowBinary : "docker";
  const other = client === "dhow" ? "docker" : dhowBinary;
  const here = () => `unix://${daemon().socket}`;
  const server = ["version", "--format", "{{.Server.APIVersion}}"];

  test("asks the daemon of -H, else of DOCKER_HOST", async () => {
    expect(await call(binary, server, { DOCKER_HOST: here() })).toEqual({ code: 0, stdout: "1.51\n", stderr: "" });
    expect((await call(binary, ["-H", here(), ...server], { DOCKER_HOST: nowhere })).stdout).toBe("1.51\n");
    const lost = await call(binary, ["-H", nowhere, "ps"], { DOCKER_HOST: here() });
    expect(lost.code).toBe(1);
    expect(lost.stderr).toContain(refused);
  });

  describe("whose reader goes away", () => {
    const talk = ["sh", "-c", "while :; do echo y; done"];
    const name = `talks-to-${client}`;
    beforeAll(() =>
      daemon().must("run", "-d", "--name", name, "busybox", "sh", "-c", "while sleep 0.01; do echo y; done"),
    );
    afterAll(async () => {
      const ids = (await daemon().must("ps", "-aq", "--filter", `label=of=${client}`)).split("\n").filter(Boolean);
      await daemon().must("rm", "-f", name, ...ids);
    });

    // SIGPIPE ends the stock client (141 in a shell), but for commands that have caught all signals to hand them on.
    test.each([
      [["run", "--label", `of=${client}`, "busybox", ...talk], 1, "write /dev/stdout: broken pipe\n"],
      [["attach", name], 1, "write /dev/stdout: broken pipe\n"],
      [["attach", "--sig-proxy=false", name], 141, ""],
      [["exec", name, ...talk], 141, ""],
      [["logs", "-f", name], 141, ""],
      [["export", name], 141, ""],
      [["save", "busybox"], 141, ""],
      [["cp", `${name}:/bin`, "-"], 141, ""],
    ])("ends: %j", async (args, code, stderr) => {
      const script = '"$@" | head -c 1 >/dev/null; exit $PIPESTATUS';
      const ended = await call("bash", ["-c", script, "bash", binary, "-H", here(), ...args]);
      expect(ended).toEqual({ code, stdout: "", stderr });
    });
  });

  test("asks the daemon of a context, made by either client", async () => {
    const name = `by-${client}`;
    const made = await call(binary, ["context", "create", name, "--docker", `host=${here()}`]);
    expect(made).toEqual({ code: 0, stdout: `${name}\n`, stderr: `Successfully created context "${name}"\n` });
    for (const each of [binary, other]) {
      expect((await call(each, ["--context", name, ...server])).stdout).toBe("1.51\n");
      expect((await call(each, server, { DOCKER_CONTEXT: name })).stdout).toBe("1.51\n");
    }
    expect((await call(binary, ["context", "use", name])).code).toBe(0);
    expect((await call(other, server)).stdout).toBe("1.51\n");
    expect((await call(other, ["context", "show"])).stdout).toBe(`${name}\n`);
    expect((await call(binary, ["context", "use", "default"])).code).toBe(0);
    expect((await call(binary, ["context", "rm", name])).stdout).toBe(`${name}\n`);
    expect((await call(other, ["--context", name, "ps"])).stderr).toContain(`context "${name}": context not found`);
  });

  test("runs a plugin with the whole command line, and answers with its exit code", async () => {
    expect(await call(binary, ["hello", "a", "--b", "c"])).toEqual({ code: 7, stdout: "hello a --b c\n", stderr: "" });
    expect((await call(binary, ["--help"])).stdout).toMatch(/hello\*? +Greets/);
  });

  test("system dial-stdio joins its standard streams with the daemon", async () => {
    const { stdout } = await run([binary, "system", "dial-stdio"], {
      stdin: "GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n",
      env: { DOCKER_HOST: here(), DHOW_AUTOSTART: "0" },
    });
    expect(stdout).toStartWith("HTTP/1.1 200 OK\r\n");
    expect(stdout).toEndWith("\r\n\r\nOK");
  });
});

describe("called by another name", () => {
  test("a link named docker speaks of itself as docker, and of Docker's socket", async () => {
    const docker = join(directory, "docker");
    expect((await call(docker, ["--version"])).stdout).toMatch(/^Docker version /);
    expect((await call(docker, ["ps", "extra"])).stderr).toStartWith("docker: 'docker ps' accepts no arguments\n");
    const context = await call(docker, ["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]);
    expect(context.stdout).toBe("unix:///var/run/docker.sock\n");
    expect((await call(docker, ["ps", "-q"], { DOCKER_HOST: `unix://${daemon().socket}` })).code).toBe(0);
  });

  test("a link named dockerd is the daemon", async () => {
    const { code, stdout } = await call(join(directory, "dockerd"), ["--version"]);
    expect(code).toBe(0);
    expect(stdout).toContain("version");
    expect((await call(join(directory, "dockerd"), ["--help"])).stdout).toContain("--data-root");
  });
});

test("lists are in the stock client's order: numbers by value, capitals first", async () => {
  const [volumes, networks] = [
    ["v10", "v2", "v1", "v02", "AA", "bb", "v-1"],
    ["n10", "n2", "NN", "n1", "n01"],
  ];
  for (const name of volumes) await daemon().must("volume", "create", name);
  for (const name of networks) await daemon().must("network", "create", name);
  for (const args of [
    ["volume", "ls", "-q"],
    ["network", "ls", "--format", "{{.Name}}"],
  ]) {
    const [ours, theirs] = [await daemon().dhow(...args), await daemon().docker(...args)];
    expect(ours).toEqual(theirs);
  }
  await daemon().must("volume", "rm", ...volumes);
  await daemon().must("network", "rm", ...networks);
});
