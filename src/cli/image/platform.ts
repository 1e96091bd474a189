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

/** `linux/arm64/v8` as the JSON of an OCI platform; undefined for none. */
export function platformQuery(text: string): string | undefined {
  if (text === "") return undefined;
  const [os = "", architecture, variant] = text.split("/");
  return JSON.stringify({ os, ...(architecture && { architecture }), ...(variant && { variant }) });
}

/** The same where the API takes several. */
export function platformQueries(text: string): string[] {
  const platform = platformQuery(text);
  return platform === undefined ? [] : [platform];
}
