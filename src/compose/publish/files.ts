/** The files of a project that is to lie in one folder, beside each other: what they name of each other gets a name there. */
import { dirname, resolve } from "node:path";
import { type Document, isMap, isScalar, isSeq, parseAllDocuments, type Node as YamlNode } from "yaml";
import { invalidArgument } from "../../lib/errors.ts";
import { substitute } from "../interpolation/template.ts";
import { expandHome } from "../loader/paths.ts";
import { fileExists, readText } from "../loader/read-file.ts";
import { isRemoteResource } from "../loader/remote.ts";
import type { Project } from "../model/project.ts";
import { fieldOf, resolved } from "./yaml-fields.ts";

export interface PublishedFile {
  /** A Compose file of the project, one that services extend, or variables. */
  readonly kind: "compose" | "extended" | "env";
  readonly name: string;
  readonly text: string;
}

/**
 * The project's files, then those that they extend, then their files of variables. Texts are as they are but for the names of
 * files, which become digests of their paths as Docker's Compose makes them. Throws for files that include others of this machine.
 */
export function publishedFiles(project: Project): PublishedFile[] {
  const names = new Names(project);
  const own = project.composeFiles.map((path): PublishedFile => {
    if (path === "-") throw invalidArgument("a Compose file on standard input cannot be published");
    const text = names.replaceIn(readText(path), project.workingDir, true);
    return { kind: "compose", name: baseName(path), text };
  });
  const extended: PublishedFile[] = [];
  // The list grows by what its files extend themselves.
  for (const [path, name] of names.extended) {
    extended.push({ kind: "extended", name, text: names.replaceIn(readText(path), dirname(path), false) });
  }
  const env = [...names.env].filter(([path]) => fileExists(path));
  return [
    ...own,
    ...extended,
    ...env.map(([path, name]): PublishedFile => ({ kind: "env", name, text: readText(path) })),
  ];
}

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
const hashed = (path: string): string => new Bun.CryptoHasher("sha256").update(path).digest("hex");

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly value: string;
}

class Names {
  /** Names in the folder by absolute path. */
  readonly extended = new Map<string, string>();
  readonly env = new Map<string, string>();
  readonly #project: Project;

  constructor(project: Project) {
    this.#project = project;
  }

  replaceIn(text: string, folder: string, mayInclude: boolean): string {
    const documents = parseAllDocuments(text, { logLevel: "silent", uniqueKeys: false, schema: "failsafe" });
    const edits = new Map<number, Edit>();
    for (const document of Array.isArray(documents) ? documents : []) {
      if (mayInclude) refuseLocalIncludes(document);
      for (const edit of this.#editsOf(document, folder)) edits.set(edit.start, edit);
    }
    let result = text;
    for (const { start, end, value } of [...edits.values()].sort((a, b) => b.start - a.start)) {
      result = result.slice(0, start) + value + result.slice(end);
    }
    return result;
  }

  *#editsOf(document: Document, folder: string): Generator<Edit> {
    const services = fieldOf(document, document.contents, "services");
    if (!isMap(services)) return;
    for (const { value } of services.items) {
      const service = resolved(document, value as YamlNode | null);
      for (const file of envFiles(document, fieldOf(document, service, "env_file"))) {
        yield* this.#edit(file, folder, this.env, ".env");
      }
      const file = fieldOf(document, fieldOf(document, service, "extends"), "file");
      if (file) yield* this.#edit(file, folder, this.extended, ".yaml");
    }
  }

  *#edit(node: YamlNode, folder: string, names: Map<string, string>, ending: string): Generator<Edit> {
    if (!isScalar(node) || typeof node.value !== "string" || !node.range) return;
    const value = substitute(
      node.value,
      (name) => this.#project.environment[name],
      () => {},
    );
    if (value === "" || isRemoteResource(value)) return;
    const path = resolve(folder, expandHome(value));
    const name = names.get(path) ?? hashed(path) + ending;
    names.set(path, name);
    yield { start: node.range[0], end: node.range[1], value: name };
  }
}

function envFiles(document: Document, given: YamlNode | null): YamlNode[] {
  const entries = isSeq(given) ? given.items.map((item) => resolved(document, item as YamlNode | null)) : [given];
  const paths = entries.map((entry) => (isMap(entry) ? fieldOf(document, entry, "path") : entry));
  return paths.filter((path) => path !== null);
}

function refuseLocalIncludes(document: Document): void {
  const list = fieldOf(document, document.contents, "include");
  for (const item of isSeq(list) ? list.items : []) {
    const entry = resolved(document, item as YamlNode | null);
    const path = isMap(entry) ? fieldOf(document, entry, "path") : entry;
    const paths = isSeq(path) ? path.items.map((one) => resolved(document, one as YamlNode | null)) : [path];
    const isLocal = paths.some((one) => isScalar(one) && !isRemoteResource(String(one.value)));
    if (isLocal) throw invalidArgument("cannot publish compose file with local includes");
  }
}
