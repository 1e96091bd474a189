/**
 * Base images from packages: `mmdebstrap` for Debian and its kin (signatures checked by apt), the host's static busybox
 * otherwise; both end in an import, so that any daemon will do.
 */

import { access, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ProgressMessage } from "../../api/images.ts";
import { paths } from "../../api/paths.ts";
import { to } from "../../client/route-call.ts";
import type { Cli } from "../cli.ts";
import { splitReference } from "./pull.ts";

export interface BootstrapOptions {
  readonly name: string;
  readonly tag: string;
  readonly include: readonly string[];
  readonly mirror: string;
  readonly variant: string;
  readonly quiet: boolean;
}

/** Makes the image and prints its id. */
export async function bootstrapImage(cli: Cli, options: BootstrapOptions): Promise<void> {
  const { repository, tag } = splitReference(options.name);
  const distribution = repository.replace(/^.*\//, "");
  if (distribution === "busybox") {
    if (options.include.length > 0) throw new Error("busybox takes no packages: --include is for Debian suites");
    const directory = await mkdtemp(join(process.env.TMPDIR || "/tmp", "dhow-busybox-"));
    try {
      await busyboxRoot(directory);
      const argv = ["tar", "-C", directory, "--owner=0", "--group=0", "--numeric-owner", "-cf", "-", "."];
      await importFrom(cli, argv, options, [
        'CMD ["sh"]',
        "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      ]);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
    return;
  }
  if (!/^[a-z][a-z0-9-]*$/.test(distribution) || !/^[a-z][a-z0-9.-]*$/.test(tag || "stable")) {
    throw new Error(`cannot bootstrap ${JSON.stringify(options.name)}: expected debian:SUITE or busybox`);
  }
  for (const word of options.include) {
    if (!/^[a-z0-9][a-z0-9+.:~-]*$/.test(word)) throw new Error(`invalid package name ${JSON.stringify(word)}`);
  }
  if (!Bun.which("mmdebstrap")) throw new Error("mmdebstrap is not installed: apt-get install mmdebstrap");
  const argv = [
    "mmdebstrap",
    `--variant=${options.variant}`,
    "--format=tar",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
  ];
  if (options.quiet) argv.push("--quiet");
  if (options.include.length > 0) argv.push(`--include=${options.include.join(",")}`);
  argv.push(tag || "stable", "-");
  const mirror = options.mirror || (await hostMirror());
  if (mirror) argv.push(mirror);
  await importFrom(cli, argv, options, [
    'CMD ["bash"]',
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  ]);
}

/** Runs a maker of a tar archive and imports what it writes, unless it fails. */
async function importFrom(cli: Cli, argv: string[], options: BootstrapOptions, changes: string[]): Promise<void> {
  const client = await cli.client();
  await client.ping();
  const child = Bun.spawn(argv, { stdout: "pipe", stderr: "inherit", stdin: "ignore" });
  // The last chunk is held back until the maker has succeeded: half an archive must not become an image.
  async function* archive(): AsyncGenerator<Uint8Array> {
    let held: Uint8Array | null = null;
    for await (const bytes of child.stdout) {
      if (held) yield held;
      held = bytes;
    }
    if ((await child.exited) !== 0) throw new Error(`${argv[0]} failed with exit status ${child.exitCode}`);
    if (held) yield held;
  }
  const { repository, tag } = splitReference(options.tag);
  let id = "";
  const messages = client.jsonStream<ProgressMessage>(
    to(
      paths.imageCreate,
      {},
      { fromSrc: "-", repo: repository, tag: tag || "latest", message: `bootstrapped by ${argv[0]}`, changes },
    ),
    { headers: { "Content-Type": "application/x-tar" }, body: archive() },
  );
  for await (const { status, error } of messages) {
    if (error !== undefined) throw new Error(error);
    if (status?.startsWith("sha256:")) id = status;
  }
  cli.out(`${id}\n`);
}

async function busyboxRoot(directory: string): Promise<void> {
  const binary = await findBusybox();
  for (const name of ["bin", "etc", "root", "tmp", "usr/sbin", "usr/bin", "sbin", "var/tmp", "home"]) {
    await mkdir(join(directory, name), { recursive: true, mode: name.endsWith("tmp") ? 0o1777 : 0o755 });
  }
  await Bun.spawn(["chmod", "1777", join(directory, "tmp"), join(directory, "var/tmp")]).exited;
  await Bun.spawn(["cp", "-L", "--", binary, join(directory, "bin/busybox")]).exited;
  const list = await new Response(Bun.spawn([binary, "--list"], { stdout: "pipe" }).stdout).text();
  for (const applet of list.split("\n")) {
    if (applet !== "" && applet !== "busybox" && /^[\w.[-]+$/.test(applet))
      await symlink("busybox", join(directory, "bin", applet)).catch(() => undefined);
  }
  await writeFile(
    join(directory, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
  );
  await writeFile(join(directory, "etc/group"), "root:x:0:\nnogroup:x:65534:\n");
  await writeFile(join(directory, "etc/nsswitch.conf"), "hosts: files dns\n");
}

/** A busybox that needs no library: Debian's busybox-static. */
async function findBusybox(): Promise<string> {
  for (const path of ["/bin/busybox", "/usr/bin/busybox"]) {
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (!found) continue;
    const head = Buffer.from(await Bun.file(path).slice(0, 4096).arrayBuffer());
    if (!head.includes("/lib64/ld-linux") && !head.includes("/lib/ld-linux")) return path;
  }
  throw new Error("no static busybox found: apt-get install busybox-static");
}

/** The first mirror of the host's own sources. */
async function hostMirror(): Promise<string> {
  for (const path of ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"]) {
    const text = await Bun.file(path)
      .text()
      .catch(() => "");
    const found = /^URIs:\s*(\S+)/m.exec(text)?.[1] ?? /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)/m.exec(text)?.[1];
    if (found) return found;
  }
  return "";
}
