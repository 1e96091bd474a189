import { expect, test } from "bun:test";
import { placeSecrets, secretTarget } from "./secret-mounts.ts";

test("secretTarget() is below /run/secrets unless the target is absolute", () => {
  expect(["key", "a/./b", "/etc//key"].map(secretTarget)).toEqual(["/run/secrets/key", "/run/secrets/a/b", "/etc/key"]);
});

test("placeSecrets() mounts /run/secrets once and every other target by itself, read-only", () => {
  const { paths, mounts } = placeSecrets("/t", ["/run/secrets/key", "/etc/key", "/run/secrets/a/b"]);
  expect(paths).toEqual(["/t/together/key", "/t/apart/1", "/t/together/a/b"]);
  expect(mounts.map(({ source, destination }) => [source, destination])).toEqual([
    ["/t/together", "/run/secrets"],
    ["/t/apart/1", "/etc/key"],
  ]);
  for (const { options } of mounts) expect(options).toContain("ro");
});

test("placeSecrets() leaves /run/secrets alone when nothing lies there", () => {
  expect(placeSecrets("/t", ["/run/secretskey"]).mounts.map(({ destination }) => destination)).toEqual([
    "/run/secretskey",
  ]);
  expect(placeSecrets("/t", [])).toEqual({ paths: [], mounts: [] });
});
