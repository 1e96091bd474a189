/** `build`: what clients see of it, its cache, and what is left when it is broken off. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { classicBuild } from "../harness/classic-build.ts";
import { type CommandResult, run, slowness, until } from "../harness/command.ts";
import { clients, dhowBinary } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

classicBuild();

const daemon = withDaemon();
const root = mkdtempSync(join(tmpdir(), "dhow-build-"));
afterAll(() => rmSync(root, { recursive: true }));

let contexts = 0;
/** A context of a Dockerfile and files; its path. */
function context(dockerfile: string, files: Readonly<Record<string, string>> = {}): string {
  const path = join(root, `c${contexts++}`);
  for (const [name, text] of Object.entries({ Dockerfile: dockerfile, ...files })) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

const cat = async (image: string, path: string): Promise<string> =>
  await daemon().must("run", "--rm", image, "cat", path);

describe.each(clients)("through %s", (client) => {
  const build = (...args: string[]): Promise<CommandResult> => daemon().run(client, "build", ...args);

  test("an image is built, named and told; a second build makes the same one of the cache", async () => {
    const path = context("FROM busybox\nARG WHO=none\nRUN echo hello $WHO > /greeting\nCOPY f /f\nLABEL a=1\n", {
      f: "1",
    });
    const first = await build(
      "-t",
      `${client}:one`,
      "-t",
      `${client}:two`,
      "--build-arg",
      "WHO=you",
      "--label",
      "b=2",
      path,
    );
    expect(first.code).toBe(0);
    expect(first.stdout).toContain("[2/3] RUN echo hello you > /greeting");
    expect(first.stdout).toMatch(new RegExp(`Successfully built [0-9a-f]{12}\nSuccessfully tagged ${client}:one\n`));
    expect(await cat(`${client}:two`, "/greeting")).toBe("hello you\n");
    const labels = await daemon().must("inspect", "-f", "{{json .Config.Labels}}", `${client}:one`);
    expect(JSON.parse(labels)).toEqual({ a: "1", b: "2" });
    const id = (await daemon().must("inspect", "-f", "{{.Id}}", `${client}:one`)).trim();
    const second = await build("-q", "--build-arg", "WHO=you", "--label", "b=2", path);
    expect(second.stdout).toBe(`${id}\n`);
    writeFileSync(join(path, "f"), `2 ${client}`);
    const third = await build("--build-arg", "WHO=you", path);
    expect(third.stdout).toMatch(/\[2\/3\] RUN [^\n]*\n#3 CACHED\n/);
    expect(third.stdout).not.toMatch(/\[3\/3\] COPY [^\n]*\n#4 CACHED\n/);
    expect((await build("--no-cache", "--build-arg", "WHO=you", path)).stdout).not.toMatch(/RUN [^\n]*\n#3 CACHED/);
  });

  test("a file from elsewhere, from standard input, and a context without files", async () => {
    const path = context("FROM busybox\n", { f: "here" });
    const other = join(root, "Other");
    writeFileSync(other, "FROM busybox\nCOPY f /other\n");
    expect((await build("-t", "other", "-f", other, path)).stderr).not.toContain("Error");
    expect(await cat("other", "/other")).toBe("here");
    const env = { DOCKER_HOST: `unix://${daemon().socket}`, DHOW_AUTOSTART: "0" };
    const program = client === "dhow" ? dhowBinary : "docker";
    const stdin = Buffer.from("FROM busybox\nRUN echo piped > /p\n");
    expect((await run([program, "build", "-t", "piped", "-"], { env, stdin })).code).toBe(0);
    expect(await cat("piped", "/p")).toBe("piped\n");
  });

  test("a failure names the line, and ends with the command's code", async () => {
    const failed = await build(context("FROM busybox\nRUN echo before\nRUN echo doing; exit 7\n"));
    expect(failed.code).toBe(7);
    expect(failed.stdout).toMatch(/#3 [\d.]+ doing\n/);
    expect(failed.stderr).toContain("The command '/bin/sh -c echo doing; exit 7' returned a non-zero code: 7");
    expect(failed.stderr).toContain("   3 | >>> RUN echo doing; exit 7");
    const missing = await build(context("FROM busybox\nCOPY nope /x\n"));
    expect(missing.stderr).toContain('"/nope": not found');
    expect(missing.stderr).toContain("   2 | >>> COPY nope /x");
    const wrong = await build(context("FROM busybox\nRUNN x\n"));
    expect(wrong.code).not.toBe(0);
    expect(wrong.stderr).toContain("unknown instruction: RUNN (did you mean RUN?)");
    const unnamed = await build("-t", "UPPER", context("FROM busybox\n"));
    expect(unnamed.stderr).toContain("must be lowercase");
  });
});

test("stages that do not need each other go side by side, and one that nobody needs not at all", async () => {
  const meet = (own: string, other: string) =>
    `--mount=type=cache,target=/m touch /m/${own}; for i in $(seq 100); do [ -e /m/${other} ] && exit 0; sleep 0.1; done; exit 1`;
  const path = context(
    `FROM busybox AS a\nRUN ${meet("a", "b")}\nFROM busybox AS b\nRUN ${meet("b", "a")}\nFROM busybox AS never\nRUN exit 9\nFROM busybox\nCOPY --from=a /etc/passwd /a\nCOPY --from=b /etc/passwd /b\n`,
  );
  await daemon().must("build", "-q", path);
});

test("equal steps of builds at once are carried out once", async () => {
  const path = context(
    "FROM busybox\nRUN --mount=type=cache,id=once,target=/m echo x >> /m/count; sleep 1; cp /m/count /count\n",
  );
  const images = ["at-once-1", "at-once-2", "at-once-3"];
  await Promise.all(images.map((name) => daemon().must("build", "-q", "-t", name, path)));
  for (const name of images) expect(await cat(name, "/count")).toBe("x\n");
});

test("an archive's own Dockerfile and ignore file are no part of the context where the ignore file names them; all else is", async () => {
  const ignore = "Dockerfile\n.dockerignore\na\n";
  const path = context("FROM busybox\nCOPY . /c\n", { ".dockerignore": ignore, a: "", b: "" });
  const tar = Bun.spawnSync(["tar", "-C", path, "-c", "."]).stdout;
  const built = await fetch("http://d/build?t=raw", { method: "POST", unix: daemon().socket, body: tar });
  expect(await built.text()).toContain("Successfully tagged raw:latest");
  expect(await daemon().must("run", "--rm", "raw", "ls", "-A", "/c")).toBe("a\nb\n");
});

test("hardening 56: nothing outside of the context is copied, whatever its links say", async () => {
  const path = context("FROM busybox\nCOPY l /1\n");
  symlinkSync("/etc/hostname", join(path, "l"));
  expect((await daemon().dhow("build", path)).stderr).toContain('"/l": not found');
  writeFileSync(join(path, "Dockerfile"), "FROM busybox\nCOPY d/hostname /1\n");
  symlinkSync("/etc", join(path, "d"));
  expect((await daemon().dhow("build", path)).stderr).toContain('"/d/hostname": not found');
  writeFileSync(join(path, "Dockerfile"), "FROM busybox\nRUN --mount=type=bind,source=d,target=/m ls /m\n");
  expect((await daemon().dhow("build", path)).stderr).toContain('"/d": not found');
});

test("hardening 51: WORKDIR through a link of the image stays inside", async () => {
  const path = context(
    "FROM busybox\nRUN ln -s /../../../../../../tmp/dhow-escape /w\nWORKDIR /w/x\nRUN echo in > f\n",
  );
  await daemon().must("build", "-q", "-t", "inside", path);
  expect(await cat("inside", "/tmp/dhow-escape/x/f")).toBe("in\n");
  expect((await run(["ls", "/tmp/dhow-escape"])).code).not.toBe(0);
});

test("hardening 53: what mounts lay on is no part of the layer, and nothing else goes with it", async () => {
  const path = context(
    "FROM busybox\nRUN mkdir /keep && touch /keep/f\nRUN --mount=type=tmpfs,target=/s/t rm -rf /s/x; ln -s /keep /s/link; true\n",
  );
  await daemon().must("build", "-q", "-t", "stubs", path);
  expect(await daemon().must("run", "--rm", "stubs", "ls", "/s", "/keep")).toBe("/keep:\nf\n\n/s:\nlink\n");
});

test("hardening 61: a RUN sees nothing of the engine's environment or descriptors", async () => {
  const path = context("FROM busybox\nRUN env | cut -d= -f1 | sort | tr '\\n' ' ' > /env; ls /proc/self/fd > /fds\n");
  await daemon().must("build", "-q", "-t", "bare", path);
  expect(await cat("bare", "/env")).toBe("HOME PATH PWD SHLVL ");
  expect(
    (await cat("bare", "/fds"))
      .trim()
      .split("\n")
      .map(Number)
      .every((fd) => fd <= 3),
  ).toBe(true);
});

describe("ADD of a URL", () => {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request): Response {
      const { pathname } = new URL(request.url);
      const shown = request.headers.get("authorization") ?? "nobody";
      if (pathname === "/file.txt")
        return new Response(shown, { headers: { "last-modified": "Wed, 21 Oct 2015 07:28:00 GMT" } });
      if (pathname === "/moved") return Response.redirect("/file.txt", 302);
      if (pathname === "/metadata") return Response.redirect("http://169.254.169.254/latest", 302);
      if (pathname === "/away") return Response.redirect(`http://localhost:${new URL(request.url).port}/file.txt`, 302);
      if (pathname === "/local")
        return new Response(null, { status: 302, headers: { location: "file:///etc/passwd" } });
      return new Response("no", { status: 404 });
    },
  });
  afterAll(() => server.stop(true));
  const at = (path: string, user = ""): string => `http://${user}127.0.0.1:${server.port}${path}`;
  const add = (...words: string[]) =>
    daemon().dhow("build", "-t", "added", context(`FROM busybox\nADD ${words.join(" ")}\n`));

  test("is one file with its time, of the checksum that is asked for", async () => {
    const digest = `sha256:${new Bun.CryptoHasher("sha256").update("nobody").digest("hex")}`;
    expect((await add(`--checksum=${digest}`, at("/file.txt"), "/d/")).code).toBe(0);
    expect(await daemon().must("run", "--rm", "added", "stat", "-c", "%a %Y %s", "/d/file.txt")).toBe(
      "600 1445412480 6\n",
    );
    const wrong = await add(`--checksum=sha256:${"0".repeat(64)}`, at("/file.txt"), "/d/");
    expect(wrong.stderr).toContain(`digest mismatch ${digest}: sha256:${"0".repeat(64)}`);
    expect((await add(at("/gone"), "/d")).stderr).toContain("invalid response status 404");
  });

  test("hardening 59, 60: follows no redirect to where only this host reaches, and shows credentials to nobody else", async () => {
    expect((await add(at("/moved", "me:secret@"), "/d")).code).toBe(0);
    expect(await cat("added", "/d")).toBe(`Basic ${btoa("me:secret")}`);
    expect((await add(at("/away", "me:secret@"), "/d")).code).toBe(0);
    expect(await cat("added", "/d")).toBe("nobody");
    expect(await daemon().must("history", "--no-trunc", "added")).not.toContain("secret");
    for (const path of ["/metadata", "/local"]) {
      const refused = await add(at(path, "me:secret@"), "/d");
      expect(refused.stderr).toContain("is not followed");
      expect(refused.stdout).not.toContain("secret");
    }
  });
});

test.each(["--security=insecure", "--network=host", "--device=vendor.com/class=name,required"])(
  "hardening 54: RUN %s is refused: nobody granted it",
  async (flag) => {
    const refused = await daemon().dhow("build", context(`FROM busybox\nRUN ${flag} true\n`));
    expect(refused.stderr).toMatch(/(network.host|security.insecure|device) is not allowed/);
    expect(refused.code).toBe(1);
  },
);

test("what nobody uses is pruned, and what an image stands on is not lost with it", async () => {
  const path = context("FROM busybox\nRUN echo pruned > /p\n");
  await daemon().must("build", "-q", "-t", "kept", path);
  expect(await daemon().must("builder", "prune", "-af")).toContain("Deleted build cache objects:\n");
  expect(await daemon().must("builder", "prune", "-af")).toBe("Total reclaimed space: 0B\n");
  expect(await cat("kept", "/p")).toBe("pruned\n");
  expect((await daemon().dhow("build", path)).stdout).not.toContain("CACHED\n#2 [2/2] RUN echo pruned > /p\n#2 CACHED");
});

test("hardening 189: what a build has found or made is not pruned from under it", async () => {
  const dockerfile = "FROM busybox\nRUN echo held > /held\n";
  // The cache alone has the layer.
  await daemon().must("rmi", (await daemon().must("build", "-q", context(dockerfile))).trim());
  const path = context(`${dockerfile}RUN --mount=type=cache,id=gate,target=/g touch /g/in; sleep 2\nRUN cat /held\n`);
  const building = daemon().dhow("build", "-t", "unpruned", path);
  await Bun.sleep(1000 * slowness);
  await daemon().must("builder", "prune", "-af");
  expect((await building).code).toBe(0);
  expect(await cat("unpruned", "/held")).toBe("held\n");
  const archive = join(root, "unpruned.tar");
  await daemon().must("save", "-o", archive, "unpruned");
  expect(await daemon().must("load", "-i", archive)).toContain("unpruned:latest");
});

describe("hardening 67: a build that is broken off", () => {
  const path = () => context("FROM busybox\nRUN echo started; sleep 600\n");
  beforeAll(async () => {
    await daemon().must("builder", "prune", "-af");
  });

  test("by its client leaves nothing", async () => {
    const env = { ...process.env, DOCKER_HOST: `unix://${daemon().socket}` };
    const child = Bun.spawn([dhowBinary, "build", path()], { env, stdout: "pipe", stderr: "ignore" });
    for await (const chunk of child.stdout) if (Buffer.from(chunk).includes("started")) break;
    child.kill("SIGKILL");
    await child.exited;
    await until("the sleep to be ended", async () => (await sleeps()) === "");
  });

  test(
    "by the death of the daemon leaves nothing once it is back",
    async () => {
      const env = { ...process.env, DOCKER_HOST: `unix://${daemon().socket}` };
      const child = Bun.spawn([dhowBinary, "build", path()], { env, stdout: "pipe", stderr: "ignore" });
      for await (const chunk of child.stdout) if (Buffer.from(chunk).includes("started")) break;
      await daemon().kill9();
      await child.exited;
      await daemon().start();
      await until("the sleep to be ended", async () => (await sleeps()) === "");
    },
    60_000 * slowness,
  );

  test("by its name leaves nothing, and its client is told", async () => {
    const archive = Bun.spawn(["tar", "-C", path(), "-c", "."], { stdout: "pipe" });
    const building = fetch("http://d/build?buildid=mine", {
      method: "POST",
      unix: daemon().socket,
      body: archive.stdout,
    });
    await until("the sleep", async () => (await sleeps()) !== "");
    expect((await daemon().api("POST", "/build/cancel?id=mine")).status).toBe(204);
    expect(await (await building).text()).toContain('"error":"build cancelled: context canceled"');
    await until("the sleep to be ended", async () => (await sleeps()) === "");
    expect((await daemon().api("POST", "/build/cancel?id=nobody")).status).toBe(204);
    expect((await daemon().api("POST", "/build/cancel")).status).toBe(400);
  });

  /** Processes of this daemon's builds. */
  async function sleeps(): Promise<string> {
    const { stdout } = await run(["pgrep", "-x", "-f", "sleep 600"]);
    const own = (pid: string): boolean => {
      try {
        return readFileSync(`/proc/${pid}/mountinfo`, "utf8").includes(daemon().dataRoot);
      } catch {
        return false;
      }
    };
    return stdout
      .split("\n")
      .filter((pid) => pid !== "" && own(pid))
      .join(" ");
  }
});
