/** `--security-opt`: what the client reads itself (a seccomp profile's file), and what it passes on. */
import { parseJson, stringifyJson } from "../../lib/json.ts";
import { FileError, readTextFile } from "../text-file.ts";

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
    if (value === "" && key !== "no-new-privileges")
      throw new Error(`Invalid --security-opt: ${JSON.stringify(option)}`);
    if (key === "systempaths" && value === "unconfined") {
      unconfinedPaths = true;
    } else if (key === "seccomp" && value !== "unconfined" && value !== "builtin") {
      options.push(`seccomp=${await compactProfile(value)}`);
    } else options.push(option);
  }
  return { options, unconfinedPaths };
}

async function compactProfile(path: string): Promise<string> {
  let text: string;
  try {
    text = await readTextFile(path);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new Error(`opening seccomp profile (${path}) failed: ${error.message}`);
  }
  try {
    return stringifyJson(parseJson(text));
  } catch (error) {
    throw new Error(`compacting json for seccomp profile (${path}) failed: ${jsonReason(text, error)}`);
  }
}

/** Why a text is no JSON, in the words of Go's decoder where the beginning tells. */
function jsonReason(text: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (message.endsWith("unexpected EOF")) return "unexpected end of JSON input";
  const [first = ""] = text.trimStart();
  return /[[{"\d-]/.test(first) ? message : `invalid character '${first}' looking for beginning of value`;
}
