/** Where a build's files may come from: git repositories, addresses, and contexts by name (hardening 58, 59, 60). */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { BuildRequest } from "../../src/builder/builder.ts";
import { pruneAll } from "../../src/builder/cache/cache-rules.ts";
import type { ClientFiles, WantedFiles } from "../../src/builder/request-sources.ts";
import { messageOf } from "../../src/lib/errors.ts";
import { run, slowness } from "../harness/command.ts";
import { GitServer } from "../harness/git-server.ts";
import { type OwnBuild, OwnEngine } from "../harness/own-engine.ts";

const root = mkdtempSync(join(tmpdir(), "dhow-sources-"));
let own: OwnEngine;
let git: GitServer;
let commit: string;
beforeAll(async () => {
  own = await OwnEngine.start();
  git = await GitServer.start();
  // Whoever may read it, it is not there for git.
  chmodSync(git.root, 0o755);
  commit = await git.commit("app", {
    Dockerfile: "FROM busybox\nCOPY . /app\nRUN cat /app/f\n",
    f: "main\n",
    "sub/dir/Dockerfile": "FROM busybox\nCOPY . /s\nRUN ls -A /s\n",
    "sub/dir/g": "",
  });
  await git.git("app", "tag", "-a", "-m", "x", "v1");
  await git.git("app", "checkout", "-q", "-b", "other");
  await git.commit("app", { f: "other\n" });
}, 60_000 * slowness);
afterAll(async () => {
  expect(readdirSync(join(own.dataRoot, "build/contexts"))).toEqual([]);
  await own?.[Symbol.asyncDispose]();
  await git?.[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
}, 60_000 * slowness);

let contexts = 0;
function context(files: Readonly<Record<string, string>>): string {
  const path = join(root, `c${contexts++}`);
  mkdirSync(path);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

const build = (dockerfile: string, request: Partial<BuildRequest> = {}): Promise<OwnBuild> =>
  own.build(request, context({ Dockerfile: dockerfile }));
const remote = (address: string, request: Partial<BuildRequest> = {}): Promise<OwnBuild> =>
  own.build({ noCache: true, ...request }, { kind: "remote", address });
const failed = (building: Promise<unknown>): Promise<string> => building.then(() => "", messageOf);

describe("a git repository", () => {
  test("is a context: its HEAD, a branch, a tag, a commit, a directory of it", async () => {
    const url = git.url("app");
    expect((await remote(url)).output).toBe("main\n");
    expect((await remote(`${url}#other`)).output).toBe("other\n");
    expect((await remote(`${url}#v1`)).output).toBe("main\n");
    expect((await remote(`${url}#refs/heads/other`)).output).toBe("other\n");
    expect((await remote(`${url}#${commit}`)).output).toBe("main\n");
    expect((await remote(`${url}#main:sub/dir`)).output).toBe("Dockerfile\ng\n");
    expect((await remote(`${url}?branch=other&subdir=sub`, { dockerfile: "dir/Dockerfile" })).output).toBe("dir\n");
  });

  test("that is not there, or has no such reference, directory or commit, is told", async () => {
    const url = git.url("app");
    expect(await failed(remote(git.url("none")))).toMatch(/git ls-remote: .*not found/);
    expect(await failed(remote(`${url}#nope`))).toContain("repository does not contain ref nope");
    expect(await failed(remote(`${url}#main:nope`))).toContain("invalid subdir nope");
    expect(await failed(remote(`${url}#${"0".repeat(40)}`))).toContain(`does not contain ref ${"0".repeat(40)}`);
    expect(await failed(remote(`${url}?checksum=${"1".repeat(40)}&ref=main`))).toContain(
      `expected checksum to match ${"1".repeat(40)}, got ${commit}`,
    );
    expect((await remote(`${url}?ref=main&checksum=${commit.slice(0, 12)}`)).output).toBe("main\n");
  });

  test("is added, cached by what it holds, with its .git when that is asked for", async () => {
    const dockerfile = `FROM busybox\nADD ${git.url("app")}#main:sub /a\nADD --keep-git-dir=true --checksum=${commit} ${git.url("app")}#main /b\nRUN cd /; find a -type f | sort; stat -c '%u:%g %a' /a/dir /a/dir/g; cat /b/.git/HEAD; grep url /b/.git/config\n`;
    const first = await build(dockerfile);
    expect(first.output).toBe(`a/dir/Dockerfile\na/dir/g\n0:0 755\n0:0 644\n${commit}\n\turl = ${git.url("app")}\n`);
    const again = await build(dockerfile);
    expect(again.output).toBe("");
    expect(again.image.id).toBe(first.image.id);
  });

  test("brings its submodules, by http and git only", async () => {
    await git.commit("module", { inside: "module\n" });
    await git.commit("whole", { Dockerfile: "FROM busybox\nCOPY . /w\nRUN cat /w/m/inside; find /w -name .git\n" });
    await git.git("whole", "submodule", "add", "-q", git.url("module"), "m");
    await git.commit("whole", {});
    expect((await remote(git.url("whole"))).output).toBe("module\n");
    await git.git("whole", "config", "-f", ".gitmodules", "submodule.m.url", "ext::sh -c touch% /tmp/dhow-owned% >&2");
    await git.commit("whole", {});
    expect(await failed(remote(git.url("whole")))).toMatch(/transport 'ext' not allowed/);
    await git.git("whole", "config", "-f", ".gitmodules", "submodule.m.url", join(git.root, "app.git"));
    await git.commit("whole", {});
    expect(await failed(remote(git.url("whole")))).toMatch(/transport 'file' not allowed/);
    expect((await run(["ls", "/tmp/dhow-owned"])).code).not.toBe(0);
  });

  test.each([
    "ext::sh -c touch%20/tmp/dhow-owned",
    "file:///etc/.git",
    "--upload-pack=touch /tmp/dhow-owned",
    "/etc/x.git",
  ])("hardening 58: %s is no address", async (address) => {
    expect(await failed(remote(address))).not.toBe("");
    expect((await run(["ls", "/tmp/dhow-owned"])).code).not.toBe(0);
  });

  test("hardening 58: nothing that looks like an option, leads out or is a link, is taken", async () => {
    const url = git.url("app");
    expect(await failed(remote(`${url}#--upload-pack=touch /tmp/dhow-owned`))).toContain("is no part of a git source");
    expect(await failed(remote("git://--upload-pack=x/y.git"))).toContain("is no part of a git source");
    expect(await failed(remote("git@-oProxyCommand=x:y"))).not.toBe("");
    expect(await failed(remote(`${url}#main:../..`))).toContain("outside of the repository");
    mkdirSync(join(git.root, "work/links"), { recursive: true });
    symlinkSync("/etc", join(git.root, "work/links/out"));
    await git.commit("links", { Dockerfile: "FROM busybox\nCOPY . /l\nRUN readlink /l/out\n" });
    expect(await failed(remote(`${git.url("links")}#main:out`))).toContain("invalid subdir out");
    expect((await remote(git.url("links"))).output).toBe("/etc\n");
  });

  test("hardening 58: has no hooks, filters or settings of the host run, and sees no host files", async () => {
    const marks = mkdtempSync(join(tmpdir(), "dhow-marks-"));
    await git.commit("filtered", {
      Dockerfile: "FROM busybox\nCOPY . /f\nRUN cat /f/a.bin\n",
      ".gitattributes": "*.bin filter=evil\n",
      "a.bin": "plain\n",
    });
    const config = join(marks, "config");
    writeFileSync(config, `[filter "evil"]\nsmudge = touch ${marks}/owned\n[core]\nhooksPath = ${marks}\n`);
    const before = { ...process.env };
    process.env.GIT_CONFIG_GLOBAL = config;
    process.env.GIT_SSH_COMMAND = `touch ${marks}/owned`;
    process.env.GIT_EXTERNAL_DIFF = `touch ${marks}/owned`;
    try {
      expect((await remote(git.url("filtered"))).output).toBe("plain\n");
      expect(readdirSync(marks)).toEqual(["config"]);
    } finally {
      for (const name of ["GIT_CONFIG_GLOBAL", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF"]) delete process.env[name];
      Object.assign(process.env, before);
      rmSync(marks, { recursive: true });
    }
  });

  test("hardening 60: its credentials are shown to its host alone, and are nowhere after", async () => {
    const canary = `canary-${crypto.randomUUID()}`;
    const basic = (user: string, password: string): string => `basic ${btoa(`${user}:${password}`)}`;
    const secretsOf = (values: Record<string, string>) => ({
      secrets: { read: async (id: string) => (id in values ? Buffer.from(values[id] ?? "") : null) },
    });
    const cases: [string, Partial<BuildRequest>, string][] = [
      [git.url("app", `me:${canary}@`), {}, basic("me", canary)],
      [git.url("app"), secretsOf({ GIT_AUTH_TOKEN: `${canary}\n` }), basic("x-access-token", canary)],
      [
        git.url("app"),
        secretsOf({ [`GIT_AUTH_TOKEN.${git.host}`]: canary, GIT_AUTH_TOKEN: "other" }),
        basic("x-access-token", canary),
      ],
      [git.url("app"), secretsOf({ GIT_AUTH_HEADER: `bearer ${canary}` }), `bearer ${canary}`],
    ];
    try {
      for (const [address, request, wanted] of cases) {
        git.wanted = wanted;
        expect((await remote(address, request)).output).toBe("main\n");
        const added = await build(`FROM busybox\nADD --keep-git-dir=true ${address} /a\nRUN cat /a/f\n`, request);
        expect(JSON.stringify(added.events)).not.toContain(canary);
        git.wanted = "nobody";
        const refused = await failed(remote(address, request));
        expect(refused).toMatch(/git ls-remote: /);
        expect(refused).not.toContain(canary);
      }
      for (const text of [canary, btoa(`me:${canary}`), btoa(`x-access-token:${canary}`)]) {
        expect((await run(["grep", "-rlaF", "--devices=skip", text, own.dataRoot, own.execRoot])).stdout).toBe("");
      }
    } finally {
      git.wanted = null;
    }
  });

  test("is kept between builds, shown, and pruned", async () => {
    const kept = async () =>
      (await own.engine.builder.cacheEntries()).filter(({ type }) => type === "source.git.checkout");
    expect((await kept()).length).toBeGreaterThan(0);
    await own.engine.builder.prune({ ...pruneAll, types: ["source.git.checkout"] });
    expect(await kept()).toEqual([]);
  });
});

describe("an address", () => {
  const files = mkdtempSync(join(tmpdir(), "dhow-http-"));
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async ({ url }) => {
      const file = Bun.file(join(files, new URL(url).pathname));
      return (await file.exists()) ? new Response(file) : new Response("", { status: 404 });
    },
  });
  const at = (path: string): string => `http://127.0.0.1:${server.port}/${path}`;
  beforeAll(async () => {
    const path = context({
      Dockerfile: "FROM busybox\nCOPY f /f\nRUN cat /f\n",
      f: "in the archive\n",
      other: "FROM busybox\nRUN echo other\n",
    });
    await run(["tar", "-C", path, "-czf", join(files, "a.tar.gz"), "."]);
    writeFileSync(join(files, "file"), "FROM busybox\nRUN echo single\n");
  });
  afterAll(() => {
    server.stop(true);
    rmSync(files, { recursive: true });
  });

  test("of an archive is a context, and of a file a Dockerfile", async () => {
    expect((await remote(at("a.tar.gz"))).output).toBe("in the archive\n");
    expect((await remote(at("a.tar.gz"), { dockerfile: "other" })).output).toBe("other\n");
    expect((await remote(at("file"))).output).toBe("single\n");
    expect(await failed(remote(at("none")))).toContain("failed to load");
  });

  test("is a context by name", async () => {
    const namedContexts = new Map([
      ["packed", at("a.tar.gz")],
      ["one", at("file")],
      ["repo", `${git.url("app")}#other`],
    ]);
    const { output } = await build(
      "FROM busybox\nCOPY --from=packed f /1\nCOPY --from=one file /2\nCOPY --from=repo f /3\nRUN --mount=from=packed,target=/p cat /1 /2 /3 /p/other\n",
      { namedContexts, noCache: true },
    );
    expect(output).toBe("in the archive\nFROM busybox\nRUN echo single\nother\nFROM busybox\nRUN echo other\n");
  });
});

describe("a context by name", () => {
  /** A client whose directories are these. */
  function client(
    directories: Readonly<Record<string, string>>,
  ): ClientFiles & { readonly asked: [string, WantedFiles][] } {
    const asked: [string, WantedFiles][] = [];
    return {
      asked,
      receive: async (name, wanted) => {
        asked.push([name, wanted]);
        const copy = mkdtempSync(join(root, "received-"));
        const from = directories[name];
        if (from === undefined) throw new Error(`no directory ${name}`);
        for (const entry of readdirSync(from)) {
          if (wanted.include.length > 0 && !wanted.include.includes(entry)) continue;
          if (!wanted.exclude.includes(entry)) cpSync(join(from, entry), join(copy, entry), { recursive: true });
        }
        return { root: copy, [Symbol.asyncDispose]: async () => rmSync(copy, { recursive: true }) };
      },
    };
  }

  test("is a client's directory, without what its own .dockerignore leaves out", async () => {
    const clientFiles = client({ lib: context({ f: "lib\n", secret: "x", ".dockerignore": "secret\n" }) });
    const { output } = await build("FROM busybox\nCOPY --from=mine . /m\nRUN ls -A /m; cat /m/f\n", {
      namedContexts: new Map([["mine", "local:lib"]]),
      clientFiles,
      noCache: true,
    });
    expect(output).toBe(".dockerignore\nf\nlib\n");
    expect(clientFiles.asked[0]?.[1].include).toEqual([".dockerignore"]);
  });

  test("stands in for an image, a stage, and what files are copied from", async () => {
    await build("FROM busybox\nRUN echo replaced > /who\nENV WHO=image\n", { names: ["replacement"] });
    const namedContexts = new Map([
      ["alpine", "docker-image://replacement"],
      ["Stage", "docker-image://replacement:latest"],
    ]);
    const { output } = await build(
      "FROM busybox AS stage\nRUN exit 1\nFROM alpine\nRUN cat /who; echo $WHO\nCOPY --from=stage /who /w\nCOPY --from=alpine:latest /who /v\nRUN cat /w /v\n",
      { namedContexts, noCache: true },
    );
    expect(output).toBe("replaced\nimage\nreplaced\nreplaced\n");
  });

  test("that nobody needs is not asked for; one that is no source is refused", async () => {
    const clientFiles = client({});
    await build("FROM busybox\n", { namedContexts: new Map([["x", "local:gone"]]), clientFiles });
    expect(clientFiles.asked).toEqual([]);
    const wrong = build("FROM busybox\n", { namedContexts: new Map([["x", "s3://me:secret@host/y"]]) });
    expect(await failed(wrong)).toBe("unsupported context source s3://xxxxx:xxxxx@host/y for x");
    const none = build("FROM busybox\nCOPY --from=x / /\n", { namedContexts: new Map([["x", "local:x"]]) });
    expect(await failed(none)).toContain("has no files to give");
  });
});
