/** `manifest`: the same lines through the stock client and ours at two registries, and each going on with the other's list. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
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
import { join } from "node:path";
import { digestOf } from "../../src/lib/digest.ts";
import { dockerImage, dockerList } from "../../src/registry/media-types.ts";
import { type CommandResult, run } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { startOwnRegistry } from "../harness/own-registry.ts";
import { RegistryWriter } from "../harness/registry-writer.ts";
import { startDockerRegistry } from "./registry-server.ts";

const directory = mkdtempSync(join(tmpdir(), "dhow-manifest-"));
const ours = join(directory, "ours", "docker");
beforeAll(() => {
  mkdirSync(join(directory, "ours"));
  symlinkSync(dhowBinary, ours);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

type Client = "docker" | "dhow";
const clients: readonly Client[] = ["docker", "dhow"];

/** Runs one line of words, `docker` left out, with a configuration of its own. */
function manifest(client: Client, config: string, ...words: string[]): Promise<CommandResult> {
  const env = {
    DOCKER_CONFIG: join(directory, config),
    DOCKER_HOST: "unix:///nonexistent",
    DHOW_AUTOSTART: "0",
    PATH: `${directory}:${process.env.PATH}`,
  };
  return run([client === "docker" ? "docker" : ours, "manifest", ...words], { env });
}

/** What a configuration's directory keeps of lists, by path. */
function keptIn(config: string): Record<string, string> {
  const root = join(directory, config, "manifests");
  const files: Record<string, string> = {};
  for (const list of readdirSync(root)) {
    for (const image of readdirSync(join(root, list)))
      files[`${list}/${image}`] = readFileSync(join(root, list, image), "utf8");
  }
  return files;
}

async function fill(host: string, headers: Record<string, string> = {}): Promise<void> {
  const writer = new RegistryWriter(host, headers);
  const annotations = { title: "<b>bold</b> & \u2028" };
  const amd64 = await writer.image("src/oci", "amd64", { annotations, indent: 1 });
  const arm64 = await writer.image("src/oci", "arm64", { architecture: "arm64", variant: "v8", indent: "\t" });
  const platform = (architecture: string) => ({ architecture, os: "linux", "os.features": ["a", "b"] });
  await writer.index("src/oci", "all", [
    { ...amd64, platform: platform("amd64") },
    { ...arm64, platform: platform("arm64") },
  ]);
  const old = { mediaType: dockerImage, layerType: "application/vnd.docker.image.rootfs.diff.tar.gzip" };
  const s390x = await writer.image("src/old", "s390x", { ...old, architecture: "s390x", indent: 3 });
  await writer.index("src/old", "all", [{ ...s390x, platform: { architecture: "s390x", os: "linux" } }], dockerList);
  await writer.image("src/old", "windows", {
    ...old,
    os: "windows",
    configuration: { "os.version": "10.0.1", "os.features": ["win32k"] },
  });
  await writer.image("dst/x", "riscv64", { architecture: "riscv64" });
  await writer.image("src/odd", "nameless", { architecture: "", os: "" });
}

/** HOST is the registry. */
const lines = `
inspect HOST/src/oci:amd64
inspect --insecure HOST/src/oci:amd64
inspect --insecure HOST/src/oci:arm64
inspect --insecure HOST/src/oci:all
inspect --insecure HOST/src/old:all
inspect --insecure HOST/src/old:windows
inspect --insecure -v HOST/src/oci:amd64
inspect --insecure -v HOST/src/oci:all
inspect --insecure --verbose HOST/src/old:s390x
inspect --insecure HOST/src/oci:none
inspect --insecure HOST/src/oci
inspect --insecure HOST/src/none:1
inspect --insecure HOST/src/oci@sha256:${"0".repeat(64)}
inspect --insecure HOST/src/oci@sha256:0
inspect --insecure HOST/src/OCI
inspect HOST/dst/x:1 HOST/src/oci:amd64
create HOST/dst/x:1 HOST/src/oci:amd64
create --insecure HOST/dst/x:1 HOST/src/oci:amd64 HOST/src/old:s390x HOST/dst/x:riscv64
create --insecure HOST/dst/x:1 HOST/src/oci:arm64
create --insecure --amend HOST/dst/x:1 HOST/src/oci:arm64
create -a --insecure HOST/dst/x:1 HOST/src/oci:all
create -a --insecure HOST/dst/x:1 HOST/src/oci:none
create -a --insecure HOST/dst/X:1 HOST/src/oci:amd64
create -a --insecure HOST/dst/x:1 HOST/src/OCI:amd64
create -a HOST/dst/x:1 HOST/src/oci:arm64
inspect HOST/dst/x:1
inspect -v HOST/dst/x:1
inspect HOST/dst/x:1 HOST/src/oci:amd64
inspect -v HOST/dst/x:1 HOST/src/old:s390x
inspect HOST/dst/x:1 HOST/src/old:none
annotate HOST/dst/x:1 HOST/src/oci:amd64
annotate HOST/dst/x:1 HOST/src/oci:amd64 --os plan10
annotate HOST/dst/x:1 HOST/src/oci:amd64 --os windows --arch s390x
annotate HOST/dst/x:1 HOST/src/oci:amd64 --os-features a,b --os-features b,c --os-version 5.1 --variant v2
annotate HOST/dst/x:1 HOST/src/oci:arm64 --os freebsd --arch arm
annotate HOST/dst/x:1 HOST/src/oci:none --arch arm
annotate HOST/dst/none HOST/src/oci:amd64 --arch arm
annotate HOST/dst/X HOST/src/oci:amd64 --arch arm
annotate HOST/dst/x:1 HOST/src/OCI --arch arm
inspect HOST/dst/x:1
push HOST/dst/x:1
inspect HOST/dst/x:1
push --insecure --purge HOST/dst/x:1
inspect --insecure HOST/dst/x:1
push HOST/dst/x:1
create --insecure HOST/dst/w HOST/src/old:windows HOST/src/old:s390x
push -p HOST/dst/w
create --insecure HOST/dst/odd HOST/src/odd:nameless
inspect HOST/dst/odd
push HOST/dst/odd
create --insecure other.invalid/x HOST/src/oci:amd64
inspect other.invalid/x
push other.invalid/x
rm HOST/dst/x:1
rm other.invalid/x HOST/dst/none HOST/dst/X
create --insecure HOST/dst/y@sha256:${"1".repeat(64)} HOST/src/oci:amd64
push HOST/dst/none
rm
create HOST/one
annotate HOST/one
push a b
foo
`;

const startOwn = () => startOwnRegistry();

describe.each([
  ["dhow registry serve", startOwn],
  ["Debian's docker-registry", () => startDockerRegistry()],
] as const)("at %s", (name, start) => {
  test("both clients print the same and keep the same", async () => {
    await using registry = await start();
    await fill(registry.host);
    const config = (client: Client) => `${name} ${client}`.replaceAll(/\W+/g, "-");
    for (const line of lines.trim().split("\n")) {
      const words = line.replaceAll("HOST", registry.host).split(" ");
      const begun = manifest("docker", config("docker"), ...words);
      // Debian's docker-registry fails where two mount one blob at once.
      if (words[0] === "push") await begun;
      const [theirs, own] = await Promise.all([begun, manifest("dhow", config("dhow"), ...words)]);
      // Ours says in its own way how a command is called.
      const plain = (result: CommandResult | undefined) => ({
        ...result,
        stderr: result?.stderr.replace(/\n\nUsage[\s\S]*/, ""),
      });
      expect({ line, ...plain(own) }).toEqual({ line, ...plain(theirs) });
    }
    const kept = keptIn(config("dhow"));
    expect(kept).toEqual(keptIn(config("docker")));
    expect(Object.keys(kept).map((path) => path.replace(/^[^_]+_/, ""))).toContain(
      `dst_odd-latest/${registry.host.replace(":", "-")}_src_odd-nameless`,
    );
  });

  test.each([
    ["docker", "dhow"],
    ["dhow", "docker"],
  ] as const)("what %s begins %s ends", async (one, other) => {
    await using registry = await start();
    await fill(registry.host);
    const config = `${name} ${one} first`.replaceAll(/\W+/g, "-");
    const [list, image] = [`${registry.host}/dst/both:1`, `${registry.host}/src/oci:arm64`];
    const steps: [Client, string[]][] = [
      [one, ["create", "--insecure", list, `${registry.host}/src/old:s390x`]],
      [other, ["create", "--insecure", "-a", list, image]],
      [one, ["annotate", list, image, "--variant", "v9"]],
      [other, ["push", "--purge", list]],
    ];
    let pushed = "";
    for (const [client, words] of steps) {
      const { code, stdout, stderr } = await manifest(client, config, ...words);
      expect({ words, code, stderr }).toEqual({ words, code: 0, stderr: "" });
      pushed = stdout;
    }
    expect(readdirSync(join(directory, config, "manifests"))).toEqual([]);
    const response = await fetch(`http://${registry.host}/v2/dst/both/manifests/1`, {
      headers: { accept: `${dockerList}, application/vnd.oci.image.index.v1+json` },
    });
    const text = await response.text();
    expect(pushed).toContain(`\n${digestOf(text)}\n`);
    const { manifests } = JSON.parse(text) as { manifests: { platform: { variant?: string } }[] };
    expect(manifests.map(({ platform }) => platform.variant)).toEqual(["v9", undefined]);
  });
});

test("a digest wins over a tag, and a list is kept whole or not at all", async () => {
  await using registry = await startOwnRegistry();
  await fill(registry.host);
  const arm64 = await new RegistryWriter(registry.host).image("src/oci", "arm64", { architecture: "arm64" });
  const both = `${registry.host}/src/oci:amd64@${arm64.digest}`;
  expect((await manifest("docker", "differs", "inspect", "--insecure", both)).code).toBe(1);
  const { stdout } = await manifest("dhow", "differs", "inspect", "--insecure", both);
  expect(JSON.parse(stdout)).toEqual(JSON.parse(arm64.bytes.toString()));
  const [list, none] = [`${registry.host}/dst/x:1`, `${registry.host}/src/oci:none`];
  expect((await manifest("dhow", "differs", "create", "--insecure", list, both, none)).code).toBe(1);
  expect((await manifest("dhow", "differs", "inspect", list)).code).toBe(1);
  expect(existsSync(join(directory, "differs", "manifests"))).toBe(false);
});

describe.each([["passwords"], ["tokens"]] as const)("a registry with users, by %s", (kind) => {
  test("is shown the credentials that are stored for it, and its refusals are told", async () => {
    const users = join(directory, `users-${kind}`);
    writeFileSync(users, `ada:${await Bun.password.hash("lovelace", { algorithm: "bcrypt", cost: 4 })}\n`);
    await using registry = await startOwnRegistry("--htpasswd", users, ...(kind === "tokens" ? ["--tokens"] : []));
    const auth = btoa("ada:lovelace");
    // The writer asks for no token: this registry takes the password as well.
    await fill(registry.host, { authorization: `Basic ${auth}` });
    const helper = join(directory, "docker-credential-test");
    writeFileSync(helper, `#!/bin/sh\necho '{"Username":"ada","Secret":"lovelace"}'\n`, { mode: 0o755 });
    const configs = {
      known: { auths: { [registry.host]: { auth } } },
      helped: { credHelpers: { [registry.host]: "test" } },
      wrong: { auths: { [registry.host]: { auth: btoa("ada:babbage") } } },
      nobody: {},
    };
    for (const [who, config] of Object.entries(configs)) {
      for (const client of clients) {
        mkdirSync(join(directory, `${kind}-${who}-${client}`), { recursive: true });
        writeFileSync(join(directory, `${kind}-${who}-${client}`, "config.json"), JSON.stringify(config));
      }
    }
    const [image, list] = [`${registry.host}/src/oci:amd64`, `${registry.host}/dst/x:1`];
    const both = (who: string, ...words: string[]) =>
      Promise.all(clients.map((client) => manifest(client, `${kind}-${who}-${client}`, ...words)));
    for (const [who, ...words] of [
      ["helped", "inspect", "--insecure", image],
      ["known", "create", "--insecure", list, image],
      ["known", "push", list],
    ] as const) {
      const [theirs, own] = await both(who, ...words);
      expect(own).toEqual(theirs);
      expect(own?.code).toBe(0);
    }
    for (const who of ["wrong", "nobody"]) {
      const [theirs, own] = await both(who, "inspect", "--insecure", image);
      expect([own?.code, theirs?.code]).toEqual([1, 1]);
      // The stock client's sentence ends after that word, where it has one.
      for (const words of [own?.stderr, theirs?.stderr])
        expect(words).toMatch(/unauthorized|no basic auth credentials/);
    }
  });
});
