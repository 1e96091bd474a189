/** `login` and `logout`, with and without a credential helper: the same lines through the stock client and ours. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CommandResult, run } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";
import { type DockerRegistry, startDockerRegistry } from "./registry-server.ts";

const daemon = withDaemon();
const directory = mkdtempSync(join(tmpdir(), "dhow-credentials-"));
const bin = join(directory, "bin");
let registry: DockerRegistry;

/** Keeps what it is told in files, and notes each call. */
const fakeHelper = `#!/bin/sh
read -r input
echo "$1 $input" >> "$HOME/calls"
case "$1" in
store) echo "$input" > "$HOME/kept";;
get) if [ -f "$HOME/kept" ]; then cat "$HOME/kept"; else echo "credentials not found in native keychain"; exit 1; fi;;
erase) rm -f "$HOME/kept";;
esac
`;

beforeAll(async () => {
  registry = await startDockerRegistry({ user: "ann", password: "secret" });
  mkdirSync(bin);
  symlinkSync(dhowBinary, join(bin, "ours"));
  writeFileSync(join(bin, "docker-credential-fake"), fakeHelper);
  writeFileSync(join(bin, "docker-credential-broken"), "#!/bin/sh\ncat >/dev/null; echo no keychain here; exit 1\n");
  for (const name of ["fake", "broken"]) chmodSync(join(bin, `docker-credential-${name}`), 0o755);
});
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await registry?.[Symbol.asyncDispose]();
});

class Home {
  readonly path: string;
  readonly #binary: string;

  constructor(name: string, client: "stock" | "ours") {
    this.path = join(directory, name, client);
    mkdirSync(join(this.path, ".docker"), { recursive: true });
    this.#binary = client === "stock" ? "docker" : join(directory, "docker");
    if (!existsSync(join(directory, "docker"))) symlinkSync(dhowBinary, join(directory, "docker"));
  }

  get configPath(): string {
    return join(this.path, ".docker/config.json");
  }
  get config(): string {
    return existsSync(this.configPath) ? readFileSync(this.configPath, "utf8") : "";
  }
  set config(text: string) {
    writeFileSync(this.configPath, text, { mode: 0o600 });
  }
  get calls(): string {
    return existsSync(join(this.path, "calls")) ? readFileSync(join(this.path, "calls"), "utf8") : "";
  }

  async run(args: readonly string[], stdin?: string, env: Record<string, string> = {}): Promise<CommandResult> {
    const { code, stdout, stderr } = await run([this.#binary, ...args], {
      env: {
        HOME: this.path,
        DOCKER_CONFIG: "",
        DOCKER_HOST: `unix://${daemon().socket}`,
        DHOW_AUTOSTART: "0",
        PATH: `${bin}:${process.env.PATH}`,
        ...env,
      },
      ...(stdin !== undefined && { stdin }),
    });
    return { code, stdout, stderr: stderr.replaceAll(this.path, "HOME") };
  }
}

/** A line of a story: what config.json is set to first, the command, and its standard input. */
interface Step {
  readonly config?: object;
  readonly args: string;
  readonly stdin?: string;
}

/** Tells a story through both clients, which must print the same and leave the same file after every step. */
async function same(name: string, steps: (host: string) => Step[]): Promise<Home> {
  const [stock, ours] = [new Home(name, "stock"), new Home(name, "ours")];
  for (const { config, args, stdin } of steps(registry.host)) {
    const results: unknown[] = [];
    for (const home of [ours, stock]) {
      if (config) home.config = JSON.stringify(config);
      const result = await home.run(args.split(" "), stdin);
      results.push({
        args,
        ...result,
        config: home.config && JSON.parse(home.config),
        kept: existsSync(join(home.path, "kept")),
      });
    }
    expect(results[0]).toEqual(results[1]);
  }
  return ours;
}

const good = "YW5uOnNlY3JldA==";

test("login without a helper: refusals, what is stored and warned of, and the second time", async () => {
  const home = await same("plain", (host) => [
    { args: `login -u ann -p wrong ${host}` },
    { args: `login ${host}` },
    { args: `login -u ann -p secret ${host}` },
    { args: `login ${host}` },
    { args: `login http://${host}/` },
    { args: `login -u ann -p secret http://${host}/v2/` },
    { args: `login -u ann --password-stdin ${host}`, stdin: "secret\n" },
    { args: `login -u ann --password-stdin ${host}`, stdin: "secret\r\n\n" },
    { args: `login -u ann --password-stdin ${host}`, stdin: "" },
    { args: `login -u ann ${host}` },
    { args: `login -p secret ${host}` },
    { config: { auths: { [host]: { auth: "YW5uOndyb25n" } } }, args: `login ${host}` },
    { config: { auths: { [`https://${host}`]: { auth: good } } }, args: `login ${host}` },
    { config: { auths: { [host]: { username: "ann", password: "secret" } } }, args: `login ${host}` },
    { config: { psFormat: "x", auths: { other: { auth: good } } }, args: `login -u ann -p secret ${host}` },
  ]);
  expect(home.config).toContain(good);
  expect(statSync(home.configPath).mode & 0o777).toBe(0o600);
});

test("logout forgets each way of writing the registry, and nothing else", async () => {
  const home = await same("logout", (host) => [
    { config: { auths: { [host]: { auth: good }, other: { auth: good } } }, args: `logout ${host}` },
    { config: { auths: { [`https://${host}`]: { auth: good } } }, args: `logout http://${host}/v2/` },
    { config: { auths: { "https://index.docker.io/v1/": { auth: good } } }, args: "logout" },
    { args: "logout" },
    { args: "logout nobody" },
  ]);
  expect(home.config).not.toContain(good);
});

test("credsStore: the helper keeps it, config.json names the registry alone, pull and logout ask the helper", async () => {
  const home = await same("store", (host) => [
    { config: { credsStore: "fake" }, args: `login ${host}` },
    { args: `login -u ann -p secret ${host}` },
    { args: `login ${host}` },
    { args: `pull ${host}/absent` },
    { args: `logout ${host}` },
    { args: `pull ${host}/absent` },
    { config: { credsStore: "fake", auths: { [host]: { auth: good } } }, args: `login -u ann -p secret ${host}` },
    { args: `logout ${host}` },
  ]);
  const { host } = registry;
  const stored = `store {"ServerURL":"${host}","Username":"ann","Secret":"secret"}`;
  expect(home.calls.split("\n").slice(0, 5)).toEqual([`get ${host}`, stored, `get ${host}`, stored, `get ${host}`]);
  expect(home.calls).toContain(`erase ${host}\n`);
  expect(home.config).not.toContain(good);
});

test("credHelpers is for its registry only", async () => {
  const home = await same("helpers", (host) => [
    { config: { credHelpers: { [host]: "fake" } }, args: `login -u ann -p secret ${host}` },
    { config: { credHelpers: { "other.test": "fake" } }, args: `login -u ann -p secret ${host}` },
    { config: { credHelpers: { [host]: "fake" }, credsStore: "broken" }, args: `login ${host}` },
    { config: { credHelpers: { [host]: "fake" } }, args: `logout ${host}` },
  ]);
  expect(home.calls.match(/^store/gm)).toHaveLength(2);
});

test("a helper that fails, or is not there, is told of: login fails, pull and logout go on without it", async () => {
  const { host } = registry;
  const home = new Home("failing", "ours");
  for (const [helper, why] of [
    ["broken", "err: exit status 1, out: `no keychain here`"],
    ["absent", 'err: exec: "docker-credential-absent": executable file not found in $PATH, out: ``'],
  ] as const) {
    home.config = JSON.stringify({ credsStore: helper });
    const before = home.config;
    const login = await home.run(["login", "-u", "ann", "--password-stdin", host], "secret");
    expect(login.code).toBe(1);
    expect(login.stderr).toBe(`Error saving credentials: error storing credentials - ${why}\n`);
    expect(home.config).toBe(before);
    const pull = await home.run(["pull", `${host}/absent`]);
    expect(pull.stderr).toStartWith(`WARNING: error getting credentials - ${why}\n`);
    expect(pull.stderr).toContain("no basic auth credentials");
    const logout = await home.run(["logout", host]);
    expect(logout.code).toBe(0);
    expect(logout.stderr).toStartWith(
      `WARNING: could not erase credentials:\n${host}: error erasing credentials - ${why}\n`,
    );
  }
});

// The stock client of this machine is older than the variable; the words are 28.5.2's.
test("DOCKER_AUTH_CONFIG comes before what is stored, login and logout say so, and one that is wrong is told of", async () => {
  const { host } = registry;
  const home = new Home("environment", "ours");
  home.config = JSON.stringify({ auths: { [host]: { auth: "YW5uOndyb25n" } } });
  const pull = async (value: unknown) => {
    const env = { DOCKER_AUTH_CONFIG: typeof value === "string" ? value : JSON.stringify(value) };
    return (await home.run(["pull", "-q", `${host}/absent`], undefined, env)).stderr;
  };
  const set = { auths: { [host]: { auth: good } } };
  expect(await pull(set)).toContain("manifest unknown");
  expect(await pull({})).toContain("authentication required");
  const failed = "Failed to create credential store from DOCKER_AUTH_CONFIG:  ";
  expect(await pull("junk")).toStartWith(failed);
  expect(await pull({ ...set, credsStore: "x" })).toStartWith(`${failed}json: unknown field "credsStore"\n`);
  expect(await pull({ auths: { [host]: { username: "ann" } } })).toStartWith(
    `${failed}json: unknown field "username"\n`,
  );
  expect(await pull({ auths: { [host]: {} } })).toStartWith(
    `${failed}DOCKER_AUTH_CONFIG environment variable is missing key \`auth\` for ${host}\n`,
  );
  const warning =
    "\n Warn -> DOCKER_AUTH_CONFIG is set and takes precedence.\n         Unset DOCKER_AUTH_CONFIG to restore the CLI auth behaviour.\n         \n";
  const env = { DOCKER_AUTH_CONFIG: JSON.stringify(set) };
  const login = await home.run(["login", host], undefined, env);
  expect(login.stdout).toBe("Login Succeeded\n");
  expect(login.stderr).toStartWith(`${warning}Authenticating with existing credentials... [Username: ann]\n`);
  expect(home.config).toContain(good);
  expect((await home.run(["logout", host], undefined, env)).stderr).toBe(warning);
  expect(home.config).not.toContain(good);
});
