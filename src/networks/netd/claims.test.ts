import { expect, test } from "bun:test";
import { Claims } from "./claims.ts";

const made = { index: 7, found: false };

test("an address that nobody had is not announced, and its next owner is", () => {
  const claims = new Claims();
  expect(claims.claim(made, "10.0.0.2/24", "02:00:00:00:00:01")).toBe(false);
  expect(claims.claim(made, "10.0.0.2/24", "02:00:00:00:00:01")).toBe(false);
  expect(claims.claim(made, "10.0.0.2/24", "02:00:00:00:00:02")).toBe(true);
});

test("the same address on another bridge is another", () => {
  const claims = new Claims();
  claims.claim(made, "10.0.0.2/24", "02:00:00:00:00:01");
  expect(claims.claim({ index: 8, found: false }, "10.0.0.2/24", "02:00:00:00:00:02")).toBe(false);
});

test("on a bridge that was found, every first owner is announced", () => {
  const claims = new Claims();
  const found = { index: 7, found: true };
  expect(claims.claim(found, "10.0.0.2/24", "02:00:00:00:00:01")).toBe(true);
  expect(claims.claim(found, "10.0.0.2/24", "02:00:00:00:00:01")).toBe(false);
});

test("what was forgotten for want of room is taken for unknown", () => {
  const claims = new Claims();
  const found = { index: 7, found: true };
  claims.claim(found, "first", "02:00:00:00:00:01");
  for (let n = 0; n < 65_536; n++) claims.claim(found, `${n}`, "02:00:00:00:00:02");
  expect(claims.claim(found, "first", "02:00:00:00:00:01")).toBe(true);
});
