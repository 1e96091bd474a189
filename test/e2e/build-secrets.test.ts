/** `RUN --mount=type=secret` and `type=ssh`, what the caller may be granted, and what of it stays (hardening 54, 60, 62). */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BuildRequest } from "../../src/builder/builder.ts";
import type { SecretSource, SshSource } from "../../src/builder/request-sources.ts";
import { messageOf } from "../../src/lib/errors.ts";
import { background } from "../../src/lib/operation.ts";
import { run, slowness } from "../harness/command.ts";
import { type OwnBuild, OwnEngine } from "../harness/own-engine.ts";

const root = mkdtempSync(join(tmpdir(), "dhow-secrets-"));
let own: OwnEngine;
beforeAll(async () => {
  own = await OwnEngine.start([
    `--builder={"entitlements":{"security-insecure":true,"device":true}}`,
    `--cdi-spec-dir=${join(root, "cdi")}`,
  ]);
}, 60_000 * slowness);
afterAll(async () => {
  await own?.[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
}, 60_000 * slowness);

let contexts = 0;
function context(dockerfile: string): string {
  const path = join(root, `c${contexts++}`);
  mkdirSync(path);
  writeFileSync(join(path, "Dockerfile"), dockerfile);
  return path;
}

const build = (dockerfile: string, request: Partial<BuildRequest> = {}): Promise<OwnBuild> =>
  own.build(request, context(dockerfile));
const failure = (dockerfile: string, request: Partial<BuildRequest> = {}): Promise<string> =>
  build(dockerfile, request).then(() => "", messageOf);

const secretsOf = (values: Readonly<Record<string, string | Uint8Array>>): SecretSource => ({
  read: async (id) => (id in values ? Buffer.from(values[id] ?? "") : null),
});

/** Files below the roots of the engine that hold the text. */
async function holding(text: string): Promise<string> {
  const { stdout } = await run(["grep", "-rlaF", "--devices=skip", text, own.dataRoot, own.execRoot]);
  return stdout;
}

describe("a secret", () => {
  test("is a read-only file on a file system of its own, with the owner and mode that are asked for", async () => {
    const { output } = await build(
      "FROM busybox\nRUN --mount=type=secret,id=a --mount=type=secret,id=a,target=/x/y,uid=3,gid=4,mode=0440 " +
        "exec 2>&1; stat -c '%n %a %u:%g' /run/secrets/a /x/y; cat /x/y; " +
        "mount | grep -E '/run/secrets/a|/x/y' | cut -d'(' -f1,2 | sed 's/,relatime.*//'; echo > /x/y || echo unwritable\n",
      { secrets: secretsOf({ a: "told\n" }), noCache: true },
    );
    expect(output.split("\n")).toEqual([
      "/run/secrets/a 400 0:0",
      "/x/y 440 3:4",
      "told",
      "secrets on /x/y type tmpfs (ro,nosuid,nodev,noexec",
      "secrets on /run/secrets/a type tmpfs (ro,nosuid,nodev,noexec",
      "/bin/sh: can't create /x/y: Read-only file system",
      "unwritable",
      "",
    ]);
  });

  test("may be a variable instead, or both; one that is not given is neither", async () => {
    const { output } = await build(
      "FROM busybox\nENV A=env\nRUN --mount=type=secret,id=a,env=A --mount=type=secret,id=b,env=B,target=/b --mount=type=secret,id=c,env=C " +
        'echo "$A $B $(cat /b) [$C]"; ls /run/secrets 2>&1 || true\n',
      { secrets: secretsOf({ a: "one", b: "two" }), noCache: true },
    );
    expect(output).toStartWith("one two two []\n");
    expect(output).toContain("/run/secrets: No such file");
  });

  test("that is required and not there, or too big, or no text for a variable, ends the build", async () => {
    const mount = (options: string): string => `FROM busybox\nRUN --mount=type=secret,${options} true\n`;
    expect(await failure(mount("id=a,required"))).toContain("secret a: not found");
    const secrets = secretsOf({ big: Buffer.alloc(512_001), most: Buffer.alloc(512_000), nul: "a\0b" });
    expect(await failure(mount("id=big"), { secrets })).toContain("secret big too big. max size 500KiB");
    expect(await failure(mount("id=most"), { secrets })).toBe("");
    expect(await failure(mount("id=nul,env=N"), { secrets })).toContain("holds a NUL byte");
  });

  test("hardening 60, 62: is in no layer, history, key, record or file of the engine, and changes no key", async () => {
    const canary = `canary-${crypto.randomUUID()}`;
    const dockerfile =
      'FROM busybox\nRUN --mount=type=secret,id=a --mount=type=secret,id=b,env=B test -s /run/secrets/a && test -n "$B"; touch /made\nRUN ls -R /run > /seen 2>&1 || true\n';
    const first = await build(dockerfile, { secrets: secretsOf({ a: canary, b: canary }), names: ["lent"] });
    expect(await holding(canary)).toBe("");
    const history = await own.engine.images.history("lent", { platform: "" }, background());
    expect(JSON.stringify([history, first.events])).not.toContain(canary);
    const second = await build(dockerfile, { secrets: secretsOf({ a: "other", b: "other" }) });
    expect(second.image.id).toBe(first.image.id);
    const third = await build("FROM lent\nRUN cat /seen; ls /run/secrets 2>&1 || true\n");
    expect(third.output.split("\n").filter((line) => !line.includes("No such file"))).toEqual([""]);
  });

  test("of a command that fails is gone too, and is not in what is kept of it", async () => {
    const canary = `canary-${crypto.randomUUID()}`;
    const kept = await build(
      "FROM busybox\nENV E=1\nWORKDIR /w\nRUN --mount=type=secret,id=a --mount=type=secret,id=b,env=B echo left > left; exit 3\n",
      {
        secrets: secretsOf({ a: canary, b: canary }),
        keepsFailed: true,
      },
    ).then(
      () => null,
      (error: { keptImage: string; exitCode: number }) => error,
    );
    expect(kept?.exitCode).toBe(3);
    expect(await holding(canary)).toBe("");
    await own.engine.images.tag(kept?.keptImage ?? "", { repo: "kept", tag: "latest" }, background());
    const seen = await build("FROM kept\nRUN echo $E; pwd; cat left; ls /run 2>/dev/null || true\n");
    expect(seen.output).toBe("1\n/w\nleft\n");
    const before = (
      await own.engine.images.list(
        { all: true, filters: new Map() as never, sharedSize: false, manifests: false },
        background(),
      )
    ).length;
    const unkept = await build("FROM busybox\nRUN exit 4\n").then(
      () => null,
      (error: { keptImage: string | null }) => error.keptImage,
    );
    expect(unkept).toBeNull();
    const after = (
      await own.engine.images.list(
        { all: true, filters: new Map() as never, sharedSize: false, manifests: false },
        background(),
      )
    ).length;
    expect(after).toBe(before);
  });
});

describe("an agent", () => {
  /** Says back what it is told, with its id before. */
  function agents(...ids: string[]): SshSource & { readonly opened: () => number } {
    let opened = 0;
    return {
      opened: () => opened,
      has: async (id) => ids.includes(id),
      connect: async (id) => {
        opened++;
        const path = join(root, `agent-${crypto.randomUUID()}`);
        const server = createServer({ allowHalfOpen: true }, (socket) => {
          socket.write(`${id}:`);
          socket.pipe(socket);
          socket.on("close", () => server.close());
        });
        await new Promise<void>((resolve) => server.listen(path, resolve));
        return connect({ path, allowHalfOpen: true });
      },
    };
  }
  const ask = (socket: string): string => `echo hello | nc -w 5 local:${socket}`;

  test("is a socket that only its owner may use, named by SSH_AUTH_SOCK", async () => {
    const { output } = await build(
      `FROM busybox\nRUN --mount=type=ssh --mount=type=ssh,id=other,target=/o,uid=5,mode=0660 echo $SSH_AUTH_SOCK; stat -c '%n %a %u %F' $SSH_AUTH_SOCK /o\n`,
      { ssh: agents("default", "other"), noCache: true },
    );
    expect(output).toBe("/run/buildkit/ssh_agent.0\n/run/buildkit/ssh_agent.0 600 0 socket\n/o 660 5 socket\n");
  });

  test("that is required and not forwarded ends the build", async () => {
    expect(await failure("FROM busybox\nRUN --mount=type=ssh,required true\n")).toContain(
      "unset ssh forward key default",
    );
    const { output } = await build(
      "FROM busybox\nRUN --mount=type=ssh echo [$SSH_AUTH_SOCK]; ls $SSH_AUTH_SOCK 2>/dev/null; true\n",
    );
    // The name is there as with BuildKit, and no socket.
    expect(output).toBe("[/run/buildkit/ssh_agent.0]\n");
  });

  test("leaves no socket in the layer", async () => {
    await build("FROM busybox\nRUN --mount=type=ssh touch /made\n", {
      ssh: agents("default"),
      names: ["agent"],
      noCache: true,
    });
    expect((await build("FROM agent\nRUN ls -d /run/buildkit 2>&1; true\n")).output).toContain("No such file");
  });
  void ask;
});

describe("hardening 54: a grant", () => {
  test.each([
    ["--network=host", "network.host is not allowed"],
    ["--security=insecure", "security.insecure is not allowed"],
    ["--device=acme.com/thing=one", "device is not allowed"],
  ])("RUN %s needs one", async (flag, words) => {
    const said = await failure(`FROM busybox\nRUN echo first\nRUN ${flag} true\n`);
    expect(said).toContain(words);
    expect(said).toContain(`>>> RUN ${flag} true`);
  });

  test("of the host's network shows its devices, and none shows nothing but loopback", async () => {
    const { output } = await build(
      "FROM busybox\nRUN --network=host ls /sys/class/net | wc -l\nRUN --network=none ls /sys/class/net | wc -l\nRUN --network=default ls /sys/class/net | wc -l\n",
      { grants: new Set(["network.host"]), noCache: true },
    );
    const [host, none, usual] = output.trim().split("\n").map(Number);
    expect([none, usual]).toEqual([1, 2]);
    expect(host).toBeGreaterThan(2);
  });

  test("of no confinement gives every capability; without it there are few", async () => {
    const { output } = await build(
      "FROM busybox\nRUN grep CapEff /proc/self/status\nRUN --security=insecure grep CapEff /proc/self/status\n",
      { grants: new Set(["security.insecure"]), noCache: true },
    );
    const [usual, insecure] = output
      .trim()
      .split("\n")
      .map((line) => BigInt(`0x${line.split("\t")[1]}`));
    expect(usual).toBe(0xa80425fbn);
    expect(insecure).toBeGreaterThan(0xffffffffn);
  });

  test("of devices gives those that are asked for, required or not", async () => {
    mkdirSync(join(root, "cdi"), { recursive: true });
    const edits = { env: ["THING=one"], deviceNodes: [{ path: "/dev/thing", hostPath: "/dev/null" }] };
    const devices = [{ name: "one", containerEdits: edits }];
    writeFileSync(join(root, "cdi/a.json"), JSON.stringify({ cdiVersion: "0.6.0", kind: "acme.com/thing", devices }));
    const grants = new Set(["device"] as const);
    const { output } = await build(
      "FROM busybox\nRUN --device=acme.com/thing=one,required --device=acme.com/thing=none ls /dev/thing; echo $THING\n",
      { grants, noCache: true },
    );
    expect(output).toBe("/dev/thing\none\n");
    expect(await failure("FROM busybox\nRUN --device=acme.com/thing=none,required true\n", { grants })).toContain(
      "unresolvable CDI devices acme.com/thing=none",
    );
  });
});

test("only the stages that are named are built anew", async () => {
  const dockerfile =
    "FROM busybox AS one\nRUN date +%s%N > /t\nFROM busybox AS two\nRUN date +%s%N > /u\nFROM busybox\nCOPY --from=one /t /\nCOPY --from=two /u /\n";
  const cached = ({ events }: OwnBuild): boolean[] =>
    events
      .flatMap((event) =>
        event.kind === "finished" && [1, 3].includes(event.step) ? [[event.step, event.cached] as const] : [],
      )
      .sort()
      .map(([, was]) => was);
  await build(dockerfile);
  expect(cached(await build(dockerfile, { noCacheStages: ["ONE"] }))).toEqual([false, true]);
  expect(cached(await build(dockerfile, { noCacheStages: ["1"] }))).toEqual([true, false]);
});
