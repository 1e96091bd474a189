/** Platforms as the API wants them. */

import { messageOf } from "../../lib/errors.ts";
import { parsePlatform } from "../../lib/platform.ts";

/** Throws for a platform that cannot be. */
export function checkPlatform(text: string): void {
  try {
    parsePlatform(text);
  } catch (error) {
    throw new Error(`error parsing specified platform: ${messageOf(error)}`);
  }
}

/** `linux/arm64/v8` as the JSON of an OCI platform; undefined for none. Throws for one that cannot be, `before` in front. */
export function platformQuery(text: string, before = ""): string | undefined {
  if (text === "") return undefined;
  try {
    const { os, architecture, variant } = parsePlatform(text);
    return JSON.stringify({ os, architecture, ...(variant && { variant }) });
  } catch (error) {
    throw new Error(before + messageOf(error));
  }
}

/** The same where the API takes several. */
export function platformQueries(text: string, before = ""): string[] {
  const platform = platformQuery(text, before);
  return platform === undefined ? [] : [platform];
}
