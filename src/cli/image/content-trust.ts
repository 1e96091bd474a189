/** `--disable-content-trust` and DOCKER_CONTENT_TRUST: who asks for signatures must not believe that they are checked. */
import { parseBool } from "../../lib/flags-numbers.ts";

function isDemanded(): boolean {
  try {
    return parseBool(process.env.DOCKER_CONTENT_TRUST ?? "");
  } catch {
    return false;
  }
}

/** Throws when signatures are asked for, by the flag or else by the environment. */
export function refuseContentTrust(disabled: boolean, changed: ReadonlySet<string>): void {
  const given = changed.has("disable-content-trust");
  if (given ? disabled : !isDemanded()) return;
  const what = given ? "--disable-content-trust=false" : `DOCKER_CONTENT_TRUST=${process.env.DOCKER_CONTENT_TRUST}`;
  throw new Error(`content trust is not supported yet: ${what}`);
}
