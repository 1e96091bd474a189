/** A daemon on another host: over TLS, each side showing its certificate, and over ssh, with a program of the test as `ssh`. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CommandResult, run, succeed } from "../harness/command.ts";
import { clients, dhowBinary, TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";
import { withDaemon } from "./fixture.ts";

const directory = mkdtempSync(join(tmpdir(), "dhow-remote-"));
const docker = join(directory, "docker");
beforeAll(() => symlinkSync(dhowBinary, docker));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function call(
  client: (typeof clients)[number],
  args: readonly string[],
  env: Record<string, string> = {},
  stdin?: string,
): Promise<CommandResult> {
  return run([client === "dhow" ? docker : "docker", ...args], {
    env: { HOME: directory, DOCKER_CONFIG: "", DOCKER_HOST: "", DOCKER_CONTEXT: "", DHOW_AUTOSTART: "0", ...env },
    ...(stdin !== undefined && { stdin }),
  });
}

describe("TLS", () => {
  const pki = join(directory, "pki");
  let daemon: TestDaemon;
  let port = 0;

  /** Certificates: two authorities; a server and a client of the first, a stranger of the second. */
  beforeAll(async () => {
    mkdirSync(pki);
    const openssl = (...args: string[]) => succeed(["openssl", ...args], { cwd: pki });
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    for (const name of ["ca", "other"]) {
      await openssl(
        "req",
        "-x509",
        ...key,
        "-days",
        "2",
        "-subj",
        `/CN=${name}`,
        "-keyout",
        `${name}-key.pem`,
        "-out",
        `${name}.pem`,
      );
    }
    for (const [name, ca, extensions] of [
      ["server", "ca", "subjectAltName=IP:127.0.0.1,DNS:daemon.test\nextendedKeyUsage=serverAuth\n"],
      ["client", "ca", "extendedKeyUsage=clientAuth\n"],
      ["stranger", "other", "extendedKeyUsage=clientAuth\n"],
    ] as const) {
      await openssl("req", ...key, "-subj", `/CN=${name}`, "-keyout", `${name}-key.pem`, "-out", `${name}.csr`);
      writeFileSync(join(pki, "extensions"), extensions);
      const sign = [
        "-CA",
        `${ca}.pem`,
        "-CAkey",
        `${ca}-key.pem`,
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        "extensions",
      ];
      await openssl("x509", "-req", "-in", `${name}.csr`, "-out", `${name}.pem`, ...sign);
    }
    for (const [folder, ca, cert] of [
      ["good", "ca", "client"],
      ["none", "ca", ""],
      ["unknown", "ca", "stranger"],
      ["distrusting", "other", "client"],
    ] as const) {
      mkdirSync(join(pki, folder));
      cpSync(join(pki, `${ca}.pem`), join(pki, folder, "ca.pem"));
      if (!cert) continue;
      cpSync(join(pki, `${cert}.pem`), join(pki, folder, "cert.pem"));
      cpSync(join(pki, `${cert}-key.pem`), join(pki, folder, "key.pem"));
    }
    daemon = await TestDaemon.start({
      flags: [
        ...["--host=tcp://127.0.0.1:0", "--tlsverify", `--tlscacert=${pki}/ca.pem`],
        ...[`--tlscert=${pki}/server.pem`, `--tlskey=${pki}/server-key.pem`],
      ],
    });
    port = Number(/API listen on tcp:\/\/127\.0\.0\.1:(\d+)/.exec(daemon.log())?.[1]);
    expect((await daemon.docker("import", await busyboxTar(), "busybox:latest")).code).toBe(0);
  }, 60_000);
  afterAll(() => daemon?.[Symbol.asyncDispose](), 60_000);

  const host = () => `tcp://127.0.0.1:${port}`;
  const with_ = (folder: string) => ({ DOCKER_HOST: host(), DOCKER_CERT_PATH: join(pki, folder) });

  test.each([...clients])(
    "%s is served with a certificate: by environment, flags and context, streams included",
    async (client) => {
      const secure = { ...with_("good"), DOCKER_TLS_VERIFY: "1" };
      const count = ["info", "--format", "{{.Images}}"];
      expect(await call(client, count, secure)).toEqual({ code: 0, stdout: "1\n", stderr: "" });
      const files = [
        "--tlscacert",
        `${pki}/ca.pem`,
        "--tlscert",
        `${pki}/client.pem`,
        "--tlskey",
        `${pki}/client-key.pem`,
      ];
      expect((await call(client, ["-H", host(), "--tlsverify", ...files, ...count])).stdout).toBe("1\n");
      expect((await call(client, ["-H", host(), "--tls", ...files, ...count])).stdout).toBe("1\n");
      const given = `host=${host()},ca=${pki}/ca.pem,cert=${pki}/client.pem,key=${pki}/client-key.pem`;
      expect((await call(client, ["context", "create", `far-${client}`, "--docker", given])).code).toBe(0);
      for (const each of clients) expect((await call(each, ["-c", `far-${client}`, ...count])).stdout).toBe("1\n");
      const ran = await call(client, ["run", "--rm", "-i", "busybox", "sh", "-c", "cat; exit 7"], secure, "over tls");
      expect(ran).toEqual({ code: 7, stdout: "over tls", stderr: "" });
      const big = "x".repeat(3_000_000);
      expect((await call(client, ["run", "--rm", "-i", "busybox", "wc", "-c"], secure, big)).stdout.trim()).toBe(
        "3000000",
      );
    },
  );

  // What the stock client says of each, with `Get "URL": ` before it.
  test.each([
    ["none", "1", "remote error: tls: certificate required"],
    ["unknown", "1", "EOF: the daemon closed the connection; it may not take the client's certificate"],
    ["distrusting", "1", "tls: failed to verify certificate: x509: certificate signed by unknown authority"],
    ["none", "", "remote error: tls: certificate required"],
  ])("dhow with the folder %j, verifying %j, is refused or refuses", async (folder, DOCKER_TLS_VERIFY, why) => {
    const { code, stderr } = await call("dhow", ["--tls", "ps"], { ...with_(folder), DOCKER_TLS_VERIFY });
    expect({ code, stderr }).toEqual({ code: 1, stderr: `error during connect: ${why}\n` });
  });

  test("the daemon's name is part of what is verified, and of nothing with --tls alone", async () => {
    const { DOCKER_CERT_PATH } = with_("good");
    const other = { DOCKER_CERT_PATH, DOCKER_HOST: `tcp://localhost:${port}` };
    const refused = await call("dhow", ["--tlsverify", "ps", "-q"], other);
    expect(refused.stderr).toBe(
      "error during connect: tls: failed to verify certificate: x509: certificate is valid for 127.0.0.1, daemon.test, not localhost\n",
    );
    expect(await call("dhow", ["--tls", "ps", "-q"], other)).toEqual({ code: 0, stdout: "", stderr: "" });
    expect((await call("dhow", ["--tls", "ps", "-q"], with_("distrusting"))).code).toBe(0);
  });

  test.each([...clients])("%s in the clear, or with a stranger's certificate, gets no answer", async (client) => {
    const clear = await call(client, ["ps"], { DOCKER_HOST: host() });
    expect([clear.code, clear.stdout]).toEqual([1, ""]);
    expect(clear.stderr).toContain(client === "dhow" ? "it may want TLS (--tlsverify)" : "EOF");
    for (const folder of ["none", "unknown"]) {
      const refused = await call(client, ["--tls", "ps"], with_(folder));
      expect([refused.code, refused.stdout]).toEqual([1, ""]);
    }
  });

  test("a key of another certificate, and an authority that is none, are refused before a connection", async () => {
    for (const client of clients) {
      const pair = ["--tlscert", `${pki}/client.pem`, "--tlskey", `${pki}/server-key.pem`];
      const mixed = await call(client, ["-H", host(), "--tlsverify", "--tlscacert", `${pki}/ca.pem`, ...pair, "ps"]);
      const words = "Failed to initialize: failed to retrieve context tls info: ";
      expect(mixed.stderr).toBe(`${words}tls: private key does not match public key\n`);
      const none = await call(client, ["-H", host(), "--tlsverify", "--tlscacert", `${pki}/ca-key.pem`, "ps"]);
      expect(none.stderr).toBe(`${words}ca.pem seems invalid\n`);
    }
  });

  test("TLS before 1.2 is refused", async () => {
    const old = ["-tls1_1", "-cert", "client.pem", "-key", "client-key.pem", "-cipher", "DEFAULT@SECLEVEL=0"];
    const { code } = await run(["openssl", "s_client", "-connect", `127.0.0.1:${port}`, ...old], {
      cwd: pki,
      stdin: "",
    });
    expect(code).not.toBe(0);
    const now = ["-tls1_2", "-cert", "client.pem", "-key", "client-key.pem"];
    expect(
      (await run(["openssl", "s_client", "-connect", `127.0.0.1:${port}`, ...now], { cwd: pki, stdin: "" })).code,
    ).toBe(0);
  });
});

describe("ssh", () => {
  const daemon = withDaemon();
  const bin = join(directory, "bin");
  const calls = join(directory, "ssh-calls");

  beforeAll(() => {
    mkdirSync(bin);
    // Notes its arguments; what stands behind the host is run here, as the far host's `docker` or `dhow`.
    writeFileSync(
      join(bin, "ssh"),
      `#!/bin/bash
printf '%s\\n' "$*" >> ${calls}
while [ "$1" != -- ]; do shift; done
case "$2" in
refuses) echo "ssh: connect to host refuses port 22: Connection refused" >&2; exit 255;;
noisy) echo "a banner" >&2;;
esac
shift 2
export DOCKER_HOST=$FAR_HOST
exec "$@"
`,
    );
    chmodSync(join(bin, "ssh"), 0o755);
    symlinkSync(dhowBinary, join(bin, "dhow"));
  });

  const far = async (client: (typeof clients)[number], args: string[], stdin?: string) => {
    rmSync(calls, { force: true });
    const env = { PATH: `${bin}:${process.env.PATH}`, FAR_HOST: `unix://${daemon().socket}` };
    const result = await call(client, args, env, stdin);
    return { ...result, calls: existsSync(calls) ? readFileSync(calls, "utf8").split("\n").filter(Boolean) : [] };
  };

  test.each([...clients])("%s speaks through ssh, streams and exit codes included", async (client) => {
    const ran = await far(
      client,
      ["-H", "ssh://ann@noisy:2222", "run", "--rm", "-i", "busybox", "sh", "-c", "cat; exit 7"],
      "far",
    );
    expect(ran).toMatchObject({ code: 7, stdout: "far", stderr: "" });
    expect(new Set(ran.calls)).toEqual(
      new Set(["-o ConnectTimeout=30 -T -l ann -p 2222 -- noisy docker system dial-stdio"]),
    );
    const made = await far(client, ["context", "create", `ssh-${client}`, "--docker", "host=ssh://h"]);
    expect(made.code).toBe(0);
    const images = await far(client, ["-c", `ssh-${client}`, "images", "--format", "{{.Repository}}"]);
    expect(images.stdout).toBe("busybox\n");
  });

  test("called dhow, it asks for dhow at the far end", async () => {
    const env = { PATH: `${bin}:${process.env.PATH}`, FAR_HOST: `unix://${daemon().socket}`, DHOW_AUTOSTART: "0" };
    rmSync(calls, { force: true });
    const { code } = await run([dhowBinary, "-H", "ssh://h/run/other.sock", "ps"], { env });
    expect(code).toBe(1);
    expect(readFileSync(calls, "utf8")).toStartWith(
      "-o ConnectTimeout=30 -T -- h dhow --host unix:///run/other.sock system dial-stdio\n",
    );
    expect((await run([dhowBinary, "-H", "ssh://h", "ps", "-q"], { env })).code).toBe(0);
  });

  test.each([...clients])("%s tells what ssh complained of, and nothing of it when all went well", async (client) => {
    const { code, stderr } = await far(client, ["-H", "ssh://refuses", "ps"]);
    expect(code).toBe(1);
    expect(stderr).toContain("error during connect: ");
    expect(stderr).toContain(
      "-- refuses docker system dial-stdio] has exited with exit status 255, make sure the URL is valid, and ",
    );
    expect(stderr).toContain("stderr=ssh: connect to host refuses port 22: Connection refused");
  });

  test.each(["ssh://u:pw@h", "ssh://", "ssh:///x", "ssh://h?x=1", "ssh://h#x"])(
    "%s is refused in Docker's words",
    async (host) => {
      const [theirs, ours] = [await far("docker", ["-H", host, "ps"]), await far("dhow", ["-H", host, "ps"])];
      expect(ours).toEqual(theirs);
      expect(ours.stderr).toContain("ssh host connection is not valid: invalid SSH URL: ");
      expect(ours.calls).toEqual([]);
    },
  );
});
