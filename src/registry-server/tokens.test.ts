import { expect, test } from "bun:test";
import { createHmac, randomBytes } from "node:crypto";
import { Tokens, tokenSeconds } from "./tokens.ts";

const key = randomBytes(32);
const tokens = new Tokens(key);
const access = [{ type: "repository" as const, name: "a", actions: ["pull"] }];
const now = 1_700_000_000_000;

test("a token is good for its time, its service and its key", () => {
  const token = tokens.issue("ada", "here", access, now);
  expect(tokens.verify(token, "here", now)).toMatchObject({ sub: "ada", access });
  expect(tokens.verify(token, "here", now + tokenSeconds * 1000 - 1)).not.toBeNull();
  expect(tokens.verify(token, "here", now + tokenSeconds * 1000)).toBeNull();
  expect(tokens.verify(token, "here", now - 5000)).toBeNull();
  expect(tokens.verify(token, "there", now)).toBeNull();
  expect(new Tokens(randomBytes(32)).verify(token, "here", now)).toBeNull();
});

test("hardening 148: what a token says of its own algorithm, key or rights is not believed", () => {
  const [head = "", body = "", signature = ""] = tokens.issue("ada", "here", access, now).split(".");
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as object;
  const sign = (text: string, secret: Buffer | string = key) =>
    createHmac("sha256", secret).update(text).digest("base64url");
  const forged = [
    `${encode({ alg: "none", typ: "JWT" })}.${body}.`,
    `${encode({ alg: "none", typ: "JWT" })}.${body}.${signature}`,
    ...["HS384", "RS256", "ES256"].map(
      (alg) => `${encode({ alg, typ: "JWT" })}.${body}.${sign(`${encode({ alg, typ: "JWT" })}.${body}`)}`,
    ),
    ...[
      { jwk: { kty: "oct", k: "AA" } },
      { x5c: ["AA"] },
      { jku: "http://127.0.0.1/keys" },
      { kid: "../../dev/null" },
    ].map((more) => {
      const own = encode({ alg: "HS256", typ: "JWT", ...more });
      return `${own}.${body}.${sign(`${own}.${body}`, "")}`;
    }),
    `${head}.${encode({ ...claims, sub: "root" })}.${signature}`,
    `${head}.${encode({ ...claims, access: [{ type: "repository", name: "a", actions: ["pull", "push"] }] })}.${signature}`,
    `${head}.${body}.${sign(`${head}.${body}`, "")}`,
    `${head}.${body}.${signature}.${signature}`,
    `${head}.${body}`,
    "",
    "..",
  ];
  for (const token of forged)
    expect([token.slice(0, 60), tokens.verify(token, "here", now)]).toEqual([token.slice(0, 60), null]);
  // Signed by us and not of the shape that we write.
  for (const odd of [{ ...claims, exp: "never" }, { ...claims, access: "all" }, [], null]) {
    const text = `${head}.${encode(odd)}`;
    expect(tokens.verify(`${text}.${sign(text)}`, "here", now)).toBeNull();
  }
});
