/** The files that a TLS listener is made of: read before anything is started, refused in the words of dockerd. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { messageOf } from "../lib/errors.ts";
import { systemWords } from "../linux/strerror.ts";
import type { TlsFiles } from "./config.ts";

/** What the files hold, in PEM. */
export interface TlsTexts {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * Reads the three files. Throws for one that cannot be read, for a key that is not the certificate's, and for authorities
 * that are none: OpenSSL would serve without any of its own accord, and trust those of the system instead.
 */
export function readTlsFiles(files: TlsFiles): TlsTexts {
  try {
    const pair = readPair(files);
    return { ...pair, ca: readAuthorities(files.ca) };
  } catch (error) {
    throw new Error(`invalid TLS configuration: ${messageOf(error)}`, { cause: error });
  }
}

function readPair(files: TlsFiles): { cert: string; key: string } {
  const refuse = (why: string): Error =>
    new Error(
      `could not load X509 key pair (cert: ${JSON.stringify(files.cert)}, key: ${JSON.stringify(files.key)}): ${why}`,
    );
  const read = (path: string): string => readFile(path, (why) => refuse(why));
  const cert = read(files.cert);
  const key = read(files.key);
  const certificate = parsed(cert, (text) => new X509Certificate(text));
  if (!certificate) throw refuse("tls: failed to find any PEM data in certificate input");
  const privateKey = parsed<KeyObject>(key, createPrivateKey);
  if (!privateKey) throw refuse("tls: failed to parse private key. Make sure the key is not encrypted");
  if (!certificate.checkPrivateKey(privateKey)) throw refuse("tls: private key does not match public key");
  return { cert, key };
}

function readAuthorities(path: string): string {
  const ca = readFile(path, (why) => new Error(`could not read CA certificate ${JSON.stringify(path)}: ${why}`));
  const blocks = ca.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0 || !blocks.every((block) => parsed(block, (text) => new X509Certificate(text))))
    throw new Error(`failed to append certificates from PEM file: ${JSON.stringify(path)}`);
  return ca;
}

function readFile(path: string, refusal: (why: string) => Error): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw refusal(`open ${path}: ${systemWords(error)}`);
  }
}

function parsed<T>(text: string, parse: (text: string) => T): T | undefined {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
