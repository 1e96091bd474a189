import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTlsFiles } from "./tls-files.ts";

const directory = mkdtempSync(join(tmpdir(), "dhow-tls-files-"));
const at = (name: string): string => join(directory, name);

beforeAll(() => {
  for (const name of ["one", "two"]) {
    const { exitCode } = Bun.spawnSync(
      [
        ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
        ...["-days", "2", "-subj", `/CN=${name}`, "-keyout", at(`${name}-key`), "-out", at(name)],
      ],
      { stdio: ["ignore", "ignore", "ignore"] },
    );
    if (exitCode !== 0) throw new Error("openssl failed");
  }
  Bun.spawnSync(["openssl", "ec", "-aes256", "-passout", "pass:x", "-in", at("one-key"), "-out", at("locked")]);
  writeFileSync(at("empty"), "");
  writeFileSync(at("both"), readFileSync(at("one"), "utf8") + readFileSync(at("two"), "utf8"));
  writeFileSync(
    at("broken"),
    `${readFileSync(at("one"), "utf8")}${readFileSync(at("two"), "utf8").replace("MII", "AAA")}`,
  );
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test("the texts of an authority or several, a certificate and its key", () => {
  const texts = readTlsFiles({ ca: at("both"), cert: at("one"), key: at("one-key") });
  expect(texts.ca).toBe(readFileSync(at("both"), "utf8"));
  expect(texts.key).toBe(readFileSync(at("one-key"), "utf8"));
});

const pair = (cert: string, key: string): string =>
  `could not load X509 key pair (cert: "${at(cert)}", key: "${at(key)}"): `;

test.each([
  // Without authorities OpenSSL would take those of the system for clients too.
  ["empty", "one", "one-key", `failed to append certificates from PEM file: "${at("empty")}"`],
  ["one-key", "one", "one-key", `failed to append certificates from PEM file: "${at("one-key")}"`],
  ["broken", "one", "one-key", `failed to append certificates from PEM file: "${at("broken")}"`],
  ["no", "one", "one-key", `could not read CA certificate "${at("no")}": open ${at("no")}: no such file or directory`],
  ["one", "no", "one-key", `${pair("no", "one-key")}open ${at("no")}: no such file or directory`],
  ["one", "one", "no", `${pair("one", "no")}open ${at("no")}: no such file or directory`],
  ["one", "empty", "one-key", `${pair("empty", "one-key")}tls: failed to find any PEM data in certificate input`],
  ["one", "one", "two-key", `${pair("one", "two-key")}tls: private key does not match public key`],
  [
    "one",
    "one",
    "empty",
    `${pair("one", "empty")}tls: failed to parse private key. Make sure the key is not encrypted`,
  ],
  [
    "one",
    "one",
    "locked",
    `${pair("one", "locked")}tls: failed to parse private key. Make sure the key is not encrypted`,
  ],
])("readTlsFiles() refuses CA %s, certificate %s, key %s", (ca, cert, key, why) => {
  expect(() => readTlsFiles({ ca: at(ca), cert: at(cert), key: at(key) })).toThrow(`invalid TLS configuration: ${why}`);
});
