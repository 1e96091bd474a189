/**
 * What the API tells of containers, images, networks and volumes: the keys, their order and their values as dockerd 28.5
 * was seen to tell them. `DHOW_RECORD_FROM=unix:///SOCKET` writes the recordings anew, from the dockerd there.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { succeed } from "../harness/command.ts";
import { busyboxTar } from "../harness/images.ts";
import { withDaemon } from "./fixture.ts";

const recordFrom = process.env.DHOW_RECORD_FROM;
const recordings = fileURLToPath(new URL("../fixtures/inspect.json", import.meta.url));
const daemon = withDaemon();
const socket = () => recordFrom?.replace("unix://", "") ?? daemon().socket;
const docker = (...args: string[]) => succeed(["docker", "-H", `unix://${socket()}`, ...args]);

const manyFlags =
  `--add-host a:192.0.2.4 --annotation x=y --cap-add net_admin --cap-add CAP_SYS_TIME --cap-drop chown --cpu-period 100000
  --cpu-quota 50000 --cpu-shares 100 --cpuset-cpus 0 --device /dev/null:/dev/xx:r --dns 192.0.2.1 --dns-option ndots:2 --dns-search x.y
  --domainname dd --entrypoint sleep -e A=1 --expose 81 --expose 90-91/udp --group-add 5 --health-cmd true --health-retries 2 --hostname hh
  --init --ipc private -l a=b --log-opt max-size=1m --mac-address 02:42:ac:11:00:99 -m 64m --memory-reservation 32m --oom-score-adj 100
  --mount type=tmpfs,dst=/tt,tmpfs-size=1m --mount type=volume,dst=/anon2 --mount type=bind,src=/tmp,dst=/b2 --pid host --pids-limit 100
  -p 127.0.0.1::80 --read-only --restart on-failure:3 --security-opt no-new-privileges --shm-size 32m --stop-signal INT --stop-timeout 3
  --tmpfs /t2:size=1m --ulimit nofile=100:200 -u 0:0 -v insvol:/v -v /tmp:/h:ro -v /anon -w /w insbox 100`.split(/\s+/);

const targets = [
  "/containers/ins-created/json",
  "/containers/ins-running/json",
  "/containers/ins-flags/json",
  "/containers/ins-network/json",
  "/containers/ins-none/json",
  '/containers/json?all=1&filters={"name":["ins-"]}',
  "/images/insbox/json",
  "/images/insbox/history",
  '/images/json?filters={"reference":["insbox"]}',
  "/networks/insnet",
  "/networks/host",
  '/networks?filters={"name":["insnet"]}',
  "/volumes/insvol",
  '/volumes?filters={"name":["insvol"]}',
];

/** What differs between any two engines or runs, by key. */
const byKey: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["ResolvConfPath", "HostnamePath", "HostsPath", "LogPath", "Mountpoint", "SandboxKey"].map((key) => [key, "PATH"]),
  ),
  ...Object.fromEntries(["LowerDir", "MergedDir", "UpperDir", "WorkDir"].map((key) => [key, "PATH"])),
  ...Object.fromEntries(["Size", "Created", "Pid", "PublicPort", "IPPrefixLen"].map((key) => [key, "NUMBER"])),
  Runtime: "RUNTIME",
  HostPort: "PORT",
};
/** What this engine tells beyond dockerd with its classic image store, and what of an engine's own version. */
const beyond = new Set(["DockerVersion", "ImageManifestDescriptor", "Descriptor"]);

function masked(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) {
    return inOrder(value, key).map((item) => masked(item));
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([name]) => !beyond.has(name));
    return Object.fromEntries(entries.map(([name, item]) => [maskedText(name), masked(item, name)]));
  }
  // dockerd's list does not know the place of a volume that was not mounted yet.
  if (key === "Source" && value === "") return "PATH";
  if (Object.hasOwn(byKey, key) && value && typeof value !== "object") {
    return typeof value === "number" || byKey[key] !== "NUMBER" ? byKey[key] : maskedText(value);
  }
  return maskedText(value);
}

/** The order of a list of containers' mounts is dockerd's hash tables', that of `-v` flags the stock client's. */
function inOrder(items: readonly unknown[], key: string): readonly unknown[] {
  if (key === "Mounts") return (items as Mount[]).toSorted((a, b) => order(a).localeCompare(order(b)));
  return key === "Binds" ? items.toSorted() : items;
}

type Mount = { Destination?: string; Target?: string };
const order = (mount: Mount): string => mount.Destination ?? mount.Target ?? "";

function maskedText<T>(value: T): T | string {
  if (typeof value !== "string") return value;
  return value
    .replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/, (time) =>
      time.startsWith("0001") ? time : "TIME",
    )
    .replace(/^\/.*\/_data$/, "PATH")
    .replace(/\b[0-9a-f]{64}\b/g, "ID")
    .replace(/^[0-9a-f]{12}$/, "SHORT")
    .replace(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/, "MAC")
    .replace(/^(10|172)\.\d+\.\d+\.\d+(\/\d+)?$/, "ADDRESS")
    .replace(/^Up .*/, "UP")
    .replace(/^Imported from .*/, "IMPORTED");
}

async function told(target: string): Promise<string> {
  const answer = await fetch(`http://d/v1.51${target}`, { unix: socket() });
  return JSON.stringify(masked(await answer.json()), null, 1);
}

const remove = () =>
  docker("rm", "-fv", "ins-created", "ins-running", "ins-flags", "ins-network", "ins-none")
    .then(() => docker("network", "rm", "-f", "insnet"))
    .then(() => docker("volume", "rm", "-f", "insvol"))
    .then(() => docker("rmi", "insbox"));

describe("of containers with few and many flags", () => {
  beforeAll(async () => {
    const changes = ["-c", 'CMD ["sh"]', "-c", "ENV E=1", "-c", "LABEL l=1", "-c", "EXPOSE 7"];
    await docker("import", "-m", "for the test", ...changes, await busyboxTar(), "insbox");
    await docker("network", "create", "--label", "n=1", "insnet");
    await docker("volume", "create", "--label", "v=1", "insvol");
    await docker("create", "--name", "ins-created", "insbox", "true");
    await docker("run", "-d", "--name", "ins-running", "insbox", "sleep", "600");
    await docker("create", "--name", "ins-flags", ...manyFlags);
    const network = ["--network", "insnet", "--network-alias", "al", "-P", "--cpus", "0.5", "--no-healthcheck"];
    const volume = ["--mount", "type=volume,src=insvol,dst=/q,volume-nocopy"];
    await docker(
      "run",
      "-dit",
      "--name",
      "ins-network",
      "--privileged",
      ...network,
      ...volume,
      "insbox",
      "sleep",
      "600",
    );
    await docker(
      "run",
      "-d",
      "--rm",
      "--name",
      "ins-none",
      "--network",
      "none",
      "--pids-limit",
      "0",
      "insbox",
      "sleep",
      "600",
    );
  }, 60_000);

  afterAll(async () => {
    await remove();
  }, 60_000);

  if (recordFrom) {
    test("records", async () => {
      const all: Record<string, unknown> = {};
      for (const target of targets) all[target] = JSON.parse(await told(target));
      writeFileSync(recordings, `${JSON.stringify(all, null, 1)}\n`);
    });
  } else {
    const recorded = JSON.parse(readFileSync(recordings, "utf8")) as Record<string, unknown>;
    test.each(targets)("GET %s", async (target) => {
      expect(await told(target)).toBe(JSON.stringify(recorded[target], null, 1));
    });
  }
});
