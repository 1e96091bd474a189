/** What goes along with a call, as headers: names in lower case, each with any number of values. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";

export type Metadata = ReadonlyMap<string, readonly string[]>;

const reserved = /^(:|grpc-|te$|content-type$|user-agent$|host$|connection$)/;

/**
 * Repeated headers come joined by `, `: values that may hold that text have to be encoded by who sends them. Only `raw` tells
 * values apart as they were sent.
 */
export function readMetadata(headers: IncomingHttpHeaders, raw: readonly string[] | undefined): Metadata {
  const found = new Map<string, string[]>();
  const pairs = raw === undefined ? Object.entries(headers) : pairsOf(raw);
  for (const [name, value] of pairs) {
    const key = name.toLowerCase();
    if (reserved.test(key) || value === undefined) continue;
    const values = found.get(key) ?? [];
    values.push(...(Array.isArray(value) ? value : [value]));
    found.set(key, values);
  }
  return found;
}

function* pairsOf(raw: readonly string[]): Generator<[string, string]> {
  for (let i = 0; i + 1 < raw.length; i += 2) yield [raw[i]!, raw[i + 1]!];
}

export function writeMetadata(metadata: Metadata | undefined): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, values] of metadata ?? []) {
    const key = name.toLowerCase();
    if (!reserved.test(key) && values.length > 0) headers[key] = values.length === 1 ? values[0] : [...values];
  }
  return headers;
}
