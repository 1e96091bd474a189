/** Plugins at an address, plain and by TLS with certificates on both sides, told by `.spec` and `.json` files. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPlugins } from "./plugins.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-tls-"));
const at = (name: string) => join(dir, name);

function openssl(...args: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args], { cwd: dir });
  if (exitCode !== 0) throw new Error(`openssl ${args.join(" ")}: ${stderr}`);
}
const newKey = (name: string) => ["-newkey", "rsa:2048", "-nodes", "-keyout", `${name}.key`];

function makeAuthority(name: string): void {
  openssl("req", "-x509", ...newKey(name), "-out", `${name}.pem`, "-subj", `/CN=${name}`, "-days", "2");
}

/** A key and a certificate of that authority for a server at `address`. */
function makeCertificate(name: string, authority: string, address: string): void {
  openssl("req", "-new", ...newKey(name), "-out", `${name}.csr`, "-subj", `/CN=${name}`);
  writeFileSync(at("extensions"), `subjectAltName=IP:${address}\n`);
  const signed = ["-CA", `${authority}.pem`, "-CAkey", `${authority}.key`, "-CAcreateserial", "-days", "2"];
  openssl("x509", "-req", "-in", `${name}.csr`, ...signed, "-extfile", "extensions", "-out", `${name}.pem`);
}

makeAuthority("ours");
makeAuthority("theirs");
makeCertificate("server", "ours", "127.0.0.1");
makeCertificate("elsewhere", "ours", "127.0.0.2");
makeCertificate("client", "ours", "127.0.0.1");
makeCertificate("stranger", "theirs", "127.0.0.1");

const activated = () => Response.json({ Implements: ["VolumeDriver"] });
const serve = (certificate: string) =>
  Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: activated,
    tls: {
      cert: readFileSync(at(`${certificate}.pem`), "utf8"),
      key: readFileSync(at(`${certificate}.key`), "utf8"),
      ca: readFileSync(at("ours.pem"), "utf8"),
      requestCert: true,
      rejectUnauthorized: true,
    },
  });
const right = serve("server");
const wrong = serve("elsewhere");
const plain = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: activated });
afterAll(() => {
  for (const server of [right, wrong, plain]) server.stop(true);
  rmSync(dir, { recursive: true, force: true });
});

const find = (name: string) =>
  createPlugins({ dirs: [dir], log: () => {} }).get(name, "VolumeDriver", { retry: false });

/** Describes a plugin at that server; its answer to the handshake. */
function describePlugin(name: string, server: { readonly port?: number }, tls: Record<string, unknown>) {
  const paths = Object.fromEntries(
    Object.entries(tls).map(([key, value]) => [key, typeof value === "string" ? at(value) : value]),
  );
  writeFileSync(
    at(`${name}.json`),
    JSON.stringify({ Name: name, Addr: `https://127.0.0.1:${server.port}`, TLSConfig: paths }),
  );
  return find(name);
}
const client = { CertFile: "client.pem", KeyFile: "client.key" };

test("a plugin behind TLS is used with the authority and the certificate that its description names", async () => {
  expect((await describePlugin("good", right, { CAFile: "ours.pem", ...client })).name).toBe("good");
});

test("no certificate, a stranger's, an unknown authority, another host's certificate: none of them is talked to", async () => {
  await expect(describePlugin("nocert", right, { CAFile: "ours.pem" })).rejects.toThrow(/Plugin.Activate/);
  const stranger = { CAFile: "ours.pem", CertFile: "stranger.pem", KeyFile: "stranger.key" };
  await expect(describePlugin("stranger", right, stranger)).rejects.toThrow(/Plugin.Activate/);
  await expect(describePlugin("noca", right, client)).rejects.toThrow(/certificate/);
  await expect(describePlugin("otherca", right, { CAFile: "theirs.pem", ...client })).rejects.toThrow(/certificate/);
  await expect(describePlugin("otherhost", wrong, { CAFile: "ours.pem", ...client })).rejects.toThrow(
    /Plugin.Activate/,
  );
});

test("InsecureSkipVerify looks at no certificate of the plugin's", async () => {
  const lax = { InsecureSkipVerify: true, ...client };
  expect((await describePlugin("lax", wrong, lax)).name).toBe("lax");
});

test("files that are not there or hold no certificate are named", async () => {
  await expect(describePlugin("gone", right, { CAFile: "absent.pem", ...client })).rejects.toThrow(
    `plugin "gone": cannot read ${at("absent.pem")}: no such file or directory`,
  );
  writeFileSync(at("junk.pem"), "junk");
  await expect(
    describePlugin("junk", right, { CAFile: "ours.pem", CertFile: "junk.pem", KeyFile: "client.key" }),
  ).rejects.toThrow();
});

test(".spec files tell a plain address", async () => {
  writeFileSync(at("tcp.spec"), `tcp://127.0.0.1:${plain.port}\n`);
  writeFileSync(at("http.spec"), `http://127.0.0.1:${plain.port}/`);
  for (const name of ["tcp", "http"]) expect((await find(name)).name).toBe(name);
  writeFileSync(at("odd.spec"), "gopher://127.0.0.1");
  await expect(find("odd")).rejects.toThrow('plugin "odd": unknown protocol: "gopher://127.0.0.1"');
  // Spoken to without TLS, a TLS server is no plugin.
  writeFileSync(at("mixed.spec"), `tcp://127.0.0.1:${right.port}`);
  await expect(find("mixed")).rejects.toThrow();
});
