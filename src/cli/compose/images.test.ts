import { expect, test } from "bun:test";
import { imageDefaults, imageNeed, type Need } from "./images.ts";

const hour = 3600e3;
const build = { context: "." };
const old = { age: 30 * 24 * hour };
const young = { age: hour / 2 };

const cases: [policy: string, image: boolean, built: boolean, present: { age: number } | null, need: Need][] = [
  ["", true, false, null, "pull"],
  ["", true, false, old, "none"],
  ["", true, true, null, "build"],
  ["", false, true, null, "build"],
  ["", false, true, old, "none"],
  ["always", true, false, young, "pull"],
  ["always", true, true, young, "pull"],
  ["always", false, true, young, "none"],
  ["always", false, true, null, "build"],
  ["never", true, false, null, "none"],
  ["never", true, true, null, "build"],
  ["missing", true, false, null, "pull"],
  ["missing", true, false, old, "none"],
  ["build", true, true, young, "build"],
  ["build", true, false, null, "none"],
  ["daily", true, false, young, "none"],
  ["daily", true, false, old, "pull"],
  ["weekly", true, false, { age: 6 * 24 * hour }, "none"],
  ["weekly", true, true, old, "pull"],
  ["weekly", false, true, old, "none"],
  ["every_2h", true, false, young, "none"],
  ["every_10m", true, false, young, "pull"],
  ["every_3w", true, false, { age: 20 * 24 * hour }, "none"],
  ["every_3w", true, false, { age: 22 * 24 * hour }, "pull"],
];

test.each(cases)(
  "imageNeed() with policy %j, image %p, build %p, here %j is %s",
  (policy, image, built, present, need) => {
    const service = {
      name: "s",
      command: null,
      entrypoint: null,
      ...(policy && { pull_policy: policy }),
      ...(image && { image: "i" }),
      ...(built && { build }),
    };
    expect(imageNeed(service, present, imageDefaults)).toBe(need);
  },
);

test("imageNeed() gives --build, --no-build and --pull the last word", () => {
  const service = { name: "s", command: null, entrypoint: null, image: "i", build, pull_policy: "never" };
  expect(imageNeed(service, young, { ...imageDefaults, build: true })).toBe("build");
  expect(imageNeed(service, null, { ...imageDefaults, noBuild: true })).toBe("none");
  expect(imageNeed(service, young, { ...imageDefaults, pull: "always" })).toBe("pull");
  expect(imageNeed({ ...service, pull_policy: "always" }, young, { ...imageDefaults, pull: "missing" })).toBe("none");
});
