/** `--output`, `--push` and `--load`: where the result of a build goes. */
import { statSync } from "node:fs";
import { ExitError } from "../command.ts";
import { csvOf } from "./fields.ts";

/** One exporter, as the builder is asked for it. */
export interface BuildOutput {
  /** `image`, `docker`, `oci`, `tar`, `local`, `cacheonly`; `docker` without a destination is the engine's own store. */
  readonly type: string;
  readonly attrs: Readonly<Record<string, string>>;
  readonly destination: Destination | null;
}

/** What comes back to the client: one stream, or a tree of files. */
export type Destination =
  | { readonly kind: "stdout" }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "directory"; readonly path: string };

export interface OutputFlags {
  readonly output: readonly string[];
  readonly push: boolean;
  readonly load: boolean;
  /** Standard output is a terminal, onto which no archive is written. */
  readonly isTerminal: boolean;
}

/** Exporters in the order of the flags; none given is the engine's own store. */
export function readOutputs({ output, push, load, isTerminal }: OutputFlags): BuildOutput[] {
  const outputs = output.map((text) => readOutput(text, isTerminal));
  const pushed = push ? withPush(outputs) : outputs;
  if (load && !pushed.some(isLoad)) pushed.push({ type: "docker", attrs: {}, destination: null });
  const onStdout = pushed.filter(({ destination }) => destination?.kind === "stdout");
  if (onStdout.length > 1) throw new ExitError(1, "only one output can be written to standard output");
  return pushed;
}

/** The result becomes an image of the engine's store. */
export const isLoad = ({ type, destination }: BuildOutput): boolean => type === "docker" && destination === null;

/** Images are pushed; where there is none, one is. */
function withPush(outputs: readonly BuildOutput[]): BuildOutput[] {
  const images = outputs.filter(({ type }) => type === "image");
  if (images.length === 0) return [...outputs, { type: "image", attrs: { push: "true" }, destination: null }];
  return outputs.map((each) => (each.type === "image" ? { ...each, attrs: { ...each.attrs, push: "true" } } : each));
}

function readOutput(text: string, isTerminal: boolean): BuildOutput {
  const fields = csvOf(text, `invalid output ${JSON.stringify(text)}`);
  if (fields.length === 1 && fields[0] === text && !text.startsWith("type=")) {
    if (text === "-") return { type: "tar", attrs: {}, destination: { kind: "stdout" } };
    return place("local", {}, text, isTerminal);
  }
  const attrs: Record<string, string> = {};
  for (const field of fields) {
    const at = field.indexOf("=");
    if (at < 0) throw new ExitError(1, `invalid value ${field}`);
    const name = field.slice(0, at).trim();
    attrs[name.startsWith("annotation") ? name : name.toLowerCase()] = field.slice(at + 1);
  }
  return outputOf(attrs, isTerminal);
}

/** An output from its fields, `type` and `dest` among them. */
export function outputOf(fields: Readonly<Record<string, string>>, isTerminal: boolean): BuildOutput {
  const { type = "", dest = "", ...attrs } = fields;
  if (type === "") throw new ExitError(1, "type is required for output");
  if (type === "registry") return { type: "image", attrs: { push: "true", ...attrs }, destination: null };
  return place(type, attrs, dest, isTerminal);
}

const archives = new Set(["tar", "oci", "docker"]);

function place(type: string, attrs: Record<string, string>, path: string, isTerminal: boolean): BuildOutput {
  const isTree = type === "local" || (archives.has(type) && type !== "tar" && attrs.tar === "false");
  if (isTree) return { type, attrs, destination: { kind: "directory", path: directoryAt(type, path) } };
  if (archives.has(type) && !(type === "docker" && path === "")) {
    return { type, attrs, destination: archiveAt(type, path, isTerminal) };
  }
  if (path !== "") throw new ExitError(1, `output of type ${type} takes no destination: dest=${path}`);
  return { type, attrs, destination: null };
}

function directoryAt(type: string, path: string): string {
  if (path === "") throw new ExitError(1, `dest is required for ${type} output`);
  if (path === "-") throw new ExitError(1, `dest cannot be stdout for ${type} output`);
  if (kindOf(path) === "file") throw new ExitError(1, `destination directory ${path} is a file`);
  return path;
}

function archiveAt(type: string, path: string, isTerminal: boolean): Destination {
  if (path === "" || path === "-") {
    if (isTerminal) throw new ExitError(1, `dest file is required for ${type} exporter. refusing to write to console`);
    return { kind: "stdout" };
  }
  if (kindOf(path) === "directory") throw new ExitError(1, `destination file ${path} is a directory`);
  return { kind: "file", path };
}

function kindOf(path: string): "file" | "directory" | "nothing" {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return "nothing";
  return stat.isDirectory() ? "directory" : "file";
}
