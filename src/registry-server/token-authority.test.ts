import { afterAll, beforeAll, expect, test } from "bun:test";
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TokenAuthority, tokenAuthorityOptions } from "./token-authority.ts";

/** The clock of these tests: ahead, for the certificates that are made meanwhile begin now. */
const now = Date.now() + 60_000;
const at = Math.floor(now / 1000);
const good = { iss: "auth", aud: "box", sub: "ada", exp: at + 300, nbf: at };
const access = [{ type: "repository", name: "a/b", actions: ["pull"] }];
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function tokenOf(key: KeyObject, header: Header, claims: object = { ...good, access }): string {
  const text = `${encode({ typ: "JWT", ...header })}.${encode(claims)}`;
  const hash = header.alg === "EdDSA" ? null : `sha${header.alg.slice(2)}`;
  return `${text}.${sign(hash, Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

const ec = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ed = generateKeyPairSync("ed25519");
const stranger = generateKeyPairSync("ec", { namedCurve: "prime256v1" });

interface Header {
  readonly alg: string;
  readonly kid?: string;
  readonly x5c?: readonly string[];
  readonly jwk?: object;
  readonly jku?: string;
}

let dir: string;
/** Keys and certificates by name: `root` signs `leaf` and `old`, which has run out. */
const fileOf = (name: string): string => join(dir, name);
const certificate = (name: string): string =>
  new X509Certificate(readFileSync(fileOf(`${name}.pem`))).raw.toString("base64");
const keyOf = (name: string): KeyObject => createPrivateKey(readFileSync(fileOf(`${name}.key`)));

function authority(values: Record<string, string>): TokenAuthority {
  const none = { htpasswd: "", tokens: false, "token-jwks": "", "token-certs": "" };
  const named = { "token-realm": "https://auth.example/token", "token-service": "box", "token-issuer": "auth" };
  const options = tokenAuthorityOptions({ ...none, ...named, ...values } as never, () => {});
  if (!options) throw new Error("no authority");
  return new TokenAuthority(options);
}

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "dhow-authority-"));
  const jwk = ({ publicKey }: { publicKey: KeyObject }, kid: string) => ({
    ...publicKey.export({ format: "jwk" }),
    kid,
  });
  writeFileSync(
    fileOf("jwks"),
    JSON.stringify({ keys: [jwk(ec, "ec"), jwk(rsa, "rsa"), jwk(ed, "ed"), { kty: "oct", k: "AA" }] }),
  );
  const openssl = (...args: string[]) => {
    const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args], { cwd: dir });
    if (exitCode !== 0) throw new Error(stderr.toString());
  };
  const key = (name: string) => openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", `${name}.key`);
  for (const name of ["root", "other", "leaf", "old"]) key(name);
  for (const name of ["root", "other"])
    openssl("req", "-x509", "-key", `${name}.key`, "-subj", `/CN=${name}`, "-days", "9", "-out", `${name}.pem`);
  for (const [name, ...time] of [
    ["leaf", "-days", "9"],
    ["old", "-days", "1"],
  ] as const) {
    openssl("req", "-new", "-key", `${name}.key`, "-subj", `/CN=${name}`, "-out", `${name}.csr`);
    openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      "root.pem",
      "-CAkey",
      "root.key",
      ...time,
      "-out",
      `${name}.pem`,
    );
  }
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("tokens of an authority's keys are good for its service and their time, with a minute between the clocks", () => {
  const one = authority({ "token-jwks": fileOf("jwks") });
  for (const token of [
    tokenOf(ec.privateKey, { alg: "ES256", kid: "ec" }),
    tokenOf(rsa.privateKey, { alg: "RS256", kid: "rsa" }),
    tokenOf(rsa.privateKey, { alg: "RS512", kid: "rsa" }),
    tokenOf(ed.privateKey, { alg: "EdDSA", kid: "ed" }),
    tokenOf(ec.privateKey, { alg: "ES256" }),
    tokenOf(ec.privateKey, { alg: "ES256", kid: "ec" }, { ...good, aud: ["x", "box"], access }),
  ])
    expect(one.verify(token, now)).toEqual({ subject: "ada", access });
  const timed = (more: object, when: number) =>
    one.verify(tokenOf(ec.privateKey, { alg: "ES256" }, { ...good, ...more }), when);
  expect(timed({}, now)).toEqual({ subject: "ada", access: [] });
  expect(timed({}, now + 359_000)).not.toBeNull();
  expect(timed({}, now + 361_000)).toBeNull();
  expect(timed({ nbf: at + 120 }, now)).toBeNull();
  for (const other of [
    { iss: "x" },
    { aud: "x" },
    { aud: [] },
    { exp: "never" },
    { access: "all" },
    { exp: undefined },
  ])
    expect([other, timed(other, now)]).toEqual([other, null]);
});

test("a chain counts up to a certificate that is trusted, while all of it is good", () => {
  const one = authority({ "token-certs": fileOf("root.pem") });
  const claims = { ...good, exp: at + 9 * 86_400, access };
  const signed = (name: string, x5c: string[], when = now) =>
    one.verify(tokenOf(keyOf(name), { alg: "ES256", x5c }, claims), when);
  expect(signed("leaf", [certificate("leaf")])).toEqual({ subject: "ada", access });
  expect(signed("leaf", [certificate("leaf"), certificate("root")])).not.toBeNull();
  expect(signed("root", [certificate("root")])).not.toBeNull();
  // Without a chain the certificates' own keys count.
  expect(one.verify(tokenOf(keyOf("root"), { alg: "ES256", kid: "AB:CD" }), now)).not.toBeNull();
  for (const [name, ...chain] of [
    ["other", "other"],
    ["leaf", "leaf", "other"],
    ["other", "other", "root"],
    ["other", "leaf"],
    ["leaf", "root"],
  ] as const)
    expect([name, chain, signed(name, chain.map(certificate))]).toEqual([name, [...chain], null]);
  const soon = now + 2 * 86_400_000;
  expect(signed("old", [certificate("old")])).not.toBeNull();
  expect([signed("leaf", [certificate("leaf")], soon) !== null, signed("old", [certificate("old")], soon)]).toEqual([
    true,
    null,
  ]);
  // A leaf is no authority.
  expect(
    authority({ "token-certs": fileOf("other.pem") }).verify(
      tokenOf(keyOf("leaf"), { alg: "ES256", x5c: [certificate("leaf")] }),
      now,
    ),
  ).toBeNull();
  expect(one.verify(tokenOf(keyOf("leaf"), { alg: "ES256", x5c: ["AA"] }), now)).toBeNull();
});

test("hardening 148: what a token says of its own algorithm or key is not believed", () => {
  const one = authority({ "token-jwks": fileOf("jwks") });
  const [head = "", body = "", signature = ""] = tokenOf(ec.privateKey, { alg: "ES256", kid: "ec" }).split(".");
  const hmac = (header: object, secret: string | Buffer) => {
    const text = `${encode(header)}.${body}`;
    return `${text}.${new Bun.CryptoHasher("sha256", secret).update(text).digest("base64url")}`;
  };
  const pem = rsa.publicKey.export({ type: "spki", format: "pem" });
  const own = stranger.publicKey.export({ format: "jwk" });
  for (const token of [
    `${encode({ alg: "none" })}.${body}.`,
    `${encode({ alg: "none" })}.${body}.${signature}`,
    hmac({ alg: "HS256", kid: "rsa" }, pem),
    hmac({ alg: "HS256" }, ""),
    tokenOf(stranger.privateKey, { alg: "ES256", kid: "ec" }),
    tokenOf(stranger.privateKey, { alg: "ES256", jwk: own }),
    tokenOf(stranger.privateKey, { alg: "ES256", jku: "http://127.0.0.1/keys" }),
    tokenOf(ec.privateKey, { alg: "ES256", kid: "rsa" }),
    tokenOf(ec.privateKey, { alg: "ES256", kid: "constructor" }),
    `${head}.${encode({ ...good, sub: "root" })}.${signature}`,
    `${head}.${body}.${signature}.x`,
    `${head}.${body}`,
    "",
    "..",
    "x".repeat(1 << 20),
  ])
    expect([token.slice(0, 60), one.verify(token, now)]).toEqual([token.slice(0, 60), null]);
});

test("flags that do not go together, and files that hold nothing of use, end the start", () => {
  const empty = fileOf("empty");
  writeFileSync(empty, "{}");
  for (const [values, words] of [
    [{ "token-jwks": "" }, "go together"],
    [{ "token-service": "", "token-jwks": fileOf("jwks") }, "go together"],
    [{ "token-realm": "auth.example", "token-jwks": fileOf("jwks") }, "invalid --token-realm"],
    [{ htpasswd: "users", "token-jwks": fileOf("jwks") }, "exclude each other"],
    [{ "token-jwks": empty }, `${empty}: `],
    [{ "token-certs": empty }, `${empty}: holds no certificate`],
    [{ "token-jwks": fileOf("nowhere") }, "nowhere"],
  ] as [Record<string, string>, string][])
    expect(() => authority(values)).toThrow(words);
});
