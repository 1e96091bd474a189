import { expect, test } from "bun:test";
import { alertError, certificateError } from "./tls-words.ts";

test.each([
  ["SELF_SIGNED_CERT_IN_CHAIN", "", "certificate signed by unknown authority"],
  ["CERT_HAS_EXPIRED", "", "certificate has expired or is not yet valid"],
  [
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "Hostname/IP does not match certificate's altnames: Host: h. is not in the cert's altnames: DNS:a, IP Address:1.2.3.4",
    "certificate is valid for a, 1.2.3.4, not h",
  ],
  [
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "Hostname/IP does not match certificate's altnames: IP: 127.0.0.1 is not in the cert's list: ",
    "cannot validate certificate for h because it doesn't contain any IP SANs",
  ],
  [
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "Hostname/IP does not match certificate's altnames: Host: h. is not cert's CN: x",
    "certificate is not valid for any names, but wanted to match h",
  ],
  ["OTHER", "why", "why"],
])("certificateError() of %s", (code, message, words) => {
  const prefix = "error during connect: tls: failed to verify certificate: x509: ";
  expect(certificateError({ code, message }, "h").message).toBe(`${prefix}${words}`);
});

test("certificateError() of a peer that speaks no TLS says so", () => {
  const message = "error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER";
  expect(certificateError({ message }, "h").message).toBe(
    "error during connect: http: server gave HTTP response to HTTPS client",
  );
});

test("alertError() names an alert, and leaves other failures alone", () => {
  const alert = new Error("error:1000045c:SSL routines:OPENSSL_internal:TLSV1_ALERT_CERTIFICATE_REQUIRED");
  expect(alertError(alert).message).toBe("error during connect: remote error: tls: certificate required");
  const other = new Error("read ECONNRESET");
  expect(alertError(other)).toBe(other);
});
