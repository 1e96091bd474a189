/**
 * Builds over BuildKit's own protocol: by stock buildx where there is one (`DHOW_TEST_BUILDX` is its path), and by hand against
 * what no honest client sends.
 */
import { afterAll, describe, expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Control, type SolveRequest } from "../../src/api/buildkit/control.ts";
import { goMode } from "../../src/api/buildkit/files.ts";
import { GrpcClient } from "../../src/lib/grpc/client.ts";
import type { Written } from "../../src/lib/protobuf/message.ts";
import { type CommandResult, run } from "../harness/command.ts";
import { type FileStat, failureWith } from "../harness/lent-directory.ts";
import { startOwnRegistry } from "../harness/own-registry.ts";
import { upgraded } from "../harness/upgraded.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const root = mkdtempSync(join(tmpdir(), "dhow-buildx-"));
afterAll(() => rmSync(root, { recursive: true }));

let contexts = 0;
function context(files: Readonly<Record<string, string>>): string {
  const path = join(root, `c${contexts++}`);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

const places = ["/usr/libexec/docker/cli-plugins/docker-buildx", "/usr/lib/docker/cli-plugins/docker-buildx"];
const plugin = process.env.DHOW_TEST_BUILDX ?? places.find((path) => existsSync(path));
if (plugin === undefined)
  console.log("stock buildx is not here, and DHOW_TEST_BUILDX names none: its tests are skipped");

describe.skipIf(plugin === undefined)("stock buildx", () => {
  const home = join(root, "home");
  const docker = async (args: readonly string[], env: Record<string, string> = {}): Promise<CommandResult> => {
    const plugins = join(home, ".docker", "cli-plugins");
    mkdirSync(plugins, { recursive: true });
    if (!existsSync(join(plugins, "docker-buildx"))) copyFileSync(plugin!, join(plugins, "docker-buildx"));
    const own = { HOME: home, DOCKER_HOST: `unix://${daemon().socket}`, BUILDKIT_PROGRESS: "plain", ...env };
    return await run(["docker", ...args], { env: own });
  };
  const build = (...args: string[]): Promise<CommandResult> => docker(["buildx", "build", ...args]);

  test("builds a local context with arguments, names and files for the result, and of the cache again", async () => {
    const path = context({
      Dockerfile: "FROM busybox\nARG WHO=none\nRUN echo hello $WHO > /greeting\nCOPY d /d\n",
      "d/f": "1",
      "x.log": "no",
      ".dockerignore": "*.log\n",
    });
    const [iid, meta] = [join(root, "iid"), join(root, "meta")];
    const args = ["--build-arg", "WHO=you", "-t", "bx:one", "-t", "bx:two", "--iidfile", iid, "--metadata-file", meta];
    const first = await build(...args, path);
    expect([first.code, first.stderr]).toEqual([0, expect.stringContaining("[2/3] RUN echo hello you > /greeting")]);
    expect(await daemon().must("run", "--rm", "bx:two", "cat", "/greeting", "/d/f")).toBe("hello you\n1");
    const id = (await daemon().must("inspect", "-f", "{{.Id}}", "bx:one")).trim();
    expect(readFileSync(iid, "utf8")).toBe(id);
    expect(JSON.parse(readFileSync(meta, "utf8"))["containerimage.config.digest"]).toBe(id);
    const second = await build(...args, path);
    expect(second.stderr).toMatch(/RUN echo hello you > \/greeting\n#\d+ CACHED/);
    writeFileSync(join(path, "d/f"), "22");
    expect((await docker(["build", "-t", "bx:one", path])).code).toBe(0);
    expect(await daemon().must("run", "--rm", "bx:one", "cat", "/d/f")).toBe("22");
  });

  test("gives secrets, and takes the files of a result", async () => {
    const secret = join(root, "secret");
    writeFileSync(secret, "hush");
    const path = context({
      Dockerfile: `FROM busybox AS b
RUN --mount=type=secret,id=s wc -c < /run/secrets/s > /count
FROM scratch
COPY --from=b /count /sub/count
`,
    });
    const out = join(root, "out");
    const result = await build("--secret", `id=s,src=${secret}`, "-o", `type=local,dest=${out}`, path);
    expect([result.code, result.stderr]).toEqual([0, expect.stringContaining("exporting to client directory")]);
    expect(readFileSync(join(out, "sub/count"), "utf8")).toBe("4\n");
  });

  test("shows the lines of a step that fails, and of a file that is wrong", async () => {
    const path = context({ Dockerfile: "FROM busybox\nRUN echo doing; exit 7\n", Bad: "FROM busybox\nRUNN x\n" });
    const failed = await build(path);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain("   2 | >>> RUN echo doing; exit 7");
    expect(failed.stderr).toContain(
      'failed to solve: process "/bin/sh -c echo doing; exit 7" did not complete successfully: exit code: 7',
    );
    const wrong = await build("-f", join(path, "Bad"), path);
    expect(wrong.stderr).toContain("   2 | >>> RUNN x");
    expect(wrong.stderr).toContain("unknown instruction: RUNN");
  });

  test("exports caches to a registry, an image and a directory, and builds from each", async () => {
    await using registry = await startOwnRegistry();
    const path = context({ Dockerfile: "FROM busybox\nRUN echo cached > /made\n" });
    const cache = join(root, "bx-cache");
    const places = [
      [`type=registry,ref=${registry.host}/cache:1`, `type=registry,ref=${registry.host}/cache:1`],
      [`type=local,dest=${cache}`, `type=local,src=${cache}`],
      ["type=inline", `type=registry,ref=${registry.host}/image:1`],
    ] as const;
    for (const [to, from] of places) {
      const made = await build("--cache-to", to, "-t", `${registry.host}/image:1`, "--push", path);
      expect([made.code, made.stderr]).toEqual([0, expect.stringContaining("exporting to image")]);
      await daemon().must("rmi", "-f", `${registry.host}/image:1`);
      await daemon().must("builder", "prune", "-af");
      expect((await build("--cache-from", from, path)).stderr).toMatch(/RUN echo cached > \/made\n#\d+ CACHED/);
      await daemon().must("builder", "prune", "-af");
    }
  });

  test("makes archives and several platforms, attests, and builds from a layout", async () => {
    await using registry = await startOwnRegistry();
    const path = context({
      Dockerfile: "FROM scratch\nCOPY f /f\n",
      f: "x",
      From: "FROM lay\nCOPY --from=lay /f /g\n",
    });
    const platforms = ["--platform", "linux/amd64,linux/arm64"];
    const name = `${registry.host}/multi:1`;
    const pushed = await build(...platforms, "--provenance=mode=max", "--sbom=true", "--push", "-t", name, path);
    expect([pushed.code, pushed.stderr]).toEqual([0, expect.stringContaining("exporting to image")]);
    const inspected = await docker(["buildx", "imagetools", "inspect", "--raw", name]);
    const { manifests } = JSON.parse(inspected.stdout) as { manifests: { platform: { architecture: string } }[] };
    expect(manifests.map(({ platform }) => platform.architecture).sort()).toEqual([
      "amd64",
      "arm64",
      "unknown",
      "unknown",
    ]);
    await daemon().must("rmi", "-f", name);
    const [archive, layout] = [join(root, "x.tar"), join(root, "bx-layout")];
    expect((await build(...platforms, "-o", `type=oci,dest=${archive}`, path)).code).toBe(0);
    mkdirSync(layout);
    expect((await run(["tar", "xf", archive, "-C", layout])).code).toBe(0);
    const out = join(root, "bx-out");
    const args = ["--build-context", `lay=oci-layout://${layout}`, "-f", join(path, "From"), "-o", out, path];
    const built = await build(...args);
    expect([built.code, built.stderr]).toEqual([0, expect.stringContaining("exporting to client directory")]);
    expect(readFileSync(join(out, "g"), "utf8")).toBe("x");
  });

  test("bakes targets that begin at each other's results, of which nothing stays that was not asked for", async () => {
    const path = context({
      "docker-bake.hcl": `target "lent" {
  dockerfile-inline = "FROM busybox\\nRUN echo lent > /l\\n"
}
target "default" {
  contexts = { base = "target:lent" }
  dockerfile-inline = "FROM base\\nRUN cat /l > /m\\n"
  tags = ["bx:baked"]
}
target "failing" {
  contexts = { base = "target:broken" }
  dockerfile-inline = "FROM base\\n"
}
target "broken" {
  dockerfile-inline = "FROM busybox\\nRUN echo said; exit 3\\n"
}
`,
    });
    const before = await daemon().must("images", "-aq", "--no-trunc");
    const file = ["-f", join(path, "docker-bake.hcl")];
    const baked = await docker(["buildx", "bake", ...file]);
    expect([baked.code, baked.stderr]).toEqual([0, expect.stringContaining("naming to bx:baked")]);
    expect(await daemon().must("run", "--rm", "bx:baked", "cat", "/m")).toBe("lent\n");
    const failed = await docker(["buildx", "bake", ...file, "failing"]);
    expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining("said")]);
    await daemon().must("rmi", "bx:baked");
    expect(await daemon().must("images", "-aq", "--no-trunc")).toBe(before);
    expect(readdirSync(join(daemon().dataRoot, "build", "contexts"))).toEqual([]);
  });

  test("asks what a file offers, and lists and prunes the cache", async () => {
    const path = context({ Dockerfile: "# an image\nFROM busybox as One\nARG A=1\nRUN echo $A\n" });
    expect((await build("--call=targets", path)).stdout).toContain("one (default)");
    expect((await build("--call=outline", path)).stdout).toMatch(/A +1/);
    const checked = await build("--check", path);
    expect(checked.stdout + checked.stderr).toContain("StageNameCasing");
    const pruned = await docker(["buildx", "prune", "-f", "--filter", "type=source.local"]);
    expect([pruned.code, pruned.stdout]).toEqual([0, expect.stringContaining("Total:")]);
    expect((await docker(["buildx", "du"])).stdout).not.toContain("source.local");
  });
});

const file = (path: string, rest: FileStat = {}): FileStat => ({ path, mode: 0o644, size: 1, ...rest });
const link = (path: string, linkname: string): FileStat => ({ path, mode: goMode.symlink | 0o777, linkname });

test("a context that an honest client sends is built", async () => {
  const directory = { path: "d", mode: (goMode.directory | 0o755) >>> 0 };
  const files = [file("a"), directory, file("d/f"), link("l", "a"), file("z", { linkname: "a" })];
  expect(await failureWith(daemon().socket, { files })).toBe("");
});

test.each<[string, FileStat[], string]>([
  ["above the context", [file("../a")], "the path is not clean"],
  ["at the root", [file("/etc/a")], "the path is not relative"],
  ["with a dot", [file("./a")], "the path is not clean"],
  ["out of order", [file("b"), file("a")], "it comes out of order"],
  ["twice", [file("a"), file("a")], "it comes out of order"],
  ["below a link", [link("a", "/etc"), file("a/b")], "a is not a directory"],
  ["below nothing", [file("a/b")], "its directory has not come"],
  ["linked to a file elsewhere", [file("a", { linkname: "/etc/shadow" })], "it links to no file"],
  ["linked to a link", [link("a", "/etc/shadow"), file("b", { linkname: "a" })], "it links to no file"],
])("a context with a file %s is refused before anything is written", async (_, files, reason) => {
  expect(await failureWith(daemon().socket, { files: [file("0"), ...files] })).toContain(reason);
  const kept = join(daemon().dataRoot, "build", "clients");
  const written = readdirSync(kept).filter((name) => existsSync(join(kept, name, "files", "0")));
  // The honest one's, at most.
  expect(written.filter((name) => !existsSync(join(kept, name, "files", "z")))).toEqual([]);
});

test("graphs of LLB, other frontends and policies are refused by name", async () => {
  await using client = new GrpcClient(await upgraded(daemon().socket, "/grpc"));
  const solve = async (request: Written<typeof SolveRequest>): Promise<string> =>
    await client.call(Control.Solve, { ref: crypto.randomUUID(), ...request }).then(
      () => "",
      (error: Error) => error.message,
    );
  expect(await solve({ definition: { def: [new Uint8Array([1])] } })).toContain("graphs of LLB cannot be run");
  expect(await solve({ frontend: "gateway.v0", frontendAttrs: new Map([["source", "example.com/f"]]) })).toContain(
    "the frontend example.com/f cannot be run",
  );
  expect(await solve({ frontend: "dockerfile.v0", sourcePolicy: { rules: [{}] } })).toContain("source policies");
  expect(await solve({ frontend: "dockerfile.v0", frontendAttrs: new Map([["nonsense", ""]]) })).toContain("nonsense");
});
