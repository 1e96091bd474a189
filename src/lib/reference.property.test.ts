/** Names at random, by a seed: what parses is the same when it is written and parsed again, and holds nothing that a path must not. */
import { expect, test } from "bun:test";
import { seeded } from "../../test/fixtures/seeded.ts";
import { isKind } from "./errors.ts";
import { familiarReference, formatReference, parseReference } from "./reference.ts";

const parts = [
  ..."aZ0-_.:/@%\\\0 \n~é١",
  "..",
  "//",
  "__",
  "docker.io",
  "index.docker.io",
  "library/",
  "localhost",
  "[::1]",
  ":5000",
  "reg.example.com",
  "sha256:",
  "a".repeat(64),
  "x".repeat(128),
];

test("hardening 21: parseReference() refuses, or gives what is the same when written and parsed again", () => {
  let taken = 0;
  for (let seed = 1; seed <= 30_000; seed++) {
    const random = seeded(seed);
    const text = Array.from({ length: 1 + random.upTo(7) }, () => random.pick(parts)).join("");
    try {
      const reference = parseReference(text);
      taken++;
      expect([text, parseReference(formatReference(reference))]).toEqual([text, reference]);
      expect([text, parseReference(familiarReference(reference))]).toEqual([text, reference]);
      expect([
        text,
        /\.\.|\/\/|[^\x21-\x7e]|[%\\]|^\/|^-/.test(formatReference(reference).replace(/:[\w.-]+$/, "")),
      ]).toEqual([text, false]);
    } catch (error) {
      if (!isKind(error, "invalidArgument")) throw error;
    }
  }
  expect(taken).toBeGreaterThan(300);
});
