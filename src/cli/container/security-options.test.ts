import { expect, test } from "bun:test";
import { securityOptions } from "./security-options.ts";

test.each(["seccomp", "seccomp=", "apparmor=", "label:", ""])(
  "securityOptions() refuses %j, which says nothing",
  async (option) => {
    await expect((async () => securityOptions([option]))()).rejects.toThrow(
      `Invalid --security-opt: ${JSON.stringify(option)}`,
    );
  },
);

test("securityOptions() takes no-new-privileges without a value", async () => {
  expect(await securityOptions(["no-new-privileges"])).toEqual({
    options: ["no-new-privileges"],
    unconfinedPaths: false,
  });
});
