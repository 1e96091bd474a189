/** Commands and keys of Compose that the other files leave out: devices, limits of block devices, registries, waiting, following. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CommandResult, run, slowness, until } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { type OwnRegistry, startOwnRegistry } from "../harness/own-registry.ts";
import { withDaemon } from "./fixture.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-compose-commands-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
mkdirSync(join(dir, "cdi"));
writeFileSync(
  join(dir, "cdi/acme.yaml"),
  "cdiVersion: 0.6.0\nkind: acme.com/thing\ndevices:\n- {name: one, containerEdits: {env: [THING=one]}}\n",
);
const daemon = withDaemon({ flags: [`--cdi-spec-dir=${dir}/cdi`] });
let registry: OwnRegistry;
beforeAll(async () => {
  registry = await startOwnRegistry();
}, 60_000 * slowness);
afterAll(() => registry?.[Symbol.asyncDispose]());

const env = (): Record<string, string> => ({ DHOW_AUTOSTART: "0", DOCKER_HOST: `unix://${daemon().socket}` });
let projects = 0;

/** A project of that file, with a name of its own. */
function project(text: string) {
  const name = `c${projects++}`;
  const file = join(dir, `${name}.yaml`);
  writeFileSync(file, text);
  const words = [dhowBinary, "compose", "-f", file, "-p", name];
  const tried = (...args: string[]): Promise<CommandResult> => run([...words, ...args], { cwd: dir, env: env() });
  const compose = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await tried(...args);
    if (code !== 0) throw new Error(`compose ${args.join(" ")} -> ${code}\n${stderr}\n${daemon().lastLogged()}`);
    return stdout;
  };
  return { name, words, tried, compose };
}

/** The output of a command that does not end by itself, once it has what is waited for; it is interrupted then. */
async function seen(words: readonly string[], wanted: string | RegExp, during = async () => {}): Promise<string> {
  const child = Bun.spawn([...words], { cwd: dir, env: { ...process.env, ...env() }, stdout: "pipe", stderr: "pipe" });
  let text = "";
  const reading = Promise.all(
    [child.stdout, child.stderr].map(async (stream) => {
      for await (const bytes of stream as AsyncIterable<Uint8Array>) text += Buffer.from(bytes).toString();
    }),
  );
  try {
    await until(`${wanted} in ${words.join(" ")}`, () => new RegExp(wanted).test(text));
    await during();
  } finally {
    child.kill("SIGINT");
    await child.exited;
    await reading;
  }
  return text;
}

test(
  "devices by CDI name reach a service's container, and a GPU that is not there is told of",
  async () => {
    const one = "image: busybox, command: [sh, -c, 'echo $$THING']";
    const cdi = project(`
services:
  short: {${one}, devices: [acme.com/thing=one]}
  long: {${one}, deploy: {resources: {reservations: {devices: [{driver: cdi, device_ids: [acme.com/thing=one], capabilities: [x]}]}}}}
  gpu: {image: busybox, command: ["true"], gpus: all}
`);
    expect(await cdi.compose("run", "--rm", "-T", "short")).toBe("one\n");
    expect(await cdi.compose("run", "--rm", "-T", "long")).toBe("one\n");
    const gpu = await cdi.tried("up", "-d", "gpu");
    expect([gpu.code, gpu.stderr]).toEqual([
      1,
      expect.stringContaining('could not select device driver "" with capabilities: [[gpu]]'),
    ]);
    await cdi.compose("down");
  },
  60_000 * slowness,
);

const block = ["/dev/loop0", "/dev/vda", "/dev/sda", "/dev/nvme0n1"].find((path) =>
  statSync(path, { throwIfNoEntry: false })?.isBlockDevice(),
);

/** The file of the container's cgroup that limits reads: version 2 has one for all, version 1 one for each. */
function ioLimits(pid: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().split("\n");
  const old = lines.find((line) => line.split(":")[1] === "blkio")?.split(":")[2];
  if (old !== undefined) return readFileSync(`/sys/fs/cgroup/blkio${old}/blkio.throttle.read_bps_device`, "utf8");
  return readFileSync(`/sys/fs/cgroup${lines[0]?.split(":")[2]}/io.max`, "utf8");
}

test.skipIf(block === undefined)(
  "blkio_config limits a block device",
  async () => {
    const limits = `{device_read_bps: [{path: ${block}, rate: 1mb}]}`;
    const { name, compose } = project(
      `services: {a: {image: busybox, command: [sleep, "1000"], stop_signal: SIGKILL, blkio_config: ${limits}}}`,
    );
    await compose("up", "-d");
    const pid = (await daemon().must("inspect", "-f", "{{.State.Pid}}", `${name}-a-1`)).trim();
    expect(ioLimits(pid)).toContain("1048576");
    await compose("down");
  },
  60_000 * slowness,
);

test(
  "images go to a registry and come from it, and are pinned to their digests",
  async () => {
    const image = `${registry.host}/built:1`;
    const { compose, tried } = project(`
services:
  built:
    image: ${image}
    build: {context: ${dir}/cdi, dockerfile_inline: "FROM busybox\\nRUN echo made > /made\\n", tags: ["${registry.host}/built:extra"]}
    command: [cat, /made]
`);
    await compose("build", "-q", "built");
    await compose("push", "-q", "built");
    expect(await (await fetch(`http://${registry.host}/v2/built/tags/list`)).json()).toMatchObject({
      tags: ["1", "extra"],
    });
    await daemon().must("rmi", image, `${registry.host}/built:extra`);
    await compose("pull", "-q", "--policy", "always", "built");
    expect(await compose("run", "--rm", "-T", "built")).toBe("made\n");
    const { headers } = await fetch(`http://${registry.host}/v2/built/manifests/1`, {
      headers: {
        accept: "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json",
      },
    });
    const pinned = `image: ${image}@${headers.get("docker-content-digest")}`;
    expect(await compose("config", "--resolve-image-digests", "built")).toContain(`${pinned}\n`);
    expect(await compose("config", "--lock-image-digests", "built")).toBe(`services:\n  built:\n    ${pinned}\n`);
    const unknown = project(`services: {a: {image: "${registry.host}/none:1"}}`);
    const refused = await unknown.tried("config", "--resolve-image-digests");
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining(`failed to resolve digest for ${registry.host}/none:1`),
    ]);
    expect((await unknown.tried("pull")).code).toBe(1);
    expect((await unknown.tried("pull", "--ignore-pull-failures")).code).toBe(0);
    expect((await tried("down", "--rmi", "all")).code).toBe(0);
  },
  90_000 * slowness,
);

test(
  "wait --down-project answers with the service's code once everything is gone",
  async () => {
    const { name, tried, compose } = project(`
services:
  ends: {image: busybox, command: [sh, -c, "sleep 1; exit 3"]}
  stays: {image: busybox, command: [sleep, "1000"], stop_signal: SIGKILL}
`);
    await compose("up", "-d");
    const waited = await tried("wait", "--down-project", "ends");
    expect([waited.code, waited.stdout]).toEqual([
      3,
      expect.stringMatching(/^container "[0-9a-f]{64}" exited with status code 3\n$/),
    ]);
    const label = `label=com.docker.compose.project=${name}`;
    expect(await daemon().must("ps", "-aq", "--filter", label)).toBe("");
    expect(await daemon().must("network", "ls", "-q", "--filter", label)).toBe("");
  },
  60_000 * slowness,
);

test(
  "logs -f follows all containers of a service, and up --watch carries changes over",
  async () => {
    mkdirSync(join(dir, "src"));
    const { name, words, compose } = project(`
services:
  talks: {image: busybox, stop_signal: SIGKILL, command: [sh, -c, "while :; do cat /word 2>/dev/null; usleep 100000; done"]}
  watched:
    image: busybox
    stop_signal: SIGKILL
    command: [sh, -c, "mkdir /s; exec sleep 1000"]
    develop: {watch: [{path: ./src, action: sync, target: /s}]}
`);
    await compose("up", "-d", "--scale", "talks=2", "talks");
    const say = (number: number): Promise<string> =>
      daemon().must("exec", `${name}-talks-${number}`, "sh", "-c", `echo word${number} > /word`);
    const following = seen([...words, "logs", "-f", "--tail", "1", "talks"], "talks-2 +\\| word2");
    await say(1);
    await say(2);
    expect(await following).toMatch(/talks-1 +\| word1\n/);
    await compose("down");
    const written = async (): Promise<void> => {
      writeFileSync(join(dir, "src/f"), "new");
      const read = (): Promise<CommandResult> => daemon().dhow("exec", `${name}-watched-1`, "cat", "/s/f");
      await until("the file", async () => (await read()).stdout === "new");
    };
    const text = await seen([...words, "up", "--watch", "watched"], "Watch enabled", written);
    expect(text).toMatch(/Syncing service "watched" after 1 changes? w/);
    await compose("down");
  },
  90_000 * slowness,
);
