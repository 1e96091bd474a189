/** `--security-opt`: what the client reads itself (a seccomp profile's file), and what it passes on. */
import { parseJson, stringifyJson } from "../../lib/json.ts";

/** The options to send, and whether all paths of /proc and /sys are to be seen. */
export async function securityOptions(
  given: readonly string[],
): Promise<{ options: string[]; unconfinedPaths: boolean }> {
  const options: string[] = [];
  let unconfinedPaths = false;
  for (const option of given) {
    const at = option.search(/[=:]/);
    const key = at < 0 ? option : option.slice(0, at);
    const value = at < 0 ? "" : option.slice(at + 1);
    if (at < 0 && key !== "no-new-privileges") throw new Error(`invalid --security-opt: ${JSON.stringify(option)}`);
    if (key === "systempaths" && value === "unconfined") {
      unconfinedPaths = true;
    } else if (key === "seccomp" && value !== "unconfined" && value !== "builtin") {
      const file = Bun.file(value);
      if (!(await file.exists()))
        throw new Error(`opening seccomp profile (${value}) failed: open ${value}: no such file or directory`);
      const text = await file.text();
      try {
        options.push(`seccomp=${stringifyJson(parseJson(text))}`);
      } catch (error) {
        throw new Error(
          `compacting json for seccomp profile (${value}) failed: ${error instanceof Error ? error.message : error}`,
        );
      }
    } else options.push(option);
  }
  return { options, unconfinedPaths };
}
