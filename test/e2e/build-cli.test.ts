/** `build`, `buildx bake` and what is around them, over BuildKit's protocol. */
import { afterAll, expect, test } from "bun:test";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run, until } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const root = mkdtempSync(join(tmpdir(), "dhow-build-cli-"));
afterAll(() => rmSync(root, { recursive: true }));

let contexts = 0;
function context(dockerfile: string, files: Readonly<Record<string, string>> = {}): string {
  const path = join(root, `c${contexts++}`);
  for (const [name, text] of Object.entries({ Dockerfile: dockerfile, ...files })) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

const build = (...args: string[]) => daemon().dhow("build", ...args);
const inImage = (image: string, ...argv: string[]): Promise<string> => daemon().must("run", "--rm", image, ...argv);

test("an image is built, and told in files; progress goes to standard error", async () => {
  const path = context("FROM busybox\nARG WHO\nRUN echo hello $WHO > /greeting\n");
  const facts = join(root, "facts.json");
  const { code, stdout, stderr } = await build(
    "-t",
    "cli:one",
    "--build-arg",
    "WHO=you",
    "--iidfile",
    join(root, "id"),
    "--metadata-file",
    facts,
    path,
  );
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  expect(stderr).toMatch(/\n#\d+ \[2\/2\] RUN echo hello [^\n]* > \/greeting\n/);
  expect(await inImage("cli:one", "cat", "/greeting")).toBe("hello you\n");
  const id = (await daemon().must("inspect", "-f", "{{.Id}}", "cli:one")).trim();
  expect(readFileSync(join(root, "id"), "utf8")).toBe(id);
  expect(JSON.parse(readFileSync(facts, "utf8"))).toMatchObject({
    "containerimage.config.digest": id,
    "image.name": "docker.io/library/cli:one",
  });
  expect((await build("-q", "--build-arg", "WHO=you", path)).stdout).toBe(`${id}\n`);
});

test("of a context go links, hard links and modes, and nothing that .dockerignore leaves out", async () => {
  const path = context("FROM busybox\nCOPY . /c\n", { "d/file": "x", "d/no": "n", ".dockerignore": "**/no\n" });
  symlinkSync("d/file", join(path, "link"));
  linkSync(join(path, "d/file"), join(path, "second"));
  await build("-q", "-t", "cli:files", path);
  expect(
    await inImage("cli:files", "sh", "-c", "cd /c; find . | sort; readlink link; cat second; stat -c %u d/file"),
  ).toBe(".\n./.dockerignore\n./Dockerfile\n./d\n./d/file\n./link\n./second\nd/file\nx0\n");
});

test("a large file arrives whole", async () => {
  const path = context("FROM busybox\nCOPY big /\n", { big: "0123456789abcdef".repeat(1 << 18) });
  await build("-q", "-t", "cli:big", path);
  expect((await inImage("cli:big", "cat", "/big")) === readFileSync(join(path, "big"), "utf8")).toBe(true);
});

test("secrets, further contexts and hosts are there for RUN, and the result comes into a directory", async () => {
  const other = context("", { hello: "other" });
  const path = context(
    "FROM busybox AS made\nCOPY --from=other hello /h\nRUN --mount=type=secret,id=s,required=true cat /run/secrets/s > /s; grep foo /etc/hosts > /hosts\nFROM scratch\nCOPY --from=made /h /s /hosts /out/\n",
    { secret: "geheim" },
  );
  const out = join(root, "out");
  const flags = [
    "--secret",
    `id=s,src=${join(path, "secret")}`,
    "--build-context",
    `other=${other}`,
    "--add-host",
    "foo:1.2.3.4",
  ];
  const { code, stderr } = await build(...flags, "-o", out, path);
  expect({ code, failed: code === 0 ? "" : stderr }).toEqual({ code: 0, failed: "" });
  expect(readFileSync(join(out, "out/h"), "utf8")).toBe("other");
  expect(readFileSync(join(out, "out/s"), "utf8")).toBe("geheim");
  expect(readFileSync(join(out, "out/hosts"), "utf8")).toMatch(/^1\.2\.3\.4\s+foo/);
  expect(stderr).not.toContain("geheim");
});

test("--squash makes one layer of what is built", async () => {
  const path = context("FROM busybox\nRUN echo a > /a\nRUN rm /a; echo b > /b\n");
  expect((await build("-q", "--squash", "-t", "cli:squashed", path)).code).toBe(0);
  expect(await daemon().must("inspect", "-f", "{{len .RootFS.Layers}}", "cli:squashed")).toBe("2\n");
  expect((await build("--squash", "--secret", "id=a,env=HOME", path)).stderr).toContain("--secret needs BuildKit");
});

test("files that are given out have the time of SOURCE_DATE_EPOCH", async () => {
  const path = context("FROM scratch\nCOPY d /d\n", { "d/f": "x" });
  const out = join(root, "dated");
  const env = { SOURCE_DATE_EPOCH: "1500000000", DOCKER_HOST: `unix://${daemon().socket}` };
  expect((await run([dhowBinary, "build", "-q", "-o", out, path], { env })).code).toBe(0);
  for (const name of ["d", "d/f"]) expect(statSync(join(out, name)).mtimeMs).toBe(1_500_000_000_000);
});

test("a Dockerfile, or a whole context, comes by standard input; an archive goes to standard output", async () => {
  const shell = (line: string) => run(["sh", "-c", line], { env: { D: dhowBinary, H: `unix://${daemon().socket}` } });
  const alone = await shell(`printf 'FROM busybox\\nRUN echo one > /one\\n' | $D -H $H build -q -t cli:stdin -`);
  expect(alone.stdout).toStartWith("sha256:");
  expect(await inImage("cli:stdin", "cat", "/one")).toBe("one\n");
  const path = context("FROM scratch\nCOPY f /\n", { f: "packed" });
  const listed = await shell(`tar cz -C ${path} . | $D -H $H build --progress quiet -o - - | tar tf -`);
  expect(listed.stdout).toBe("f\n");
});

test("a RUN that fails is told with its output and the lines of the file", async () => {
  const path = context("FROM busybox\nRUN echo before\nRUN echo out && exit 7\n");
  const { code, stderr } = await build(path);
  expect(code).toBe(1);
  expect(stderr).toMatch(/------\n > \[3\/3\] RUN echo out && exit 7:\n[\d.]+ out\n------\n/);
  expect(stderr).toContain("   2 |     RUN echo before\n   3 | >>> RUN echo out && exit 7\n");
  expect(stderr).toEndWith("did not complete successfully: exit code: 7\n");
});

test.each([
  [["nosuch"], 'unable to prepare context: path "nosuch" not found'],
  [["-f", "nosuch", "."], "failed to read dockerfile: open "],
  [["--secret", "id=a,src=/nope", "."], "stat /nope: no such file or directory"],
  [["--allow", "foo", "."], "unknown entitlement foo"],
  [["--push", "."], "tag is needed when pushing to registry"],
  [["--network", "foo", "."], 'network mode "foo" not supported by buildkit'],
  [["--progress", "nope", "."], 'invalid progress mode "nope"'],
  [["--builder", "nope", "."], 'no builder "nope" found'],
  [["--target", "nope", "CONTEXT"], 'target stage "nope" could not be found'],
])("build %j is refused: %s", async (args, message) => {
  const path = context("FROM busybox AS one\n");
  const { code, stderr } = await build(...args.map((arg) => (arg === "." || arg === "CONTEXT" ? path : arg)));
  expect(code).toBe(1);
  expect(stderr).toContain(message);
});

test("--check tells what is to be said of a Dockerfile, and builds nothing", async () => {
  const path = context("from busybox as X\nRUN exit 3\n");
  const { code, stdout } = await build("--check", path);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^Check complete, 2 warnings have been found!\n/);
  expect(stdout).toContain("   1 | >>> from busybox as X\n");
});

test("rawjson is a message on each line", async () => {
  const { stderr } = await build("--progress", "rawjson", context("FROM busybox\nRUN echo raw-json\n"));
  const lines = stderr
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { vertexes?: { name: string }[]; logs?: { data: string }[] });
  expect(lines.flatMap(({ vertexes = [] }) => vertexes.map(({ name }) => name))).toContain("[2/2] RUN echo raw-json");
  expect(
    lines.flatMap(({ logs = [] }) => logs.map(({ data }) => Buffer.from(data, "base64").toString())).join(""),
  ).toBe("raw-json\n");
});

test("an interrupt ends the build, and the step with it", async () => {
  const sleep = `sleep ${100_000 + process.pid}`;
  const path = context(`FROM busybox\nRUN echo begun; ${sleep}\n`);
  const child = Bun.spawn([dhowBinary, "-H", `unix://${daemon().socket}`, "build", path], {
    stdout: "ignore",
    stderr: "pipe",
  });
  const told = new Response(child.stderr).text();
  const isRunning = async (): Promise<boolean> => (await run(["pgrep", "-f", `^${sleep}$`])).code === 0;
  await until("the step runs", isRunning);
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  expect(await told).toEndWith("ERROR: failed to build: canceled\n");
  await until("the step is gone", async () => !(await isRunning()));
});

test("bake builds targets, one from another's result, and leaves no name of its own behind", async () => {
  const file = join(root, "bake.hcl");
  writeFileSync(
    file,
    `variable "TAG" { default = "1" }
group "default" { targets = ["app"] }
target "dep" { dockerfile-inline = "FROM busybox\\nRUN echo dep > /d\\n" }
target "app" {
  dockerfile-inline = <<-E
    FROM dep
    RUN cat /d /d > /e
  E
  contexts = { dep = "target:dep" }
  tags = ["cli-bake:\${TAG}"]
}
`,
  );
  const { code, stderr } = await run(
    [dhowBinary, "-H", `unix://${daemon().socket}`, "buildx", "bake", "-f", file, "--set", "app.labels.a=b"],
    {
      env: { TAG: "two" },
    },
  );
  expect({ code, failed: code === 0 ? "" : stderr }).toEqual({ code: 0, failed: "" });
  expect(await inImage("cli-bake:two", "cat", "/e")).toBe("dep\ndep\n");
  expect((await daemon().must("inspect", "-f", "{{json .Config.Labels}}", "cli-bake:two")).trim()).toBe('{"a":"b"}');
  expect(await daemon().must("images", "--format", "{{.Repository}}")).not.toContain("dhow-bake");
});

test("--call tells what a file offers, as tables and as JSON", async () => {
  const path = context(
    "# WHO is greeted\nARG WHO=you\nFROM busybox AS base\n# app the application\nFROM base AS app\nARG WHO\nRUN --mount=type=secret,id=tok,required=true true\n",
  );
  expect((await build("--call", "targets", path)).stdout).toBe(
    "TARGET        DESCRIPTION\nbase          \napp (default) the application\n",
  );
  expect((await build("--call", "outline", path)).stdout).toBe(
    "TARGET:      app\nDESCRIPTION: the application\n\nBUILD ARG   VALUE   DESCRIPTION\nWHO         you     is greeted\n\nSECRET   REQUIRED\ntok      true\n\n",
  );
  const { stdout } = await build("--call", "outline,format=json", path);
  expect(JSON.parse(stdout)).toMatchObject({ name: "app", secrets: [{ name: "tok", required: true }] });
  expect((await build("--call", "nothing", path)).code).toBe(1);
});

test("DOCKER_BUILDKIT=0 builds by POST /build, and refuses what that has no place for", async () => {
  const path = context("FROM busybox\n");
  const env = { DOCKER_BUILDKIT: "0" };
  const dhow = (...args: string[]) =>
    run([dhowBinary, "-H", `unix://${daemon().socket}`, "build", ...args, path], { env });
  expect((await dhow("-t", "cli:classic")).stdout).toContain("Successfully tagged cli:classic\n");
  expect((await dhow("--secret", "id=a,env=HOME")).stderr).toContain(
    "--secret needs BuildKit, which this daemon does not offer",
  );
});

test("du lists the cache, ls and inspect the builder", async () => {
  expect(await daemon().must("builder", "du")).toMatch(
    /^ID +RECLAIMABLE +SIZE +LAST ACCESSED\n[\s\S]*\nTotal:\s+[\d.]+\w?B\n$/,
  );
  expect(await daemon().must("buildx", "ls")).toMatch(/\ndefault\* +docker/);
  expect(await daemon().must("buildx", "inspect")).toContain("Status:           running\n");
  expect((await daemon().dhow("buildx", "inspect", "other")).stderr).toContain('no builder "other" found');
});

test("what is exported keeps links and modes", async () => {
  const out = join(root, "kept");
  await build(
    "-q",
    "-o",
    out,
    context(
      "FROM busybox AS a\nRUN mkdir -p /o/d && echo x > /o/d/f && chmod 750 /o/d/f && ln -s f /o/d/l\nFROM scratch\nCOPY --from=a /o /\n",
    ),
  );
  expect(existsSync(join(out, "d"))).toBe(true);
  expect(statSync(join(out, "d/f")).mode & 0o7777).toBe(0o750);
  expect(readlinkSync(join(out, "d/l"))).toBe("f");
});
