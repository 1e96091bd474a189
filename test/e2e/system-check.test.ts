/** `system check`: each kind of damage is found by its name, and repaired where something is left to repair it with. */
import { Database } from "bun:sqlite";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { CheckFinding } from "../../src/api/system-check.ts";
import { dieAt } from "../harness/crash.ts";
import { runClient } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";
import { type DockerRegistry, startDockerRegistry } from "./registry-server.ts";

const daemon = withDaemon();
const must = (...args: string[]) => daemon().must(...args);
let registry: DockerRegistry;
let image: string;

/** Paths of the pulled image's parts. */
interface Parts {
  readonly config: string;
  readonly manifest: string;
  readonly layer: string;
  /** The unpacked layer. */
  readonly diff: string;
}
let parts: Parts;

const blobPath = (digest: string) => join(daemon().dataRoot, "content/blobs", digest.replace(":", "/"));

beforeAll(async () => {
  registry = await startDockerRegistry();
  image = `${registry.host}/checked:1`;
  // Built on nothing else, so that its one layer is its own.
  await must("run", "--name", "source", "busybox", "sh", "-c", "mkdir /own; echo one > /own/file; rm /etc/group");
  await must("commit", "source", image);
  await must("rm", "source");
  await must("push", image);
  await must("rmi", image);
  await must("pull", image);
  const id = (await must("image", "inspect", "-f", "{{.Id}}", image)).trim();
  using db = new Database(join(daemon().dataRoot, "dhow.db"), { readonly: true });
  const row = db.query<{ document: string }, [string]>("SELECT document FROM images WHERE id = ?").get(id);
  const manifest = (JSON.parse(row?.document ?? "{}") as { manifest: { digest: string } }).manifest.digest;
  const { layers } = JSON.parse(readFileSync(blobPath(manifest), "utf8")) as { layers: { digest: string }[] };
  const upper = (await must("image", "inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", image)).trim();
  parts = { config: blobPath(id), manifest: blobPath(manifest), layer: blobPath(layers[1]!.digest), diff: upper };
}, 60_000);

afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
});

afterEach(async () => {
  // Whatever a test has damaged is whole again after it.
  expect(await check()).toEqual({ code: 0, findings: [] });
}, 20_000);

async function check(...flags: string[]): Promise<{ code: number; findings: CheckFinding[] }> {
  const { code, stdout, stderr } = await daemon().dhow("system", "check", "--format", "json", ...flags);
  expect(stderr).toBe("");
  const findings = stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as CheckFinding);
  return { code, findings };
}

/** The only finding of a check, which must be of that kind; its exit code must be 1. */
async function onlyFinding(kind: CheckFinding["Kind"], ...flags: string[]): Promise<CheckFinding> {
  const { code, findings } = await check(...flags);
  expect(findings.map(({ Kind }) => Kind)).toEqual([kind]);
  const finding = findings[0]!;
  expect(code).toBe(finding.Repaired ? 0 : 1);
  return finding;
}

const damages: Readonly<Record<string, { readonly damage: (path: string) => void; readonly words: RegExp }>> = {
  truncated: { damage: (path) => truncateSync(path, 100), words: /it is truncated: 100 of \d+ bytes are there$/ },
  "with one byte flipped": {
    damage: (path) => {
      const bytes = readFileSync(path);
      bytes[50] = (bytes[50] ?? 0) ^ 1;
      writeFileSync(path, bytes);
    },
    words: /it is altered: its \d+ bytes have the digest sha256:[0-9a-f]{64}$/,
  },
  "longer than it was": { damage: (path) => appendFileSync(path, "more"), words: /it is altered: its \d+ bytes have/ },
  deleted: { damage: (path) => rmSync(path), words: /it is missing$/ },
};
const blobCases = (["layer", "config", "manifest"] as const).flatMap((part) =>
  Object.entries(damages).map(([how, { damage, words }]) => [part, how, damage, words] as const),
);

test.each(blobCases)("hardening 175: a %s that is %s is found and fetched again", async (part, _how, damage, words) => {
  const whole = readFileSync(parts[part]);
  damage(parts[part]);
  const found = await onlyFinding("blob");
  expect(found.Problem).toMatch(words);
  expect(found.UsedBy).toEqual([image]);
  expect(found.Action).toBe(`dhow system check --repair fetches it from ${registry.host}/checked`);
  const repaired = await onlyFinding("blob", "--repair");
  expect(repaired).toMatchObject({ Repaired: true, Action: `fetched again from ${registry.host}/checked` });
  expect(readFileSync(parts[part]).equals(whole)).toBe(true);
});

const layerDamages: Readonly<Record<string, { readonly damage: (diff: string) => void; readonly details: string[] }>> =
  {
    "with another mode": {
      damage: (diff) => chmodSync(join(diff, "own/file"), 0o4755),
      details: ["/own/file: its mode is 4755 instead of 0644"],
    },
    "with altered data": {
      damage: (diff) => {
        const { mtime } = statSync(join(diff, "own/file"));
        writeFileSync(join(diff, "own/file"), "two\n");
        lutimesSync(join(diff, "own/file"), mtime, mtime);
      },
      details: ["/own/file: its data differs in the 4 bytes from 0 on"],
    },
    "with a file too many": {
      damage: (diff) => {
        const { mtime } = statSync(join(diff, "own"));
        writeFileSync(join(diff, "own/planted\n\u001b[31m"), "");
        lutimesSync(join(diff, "own"), mtime, mtime);
      },
      details: ["/own/planted\n\u001b[31m: the layer has no such file"],
    },
    "without a file and a whiteout": {
      damage: (diff) => {
        const times = ["own", "etc"].map((dir) => [join(diff, dir), statSync(join(diff, dir)).mtime] as const);
        rmSync(join(diff, "own/file"));
        rmSync(join(diff, "etc/group"));
        for (const [dir, mtime] of times) lutimesSync(dir, mtime, mtime);
      },
      details: ["/etc/group: it is missing", "/own/file: it is missing"],
    },
    gone: { damage: (diff) => rmSync(join(diff, ".."), { recursive: true }), details: [] },
    "without its files": { damage: (diff) => rmSync(diff, { recursive: true }), details: [] },
    "with half a record": { damage: (diff) => truncateSync(join(diff, "../layer.json"), 30), details: [] },
  };

test.each(Object.entries(layerDamages))(
  "hardening 175: an unpacked layer %s is found and unpacked again",
  async (_how, { damage, details }) => {
    damage(parts.diff);
    const found = (await check()).findings.find(({ Kind }) => Kind === "layer")!;
    expect(found.Details.toSorted()).toEqual(details);
    expect(found.UsedBy).toEqual([image]);
    const text = await daemon().dhow("system", "check");
    expect([text.code, text.stdout.includes("\u001b")]).toEqual([1, false]);
    expect(await onlyFinding("layer", "--repair")).toMatchObject({ Repaired: true, Action: "unpacked again" });
    expect(await must("run", "--rm", image, "sh", "-c", "cat /own/file; ls /own; ls /etc/group 2>&1 || :")).toMatch(
      /^one\nfile\nls: .*No such file or directory\n$/,
    );
  },
);

test("hardening 161: a layer whose record is cut hides no other image, also from an engine that starts with it", async () => {
  truncateSync(join(parts.diff, "../layer.json"), 30);
  await daemon().restart();
  expect(await must("images", "-q", "busybox")).not.toBe("");
  await must("system", "df");
  expect(await must("run", "--rm", "busybox", "echo", "works")).toBe("works\n");
  expect((await daemon().dhow("run", "--rm", image, "true")).stderr).toMatch(
    /the record of layer sha256:[0-9a-f]{64} is unreadable/,
  );
  expect((await onlyFinding("layer", "--repair")).Repaired).toBe(true);
  expect(await must("run", "--rm", image, "cat", "/own/file")).toBe("one\n");
}, 20_000);

test("a damaged layer stays as it is while a container runs on it, which is named", async () => {
  await must("run", "-d", "--name", "runs", image, "sleep", "600");
  await must("create", "--name", "waits", image, "cat", "/own/file");
  try {
    chmodSync(join(parts.diff, "own/file"), 0o600);
    const refused = await onlyFinding("layer", "--repair");
    expect(refused.Action).toBe("not repaired: in use by runs: stop it and repair again");
    expect(statSync(join(parts.diff, "own/file")).mode & 0o777).toBe(0o600);
    await must("rm", "-f", "runs");
    expect((await onlyFinding("layer", "--repair")).Repaired).toBe(true);
    // What stood on it goes on doing so.
    expect(await must("start", "-a", "waits")).toBe("one\n");
    const { code, stderr } = await daemon().dhow("rmi", image);
    expect([code, stderr]).toEqual([1, expect.stringContaining("is using its referenced image")]);
  } finally {
    await must("rm", "-f", "runs", "waits");
  }
}, 20_000);

test("a damaged blob that came from no registry is told of, and loading it again repairs it", async () => {
  const id = (await must("image", "inspect", "-f", "{{.Id}}", "busybox")).trim();
  const archive = join(daemon().root, "busybox.tar");
  await must("save", "-o", archive, "busybox");
  truncateSync(blobPath(id), 5);
  const found = await onlyFinding("blob", "--repair");
  expect(found).toMatchObject({ Repaired: false, UsedBy: ["busybox:latest"] });
  expect(found.Action).toMatch(/^no registry is recorded that it came from: load the image again/);
  await must("load", "-i", archive);
});

test("a blob that was packed here is packed again from the unpacked layer, if that gives the same bytes", async () => {
  await must("run", "--name", "source", "busybox", "sh", "-c", "mkdir /d; echo x > /d/f; ln /d/f /d/g; rm /etc/group");
  await must("commit", "source", "local:1");
  await must("rm", "source");
  const [lower = "", upper = ""] = (await must("image", "layers", "-q", "local:1")).split("\n");
  rmSync(blobPath(upper));
  expect(await onlyFinding("blob")).toMatchObject({
    ID: upper,
    Action: "dhow system check --repair tries to pack it again from the unpacked layer",
  });
  expect(await onlyFinding("blob", "--repair")).toMatchObject({ Action: "packed again from the unpacked layer" });
  // An archive that another program has packed has its own order.
  const whole = readFileSync(blobPath(lower));
  truncateSync(blobPath(lower), 1000);
  expect(await onlyFinding("blob", "--repair")).toMatchObject({
    Repaired: false,
    Action: "not repaired: the unpacked layer does not give the same bytes",
  });
  expect(statSync(blobPath(lower)).size).toBe(1000);
  writeFileSync(blobPath(lower), whole);
  await must("rmi", "local:1");
});

test("the index that a name led to is part of the image, and is fetched again as one", async () => {
  const manifest = readFileSync(parts.manifest);
  const digest = `sha256:${new Bun.CryptoHasher("sha256").update(manifest).digest("hex")}`;
  const { mediaType } = JSON.parse(manifest.toString()) as { mediaType: string };
  const platform = { os: "linux", architecture: process.arch === "x64" ? "amd64" : process.arch };
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [{ mediaType, digest, size: manifest.length, platform }],
  });
  const put = await fetch(`http://${registry.host}/v2/checked/manifests/many`, {
    method: "PUT",
    headers: { "content-type": "application/vnd.oci.image.index.v1+json" },
    body: index,
  });
  expect(put.status).toBe(201);
  await must("rmi", image);
  await must("pull", `${registry.host}/checked:many`);
  const path = blobPath(`sha256:${new Bun.CryptoHasher("sha256").update(index).digest("hex")}`);
  rmSync(path);
  expect((await onlyFinding("blob")).Problem).toBe("index: it is missing");
  expect((await onlyFinding("blob", "--repair")).Repaired).toBe(true);
  expect(readFileSync(path, "utf8")).toBe(index);
  await must("rmi", `${registry.host}/checked:many`);
  await must("pull", image);
});

test("a registry that asks who it is gets the credentials that the client has stored", async () => {
  await using guarded = await startDockerRegistry({ user: "ann", password: "secret word" });
  const name = `${guarded.host}/kept:1`;
  const configs = ["ann", "nobody"].map((who) => join(daemon().root, who));
  const as = (who: 0 | 1, ...args: string[]) =>
    runClient("dhow", daemon().socket, args, { env: { DOCKER_CONFIG: configs[who] ?? "" } });
  await runClient("dhow", daemon().socket, ["login", "-u", "ann", "--password-stdin", guarded.host], {
    env: { DOCKER_CONFIG: configs[0] ?? "" },
    stdin: "secret word",
  });
  await must("tag", image, name);
  expect((await as(0, "push", name)).code).toBe(0);
  await must("rmi", name);
  await must("rmi", image);
  expect((await as(0, "pull", name)).code).toBe(0);
  const id = (await must("image", "inspect", "-f", "{{.Id}}", name)).trim();
  rmSync(blobPath(id));
  const refused = await as(1, "system", "check", "--repair");
  expect([refused.code, refused.stdout]).toEqual([1, expect.stringContaining("not repaired: ")]);
  const repaired = await as(0, "system", "check", "--repair");
  expect([repaired.code, repaired.stdout]).toEqual([
    0,
    expect.stringContaining(`fetched again from ${guarded.host}/kept`),
  ]);
  expect(refused.stdout + repaired.stdout + daemon().log()).not.toContain("secret word");
  await must("rmi", name);
  await must("pull", image);
}, 20_000);

test("rows that were spoilt while the daemon runs are written again from its memory", async () => {
  await must("create", "--name", "known", "busybox", "true");
  const ids = [await must("inspect", "-f", "{{.Id}}", "known"), await must("image", "inspect", "-f", "{{.Id}}", image)];
  using db = new Database(join(daemon().dataRoot, "dhow.db"));
  const rows = () =>
    ["containers", "images"].map((table, i) =>
      db.query(`SELECT document FROM ${table} WHERE id = ?`).get(ids[i]?.trim() ?? ""),
    );
  const before = rows();
  for (const [i, table] of ["containers", "images"].entries()) {
    db.run(`UPDATE ${table} SET document = '' WHERE id = ?`, [ids[i]?.trim() ?? ""]);
  }
  expect((await check()).findings.map(({ Kind, UsedBy }) => [Kind, ...UsedBy])).toEqual([
    ["record"],
    ["record", "known"],
  ]);
  expect((await check("--repair")).findings.map(({ Action }) => Action)).toEqual([
    "written again from what the daemon knows",
    "written again from what the daemon knows",
  ]);
  expect(rows()).toEqual(before);
  await daemon().restart();
  await must("rm", "known");
}, 20_000);

test("what crashes left is found and removed; what is at work is neither", async () => {
  const d = daemon();
  const store = (...path: string[]) => join(d.dataRoot, ...path);
  const hex = "a".repeat(64);
  const layer = join(parts.diff, "..");
  writeFileSync(store("content/ingest/0123456789abcdef.left"), "half");
  writeFileSync(store("content/blobs/sha256/no-digest"), "");
  const digest = new Bun.CryptoHasher("sha256").update("orphan").digest("hex");
  writeFileSync(store("content/blobs/sha256", digest), "orphan");
  mkdirSync(store("overlay/tmp", `${hex}.0123`, "diff"), { recursive: true });
  linkSync(join(layer, "layer.json"), join(layer, "refs", "b".repeat(64)));
  mkdirSync(store("containers", "c".repeat(64)));
  const { code, findings } = await check();
  expect(code).toBe(1);
  expect(findings.map(({ Kind, ID }) => `${Kind} ${ID}`).toSorted()).toEqual(
    [
      `leftover containers/${"c".repeat(64)}`,
      "leftover content/blobs/sha256/no-digest",
      "leftover content/ingest/0123456789abcdef.left",
      `leftover overlay/${layer.slice(layer.indexOf("layers/"))}/refs/${"b".repeat(64)}`.replace("/diff/..", ""),
      `leftover overlay/tmp/${hex}.0123`,
      `leftover sha256:${digest}`,
    ].toSorted(),
  );
  const repaired = await check("--repair");
  expect([repaired.code, repaired.findings.every(({ Repaired }) => Repaired)]).toEqual([0, true]);
  expect(existsSync(store("content/blobs/sha256", digest))).toBe(false);
  expect(readdirSync(store("overlay/tmp"))).toEqual([]);
});

test("records that cannot be read, or that point at nothing, are told of", async () => {
  const d = daemon();
  await must("volume", "create", "spoilt");
  await must("volume", "create", "empty");
  await must("create", "--name", "bare", "busybox", "true");
  const bare = (await must("inspect", "-f", "{{.Id}}", "bare")).trim();
  const id = (await must("image", "inspect", "-f", "{{.Id}}", image)).trim();
  rmSync(join(d.dataRoot, "volumes/empty"), { recursive: true });
  rmSync(join(d.dataRoot, "overlay/containers", bare), { recursive: true });
  using db = new Database(join(d.dataRoot, "dhow.db"));
  db.run("UPDATE volumes SET document = '{' WHERE id = 'spoilt'");
  db.run("UPDATE images SET document = 'x' WHERE id = ?", [id]);
  const { code, findings } = await check();
  expect(code).toBe(1);
  expect(findings.map(({ Kind, ID, Problem }) => [Kind, ID, Problem])).toEqual([
    ["record", id, expect.stringMatching(/^the image's record is unreadable: /)],
    ["container", bare, "its writable layer is missing"],
    ["record", "spoilt", expect.stringMatching(/^the volume's record is unreadable: /)],
    ["volume", "empty", expect.stringMatching(/^its data directory \/.*\/volumes\/empty\/_data is missing$/)],
  ]);
  await d.restart();
  expect((await d.dhow("image", "inspect", image)).code).toBe(1);
  const repaired = await check("--repair");
  expect(repaired.findings[0]).toMatchObject({ Kind: "record", ID: id, Repaired: true });
  expect((await must("image", "inspect", "-f", "{{.Id}}", image)).trim()).toBe(id);
  await must("rm", "bare");
  await must("volume", "rm", "spoilt", "empty");
}, 20_000);

test("a check and its repairs go well with pulls and removals at the same time", async () => {
  const d = daemon();
  const other = `${registry.host}/other:1`;
  await must("tag", "busybox", other);
  await must("push", other);
  await must("rmi", other);
  const pulls = async () => {
    for (let i = 0; i < 4; i++) {
      await must("pull", "-q", other);
      await must("run", "--rm", other, "true");
      await must("rmi", other);
    }
  };
  const checks = async () => {
    for (let i = 0; i < 4; i++) {
      chmodSync(join(parts.diff, "own/file"), 0o600);
      const { findings } = await check("--repair");
      expect(findings.filter(({ ID, Repaired }) => !Repaired || ID.includes("/"))).toEqual([]);
    }
  };
  await Promise.all([pulls(), checks()]);
  const [one, two] = await Promise.all([d.dhow("system", "check"), d.dhow("system", "check")]);
  expect([one, two].filter(({ code }) => code === 0).length).toBeGreaterThan(0);
}, 60_000);

describe("a repair that dies half-way", () => {
  const dying = withDaemon({ failPoints: "" });

  test.each(["snapshots.layer.replace", "snapshots.layer.exchanged"])(
    "at %s leaves nothing worse and nothing behind, and the next one ends it",
    async (point) => {
      const d = dying();
      const diff = (await d.must("image", "inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", "busybox")).trim();
      await d.must("create", "--name", "waits", "busybox", "cat", "/etc/group");
      writeFileSync(join(diff, "etc/group"), "spoilt");
      await dieAt(d, point, ["system", "check", "--repair"]);
      const { code, stdout } = await d.dhow("system", "check", "--repair");
      expect([code, stdout]).toEqual([0, expect.stringMatching(/: (1 problem found, 1 repaired|no problem found)\n$/)]);
      expect(await d.must("start", "-a", "waits")).toMatch(/^root:x:0:\n/);
      expect(readdirSync(join(d.dataRoot, "overlay/tmp"))).toEqual([]);
      await d.must("rm", "waits");
    },
    30_000,
  );
});
