/** From a raw request target to a route. The target is split and decoded here once, and nowhere else. */
import { maxApiVersion, minApiVersion } from "../api/paths.ts";
import type { PathSpec } from "../api/route-spec.ts";
import { invalidArgument, notFound } from "../lib/errors.ts";
import { compareVersions } from "../lib/version-order.ts";

interface Compiled<R> {
  readonly route: R;
  readonly pattern: RegExp;
  readonly names: readonly string[];
}

export interface Match<R> {
  readonly route: R;
  readonly params: Readonly<Record<string, string>>;
}

/** A request target taken apart: `path` is decoded and has no version prefix. */
export interface Target {
  readonly path: string;
  readonly search: string;
  /** The API version that the client speaks; the newest when it named none. */
  readonly version: string;
}

/** A client older than any we serve; dockerd answers those in plain text. */
export class VersionTooOld extends Error {
  override readonly name = "VersionTooOld";
}

/**
 * Takes a raw target apart. Targets in absolute form lose their origin; empty, `.` and `..` segments, whether escaped or not,
 * are never walked: such a path is no route of ours.
 */
export function parseTarget(raw: string): Target {
  const origin = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(raw);
  const target = origin ? raw.slice(origin[0].length) : raw;
  const queryAt = target.indexOf("?");
  const rawPath = queryAt < 0 ? target : target.slice(0, queryAt);
  const search = queryAt < 0 ? "" : target.slice(queryAt + 1);
  let path: string;
  try {
    path = decodeURIComponent(rawPath);
  } catch {
    throw invalidArgument("malformed escape in request path");
  }
  if (path.includes("\0")) throw invalidArgument("null byte in request path");
  const prefix = /^\/v([0-9][0-9.]*)(?=\/)/.exec(path);
  const version = prefix ? prefix[1]! : maxApiVersion;
  if (prefix) {
    path = path.slice(prefix[0].length);
    checkVersion(version);
  }
  const segments = path.split("/").slice(1);
  if (segments.length > 1 && segments.at(-1) === "") segments.pop();
  if (!path.startsWith("/") || segments.some((segment) => segment === "" || segment === "." || segment === "..")) {
    throw pageNotFound();
  }
  return { path: `/${segments.join("/")}`, search, version };
}

/** The failure of a path or method that no route has. */
export function pageNotFound(): Error {
  return notFound("page not found");
}

function checkVersion(version: string): void {
  if (compareVersions(version, maxApiVersion) > 0) {
    throw invalidArgument(`client version ${version} is too new. Maximum supported API version is ${maxApiVersion}`);
  }
  if (compareVersions(version, minApiVersion) < 0) {
    throw new VersionTooOld(
      `client version ${version} is too old. Minimum supported API version is ${minApiVersion}, please upgrade your client to a newer version`,
    );
  }
}

/** A matcher over `routes`. Of two that fit, the one with the longer fixed beginning wins, whatever their order. */
export function createRouter<R extends Pick<PathSpec, "method" | "path">>(
  routes: readonly R[],
): (method: string, path: string) => Match<R> | undefined {
  const byMethod = new Map<string, Compiled<R>[]>();
  for (const route of routes) {
    const list = byMethod.get(route.method) ?? [];
    list.push(compile(route));
    byMethod.set(route.method, list);
  }
  for (const list of byMethod.values()) {
    list.sort((a, b) => specificity(b.route.path) - specificity(a.route.path));
  }
  return (method, path) => {
    for (const { route, pattern, names } of byMethod.get(method) ?? []) {
      const match = pattern.exec(path);
      if (!match) continue;
      const params: Record<string, string> = {};
      names.forEach((name, index) => {
        params[name] = match[index + 1]!;
      });
      return { route, params };
    }
    return undefined;
  };
}

function specificity(path: string): number {
  const fixed = path.indexOf("{");
  const suffix = path.length - path.lastIndexOf("}");
  return fixed < 0 ? 10_000 + path.length : fixed * 100 + suffix;
}

function compile<R extends Pick<PathSpec, "path">>(route: R): Compiled<R> {
  const names: string[] = [];
  const source = route.path.replace(/[.*+?^$()|[\]\\]|\{(\w+)(:\*)?\}/g, (text, name?: string, many?: string) => {
    if (name === undefined) return `\\${text}`;
    names.push(name);
    return many ? "(.+)" : "([^/]+)";
  });
  return { route, pattern: new RegExp(`^${source}$`, "s"), names };
}
