/** TLS failures in the words that Docker's client has for them; OpenSSL's own codes stand for nothing to most people. */

/** Why the daemon's certificate was refused. */
export function certificateError(error: { code?: string; message?: string }, serverName: string): Error {
  const { code = "", message = "" } = error;
  return new Error(
    `error during connect: tls: failed to verify certificate: x509: ${reasonOf(code, message, serverName)}`,
  );
}

function reasonOf(code: string, message: string, serverName: string): string {
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID": {
      const names = /.* (?:altnames|list): (.*)$/.exec(message)?.[1]?.replace(/DNS:|IP Address:/g, "") ?? "other names";
      if (names === "") return `cannot validate certificate for ${serverName} because it doesn't contain any IP SANs`;
      return `certificate is valid for ${names}, not ${serverName}`;
    }
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return "certificate has expired or is not yet valid";
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return "certificate signed by unknown authority";
    default:
      return message || code || "the handshake failed";
  }
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
