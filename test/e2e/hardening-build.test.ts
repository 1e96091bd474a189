/** Hardening, section C: what a hostile Dockerfile, context or request may try at a build. Other rows are tested in the build files. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setCanary } from "../canary.ts";
import { run, slowness } from "../harness/command.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const root = mkdtempSync(join(tmpdir(), "dhow-hard-build-"));
const canary = setCanary();
afterAll(() => {
  expect(canary.changes()).toEqual([]);
  canary[Symbol.dispose]();
  rmSync(root, { recursive: true });
});

let contexts = 0;
function context(dockerfile: string, files: Readonly<Record<string, string>> = {}): string {
  const path = join(root, `c${contexts++}`);
  for (const [name, text] of Object.entries({ Dockerfile: dockerfile, ...files })) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}
const build = (dockerfile: string, files?: Readonly<Record<string, string>>) =>
  daemon().dhow("build", "--no-cache", "-t", "hard", "--progress=plain", context(dockerfile, files));
const all = ({ stdout, stderr }: { stdout: string; stderr: string }): string => stdout + stderr;

describe("50: a working directory in a process's own", () => {
  test.each(["/proc/self/fd/7", "/proc/self/fd/20", "/proc/1/fd/8", "/proc/thread-self/cwd", "/dev/fd/9"])(
    "%s is refused",
    async (path) => {
      const built = await build(`FROM busybox\nWORKDIR ${path}\nRUN cat ../../../../..${canary.secret}\n`);
      expect(built.code).not.toBe(0);
      expect(all(built)).not.toContain(canary.secretText);
    },
  );

  test("by a link is refused too, at build and at run", async () => {
    const built = await build("FROM busybox\nRUN ln -s /proc/self/fd/8 /l\nWORKDIR /l\nRUN ls ../../..\n");
    expect(built.code).not.toBe(0);
    await daemon().must("build", "-q", "-t", "linked", context("FROM busybox\nRUN ln -s /proc/self/fd/8 /l\n"));
    const ran = await daemon().dhow("run", "--rm", "-w", "/l", "linked", "pwd");
    expect(ran.code).not.toBe(0);
  });
});

test(
  "52: a cache mount whose source is swapped for a link by a step beside it shows nothing of the host",
  async () => {
    const swap = "i=0; while [ $i -lt 200 ]; do rm -rf /c/s; mkdir /c/s; rm -rf /c/s; ln -s / /c/s; i=$((i+1)); done";
    const look = "i=0; while [ $i -lt 20 ]; do ls /m /m/tmp 2>/dev/null; i=$((i+1)); done";
    const mounts = Array.from(
      { length: 6 },
      (_, i) =>
        `FROM busybox AS r${i}\nRUN --mount=type=cache,id=race,source=s,target=/m ${look} # ${i}\nRUN touch /ok\n`,
    ).join("");
    const takes = Array.from({ length: 6 }, (_, i) => `COPY --from=r${i} /ok /ok${i}\n`).join("");
    const built = await build(
      `FROM busybox AS w\nRUN --mount=type=cache,id=race,target=/c ${swap}\nRUN touch /ok\n${mounts}FROM busybox\nCOPY --from=w /ok /ok\n${takes}`,
    );
    expect(all(built)).not.toContain(canary.dir.slice(canary.dir.lastIndexOf("/") + 1));
  },
  90_000 * slowness,
);

describe("55: mounts", () => {
  test.each([
    ["type=bind,source=../../../..,target=/m", "ls -A /m", "Dockerfile"],
    ["type=bind,from=evil,source=/up,target=/m", "ls -A /m", "bin"],
    ["type=cache,from=evil,source=/up/tmp,target=/m", "ls -A /m; echo done", "done"],
  ])("%s is inside its source", async (options, command, seen) => {
    const built = await build(
      `FROM busybox AS evil\nRUN ln -s /../../../../.. /up\nFROM busybox\nRUN --mount=${options} ${command}\n`,
    );
    expect(all(built)).toContain(seen);
    expect(all(built)).not.toContain(canary.dir.slice(canary.dir.lastIndexOf("/") + 1));
    expect(built.code).toBe(0);
  });

  test.each([
    ["type=bind,target=/", "invalid mount target"],
    ["type=cache,target=/", "invalid mount target"],
    ["type=bind,target=/m,propagation=shared", "unexpected key 'propagation'"],
    ["type=bind,target=/m,,dev", "must be a key=value pair"],
    ["type=cache,target=/m,from=../../etc", "parse stage name"],
    ["type=devpts,target=/m", "unsupported mount type"],
  ])("%s is refused", async (options, words) => {
    const built = await build(`FROM busybox\nRUN --mount=${options} true\n`);
    expect(built.code).not.toBe(0);
    expect(all(built)).toContain(words);
  });
});

describe("56: an ignore file", () => {
  const post = async (path: string): Promise<string> => {
    const tar = Bun.spawnSync(["tar", "-C", path, "-c", "."]).stdout;
    const answer = await fetch("http://d/build?nocache=1", { method: "POST", unix: daemon().socket, body: tar });
    return await answer.text();
  };

  test.each([".dockerignore", "Dockerfile.dockerignore"])(
    "%s that is a link out of an archive is not read",
    async (name) => {
      const path = context("FROM busybox\nCOPY . /c\nRUN ls -A /c\n", { "kept-file": "" });
      symlinkSync(join("../../../../../../../..", canary.secret), join(path, name));
      const said = await post(path);
      expect(said).not.toContain(canary.secretText);
      expect(said).toContain("kept-file");
    },
  );

  test("that is a link to another file of the context is that file", async () => {
    const path = context("FROM busybox\nCOPY . /c\nRUN ls -A /c\n", {
      ignored: "left-out\n",
      "left-out": "",
      "kept-file": "",
    });
    symlinkSync("ignored", join(path, ".dockerignore"));
    const said = all(await daemon().dhow("build", "--no-cache", "--progress=plain", path));
    expect(said).toMatch(/#\d+ [\d.]+ kept-file\n/);
    expect(said).not.toContain("left-out");
  });

  test("of patterns with .. leaves out nothing outside, and a COPY of such finds nothing there", async () => {
    const built = await build("FROM busybox\nCOPY ../*/hostname ../../et[c]/passwd* ..*/x a* /c/\nRUN ls -A /c\n", {
      ".dockerignore": "../**\n../../etc\n",
      "a-file": "",
    });
    expect(all(built)).toContain("a-file");
    expect(all(built)).not.toMatch(/hostname\n|passwd\n/);
  });
});

test("60: credentials of build arguments, labels and addresses are in no provenance and no progress", async () => {
  const secret = `canary-${crypto.randomUUID()}`;
  const path = context(`FROM busybox\nARG URL\nADD http://me:${secret}@127.0.0.1:1/f /f\n`);
  const failed = await daemon().dhow("build", "--progress=plain", "--build-arg", `URL=http://me:${secret}@host/`, path);
  expect(failed.code).not.toBe(0);
  expect(all(failed)).not.toContain(secret);
  const good = context(`FROM busybox\nARG URL\nRUN true\n`);
  const out = join(root, "provenance.tar");
  const args = ["--provenance=mode=max", "--build-arg", `URL=http://me:${secret}@host/`, "-o", `type=oci,dest=${out}`];
  const built = await daemon().dhow("build", "--progress=plain", ...args, good);
  expect([built.code, all(built).includes(secret)]).toEqual([0, false]);
  expect(
    (await run(["sh", "-c", `tar -xOf ${out} | tr -d '\\0' | grep -c -a slsa.dev/provenance`])).stdout.trim(),
  ).not.toBe("0");
  expect((await run(["grep", "-ca", secret, out])).stdout.trim()).toBe("0");
});

test("57: an archive is unpacked through a link of the stage inside its root", async () => {
  const path = context(
    "FROM busybox\nRUN ln -s /../../../../../tmp/dhow-hard-add /l\nADD a.tar /l/\nRUN cat /tmp/dhow-hard-add/x/f\n",
  );
  mkdirSync(join(path, "in/x"), { recursive: true });
  writeFileSync(join(path, "in/x/f"), "inside\n");
  await run(["tar", "-C", join(path, "in"), "-cf", join(path, "a.tar"), "."]);
  const built = await daemon().dhow("build", "--progress=plain", path);
  expect(all(built)).toContain("inside");
  expect((await run(["ls", "/tmp/dhow-hard-add"])).code).not.toBe(0);
});

test("57: members of an archive that lead out by name or link stay inside", async () => {
  const path = context("FROM busybox\nADD a.tar /d/\nRUN ls -R /d /escaped 2>&1; true\n");
  mkdirSync(join(path, "in"));
  symlinkSync(canary.dir, join(path, "in/out"));
  await run(["tar", "-C", join(path, "in"), "-cf", join(path, "a.tar"), "out"]);
  writeFileSync(join(path, "in/f"), "written");
  await run(["tar", "-C", join(path, "in"), "-rf", join(path, "a.tar"), "--transform=s,^f,out/secret,", "f"]);
  await run([
    "tar",
    "-C",
    join(path, "in"),
    "-rf",
    join(path, "a.tar"),
    "-P",
    "--transform=s,^f,../../../../escaped,",
    "f",
  ]);
  await daemon().dhow("build", "--progress=plain", path);
  expect(canary.changes()).toEqual([]);
  expect((await run(["ls", "/escaped"])).code).not.toBe(0);
});

test("62: files of a mount are in no layer, and no later step finds them", async () => {
  const built = await build(
    "FROM busybox\nRUN --mount=target=/b,rw --mount=type=cache,target=/c --mount=type=tmpfs,target=/t touch /b/new /c/cached /t/t && ls /b/f\nRUN ls -A /b /c /t 2>&1; true\n",
    { f: "lent" },
  );
  expect(built.code).toBe(0);
  for (const path of ["/b", "/c", "/t"]) expect(all(built)).toContain(`ls: ${path}: No such file or directory`);
});

test("63: a base that has the same history and other files is no hit of the cache", async () => {
  const image = async (text: string): Promise<void> => {
    const path = context("FROM scratch\nCOPY root /\n", { "root/f": text });
    await run(["cp", "/bin/busybox", join(path, "root/sh")]);
    await daemon().must("build", "-q", "-t", "base", path);
  };
  const dockerfile = 'FROM base\nARG A=1\nRUN ["/sh", "-c", "echo $A; read x < /f; echo seen $x"]\n';
  await image("one\n");
  const first = await daemon().dhow("build", "--progress=plain", context(dockerfile));
  expect(all(first)).toContain("seen one");
  await image("two\n");
  const second = await daemon().dhow("build", "--progress=plain", context(dockerfile));
  expect(all(second)).toContain("seen two");
  const third = await daemon().dhow("build", "--progress=plain", "--build-arg", "A=2", context(dockerfile));
  expect(all(third)).toContain("seen two");
  const same = await daemon().dhow("build", "--progress=plain", context(dockerfile));
  expect(all(same)).not.toMatch(/seen (one|two)/);
});

describe("64: a request", () => {
  const post = async (query: string, body: Uint8Array = new Uint8Array(1024)): Promise<[number, string]> => {
    const answer = await fetch(`http://d/build?${query}`, { method: "POST", unix: daemon().socket, body });
    return [answer.status, await answer.text()];
  };
  test.each([
    "buildargs=null",
    "buildargs=[]",
    'buildargs={"a":{"b":1}}',
    "labels=7",
    "ulimits={}",
    'ulimits=[{"Name":null}]',
    "memory=1e99",
    "cpuperiod=-9223372036854775809",
    "version=9",
    "platform=%00",
    "target=nope",
    "dockerfile=../../../etc/passwd",
    "networkmode=container:nobody",
    "outputs=[[[]]]",
    "cachefrom={}",
    "remote=%00",
  ])("%s is refused or built, and the daemon goes on", async (query) => {
    const tar = Bun.spawnSync(["tar", "-C", context("FROM busybox\nRUN true\n"), "-c", "."]).stdout;
    const [status, text] = await post(query, tar);
    // A number that is none has dockerd's own 500.
    if (!text.includes("strconv.Atoi: parsing")) expect(status).toBeLessThan(500);
    expect(text).not.toContain("root:x:0:0");
    expect(await daemon().must("version", "-f", "{{.Server.Version}}")).not.toBe("");
  });

  test("of a Dockerfile with a circle or a stage that is none is refused", async () => {
    expect(all(await build("FROM busybox AS a\nCOPY --from=b / /\nFROM busybox AS b\nCOPY --from=a / /\n"))).toContain(
      "circular dependency",
    );
    expect(all(await build("FROM busybox\nCOPY --from=99999999999999999999 / /\n"))).toContain("invalid stage index");
  });
});

describe("65: an archive as context", () => {
  test("writes nothing outside of its directory", async () => {
    const path = context("FROM busybox\nCOPY . /c\nRUN find /c\n");
    const tar = join(root, "evil.tar");
    symlinkSync(canary.dir, join(path, "out"));
    writeFileSync(join(path, "f"), "written");
    await run(["tar", "-C", path, "-cf", tar, "Dockerfile", "out"]);
    for (const name of ["out/secret", "../../../../../../../../escaped", "/escaped"]) {
      await run(["tar", "-C", path, "-rf", tar, "-P", `--transform=s,^f$,${name},`, "f"]);
    }
    const answer = await fetch("http://d/build", { method: "POST", unix: daemon().socket, body: Bun.file(tar) });
    await answer.text();
    expect(canary.changes()).toEqual([]);
    expect((await run(["ls", "/escaped"])).code).not.toBe(0);
  });
});
