/** Hardening, section A, rows 28 to 31: users, volumes, labels and account files that an image brings, on the daemon. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pssKb } from "../../bench/measure.ts";
import { sparseMap } from "../../src/lib/tar/sparse.ts";
import { tarEnd, tarHeader } from "../../src/lib/tar/writer.ts";
import { setCanary } from "../canary.ts";
import { tarOf } from "../fixtures/tar-builder.ts";
import { clients } from "../harness/daemon.ts";
import { withImages } from "../harness/image-api.ts";
import { busyboxTar } from "../harness/images.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const base = readFileSync(await busyboxTar());

describe.each([...clients])("%s", (client) => {
  const cli = (...args: string[]) => daemon().run(client, ...args);

  test("hardening 28: no User of an image falls back to root", async () => {
    const passwd = "root:x:0:0::/:/bin/sh\n4321:x:0:0::/:/bin/sh\n0x0:x:99999999999:0::/:/bin/sh\n";
    const layer = tarOf({ path: "etc/passwd", type: "file", data: passwd });
    const users = [
      "1000:4294967296",
      "2147483648",
      "4294967296",
      "-1",
      "0x0",
      "+0",
      "1e3",
      "9".repeat(100),
      "root:-1",
      "1000:0x0",
    ];
    const images = [...users, "4321"].map((User, i) => ({
      name: `user:${i}`,
      file: { config: { User } },
      layers: [base, layer],
    }));
    await using _images = await withImages(daemon(), ...images);
    for (const [i, user] of users.entries()) {
      const { code, stdout } = await cli("run", "--rm", `user:${i}`, "id", "-u");
      expect([user, code > 124, stdout]).toEqual([user, true, ""]);
    }
    // A name that is a number in the image's passwd is that number all the same.
    expect((await cli("run", "--rm", `user:${users.length}`, "id", "-u")).stdout).toBe("4321\n");
  });

  test("hardening 30: a VOLUME at the root, in /proc, above the root or through a link gets what the image has there", async () => {
    using canary = setCanary();
    const link = tarOf(
      { path: "link", type: "symlink", linkPath: canary.dir },
      { path: canary.dir.slice(1), type: "directory" },
      { path: `${canary.dir.slice(1)}/own`, type: "file", data: "the image's" },
      { path: "up", type: "symlink", linkPath: "../../../../../../../.." },
      { path: "host/own", type: "file", data: "the image's" },
    );
    const volumes: Record<string, string | null> = {
      "/": null,
      "": null,
      "/proc": null,
      "/proc/sys": null,
      "/a/../proc": null,
      "/../../host": "/host",
      "../host": "/host",
      "/link": canary.dir,
      [`/up${canary.dir}`]: canary.dir,
    };
    const images = Object.keys(volumes).map((path, i) => ({
      name: `volume:${i}`,
      file: { config: { Volumes: { [path]: {} } } },
      layers: [base, link],
    }));
    await using _images = await withImages(daemon(), ...images);
    for (const [i, [path, place]] of Object.entries(volumes).entries()) {
      const script = `cat ${place}/*; echo over > ${place}/own; echo new > ${place}/secret`;
      const { code, stdout } = await cli("run", "--rm", `volume:${i}`, "sh", "-c", script);
      expect([path, code, stdout]).toEqual([
        path,
        place === null ? expect.any(Number) : 0,
        place === null ? "" : "the image's",
      ]);
      if (place === null) expect([path, code > 124]).toEqual([path, true]);
    }
    expect(canary.changes()).toEqual([]);
  }, 30_000);
});

/** A file of `size` bytes, all of it a hole but `head`. */
function sparse(path: string, size: number, head = ""): Buffer {
  const map = sparseMap([{ offset: 0, length: head.length }]);
  const entry = { path: Buffer.from(path), type: "file", mode: 0o644, size: map.length + head.length } as const;
  return Buffer.concat([tarHeader(entry, { sparseSize: size }), map, Buffer.from(head.padEnd(512, "\0")), tarEnd]);
}

test("hardening 29: an image's passwd and group are read within bounds, inside its root, and never waited for", async () => {
  const host = mkdtempSync(join(tmpdir(), "dhow-passwd-"));
  writeFileSync(join(host, "passwd"), "evil:x:4242:4242::/:/bin/sh\n");
  writeFileSync(join(host, "group"), "evil:x:4242:\n");
  const at = (file: string): Record<string, [layer: Buffer, words: string]> => ({
    "two gigabytes": [sparse(`etc/${file}`, 2 ** 31), `/etc/${file} of the image is larger than 4194304 bytes`],
    "one line of a gigabyte": [sparse(`etc/${file}`, 2 ** 30, "evil:x:"), "larger than 4194304 bytes"],
    "a link to the host": [
      tarOf({ path: `etc/${file}`, type: "symlink", linkPath: join(host, file) }),
      `no matching entries in ${file} file`,
    ],
    "a FIFO": [tarOf({ path: `etc/${file}`, type: "fifo" }), "not a regular file"],
    "a device": [tarOf({ path: `etc/${file}`, type: "char", devMajor: 1, devMinor: 5 }), "not a regular file"],
    "a directory": [tarOf({ path: `etc/${file}/x`, type: "file" }), "not a regular file"],
  });
  const d = daemon();
  const cases = ["passwd", "group"].flatMap((file) =>
    Object.entries(at(file)).map(([what, [layer, words]], i) => ({
      what: `${file}: ${what}`,
      words,
      flags: file === "passwd" ? ["-u", "evil"] : ["--group-add", "evil"],
      image: { name: `${file}:${i}`, layers: [base, layer] },
    })),
  );
  await using _images = await withImages(daemon(), ...cases.map(({ image }) => image));
  const idle = await pssKb([d.pid]);
  for (const { what, words, flags, image } of cases) {
    const begun = performance.now();
    const { code, stdout, stderr } = await d.dhow("run", "--rm", ...flags, image.name, "id");
    expect([what, code, stdout, stderr]).toEqual([what, 125, "", expect.stringContaining(words)]);
    expect(performance.now() - begun).toBeLessThan(10_000);
  }
  expect((await pssKb([d.pid])) - idle).toBeLessThan(64 * 1024);
  rmSync(host, { recursive: true });
}, 30_000);

test("hardening 31: labels, annotations and variables of an image that read as the engine's own are data", async () => {
  const d = daemon();
  const taken = {
    "run.oci.seccomp_bpf_data": "AAAA",
    "run.oci.hooks.stdout": "/tmp/x",
    "run.oci.keep_original_groups": "1",
    "io.containerd.runtime": "runc",
    "com.docker.log-driver": "none",
    "com.docker.compose.project": "x",
    "cdi.k8s.io/x": "vendor.com/class=device",
    "org.opencontainers.runtime-spec.features": "x",
    runtime: "runc",
    restart: "always",
    checkpoint: "/x",
  };
  const Env = ["DHOW_FAIL_POINTS=*=kill", "BUN_BE_BUN=1", "LD_PRELOAD=/x.so", "DHOW_RUNTIME=runc"];
  const mine = {
    config: { Labels: taken, Env },
    annotations: taken,
    HostConfig: { Privileged: true },
    Runtime: "runc",
  };
  await using _images = await withImages(
    daemon(),
    { name: "own:1", file: mine, layers: [base] },
    { name: "plain:1", file: { config: {} }, layers: [base] },
  );
  interface Inspected {
    Id: string;
    HostConfig: object;
    Config: { Labels: object; Env: string[] };
  }
  /** What was made of the image: the container's configuration, and the bundle's without what is each container's own. */
  const started = async (name: string): Promise<{ inspected: Inspected; annotations: object; hooks: unknown }> => {
    await d.must("run", "-d", "--name", name, `${name}:1`, "sleep", "60");
    const { body } = await d.api<Inspected>("GET", `/containers/${name}/json`);
    const bundle = JSON.parse(readFileSync(join(d.execRoot, "containers", body.Id, "config.json"), "utf8"));
    await d.must("rm", "-f", name);
    return { inspected: body, annotations: bundle.annotations ?? {}, hooks: bundle.hooks };
  };
  const own = await started("own");
  const plain = await started("plain");
  expect(own.inspected.Config.Labels).toEqual(taken);
  expect(own.inspected.Config.Env).toEqual(expect.arrayContaining(Env));
  expect(own.inspected.HostConfig).toEqual(plain.inspected.HostConfig);
  expect([own.annotations, own.hooks]).toEqual([plain.annotations, plain.hooks]);
});
