import { expect, test } from "bun:test";
import { signedHeaders } from "./signature.ts";

const account = {
  region: "us-east-1",
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  sessionToken: null,
};
const now = new Date("2013-05-24T00:00:00Z");
const host = "https://examplebucket.s3.amazonaws.com";

// The examples of "Signature Calculations for the Authorization Header" in the S3 reference.
test.each([
  ["GET", "/test.txt", { range: "bytes=0-9" }, "", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"],
  [
    "PUT",
    "/test%24file.text",
    { date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
    "Welcome to Amazon S3.",
    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  ],
  ["GET", "/?lifecycle", {}, "", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"],
  ["GET", "/?max-keys=2&prefix=J", {}, "", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"],
] as const)("signedHeaders() signs %s %s as the S3 reference does", (method, path, headers, body, signature) => {
  const request = { method, url: new URL(path, host), headers: { ...headers }, body: Buffer.from(body) };
  expect(signedHeaders(request, account, now).authorization).toEndWith(`Signature=${signature}`);
});

test("signedHeaders() signs a session's token, and shows no secret", () => {
  const url = new URL("/x", host);
  const request = { method: "GET", url, headers: {}, body: new Uint8Array(0) };
  const headers = signedHeaders(request, { ...account, sessionToken: "token" }, now);
  expect(headers).toMatchObject({ "x-amz-security-token": "token" });
  expect(headers.authorization).toContain("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,");
  expect(JSON.stringify(headers)).not.toContain(account.secretAccessKey);
});
