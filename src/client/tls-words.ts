/** TLS failures in the words that Docker's client has for them. */
import { certificateWords } from "../lib/certificate-words.ts";

/** Why the handshake failed: the daemon's certificate was refused, or what answered speaks no TLS. */
export function certificateError(error: { code?: string; message?: string }, serverName: string): Error {
  if (/WRONG_VERSION_NUMBER|HTTP_REQUEST/.test(error.message ?? ""))
    return new Error("error during connect: http: server gave HTTP response to HTTPS client");
  const reason = certificateWords(error, serverName) ?? (error.message || error.code || "the handshake failed");
  return new Error(`error during connect: tls: failed to verify certificate: x509: ${reason}`);
}

/** What broke an established connection: alerts of the daemon's by name. */
export function alertError(error: Error): Error {
  const alert = /TLSV1_ALERT_([A-Z_]+)|SSLV3_ALERT_([A-Z_]+)/.exec(error.message);
  if (!alert) return error;
  const name = (alert[1] ?? alert[2] ?? "").toLowerCase().replaceAll("_", " ");
  return new Error(`error during connect: remote error: tls: ${name}`, { cause: error });
}

/** A daemon that closes where it should answer has no better word for a client whose certificate it does not take. */
export const closedError = (): Error =>
  new Error("error during connect: EOF: the daemon closed the connection; it may not take the client's certificate");

/** The same of a client that speaks in the clear: what closes without a word is most often a listener for TLS. */
export const closedInTheClear = (): Error =>
  new Error("error during connect: EOF: the daemon closed the connection; it may want TLS (--tlsverify)");
