import { expect, test } from "bun:test";
import { startFailureCode } from "./run.ts";

test("startFailureCode() tells what is not there from what cannot be run", () => {
  const failed = "docker: Error response from daemon: failed to create task: exec: ";
  expect(startFailureCode(`${failed}"nope": executable file not found in $PATH`)).toBe(127);
  expect(startFailureCode(`${failed}"/etc": is a directory`)).toBe(126);
  expect(startFailureCode(`${failed}"/x": permission denied`)).toBe(126);
  expect(startFailureCode("Error response from daemon: network nope not found")).toBe(125);
});
