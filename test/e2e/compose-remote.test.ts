/**
 * Compose files of other machines and what stands beside a project's containers: published to a registry and run from there,
 * fetched from a repository; models by their plugin, the engine's socket in a service. Hardening: 68.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ociImage } from "../../src/registry/media-types.ts";
import { type CommandResult, run, slowness } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { GitServer } from "../harness/git-server.ts";
import { type OwnRegistry, startOwnRegistry } from "../harness/own-registry.ts";
import { RegistryWriter } from "../harness/registry-writer.ts";
import { withDaemon } from "./fixture.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-compose-remote-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const daemon = withDaemon();
let registry: OwnRegistry;
let git: GitServer;
beforeAll(async () => {
  [registry, git] = await Promise.all([startOwnRegistry(), GitServer.start()]);
}, 60_000 * slowness);
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  await git?.[Symbol.asyncDispose]();
});

let folders = 0;
function folder(files: Readonly<Record<string, string>>): string {
  const at = join(dir, `f${folders++}`);
  mkdirSync(at);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(at, name)), { recursive: true });
    writeFileSync(join(at, name), text);
  }
  return at;
}

interface Call {
  readonly cwd?: string;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const cache = join(dir, "cache");
function tried(args: readonly string[], { cwd = dir, stdin = "", env = {} }: Call = {}): Promise<CommandResult> {
  const own = { DHOW_AUTOSTART: "0", DOCKER_HOST: `unix://${daemon().socket}`, XDG_CACHE_HOME: cache, ...env };
  return run([dhowBinary, "compose", "--project-directory", cwd, ...args], { cwd, stdin, env: own });
}

async function compose(args: readonly string[], call: Call = {}): Promise<string> {
  const { code, stdout, stderr } = await tried(args, call);
  if (code !== 0) throw new Error(`compose ${args.join(" ")} -> ${code}\n${stdout}\n${stderr}`);
  return stdout;
}
const said = async (args: readonly string[], call: Call = {}): Promise<string> => {
  const { code, stderr } = await tried(args, call);
  expect(code).toBe(1);
  return stderr;
};
const kept = (): string[] =>
  existsSync(join(cache, "docker-compose")) ? readdirSync(join(cache, "docker-compose")) : [];

test(
  "a project is published and run from the registry, with what its files name",
  async () => {
    const at = folder({
      "compose.yaml": `
services:
  web:
    image: busybox
    stop_signal: SIGKILL
    command: [sleep, "\${SECONDS_TO_SLEEP:-1000}"]
    env_file: web.env
    volumes: ["./data:/data:ro"]
    labels: {token: "${"ghp_"}${"a1B2".repeat(9)}"}
  other: {extends: {file: base/common.yaml, service: app}}
`,
      "compose.override.yaml": 'services: {web: {environment: {OVER: "1"}}}\n',
      "base/common.yaml": 'services: {app: {image: busybox, command: ["true"], env_file: app.env}}\n',
      "base/app.env": "APP=1\n",
      "web.env": "WEB=1\n",
    });
    const name = `${registry.host}/team/app:1`;
    expect(await said(["publish", name], { cwd: at })).toContain('service "web" has env_file declared.');
    const asked = await tried(["publish", "--with-env", name], { cwd: at, stdin: "n\n" });
    expect([asked.code, asked.stdout]).toEqual([0, expect.stringContaining(`web: ${at}/data:/data:ro\n`)]);
    const secret = await tried(["publish", "--with-env", name], { cwd: at, stdin: "y\nn\n" });
    expect(secret.stdout).toContain("publish bind mounts");
    expect(await said(["-f", `oci://${name}`, "config"])).toContain("failed to pull OCI resource");

    await compose(["publish", "--with-env", "-y", name], { cwd: at });
    const config = await compose(["-f", `oci://${name}`, "-p", "app", "config"]);
    const local = await compose(["-p", "app", "config"], { cwd: at });
    expect(kept()).toHaveLength(1);
    expect(config.replaceAll(join(cache, "docker-compose", kept()[0]!), at)).toBe(local);

    const included = folder({ "compose.yaml": `include: ["oci://${name}"]\nservices: {mine: {image: busybox}}\n` });
    expect((await compose(["config", "--services"], { cwd: included })).trim().split("\n").sort()).toEqual([
      "mine",
      "other",
      "web",
    ]);

    const up = ["-f", `oci://${name}`, "-p", "app", "up", "-d", "--no-deps", "web"];
    const declined = await tried(up, { stdin: "n\n" });
    expect([declined.code, declined.stderr]).toEqual([1, "operation cancelled by user\n"]);
    expect(declined.stdout).toContain(`Your compose stack "oci://${name}" is stored in "${cache}/docker-compose/`);
    expect(declined.stdout).toMatch(/SECONDS_TO_SLEEP +1000 +compose file +no +1000\n/);
    expect(await daemon().must("ps", "-aq")).toBe("");
    await compose([...up, "-y"]);
    const shown = (): Promise<string> => compose(["-p", "app", "exec", "-T", "web", "sh", "-c", "echo $WEB$OVER"]);
    expect(await shown()).toBe("11\n");
    // The tag stands for something else now, though nothing here has changed.
    await compose([...up, "-y"]);
    writeFileSync(join(at, "web.env"), "WEB=2\n");
    await compose(["publish", "--with-env", "-y", name], { cwd: at });
    await compose([...up, "-y"]);
    expect(await shown()).toBe("21\n");
    await compose(["-p", "app", "down"]);
  },
  90_000 * slowness,
);

test(
  "an artifact's file lies nowhere but in its folder, and what is no project is refused",
  async () => {
    const writer = new RegistryWriter(registry.host);
    const put = async (tag: string, mediaType: string, annotations: object, more: object = {}): Promise<void> => {
      const digest = await writer.blob("bad", Buffer.from("services: {a: {image: a}}\n"));
      const config = {
        mediaType: "application/vnd.oci.empty.v1+json",
        digest: await writer.blob("bad", Buffer.from("{}")),
        size: 2,
      };
      const layers = [{ mediaType, digest, size: 26, annotations }];
      const artifactType = "application/vnd.docker.compose.project";
      const text = JSON.stringify({ schemaVersion: 2, mediaType: ociImage, artifactType, config, layers, ...more });
      await writer.manifest("bad", tag, text, ociImage);
    };
    const before = kept();
    const env = "application/vnd.docker.compose.envfile";
    await put("up", env, { "com.docker.compose.envfile": "../../../../escaped" });
    await put("abs", env, { "com.docker.compose.envfile": join(dir, "escaped") });
    const yaml = "application/vnd.docker.compose.file+yaml";
    await put("ext", yaml, { "com.docker.compose.extends": "true", "com.docker.compose.file": "../escaped" });
    for (const tag of ["up", "abs", "ext"]) {
      expect(await said(["-f", `oci://${registry.host}/bad:${tag}`, "config"])).toBe("invalid OCI artifact\n");
    }
    await put("image", yaml, {}, { artifactType: "application/x" });
    expect(await said(["-f", `oci://${registry.host}/bad:image`, "config"])).toContain(
      "is not a compose project OCI artifact",
    );
    expect(kept()).toEqual(before);
    expect(existsSync(join(dir, "escaped"))).toBe(false);
    const off = { env: { COMPOSE_EXPERIMENTAL_OCI_REMOTE: "false" } };
    expect(await said(["-f", `oci://${registry.host}/bad:up`, "config"], off)).toContain(
      "OCI remote resource is disabled by",
    );
  },
  60_000 * slowness,
);

test(
  "a repository's files are fetched by branch, directory and commit, and no link of it leads out",
  async () => {
    const commit = await git.commit("app", {
      "compose.yaml": "services: {top: {image: a, volumes: ['./data:/d']}}\n",
      "sub/compose.yml": "services: {sub: {image: b, extends: {file: ../base.yaml, service: base}}}\n",
      "base.yaml": "services: {base: {image: c, user: me}}\n",
    });
    const url = git.url("app");
    const services = async (source: string): Promise<string> =>
      (await compose(["-f", source, "config", "--services"])).trim();
    expect(await services(url)).toBe("top");
    expect(await compose(["-f", url, "config"])).toContain(`source: ${cache}/docker-compose/${commit}/data\n`);
    expect(await services(`${url}#main:sub`)).toBe("sub");
    expect(await services(`${url}#${commit}:base.yaml`)).toBe("base");
    expect(existsSync(join(cache, "docker-compose", commit, ".git"))).toBe(false);
    const here = folder({ "compose.yaml": `services: {x: {extends: {file: "${url}#main:base.yaml", service: base}}}` });
    expect(await compose(["config"], { cwd: here })).toContain("user: me\n");

    expect(await said(["-f", `${url}#none`, "config"])).toContain("repository does not contain ref none");
    expect(await said(["-f", `${url}#main:gone`, "config"])).toContain("gone: no such file or directory");
    expect(await said(["-f", `${url}#main:../..`, "config"])).toContain("is outside of the repository");
    const off = { env: { COMPOSE_EXPERIMENTAL_GIT_REMOTE: "0" } };
    expect(await said(["-f", url, "config"], off)).toContain("git remote resource is disabled by");

    const outside = join(dir, "outside.yaml");
    writeFileSync(outside, "services: {out: {image: a}}\n");
    symlinkSync(outside, join(git.root, "work/app/link.yaml"));
    await git.commit("app", {});
    expect(await said(["-f", `${url}#main:link.yaml`, "config"])).toContain("leads out of its repository");
  },
  60_000 * slowness,
);

const plugin = `#!/bin/sh
echo "$@" >> "$0.log"
case "$1" in
docker-cli-plugin-metadata) echo '{"SchemaVersion":"0.1.0","Vendor":"test","ShortDescription":"models"}' ;;
status) echo '{"running":true,"endpoint":"http://models/v1"}' ;;
ls) echo '[{"id":"1","tags":["ai/here"]}]' ;;
pull) echo "pulling $2"; [ "$2" != ai/bad ] || { echo "no such model" >&2; exit 3; } ;;
esac
`;

test(
  "models come by the plugin docker-model, and a service that wants it has the engine's socket",
  async () => {
    const at = folder({
      "compose.yaml": `
services:
  chat: {image: busybox, command: [sh, -c, "echo $$LLM_MODEL $$LLM_URL $$NAME"], models: {llm: , small: {model_var: NAME}}}
models:
  llm: {model: ai/big, context_size: 4096, runtime_flags: ["--fast"]}
  small: {model: ai/here}
`,
    });
    const config = folder({ "config.json": `{"auths": {"r.example": {"auth": "${btoa("me:secret")}"}}}` });
    const env = { DOCKER_CONFIG: config };
    expect(await said(["run", "--rm", "-T", "chat"], { cwd: at, env })).toContain(
      "'models' support requires Docker Model plugin",
    );
    const path = join(config, "cli-plugins/docker-model");
    mkdirSync(dirname(path));
    writeFileSync(path, plugin, { mode: 0o755 });
    expect(await compose(["run", "--rm", "-T", "chat"], { cwd: at, env })).toBe("ai/big http://models/v1 ai/here\n");
    expect(readFileSync(`${path}.log`, "utf8").trim().split("\n").sort()).toEqual([
      "configure --context-size 4096 ai/big -- --fast",
      "configure ai/here",
      "ls --json",
      "pull ai/big",
      "status --json",
    ]);
    const bad = folder({
      "compose.yaml": "services: {a: {image: busybox, models: [m]}}\nmodels: {m: {model: ai/bad}}\n",
    });
    expect(await said(["up", "-d"], { cwd: bad, env })).toContain("failed to pull model m: no such model");

    const socket = folder({
      "compose.yaml": `services: {a: {image: busybox, use_api_socket: true, command: [sh, -c, "test -S /var/run/docker.sock && cat $$DOCKER_CONFIG/config.json"]}}\n`,
    });
    expect(JSON.parse(await compose(["run", "--rm", "-T", "a"], { cwd: socket, env }))).toEqual({
      auths: { "r.example": { auth: btoa("me:secret") } },
    });
    for (const cwd of [at, bad, socket]) await compose(["down"], { cwd, env });
  },
  60_000 * slowness,
);
