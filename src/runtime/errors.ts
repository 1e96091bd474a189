/** What an OCI runtime says when it cannot start a process, in the words that Docker's clients know. */
import { DhowError } from "../lib/errors.ts";

/**
 * The OCI runtime refused to start a process. `exitCode` is what Docker records as the container's or exec's code; with 126 and
 * 127 it takes the request for the wrong one (a command that is not there, or cannot be run), as dockerd answers with 400.
 */
export class RuntimeStartError extends DhowError {
  override readonly name = "RuntimeStartError";
  readonly exitCode: 126 | 127 | 128;

  constructor(message: string, exitCode: 126 | 127 | 128) {
    super(exitCode === 128 ? "system" : "invalidArgument", message);
    this.exitCode = exitCode;
  }
}

const prefixes = {
  start:
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: " +
    "unable to start container process: ",
  exec: "OCI runtime exec failed: exec failed: unable to start container process: ",
} as const;

/** Makes the error of a failed start from the runtime's own words and the command that was to run. */
export function runtimeStartError(doing: "start" | "exec", output: string, command: string): RuntimeStartError {
  const said = output
    .replace(/^runc (run|create) failed: /, "")
    .replace(/^exec failed: /, "")
    .replace(/^unable to start container process: /, "")
    .trim();
  const cause = commandFailure(said, command);
  if (cause) {
    const where = doing === "start" ? "error during container init: " : "";
    return new RuntimeStartError(
      `${prefixes[doing]}${where}exec: ${JSON.stringify(command)}: ${cause.text}`,
      cause.code,
    );
  }
  const told = said.replace(
    /^chdir `(.*)`: (\S.*)$/s,
    (_, dir: string, why: string) =>
      `chdir to cwd (${JSON.stringify(dir)}) set in config.json failed: ${why[0]?.toLowerCase()}${why.slice(1)}`,
  );
  return new RuntimeStartError(`${prefixes[doing]}${told}`, exitCodeOf(told));
}

interface CommandFailure {
  readonly text: string;
  readonly code: 126 | 127;
}

/** Recognises what both runtimes say of a command that cannot be run. */
function commandFailure(said: string, command: string): CommandFailure | null {
  const own = /^exec: "(?:[^"\\]|\\.)*": (.*)$/s.exec(said)?.[1];
  const text = own ?? said;
  // The runtimes look an empty name up as the directory itself.
  if (command === "") return { text: "executable file not found in $PATH", code: 127 };
  if (/executable file .*not found in \$PATH/.test(text)) {
    if (!command.includes("/")) return { text: "executable file not found in $PATH", code: 127 };
    return { text: `stat ${command}: no such file or directory`, code: 127 };
  }
  if (/^open executable: Operation not permitted/i.test(text) || /is a directory/.test(text)) {
    return { text: "is a directory: permission denied", code: 126 };
  }
  if (/^open executable: Permission denied/i.test(text)) return { text: "permission denied", code: 126 };
  if (/^(open executable|exec .*|execve?): No such file or directory/i.test(text)) {
    return { text: "no such file or directory", code: 127 };
  }
  if (/Exec format error/i.test(text)) return { text: "exec format error", code: 126 };
  return own === undefined ? null : { text: own, code: exitCodeOf(own) === 127 ? 127 : 126 };
}

/** Docker's own sorting of messages into exit codes. */
function exitCodeOf(text: string): 126 | 127 | 128 {
  // The container's own process, or what the runtime keeps of it, is gone: nothing is wrong with the command.
  if (/`[^`]*\/status`: No such file|\/proc\/\d+\/ns\b|is not running/i.test(text)) return 128;
  if (/no such file or directory|executable file not found|not found in \$PATH/i.test(text)) return 127;
  if (/permission denied|not a directory|is a directory|operation not permitted/i.test(text)) return 126;
  return 128;
}
