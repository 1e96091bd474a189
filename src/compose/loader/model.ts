/** Compose files -> one checked tree in long forms, not yet read into the model's types. */
import { dirname, isAbsolute, relative, resolve } from "node:path";
import { invalidArgument } from "../../lib/errors.ts";
import { canonical } from "../canonical/canonical.ts";
import { interpolate } from "../interpolation/interpolate.ts";
import { merge } from "../merge/merge.ts";
import { enforceUnique } from "../merge/unique.ts";
import { Problems } from "../problems.ts";
import { check } from "../schema/accept.ts";
import { projectAccept } from "../schema/project.ts";
import { textValue } from "../schema/scalars.ts";
import {
  asMapping,
  asSequence,
  child,
  type Mapping,
  mapping,
  type Node,
  nowhere,
  scalar,
  textOf,
} from "../yaml/node.ts";
import { type ParsedDocument, parseYaml } from "../yaml/parse.ts";
import { findContradictions } from "./contradictions.ts";
import { setDefaults } from "./defaults.ts";
import { applyExtends, type ExtendedFile, extendService } from "./extends.ts";
import { applyIncludes, type Included } from "./include.ts";
import { expandHome, resolvePaths } from "./paths.ts";
import { readText } from "./read-file.ts";
import { isRemoteResource, type RemoteFiles } from "./remote.ts";
import { dropPaths } from "./resets.ts";

/** Where a secret's or config's bytes from the environment wait until the model is read; no file can say it. */
export const contentKey = "x-#value";

/** Two files that include a third one twice each make a bomb of it. */
const mostIncluded = 500;

export interface ModelOptions {
  readonly interpolate: boolean;
  readonly resolvePaths: boolean;
  readonly warn: (message: string) => void;
  readonly remote: RemoteFiles;
  /** The text of stdin, when `-` is one of the files. */
  readonly stdin?: string;
}

export interface Source {
  readonly files: readonly string[];
  /** Absolute. */
  readonly workingDir: string;
  readonly environment: ReadonlyMap<string, string>;
}

/** Loads the files of one project, with all that they pull in. */
export class ModelLoader {
  readonly problems = new Problems();
  readonly dropped = new Set<string>();
  readonly #options: ModelOptions;
  readonly #ahead = new Map<string, ParsedDocument[]>();
  /** Files that services were taken from, by what they were read with. */
  readonly #extended = new Map<ReadonlyMap<string, string>, Map<string, ExtendedFile>>();
  #included = 0;
  /** What files of other machines say, word for word. */
  #elsewhere = "";

  constructor(options: ModelOptions) {
    this.#options = options;
  }

  /** The documents of a file before its turn to be loaded, to be looked at only. */
  lookAhead(file: string): readonly ParsedDocument[] {
    const documents = this.#documents(file);
    this.#ahead.set(file, documents);
    return documents;
  }

  /** The trees are fresh each time. */
  #documents(file: string): ParsedDocument[] {
    const read = this.#ahead.get(file);
    if (read && this.#ahead.delete(file)) return read;
    const text = file === "-" ? (this.#options.stdin ?? "") : readText(file);
    if (this.#options.remote.holds(dirname(file))) this.#elsewhere += text;
    return parseYaml(text, file, this.problems);
  }

  /** The merged tree. Problems are added; what they are about is missing in the tree. */
  load(source: Source): Mapping {
    return this.#load(source, source.workingDir, []);
  }

  #load(source: Source, base: string, chain: readonly string[]): Mapping {
    let root: Mapping = mapping([], nowhere);
    for (const [i, file] of source.files.entries()) {
      for (const document of this.#documents(file)) {
        root = this.#addDocument(root, document, { source, file, isFirst: i === 0, chain: [...chain, file] });
      }
    }
    root = setDefaults(root) as Mapping;
    findContradictions(root, this.problems);
    // Paths of an included application always become the including one's.
    if (this.#options.resolvePaths || chain.length > 0) root = resolvePaths(root, base, this.problems) as Mapping;
    fillInContents(root, source.environment);
    return root;
  }

  #addDocument(
    base: Mapping,
    document: ParsedDocument,
    at: { source: Source; file: string; isFirst: boolean; chain: readonly string[] },
  ): Mapping {
    const { problems, dropped } = this;
    const { root: parsed } = document;
    const keepTemplates = !this.#options.interpolate;
    if (parsed.kind !== "mapping") {
      problems.add(parsed.at, "", "top-level object must be a mapping");
      return base;
    }
    const root = this.#interpolated(parsed, at.source.environment) as Mapping;
    check(root, projectAccept, { problems, dropped, isPart: true, keepTemplates });
    this.#extend(root, at.file, document, at.source);
    dropPaths(base, document.resets);
    applyIncludes(root, {
      workingDir: at.source.workingDir,
      environment: at.source.environment,
      chain: at.chain,
      locate: (path) => this.#locate(path, at.source.workingDir),
      load: (included: Included) => {
        if (++this.#included > mostIncluded) throw invalidArgument(`more than ${mostIncluded} files are included`);
        return this.#load(included, included.base, at.chain);
      },
      fail: (node, path, message) => this.#fail(node, path, message),
      warn: this.#options.warn,
    });
    const merged = enforceUnique(merge(base, root, [], problems)) as Mapping;
    check(merged, projectAccept, { problems, dropped, isPart: false, keepTemplates });
    if (merged.entries.delete("version")) {
      this.#options.warn(
        `${at.file}: the attribute \`version\` is obsolete, it will be ignored, please remove it to avoid potential confusion`,
      );
    }
    return enforceUnique(this.#canonical(merged)) as Mapping;
  }

  #interpolated(node: Node, environment: ReadonlyMap<string, string>): Node {
    if (!this.#options.interpolate) return node;
    const { problems, dropped } = this;
    return interpolate(node, { lookup: (name) => environment.get(name), warn: this.#options.warn, problems, dropped });
  }

  #canonical(node: Node): Node {
    return canonical(node, {
      problems: this.problems,
      warn: this.#options.warn,
      keepTemplates: !this.#options.interpolate,
    });
  }

  #extend(root: Mapping, file: string, document: ParsedDocument, source: Source): void {
    applyExtends(root, file, document.resets, {
      open: (path) => this.#extendedFile(path, source),
      fail: (node, path, message) => this.#fail(node, path, message),
      extend: (base, service) => extendService(base, service, this.problems),
    });
  }

  #fail(node: Node, path: string, message: string): void {
    this.problems.add(node.at, path, message);
    this.dropped.add(path);
  }

  #locate(path: string, workingDir: string): string {
    if (!isRemoteResource(path)) return resolve(workingDir, expandHome(path));
    // Filled in, it would tell this machine's variables to whoever is asked for it.
    if (this.#options.remote.holds(workingDir) && !this.#elsewhere.includes(path)) {
      throw invalidArgument("a Compose file of another machine may not make addresses of variables");
    }
    return this.#options.remote.locate(path);
  }

  #extendedFile(path: string, source: Source): ExtendedFile {
    const files = this.#extended.get(source.environment) ?? new Map<string, ExtendedFile>();
    this.#extended.set(source.environment, files);
    const key = `${source.workingDir}\0${path}`;
    const file = files.get(key) ?? this.#openExtended(path, source);
    files.set(key, file);
    return file;
  }

  #openExtended(path: string, { workingDir, environment }: Source): ExtendedFile {
    const file = this.#locate(path, workingDir);
    const folder = relative(workingDir, dirname(file)) || ".";
    let root: Mapping = mapping([], nowhere);
    const resets: (readonly string[])[] = [];
    for (const document of this.#documents(file)) {
      if (document.root.kind !== "mapping") continue;
      const part = this.#interpolated(document.root, environment) as Mapping;
      part.entries.delete("include");
      dropPaths(root, document.resets);
      root = this.#canonical(enforceUnique(merge(root, part, [], this.problems))) as Mapping;
      resets.push(...document.resets);
    }
    const services = asMapping(root.entries.get("services"));
    if (!services) throw invalidArgument(`cannot extend a service of ${file}: no services section`);
    const isElsewhere = isAbsolute(path) || isRemoteResource(path);
    const based = resolvePaths(root, isElsewhere ? dirname(file) : folder, this.problems);
    return { services: asMapping(child(based, "services"))!, resets };
  }
}

/** Variables that are named without a value, where a file of its own environment names them. */
function fillInContents(root: Mapping, environment: ReadonlyMap<string, string>): void {
  for (const service of asMapping(root.entries.get("services"))?.entries.values() ?? []) {
    const list = asSequence(child(service, "environment"));
    for (const [i, item] of list?.items.entries() ?? []) {
      const found = environment.get(textValue(item));
      if (found !== undefined) list!.items[i] = scalar(`${textValue(item)}=${found}`, item.at);
    }
  }
  for (const section of ["secrets", "configs"]) {
    for (const value of asMapping(root.entries.get(section))?.entries.values() ?? []) {
      const object = asMapping(value);
      const variable = textOf(object?.entries.get("environment"));
      const found = variable === undefined ? undefined : environment.get(variable);
      if (object && found !== undefined) object.entries.set(contentKey, scalar(found, object.at));
    }
  }
}
