/** Why a peer's certificate was refused, in the words of Go's crypto/x509; OpenSSL's own codes stand for nothing to most people. */

/** Null for what is no failure of the certificate. */
export function certificateWords(error: { code?: string; message?: string }, serverName: string): string | null {
  switch (error.code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID": {
      if (error.message?.includes("is not cert's CN")) {
        return `certificate is not valid for any names, but wanted to match ${serverName}`;
      }
      const names = /.* (?:altnames|list): (.*)$/.exec(error.message ?? "")?.[1]?.replace(/DNS:|IP Address:/g, "");
      if (names === "") return `cannot validate certificate for ${serverName} because it doesn't contain any IP SANs`;
      return `certificate is valid for ${names ?? "other names"}, not ${serverName}`;
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
      return null;
  }
}
