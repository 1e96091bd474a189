/** Images end to end: a real registry filled by skopeo, archives, names, and what goes wrong on the way. Both clients. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { manifestIn, putIndex, startRegistry } from "../fixtures/registry.ts";
import { tarOf } from "../fixtures/tar-builder.ts";
import { run, succeed } from "../harness/command.ts";
import { inRounds } from "../harness/crash.ts";
import { clients, dhowTestBinary, runClient, TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";
import { expectLedger, settledLedger } from "../harness/ledger.ts";
import { withDaemon } from "./fixture.ts";
import { startDockerRegistry } from "./registry-server.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-images-e2e-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const layersOf = (daemon: TestDaemon): string[] => readdirSync(join(daemon.dataRoot, "overlay/layers")).sort();
const digestOf = (text: Buffer | string): `sha256:${string}` =>
  `sha256:${new Bun.CryptoHasher("sha256").update(text).digest("hex")}`;

describe("with a registry", () => {
  const daemon = withDaemon();
  let registry: Awaited<ReturnType<typeof startDockerRegistry>>;
  let host = "";
  const archive = join(dir, "two.tar");

  beforeAll(async () => {
    const d = daemon();
    registry = await startDockerRegistry();
    host = registry.host;
    // Two layers: busybox and a file committed over it.
    await d.docker("run", "--name", "seed", "busybox", "sh", "-c", "echo layered > /layered; rm /etc/group");
    expect(
      (await d.docker("commit", "-c", 'CMD ["cat","/layered"]', "-c", "LABEL made=e2e", "seed", "seed:1")).code,
    ).toBe(0);
    await d.docker("rm", "seed");
    expect((await d.docker("save", "-o", archive, "seed:1")).code).toBe(0);
    const copy = async (name: string, ...options: string[]) =>
      void (await succeed([
        "skopeo",
        "copy",
        "-q",
        "--dest-tls-verify=false",
        ...options,
        `docker-archive:${archive}`,
        `docker://${host}/${name}`,
      ]));
    await copy("schema/docker:1", "--format", "v2s2");
    await copy("schema/oci:1", "--format", "oci");
    await copy("schema/zstd:1", "--format", "oci", "--dest-compress-format", "zstd");
    await d.docker("rmi", "-f", "seed:1");
  }, 60_000);
  afterAll(async () => await registry?.[Symbol.asyncDispose]());

  for (const client of clients) {
    for (const kind of ["docker", "oci", "zstd"]) {
      test(`${client} pulls and runs an image of kind ${kind}`, async () => {
        const d = daemon();
        const name = `${host}/schema/${kind}:1`;
        const pulled = await d.run(client, "pull", name);
        expect(pulled).toMatchObject({ code: 0 });
        expect(pulled.stdout).toMatch(/Digest: sha256:[0-9a-f]{64}\nStatus: Downloaded newer image for /);
        expect(await d.run(client, "run", "--rm", name)).toMatchObject({ code: 0, stdout: "layered\n" });
        expect((await d.run(client, "run", "--rm", name, "ls", "/etc/group")).code).toBe(1);
        const digest = /Digest: (\S+)/.exec(pulled.stdout)?.[1];
        const inspected = JSON.parse((await d.run(client, "image", "inspect", name)).stdout)[0];
        expect(inspected.RepoDigests).toEqual([`${host}/schema/${kind}@${digest}`]);
        expect(inspected.RepoTags).toEqual([name]);
        const listed = await d.run(client, "images", "--digests", "--format", "{{.Repository}}:{{.Tag}} {{.Digest}}");
        expect(listed.stdout).toContain(`${name} ${digest}\n`);
        expect((await d.run(client, "pull", name)).stdout).toContain("Status: Image is up to date for ");
        expect((await d.run(client, "rmi", name)).code).toBe(0);
      });
    }

    test(`${client} pulls by digest, and refuses what is not there`, async () => {
      const d = daemon();
      const raw = await succeed([
        "skopeo",
        "inspect",
        "--tls-verify=false",
        "--format",
        "{{.Digest}}",
        `docker://${host}/schema/oci:1`,
      ]);
      const name = `${host}/schema/oci@${raw}`;
      expect(await d.run(client, "pull", "-q", name)).toMatchObject({ code: 0, stdout: `${name}\n` });
      expect((await d.run(client, "run", "--rm", name)).stdout).toBe("layered\n");
      const none = await d.run(client, "images", "--filter", "dangling=true", "--format", "{{.Tag}}");
      expect(none.stdout).toContain("<none>");
      expect((await d.run(client, "rmi", name)).code).toBe(0);
      const absent = await d.run(client, "pull", `${host}/schema/oci:none`);
      expect(absent.code).toBe(1);
      expect(absent.stderr).toContain(`manifest for ${host}/schema/oci:none not found: manifest unknown`);
    });

    test(`${client} tags, filters, shows history and removes by name`, async () => {
      const d = daemon();
      const name = `${host}/schema/oci:1`;
      await d.run(client, "pull", "-q", name);
      await d.run(client, "tag", name, "mine:a");
      await d.run(client, "tag", name, "mine:b");
      const list = async (...args: string[]) =>
        (await d.run(client, "images", "--format", "{{.Repository}}:{{.Tag}}", ...args)).stdout
          .trim()
          .split("\n")
          .sort();
      expect(await list("--filter", "reference=mine")).toEqual(["mine:a", "mine:b"]);
      expect(await list("--filter", "label=made=e2e")).toEqual([name, "mine:a", "mine:b"].sort());
      expect(await list("--filter", "label=made=other")).toEqual([""]);
      const history = await d.run(client, "history", "--no-trunc", "--format", "{{.CreatedBy}}", "mine:a");
      expect(history.stdout.split("\n")[0]).toContain("echo layered > /layered");
      await d.run(client, "create", "--name", "user", "mine:a");
      const used = await d.run(client, "rmi", "mine:a");
      expect(used.stdout).toBe("Untagged: mine:a\n");
      await d.run(client, "rmi", "mine:b");
      const last = await d.run(client, "rmi", name);
      expect(last.code).toBe(1);
      expect(last.stderr).toMatch(
        /unable to remove repository reference ".*" \(must force\) - container [0-9a-f]{12} is using its referenced image/,
      );
      const counted = await d.api<{ RepoTags: string[]; Containers: number }[]>("GET", "/images/json");
      expect(counted.body.find((one) => one.RepoTags.includes(name))?.Containers).toBeGreaterThanOrEqual(-1);
      await d.run(client, "rm", "user");
      expect((await d.run(client, "rmi", name)).stdout).toMatch(/Deleted: sha256:/);
    });
  }

  test("an index gives the entry of the platform", async () => {
    const d = daemon();
    await using fake = await startRegistry();
    const config = Buffer.from(
      JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } }),
    );
    const other = Buffer.from(
      JSON.stringify({ architecture: "arm64", os: "linux", rootfs: { type: "layers", diff_ids: [] } }),
    );
    const index = [
      ["arm64", other],
      ["amd64", config],
    ].map(([architecture, bytes]) => {
      fake.blobs.set(digestOf(bytes as Buffer), bytes as Buffer);
      return { ...manifestIn(fake, bytes as Buffer, []), platform: { architecture, os: "linux" } };
    });
    putIndex(fake, "many", index);
    expect((await d.docker("pull", "-q", `${fake.host}/many:many`)).code).toBe(0);
    expect((await d.docker("image", "inspect", "-f", "{{.Architecture}}", `${fake.host}/many:many`)).stdout).toBe(
      "amd64\n",
    );
    expect((await d.docker("pull", "-q", "--platform", "linux/arm64", `${fake.host}/many:many`)).code).toBe(0);
    expect((await d.docker("image", "inspect", "-f", "{{.Architecture}}", `${fake.host}/many:many`)).stdout).toBe(
      "arm64\n",
    );
    expect((await d.docker("pull", "--platform", "linux/s390x", `${fake.host}/many:many`)).stderr).toContain(
      "no matching manifest for linux/s390x",
    );
    const ids = (await d.docker("images", "-aq")).stdout.trim().split("\n");
    for (const id of new Set(ids)) await d.docker("rmi", "-f", id).catch(() => {});
    await d.docker("import", await busyboxTar(), "busybox:latest");
  });

  test("hardening 185: 50 pulls at once download each blob once", async () => {
    const d = daemon();
    await using fake = await startRegistry();
    const layer = tarOf({ path: "f", type: "file", data: "x".repeat(3_000_000) });
    const config = Buffer.from(
      JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [digestOf(layer)] } }),
    );
    for (const bytes of [layer, config]) fake.blobs.set(digestOf(bytes), bytes);
    const manifest = manifestIn(fake, config, [layer]);
    for (let i = 0; i < 20; i++) fake.manifests.set(`t${i}`, fake.manifests.get(manifest.digest)!);
    // Without keep-alive: idle connections of this process would count as the daemon's descriptors.
    const pulls = Array.from({ length: 50 }, async (_, i) => {
      const path = `/images/create?fromImage=${fake.host}/shared&tag=t${i % 20}`;
      const answer = await fetch(`http://d${path}`, { method: "POST", unix: d.socket, keepalive: false });
      return { status: answer.status, body: await answer.text() };
    });
    for (const { status, body } of await Promise.all(pulls)) {
      expect(status).toBe(200);
      expect(body).not.toContain('"error"');
    }
    for (const digest of fake.blobs.keys()) {
      expect(fake.requests.filter(({ url }) => url.endsWith(`/blobs/${digest}`))).toHaveLength(1);
    }
    for (let i = 0; i < 20; i++) expect((await d.docker("rmi", `${fake.host}/shared:t${i}`)).code).toBe(0);
  });

  test("Retry-After and 5xx are waited for, and a broken download goes on where it broke", async () => {
    const d = daemon();
    await using fake = await startRegistry();
    const layer = tarOf({ path: "f", type: "file", data: "y".repeat(2_000_000) });
    const config = Buffer.from(
      JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [digestOf(layer)] } }),
    );
    for (const bytes of [layer, config]) fake.blobs.set(digestOf(bytes), bytes);
    fake.manifests.set("1", fake.manifests.get(manifestIn(fake, config, [layer]).digest)!);
    let busy = 2;
    let broken = false;
    fake.fault = (request, response) => {
      if (request.url?.includes("/manifests/") && busy-- > 0) {
        response.writeHead(busy === 1 ? 503 : 429, { "retry-after": "1" }).end();
        return true;
      }
      if (!request.url?.endsWith(digestOf(layer)) || broken) return false;
      broken = true;
      response.writeHead(200, { "content-length": String(layer.length) });
      response.write(layer.subarray(0, 1_000_000), () => setTimeout(() => response.destroy(), 100));
      return true;
    };
    const from = performance.now();
    expect((await d.docker("pull", "-q", `${fake.host}/retry:1`)).code).toBe(0);
    expect(performance.now() - from).toBeGreaterThan(1900);
    expect(fake.requests.some(({ range }) => range !== undefined)).toBe(true);
    await d.docker("rmi", `${fake.host}/retry:1`);
  });

  for (const client of clients) {
    test(`${client} logs in with the right password only, and pulls with what it stored`, async () => {
      const d = daemon();
      await using locked = await startDockerRegistry({ user: "ann", password: "secret" });
      const home = mkdtempSync(join(dir, "home-"));
      const env = { DOCKER_CONFIG: home };
      const call = (...args: string[]) => runClient(client, d.socket, args, { env });
      const name = `${locked.host}/private:1`;
      await succeed([
        "skopeo",
        "copy",
        "-q",
        "--dest-tls-verify=false",
        "--dest-creds",
        "ann:secret",
        `docker-archive:${archive}`,
        `docker://${name}`,
      ]);
      const denied = await call("pull", name);
      expect(denied.code).toBe(1);
      expect(denied.stderr).toContain("no basic auth credentials");
      expect((await call("login", "-u", "ann", "-p", "wrong", locked.host)).code).toBe(1);
      expect(await call("login", "-u", "ann", "-p", "secret", locked.host)).toMatchObject({ code: 0 });
      expect(await call("pull", "-q", name)).toMatchObject({ code: 0 });
      expect((await call("rmi", name)).code).toBe(0);
    });
  }

  test("a mirror is asked first, without credentials, and the hub stands in for it no longer than needed", async () => {
    await using fake = await startRegistry();
    const config = Buffer.from(
      JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } }),
    );
    fake.blobs.set(digestOf(config), config);
    fake.manifests.set("1", fake.manifests.get(manifestIn(fake, config, []).digest)!);
    await using d = await TestDaemon.start({ flags: [`--registry-mirror=http://${fake.host}`] });
    expect(await d.docker("pull", "-q", "mirrored:1")).toMatchObject({ code: 0 });
    expect((await d.docker("images", "-q", "mirrored")).stdout).not.toBe("");
    expect(fake.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
    expect(fake.requests[0]?.url).toBe("/v2/library/mirrored/manifests/1");
  });
});

describe("archives", () => {
  const daemon = withDaemon();

  for (const client of clients) {
    test(`${client} saves and loads the same image, also through an OCI layout`, async () => {
      const d = daemon();
      const id = (await d.run(client, "inspect", "-f", "{{.Id}}", "busybox")).stdout;
      const tar = join(dir, `${client}.tar`);
      await d.run(client, "tag", "busybox", "round:trip");
      expect((await d.run(client, "save", "-o", tar, "round:trip")).code).toBe(0);
      await d.run(client, "rmi", "round:trip");
      expect(await d.run(client, "load", "-i", tar)).toMatchObject({ code: 0, stdout: "Loaded image: round:trip\n" });
      expect((await d.run(client, "inspect", "-f", "{{.Id}}", "round:trip")).stdout).toBe(id);
      const layout = join(dir, `${client}-oci.tar`);
      await succeed([
        "skopeo",
        "copy",
        "-q",
        `docker-archive:${tar}:round:trip`,
        `oci-archive:${layout}:example.com/laid:out`,
      ]);
      const loaded = await d.run(client, "load", "-q", "-i", layout);
      expect(loaded).toMatchObject({ code: 0 });
      expect((await d.run(client, "run", "--rm", "round:trip", "echo", "ran")).stdout).toBe("ran\n");
      await d.run(client, "rmi", "round:trip");
      await d.run(client, "rmi", "-f", "example.com/laid:out");
    });
  }
});

describe("hardening 157, 160: kill -9 of the daemon leaves old or new", () => {
  const points: Record<string, readonly string[]> = {
    pull: [
      "images.pull.config",
      "images.layer.applied",
      "snapshots.layer.publish",
      "content.blob.renamed",
      "images.recorded",
      "images.pull.recorded",
    ],
    load: ["images.load.received", "content.blob.renamed", "snapshots.layer.publish", "images.recorded"],
    import: ["images.layer.received", "content.blob.synced", "snapshots.layer.publish", "images.recorded"],
    rmi: ["images.remove.recorded", "snapshots.layer.remove"],
    commit: ["images.layer.received", "snapshots.layer.publish", "images.recorded"],
  };
  let registry: Awaited<ReturnType<typeof startDockerRegistry>>;
  let daemon: TestDaemon;
  const archive = join(dir, "crash.tar");
  let host = "";

  beforeAll(async () => {
    daemon = await TestDaemon.start({ failPoints: "" });
    registry = await startDockerRegistry();
    host = registry.host;
    await succeed(["docker", "-H", `unix://${daemon.socket}`, "import", await busyboxTar(), "busybox:latest"]);
    await daemon.docker("create", "--name", "changed", "busybox", "true");
    const tree = join(dir, "crash-tree");
    mkdirSync(tree);
    writeFileSync(join(tree, "file"), "crash".repeat(100_000));
    await succeed(["tar", "-C", tree, "-cf", join(dir, "crash-root.tar"), "."]);
    await daemon.docker("import", join(dir, "crash-root.tar"), "crash:seed");
    await daemon.docker("save", "-o", archive, "crash:seed");
    await succeed([
      "skopeo",
      "copy",
      "-q",
      "--dest-tls-verify=false",
      `docker-archive:${archive}`,
      `docker://${host}/crash:1`,
    ]);
    await daemon.docker("rmi", "crash:seed");
  }, 60_000);
  afterAll(async () => {
    await registry?.[Symbol.asyncDispose]();
    await daemon?.[Symbol.asyncDispose]();
  }, 60_000);

  const acts: Record<string, { readonly args: () => string[]; readonly name: () => string }> = {
    pull: { args: () => ["pull", `${host}/crash:1`], name: () => `${host}/crash:1` },
    load: { args: () => ["load", "-i", archive], name: () => "crash:seed" },
    import: { args: () => ["import", join(dir, "crash-root.tar"), "crash:imported"], name: () => "crash:imported" },
    commit: { args: () => ["commit", "changed", "crash:committed"], name: () => "crash:committed" },
    rmi: { args: () => ["rmi", "crash:seed"], name: () => "crash:seed" },
  };
  for (const [verb, names] of Object.entries(points)) {
    for (const [title, point] of inRounds(names.map((point) => [point, point] as const))) {
      test(`${verb} at ${title}`, async () => {
        const { args, name } = acts[verb]!;
        if (verb === "rmi") await daemon.docker("load", "-i", archive);
        const before = await settledLedger(daemon);
        await daemon.terminate();
        await daemon.start({ DHOW_FAIL_POINTS: `${point}=kill` });
        const killed = await daemon.docker(...args());
        expect(killed.code).not.toBe(0);
        await daemon.kill9();
        await daemon.start({ DHOW_FAIL_POINTS: "none=error" });
        expect(readdirSync(join(daemon.dataRoot, "content/ingest"))).toEqual([]);
        const there = (await daemon.docker("image", "inspect", name())).code === 0;
        if (there) expect((await daemon.docker("save", "-o", join(dir, "whole.tar"), name())).code).toBe(0);
        if (verb !== "rmi" || there) expect(await daemon.docker(...args())).toMatchObject({ code: 0 });
        await daemon.docker("rmi", "-f", name());
        await daemon.docker("rmi", "-f", "crash:seed");
        await expectLedger(daemon, before, { fds: false });
        expect((await daemon.docker("images", "-q")).stdout.trim().split("\n")).toHaveLength(1);
        expect(layersOf(daemon)).toHaveLength(1);
      }, 60_000);
    }
  }
});

test("hardening 170: a full disk fails a pull, a load and an import with its reason and leaves nothing", async () => {
  const mount = mkdtempSync(join(dir, "small-"));
  await using registry = await startDockerRegistry();
  const tree = join(dir, "full-tree");
  mkdirSync(tree);
  writeFileSync(join(tree, "big"), crypto.getRandomValues(Buffer.alloc(65_536)).toString("hex").repeat(230)); // 30 MB
  writeFileSync(join(tree, "random"), await Bun.$`head -c 20000000 /dev/urandom`.quiet().then((r) => r.stdout));
  const root = join(dir, "full-root.tar");
  await succeed(["tar", "-C", tree, "-cf", root, "."]);
  await succeed(["mount", "-t", "tmpfs", "-o", "size=90m", "none", mount]);
  try {
    await using big = await TestDaemon.start();
    await big.docker("import", root, "full:1");
    const archive = join(dir, "full.tar");
    await big.docker("save", "-o", archive, "full:1");
    await succeed([
      "skopeo",
      "copy",
      "-q",
      "--dest-tls-verify=false",
      `docker-archive:${archive}`,
      `docker://${registry.host}/full:1`,
    ]);
    await using d = await TestDaemon.start({ flags: [`--data-root=${mount}/data`] });
    const blobs = () => readdirSync(`${mount}/data/content/blobs/sha256`);
    const filler = join(mount, "filler");
    await run(["dd", "if=/dev/zero", `of=${filler}`, "bs=1M", "count=60"]);
    for (const args of [
      ["pull", `${registry.host}/full:1`],
      ["load", "-i", archive],
      ["import", root, "full:2"],
    ]) {
      const failed = await d.docker(...args);
      expect(failed.code).toBe(1);
      expect(failed.stderr).toContain("no space left on device");
      expect(blobs()).toEqual([]);
      expect(readdirSync(`${mount}/data/content/ingest`)).toEqual([]);
      expect(existsSync(`${mount}/data/overlay`) ? readdirSync(`${mount}/data/overlay/layers`) : []).toEqual([]);
    }
    rmSync(filler);
    await succeed(["mount", "-o", "remount,size=400m", mount]);
    expect(await d.docker("pull", "-q", `${registry.host}/full:1`)).toMatchObject({ code: 0 });
    expect(readFileSync(`${mount}/data/dhow.db`).length).toBeGreaterThan(0);
  } finally {
    await run(["umount", "-l", mount]);
  }
}, 120_000);

test("the binary with fail points is there", () => expect(existsSync(dhowTestBinary)).toBe(true));
