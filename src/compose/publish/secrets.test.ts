import { expect, test } from "bun:test";
import { workMs } from "../../../test/harness/work.ts";
import { findSecrets } from "./secrets.ts";

const token = "a1B2".repeat(9);

test.each([
  ["-----BEGIN RSA PRIVATE KEY-----", "Private Key"],
  ["-----BEGIN PRIVATE KEY-----", "Private Key"],
  [`x: AKIA${"A1".repeat(8)}`, "AWS Client ID"],
  [`AWS_SECRET_ACCESS_KEY: "${"a/B+".repeat(10)}"`, "AWS Secret Key"],
  [`GITHUB_TOKEN=ghp_${token}`, "Github authentication"],
  [`t: eyJhbGciOiJI.eyJzdWIiOiIx.${token}`, "JSON Web Token"],
  ["url: postgres://app:hunter2@db:5432/x", "URL with password"],
  ["      POSTGRES_PASSWORD: hunter2", "Password"],
  ["api_key = 'abcdef'", "Password"],
])("findSecrets() sees one in %s", (text, kind) => {
  const found = findSecrets(`first: line\n${text}\n`);
  expect(found.map((one) => [one.kind, one.at])).toContainEqual([kind, 2]);
  expect(found[0]!.value).toEndWith("****");
});

test.each([
  "POSTGRES_PASSWORD: $PASSWORD",
  "POSTGRES_PASSWORD: ${PASSWORD:?}",
  "POSTGRES_PASSWORD_FILE: /run/secrets/password",
  "secrets: [db_password]",
  "url: http://proxy:3128/",
  "url: postgres://app:$PASSWORD@db/x",
  "image: docker.io/library/busybox@sha256:0000",
])("findSecrets() sees none in %s", (text) => {
  expect(findSecrets(text)).toEqual([]);
});

test("findSecrets() is quick with long lines", () => {
  const hostile = [
    "a".repeat(1 << 20),
    "aws ".repeat(1 << 18),
    `${"x_".repeat(1 << 19)}password`,
    "://".repeat(1 << 18),
  ];
  const start = workMs();
  expect(findSecrets(hostile.join("\n"))).toEqual([]);
  expect(workMs() - start).toBeLessThan(1000);
});
