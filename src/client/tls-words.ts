/** TLS failures in the words that Docker's client has for them. */
import { certificateWords } from "../lib/certificate-words.ts";

/** Why the daemon's certificate was refused. */
export function certificateError(error: { code?: string; message?: string }, serverName: string): Error {
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
