/** Keeps web pages away from TCP listeners: a browser must never drive an engine, whatever name it resolved. */
import { isIP } from "node:net";
import { forbidden } from "../lib/errors.ts";
import type { Headers } from "./http/head.ts";

/** What a web page may send to any host without asking it first, and no client of ours sends. */
const formTypes = new Set(["application/x-www-form-urlencoded", "multipart/form-data"]);

/** Throws `forbidden` for a request that a browser made, or whose Host is none of ours. */
export function refuseBrowsers(headers: Headers, allowedHosts: ReadonlySet<string>): void {
  if (headers.origin !== undefined || headers["sec-fetch-site"] !== undefined) {
    throw forbidden("requests from web pages are refused");
  }
  const type = (headers["content-type"] ?? "").split(";")[0]!.trim().toLowerCase();
  if (formTypes.has(type)) throw forbidden(`a body of type ${type} is refused: only web pages send it`);
  const host = hostName(headers.host ?? "");
  if (isIP(host) === 0 && host !== "localhost" && !allowedHosts.has(host)) {
    throw forbidden(`request for unknown host ${JSON.stringify(host)} refused`);
  }
}

function hostName(header: string): string {
  const bracketed = /^\[([^\]]*)\](:\d+)?$/.exec(header);
  return (bracketed ? bracketed[1]! : header.replace(/:\d*$/, "")).toLowerCase();
}
