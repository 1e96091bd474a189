import { expect, test } from "bun:test";
import { clientReference } from "./reference.ts";

test("clientReference() names a digest algorithm that dhow has not, where the digest is a whole one", () => {
  const of = (digest: string) => () => clientReference(`app@${digest}`);
  expect(of(`sha512:${"a".repeat(128)}`)).toThrow(/^unsupported digest algorithm sha512$/);
  expect(of(`sha384:${"a".repeat(96)}`)).toThrow(/^unsupported digest algorithm sha384$/);
  for (const bad of [`sha512:${"a".repeat(127)}`, `sha512:${"A".repeat(128)}`, "md5:00", "sha256:aa", ""])
    expect(of(bad)).toThrow(/^invalid reference format$/);
  expect(clientReference(`app@sha256:${"a".repeat(64)}`).digest).not.toBeNull();
});
