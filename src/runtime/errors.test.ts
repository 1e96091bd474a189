import { describe, expect, test } from "bun:test";
import { runtimeStartError } from "./errors.ts";

const create =
  "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: " +
  "unable to start container process: error during container init: ";
const exec = "OCI runtime exec failed: exec failed: unable to start container process: ";

describe("runtimeStartError()", () => {
  const cases: [doing: "start" | "exec", output: string, command: string, message: string, code: number][] = [
    [
      "start",
      "executable file `nope` not found in $PATH: No such file or directory",
      "nope",
      `${create}exec: "nope": executable file not found in $PATH`,
      127,
    ],
    [
      "start",
      'runc run failed: unable to start container process: exec: "nope": executable file not found in $PATH',
      "nope",
      `${create}exec: "nope": executable file not found in $PATH`,
      127,
    ],
    [
      "start",
      "executable file `/nope` not found in $PATH: No such file or directory",
      "/nope",
      `${create}exec: "/nope": stat /nope: no such file or directory`,
      127,
    ],
    [
      "start",
      "open executable: Operation not permitted",
      "/etc",
      `${create}exec: "/etc": is a directory: permission denied`,
      126,
    ],
    ["start", "open executable: Permission denied", "/plain", `${create}exec: "/plain": permission denied`, 126],
    [
      "exec",
      'exec failed: unable to start container process: exec: "/plain": permission denied',
      "/plain",
      `${exec}exec: "/plain": permission denied`,
      126,
    ],
    [
      "exec",
      "executable file `nope` not found in $PATH: No such file or directory",
      "nope",
      `${exec}exec: "nope": executable file not found in $PATH`,
      127,
    ],
    [
      "start",
      "open executable: Operation not permitted",
      "",
      `${create}exec: "": executable file not found in $PATH`,
      127,
    ],
  ];
  for (const [doing, output, command, message, exitCode] of cases) {
    test(`says of ${doing} "${output.slice(0, 60)}" what Docker says`, () => {
      expect(runtimeStartError(doing, output, command)).toMatchObject({ kind: "invalidArgument", message, exitCode });
    });
  }

  test("does not blame the command of an exec whose container is gone", () => {
    const gone = [
      "error opening file `/run/c/status`: No such file or directory",
      "open `/proc/77/ns/mnt`: No such file",
    ];
    for (const said of gone) expect(runtimeStartError("exec", said, "sh").exitCode).toBe(128);
  });

  test("passes on what it does not know, with 128", () => {
    const error = runtimeStartError("start", "mount `x` to `y`: Invalid argument", "sh");
    expect(error.message).toEndWith("unable to start container process: mount `x` to `y`: Invalid argument");
    expect(error.exitCode).toBe(128);
  });
});
