/** A target of bake as settings of a build, and as it is printed. */
import { isTerminal } from "../../../lib/terminal.ts";
import { parseBytes } from "../../../lib/units.ts";
import { ExitError } from "../../command.ts";
import { readAttestations } from "../attestations.ts";
import { cacheOf, readCache } from "../caches.ts";
import { ulimitText } from "../from-flags.ts";
import { isList, isMap, textOf } from "../hcl/evaluate.ts";
import { HclError, type HclValue } from "../hcl/expression.ts";
import { type BuildOutput, outputOf, readOutputs } from "../outputs.ts";
import { readSecret, secretOf } from "../secrets.ts";
import type { BuildSettings } from "../settings.ts";
import { readSsh } from "../ssh-agents.ts";
import type { TargetFields } from "./definition.ts";

export interface TargetOptions {
  readonly push: boolean;
  readonly load: boolean;
  readonly sbom: string;
  readonly provenance: string;
  readonly allow: readonly string[];
}

/** Exits with the target's name for what has not the form that it should. */
export function targetSettings(name: string, fields: TargetFields, options: TargetOptions): BuildSettings {
  const read = new FieldReader(name, fields);
  return read.checked(() => ({
    context: read.text("context") || ".",
    dockerfile: read.text("dockerfile"),
    inlineDockerfile: read.text("dockerfile-inline") || null,
    contexts: read.table("contexts"),
    buildArgs: read.table("args"),
    labels: read.table("labels"),
    tags: read.texts("tags"),
    target: read.text("target"),
    platforms: read.texts("platforms"),
    outputs: outputsOf(read, options),
    cacheFrom: read
      .many(
        "cache-from",
        (text) => readCache(text, "from"),
        (each) => [cacheOf(each, "from")],
      )
      .flat(),
    cacheTo: read
      .many(
        "cache-to",
        (text) => readCache(text, "to"),
        (each) => [cacheOf(each, "to")],
      )
      .flat(),
    secrets: read.many("secret", readSecret, secretOf),
    ssh: readSsh(
      read.many(
        "ssh",
        (text) => text,
        ({ id = "default", paths = "" }) => (paths === "" ? id : `${id}=${paths}`),
      ),
    ),
    attestations: readAttestations({
      attest: read.many("attest", (text) => text, csvText),
      sbom: options.sbom,
      provenance: options.provenance,
    }),
    annotations: read.texts("annotations"),
    noCache: read.flag("no-cache"),
    noCacheFilter: read.texts("no-cache-filter"),
    pull: read.flag("pull"),
    network: read.text("network"),
    addHosts: extraHosts(fields["extra-hosts"]),
    cgroupParent: read.text("cgroup-parent"),
    shmSize: read.text("shm-size") === "" ? 0 : parseBytes(read.text("shm-size")),
    ulimits: read.texts("ulimits").map(ulimitText),
    entitlements: [...read.texts("entitlements"), ...options.allow.filter((each) => !/^(fs|ssh)(\.|=|$)/.test(each))],
  }));
}

function outputsOf(read: FieldReader, { push, load }: TargetOptions): readonly BuildOutput[] {
  const outputs = read
    .many(
      "output",
      (text) => readOutputs({ output: [text], push: false, load: false, isTerminal: isTerminal(1) }),
      (each) => [outputOf(each, isTerminal(1))],
    )
    .flat();
  const wantsPush = push || read.flag("push");
  const wantsLoad = load || read.flag("load");
  const extra = readOutputs({ output: [], push: wantsPush, load: wantsLoad, isTerminal: false });
  if (!wantsPush) return [...outputs, ...extra];
  // Images that are named already are pushed themselves.
  const pushed = outputs.map((each) =>
    each.type === "image" ? { ...each, attrs: { ...each.attrs, push: "true" } } : each,
  );
  return pushed.some(({ type }) => type === "image")
    ? [...pushed, ...extra.filter(({ type }) => type !== "image")]
    : [...pushed, ...extra];
}

const csvText = (fields: Readonly<Record<string, string>>): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");

function extraHosts(value: HclValue | undefined): string[] {
  if (value === undefined || value === null) return [];
  if (isMap(value)) return Object.entries(value).map(([host, at]) => `${host}=${textOf(at)}`);
  return (isList(value) ? value : [value]).map((each) => textOf(each).replace(/^([^=:]+):/, "$1="));
}

class FieldReader {
  readonly #name: string;
  readonly #fields: TargetFields;

  constructor(name: string, fields: TargetFields) {
    this.#name = name;
    this.#fields = fields;
  }

  checked<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof HclError || error instanceof ExitError)
        throw new ExitError(1, `ERROR: target ${this.#name}: ${error.message}`);
      throw error;
    }
  }

  text(key: string): string {
    const value = this.#fields[key];
    return value === undefined || value === null ? "" : this.#told(key, () => textOf(value));
  }

  flag(key: string): boolean {
    return this.text(key) === "true";
  }

  texts(key: string): string[] {
    return this.many(key, (text) => text, csvText);
  }

  table(key: string): Record<string, string> {
    const value = this.#fields[key];
    if (value === undefined || value === null) return {};
    if (!isMap(value)) throw new HclError(`${key}: a table expected`);
    return Object.fromEntries(
      Object.entries(value).flatMap(([name, each]) =>
        each === null ? [] : [[name, this.#told(`${key}.${name}`, () => textOf(each))]],
      ),
    );
  }

  /** Items that are texts, or tables of texts. */
  many<T>(key: string, ofText: (text: string) => T, ofFields: (fields: Readonly<Record<string, string>>) => T): T[] {
    const value = this.#fields[key];
    if (value === undefined || value === null) return [];
    const items = isList(value) ? value : [value];
    return items
      .filter((item) => item !== null && item !== "")
      .map((item) => this.#told(key, () => (isMap(item) ? ofFields(textsOf(item)) : ofText(textOf(item)))));
  }

  #told<T>(key: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof HclError) throw new HclError(`${key}: ${error.message}`);
      throw error;
    }
  }
}

const textsOf = (table: { readonly [key: string]: HclValue }): Record<string, string> =>
  Object.fromEntries(
    Object.entries(table).map(([key, value]) => [
      key,
      value !== null && isList(value) ? value.map((each) => textOf(each)).join(",") : textOf(value),
    ]),
  );
