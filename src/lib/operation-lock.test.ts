import { expect, test } from "bun:test";
import { NamedLocks } from "./operation-lock.ts";

test("NamedLocks lets one holder of a name in at a time, others' names beside it, and a failure lets the next in", async () => {
  const locks = new NamedLocks();
  const told: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = locks.run("a", async () => {
    await gate.promise;
    told.push("first");
    throw new Error("failed");
  });
  const second = locks.run("a", async () => void told.push("second"));
  await locks.run("b", async () => void told.push("other"));
  gate.resolve();
  await expect(first).rejects.toThrow("failed");
  await second;
  expect(told).toEqual(["other", "first", "second"]);
});
