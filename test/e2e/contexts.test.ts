/** Context commands: the same lines through the stock client and ours, archives from one to the other, and what may not be read. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { tarOf } from "../fixtures/tar-builder.ts";
import { type CommandResult, run, succeed } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";

const directory = mkdtempSync(join(tmpdir(), "dhow-contexts-"));
const ours = join(directory, "docker");
const certs = join(directory, "certs");

beforeAll(async () => {
  symlinkSync(dhowBinary, ours);
  mkdirSync(certs);
  const make = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"];
  await succeed(["openssl", ...make, "-keyout", join(certs, "key.pem"), "-out", join(certs, "cert.pem")]);
  writeFileSync(join(certs, "ca.pem"), readFileSync(join(certs, "cert.pem")));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A home of its own for a client; what it prints names that home the same way everywhere. */
class Home {
  readonly path: string;
  readonly #binary: string;

  constructor(name: string, binary: string) {
    this.path = join(directory, name);
    mkdirSync(this.path, { recursive: true });
    this.#binary = binary;
  }

  async run(args: readonly string[], env: Record<string, string> = {}, stdin?: Uint8Array): Promise<CommandResult> {
    const { code, stdout, stderr } = await run([this.#binary, ...args], {
      cwd: this.path,
      env: { HOME: this.path, DOCKER_CONFIG: "", DOCKER_HOST: "", DOCKER_CONTEXT: "", DHOW_AUTOSTART: "0", ...env },
      ...(stdin && { stdin }),
    });
    const plain = (text: string): string => text.replaceAll(this.path, "HOME");
    return { code, stdout: plain(stdout), stderr: plain(stderr) };
  }
}

/** The stock client lists the TLS files of `default` in whatever order its map has. */
const ordered = (result: CommandResult | undefined) =>
  result?.stdout.includes(".pem") ? { ...result, stdout: result.stdout.match(/[^\s,[\]]+/g)?.sort() } : result;

const tls = `ca=${certs}/ca.pem,cert=${certs}/cert.pem,key=${certs}/key.pem`;

/** Blanks separate words; a variable may stand before. */
const lines = `
context create aa --docker host=unix:///x
context create aa --docker host=unix:///x
context create a/b --docker host=unix:///x
context create default --docker host=unix:///x
context create --docker host=unix:///x
context create t1 --docker host=tcp://h:2376,${tls} --description first
context create t2 --docker host=tcp://h:2376,ca=/nope
context create t2 --docker host=tcp://h:2376,cert=${certs}/cert.pem
context create t3 --docker host=foo://x
context create t4 --docker host=unix:///x,bad=1
context create t4 --docker bad
context create t4 --docker host=tcp://h:1,skip-tls-verify=maybe
context create t4 --docker host=x
context create t4 --docker host=ssh://user:pw@h
context create t4 --docker host=tcp://h:1,ca=/dev/null
context create t5 --docker host=tcp://h:1,skip-tls-verify=true
context create t7 --from t1
context create t8 --from nope
context create t9 --from t1 --description other
context create t10 --docker from=nope
context create t11 --docker from=aa,host=unix:///ignored
context create t12 --docker host=ssh://user@h
context create t13 --from default
context create t14 --from default --docker host=unix:///y
context create t15
DOCKER_HOST=unix:///of-environment context create t16
DOCKER_CONTEXT=nope context create t17
context ls
context ls -q
context ls --format json
context ls --format {{.Name}}/{{.Current}}/{{.Error}}/{{.DockerEndpoint}}
context inspect
context inspect t1
context inspect t2 nope t5
context inspect -f {{.Nope}} t1
context inspect -f {{.TLSMaterial}} t1
context use nope
context use aa
context show
context ls
context rm aa
context rm nope default aa t3
context rm -f nope
context update t1 --description new
context update t1
context update t1 --docker host=tcp://z:2,bad=1
context update nope --description new
context update default --description new
context inspect t1
context update t1 --docker skip-tls-verify=true
context inspect t1
context export t9
context export t9
context export t9 other
context export nope
context export default
context export t9 /nope/x
context export t9 .
context import n1 t9.dockercontext
context import n1 t9.dockercontext
context import n2 absent
context import default t9.dockercontext
context import n/2 t9.dockercontext
context inspect n1
context use n1
DOCKER_CONTEXT=t1 context show
DOCKER_HOST=unix:///h context show
DOCKER_HOST=unix:///h DOCKER_CONTEXT=t1 context show
DOCKER_HOST=unix:///h -c t1 context show
DOCKER_CONTEXT=t1 -c t7 context show
-H unix:///h context show
-H unix:///h -c t1 context show
DOCKER_CONTEXT=t1 -H unix:///h context show
DOCKER_CONTEXT=nope context show
DOCKER_CONTEXT=nope context ls
DOCKER_CONTEXT=nope ps
DOCKER_CONTEXT=nope DOCKER_HOST=unix:///nope ps
DOCKER_CONTEXT=nope context use t1
-c nope context ls
-c nope ps
-c default ps
DOCKER_HOST=unix:///h context use t5
DOCKER_HOST=unix:///h context use default
DOCKER_HOST=unix:///h context ls
DOCKER_CONTEXT=t1 context rm t1
DOCKER_HOST=unix:///h context rm t1
DOCKER_HOST=unix:///h context inspect
DOCKER_TLS_VERIFY=1 context inspect
--tls context inspect
--tls ps
--tlsverify --tlscacert ${certs}/ca.pem context inspect
--tlsverify --tlscacert ${certs}/ca.pem --tlscert ${certs}/absent ps
DOCKER_CERT_PATH=${certs} --tls context inspect
DOCKER_CERT_PATH=${certs} --tlsverify context ls
DOCKER_CERT_PATH=/nope --tlsverify ps
context rm -f t1
context rm -f n1
context ls
`;

test("the same lines print the same through both clients, and leave the same config.json", async () => {
  const homes = [new Home("stock", "docker"), new Home("ours", ours)] as const;
  const differences: unknown[] = [];
  for (const line of lines.trim().split("\n")) {
    const words = line.split(" ");
    const at = words.findIndex((word) => !/^[A-Z_]+=/.test(word));
    const env = Object.fromEntries(words.slice(0, at).map((word) => word.split("=") as [string, string]));
    const [theirs, mine] = await Promise.all(homes.map((home) => home.run(words.slice(at), env)));
    if (!Bun.deepEquals(ordered(mine), ordered(theirs))) differences.push({ line, mine, theirs });
  }
  expect(differences).toEqual([]);
  const [stock, mine] = homes.map(({ path }) => readFileSync(join(path, ".docker/config.json"), "utf8"));
  expect(mine).toBe(stock ?? "");
});

describe("archives", () => {
  const stock = () => new Home("archives-stock", "docker");
  const mine = () => new Home("archives-ours", ours);
  const docker = `host=tcp://h:2376,${tls}`;
  const format = "{{json .Endpoints}} {{json .TLSMaterial}} {{.Name}}";

  test("go from either client to the other, with their certificates", async () => {
    for (const [from, to, name] of [
      [stock(), mine(), "by-stock"],
      [mine(), stock(), "by-ours"],
    ] as const) {
      expect((await from.run(["context", "create", name, "--docker", docker, "--description", "told"])).code).toBe(0);
      const file = join(directory, `${name}.tar`);
      expect((await from.run(["context", "export", name, file])).code).toBe(0);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      const imported = await to.run(["context", "import", name, file]);
      expect(imported).toEqual({ code: 0, stdout: `${name}\n`, stderr: `Successfully imported context "${name}"\n` });
      const shown = await to.run(["context", "inspect", "-f", format, name]);
      expect(shown).toEqual(await from.run(["context", "inspect", "-f", format, name]));
      expect(shown.stdout).toContain('{"docker":["ca.pem","cert.pem","key.pem"]}');
      const id = new Bun.CryptoHasher("sha256").update(name).digest("hex");
      const key = join(to.path, ".docker/contexts/tls", id, "docker/key.pem");
      expect(readFileSync(key, "utf8")).toBe(readFileSync(join(certs, "key.pem"), "utf8"));
      expect(statSync(key).mode & 0o777).toBe(0o600);
    }
  });

  test("go by standard streams too", async () => {
    const home = mine();
    await home.run(["context", "create", "piped", "--docker", docker]);
    const tar = await run([ours, "context", "export", "piped", "-"], { env: { HOME: home.path, DOCKER_CONFIG: "" } });
    const stdin = Buffer.from(tar.stdout, "latin1");
    expect((await home.run(["context", "import", "again", "-"], {}, stdin)).code).toBe(0);
    expect((await home.run(["context", "inspect", "-f", format, "again"])).stdout).toContain("tcp://h:2376");
  });

  const meta = JSON.stringify({
    Name: "x",
    Metadata: { Description: "zipped" },
    Endpoints: { docker: { Host: "unix:///z" } },
  });

  test.each([0, 8] as const)("may be zips, with method %d", async (method) => {
    const zip = zipOf(
      [
        ["meta.json", meta],
        ["tls/docker/ca.pem", "a certificate\n".repeat(99)],
      ],
      method,
    );
    for (const home of [stock(), mine()]) {
      const name = `zip${method}`;
      const file = join(home.path, "c.zip");
      writeFileSync(file, zip);
      expect((await home.run(["context", "import", name, file])).stderr).toBe(
        `Successfully imported context "${name}"\n`,
      );
      const shown = await home.run(["context", "inspect", "-f", `${format} {{.Metadata}}`, name]);
      expect(shown.stdout).toStartWith(`{"docker":{"Host":"unix:///z"`);
      expect(shown.stdout).toContain(`{"docker":["ca.pem"]} ${name}`);
    }
  });

  test("what is no context is refused, and nothing is stored", async () => {
    const home = mine();
    const good = zipOf([["meta.json", meta]], 8);
    const bad = Buffer.from(good);
    bad[45] = (bad[45] ?? 0) ^ 0xff;
    const file = (path: string, data: string) => tarOf({ path, type: "file", data });
    const cases: [content: Uint8Array, reason: RegExp][] = [
      [Buffer.from("junk"), /unexpected EOF/],
      [Buffer.alloc(0), /invalid context: no metadata found/],
      [file("junk", ""), /junk: unexpected context file/],
      [file("tls/x", ""), /archive format is invalid/],
      [file("../../etc/passwd", ""), /unexpected context file/],
      [file("meta.json", "{"), /meta.json is not a JSON object/],
      [file("tls/docker/ca.pem", ""), /invalid context: no metadata found/],
      [good.subarray(0, good.length - 30), /zip: not a valid zip file/],
      [bad, /zip: (checksum error|not a valid zip file)/],
      [zipOf([["meta.json", "x".repeat(11 << 20)]], 8), /context archive is too large/],
      [Buffer.alloc((10 << 20) + 1), /context archive is too large/],
    ];
    for (const [content, reason] of cases) {
      const { code, stderr } = await home.run(["context", "import", "bad", "-"], {}, content);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(reason) });
    }
    expect((await home.run(["context", "ls", "-q"])).stdout).not.toContain("bad");
  });
});

test("what another user may not read is told so", async () => {
  const home = new Home("private", ours);
  const path = join(home.path, "locked.pem");
  writeFileSync(path, "x");
  chmodSync(path, 0);
  const { code, stderr } = await home.run(["context", "create", "cc", "--docker", `host=tcp://h:1,ca=${path}/x`]);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: "unable to create docker endpoint config: open HOME/locked.pem/x: not a directory\n",
  });
});

/** A zip of `files`; method 0 stores, 8 deflates. */
function zipOf(files: readonly (readonly [path: string, text: string])[], method: 0 | 8): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  for (const [path, text] of files) {
    const [name, data] = [Buffer.from(path), Buffer.from(text)];
    const packed = method === 0 ? data : deflateRawSync(data);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(method, 4);
    fields.writeUInt32LE(Bun.hash.crc32(data), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(data.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const offset = Buffer.concat(local).length;
    local.push(Buffer.from("PK\x03\x04"), fields, name, packed);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    central.push(Buffer.from("PK\x01\x02\x14\0"), fields, tail, name);
  }
  const [body, list] = [Buffer.concat(local), Buffer.concat(central)];
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(body.length, 16);
  return Buffer.concat([body, list, end]);
}
