/** `inspect` of one or several objects: JSON as the daemon sent it, or a Go template for each. */
import { ApiError } from "../client/client.ts";
import { EmptyName } from "../client/route-call.ts";
import { parseJson, stringifyJson } from "../lib/json.ts";
import { escapeMarkup } from "../lib/json-text.ts";
import type { Cli } from "./cli.ts";
import { ExitError } from "./command.ts";
import type { StructTypes } from "./format-template.ts";

/** What the wire leaves out when it is empty, with what a template then sees. */
const optional = {
  Health: null,
  Healthcheck: null,
  Mounts: [],
  Platform: "",
  SizeRw: null,
  SizeRootFs: null,
  ExposedPorts: {},
  StopSignal: "",
  StopTimeout: null,
  Shell: [],
  MacAddress: "",
  Annotations: {},
  Tmpfs: {},
  Sysctls: {},
  StorageOpt: {},
  Init: null,
  OomKillDisable: null,
  MemorySwappiness: null,
  PidsLimit: null,
  Variant: "",
  OsVersion: "",
  Status: {},
  Options: {},
  Labels: {},
  Volumes: {},
  UsageData: null,
  Peers: [],
  Driver: "",
  Name: "",
};

/** How an object is fetched: its JSON text; an ApiError of 404 means that there is none of that name. */
export type Fetch = (name: string) => Promise<string>;

export interface InspectOptions {
  /** JSON has `<`, `>` and `&` escaped, as the stock client does for what it makes itself. */
  readonly escapeHtml?: boolean;
  /** Turns an object into what templates see. */
  readonly typed?: (value: unknown) => unknown;
  /** The names that messages give the object's types. */
  readonly types?: StructTypes;
}

/** Prints every object; what is missing is told after the rest, with exit code 1. */
export async function inspectAll(
  cli: Cli,
  names: readonly string[],
  format: string,
  fetch: Fetch,
  { escapeHtml = false, typed = (value) => value, types = {} }: InspectOptions = {},
): Promise<number> {
  const found: string[] = [];
  const failures: string[] = [];
  for (const name of names) {
    try {
      found.push(await fetch(name));
    } catch (error) {
      if (error instanceof ApiError) failures.push(`Error response from daemon: ${error.message}`);
      else if (error instanceof ExitError || error instanceof EmptyName) failures.push(error.message);
      else throw error;
    }
  }
  if (format === "" || format === "json") {
    const values = found.map((text) => parseJson(text));
    const text = format === "json" ? stringifyJson(values) : stringifyJson(values, 4);
    cli.out(`${escapeHtml ? escapeMarkup(text) : text}\n`);
  } else {
    const { compileFormat, structError } = await import("./format-template.ts");
    const template = compileFormat(format, { missing: "error", optional });
    if (found.length === 0) cli.out("\n");
    for (const text of found) {
      try {
        cli.out(`${template.execute(typed(parseJson(text)))}\n`);
      } catch (error) {
        cli.out("\n");
        failures.push(`template parsing error: ${structError(error, types)}`);
        break;
      }
    }
  }
  for (const failure of failures) cli.err(`${failure}\n`);
  return failures.length > 0 ? 1 : 0;
}
