/**
 * Image references, `[host[:port]/]path[:tag][@digest]`, with Docker's defaults: `docker.io`, `library/` and `:latest`.
 */
import { type Digest, isDigest, parseDigest } from "./digest.ts";
import { invalidArgument } from "./errors.ts";

/** A reference in full. `tag` is null where none was given. */
export interface Reference {
  /** Registry host, with its port: `docker.io`, `localhost:5000`. */
  readonly domain: string;
  /** Repository inside the registry: `library/busybox`. */
  readonly path: string;
  readonly tag: string | null;
  readonly digest: Digest | null;
}

const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const pathPattern = new RegExp(`^${component}(?:/${component})*$`);
const label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const domainPattern = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const tagPattern = /^\w[\w.-]{0,127}$/;

/** True for a tag that may be stored or sent. */
export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/** Parses what a person typed; throws `invalidArgument` in Docker's words. */
export function parseReference(text: string): Reference {
  if (/^[a-f0-9]{64}$/.test(text)) {
    throw invalidArgument(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  if (text.length > 1024) throw invalidFormat();
  const at = text.indexOf("@");
  const digest = at < 0 ? null : parseDigest(text.slice(at + 1));
  let name = at < 0 ? text : text.slice(0, at);
  let tag: string | null = null;
  const colon = name.lastIndexOf(":");
  if (colon > name.lastIndexOf("/")) {
    tag = name.slice(colon + 1);
    name = name.slice(0, colon);
    if (!isTag(tag)) throw invalidFormat();
  }
  const { domain, path } = splitDomain(name);
  const typed = path.startsWith("library/") && !name.includes("library/") ? path.slice("library/".length) : path;
  if (typed !== typed.toLowerCase()) {
    throw invalidArgument(`invalid reference format: repository name (${typed}) must be lowercase`);
  }
  if (!domainPattern.test(domain) || !pathPattern.test(path)) throw invalidFormat();
  if (domain.length + 1 + path.length > 255) {
    throw invalidArgument("invalid reference format: repository name must not be more than 255 characters");
  }
  return { domain, path, tag, digest };
}

function invalidFormat(): Error {
  return invalidArgument("invalid reference format");
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const isHost = first === "localhost" || /[.:]/.test(first) || first !== first.toLowerCase();
  let domain = isHost ? first : "docker.io";
  const path = isHost ? name.slice(slash + 1) : name;
  if (domain === "index.docker.io") domain = "docker.io";
  return { domain, path: domain === "docker.io" && path !== "" && !path.includes("/") ? `library/${path}` : path };
}

/** `:latest` where neither tag nor digest is given. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === null && reference.digest === null ? { ...reference, tag: "latest" } : reference;
}

/** `docker.io/library/busybox`. */
export function repositoryOf(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** In full: `docker.io/library/busybox:latest`. */
export function formatReference(reference: Reference): string {
  return repositoryOf(reference) + suffixOf(reference);
}

function suffixOf({ tag, digest }: Reference): string {
  return (tag === null ? "" : `:${tag}`) + (digest === null ? "" : `@${digest}`);
}

/** The repository as people write it: `busybox`, `user/app`, `localhost:5000/app`. */
export function familiarRepository({ domain, path }: Reference): string {
  if (domain !== "docker.io") return `${domain}/${path}`;
  const short = path.startsWith("library/") ? path.slice("library/".length) : path;
  return short.includes("/") ? path : short;
}

/** As people write it: `busybox:latest`. */
export function familiarReference(reference: Reference): string {
  return familiarRepository(reference) + suffixOf(reference);
}

/** True for text that may be an image id or a prefix of one. */
export function isIdPrefix(text: string): boolean {
  return isDigest(text) || /^(?:sha256:)?[a-f0-9]{1,64}$/.test(text);
}
