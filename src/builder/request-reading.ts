/** What a request says before there is a plan: platforms, the Dockerfile, how its context is fetched. */
import { parseBool } from "../lib/flags-numbers.ts";
import { formatPlatform, type Platform, parsePlatform } from "../lib/platform.ts";
import { placed } from "./build-failed.ts";
import type { BuildRequest } from "./builder.ts";
import type { BuildFiles } from "./context/build-context.ts";
import { decodeSource } from "./dockerfile/syntax/decode.ts";
import { type ParsedFile, parseFile } from "./dockerfile/syntax/parse.ts";

/** Each once, in the order they were asked for. */
export function platformsOf({ platform }: BuildRequest): (Platform | null)[] {
  if (platform === "") return [null];
  const all = platform.split(",").map((one) => parsePlatform(one.trim()));
  return [...new Map(all.map((one) => [formatPlatform(one), one])).values()];
}

/** Known before the Dockerfile is, which may come from there. */
export function keepsGit({ buildArgs }: BuildRequest): boolean {
  const value = buildArgs.BUILDKIT_CONTEXT_KEEP_GIT_DIR;
  return value !== undefined && value !== null && value !== "" && parseBool(value);
}

export async function parsed(context: BuildFiles, name: string): Promise<ParsedFile> {
  const bytes = await context.dockerfile(name);
  try {
    return parseFile(bytes, name);
  } catch (error) {
    throw placed(error, decodeSource(bytes, name));
  }
}
