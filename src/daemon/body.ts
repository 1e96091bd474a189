/** JSON request bodies: capped, of the right type, one value and no more. */
import type { Readable } from "node:stream";
import { canceled, invalidArgument, isKind, tooLarge } from "../lib/errors.ts";
import { parseJson } from "../lib/json.ts";
import type { Headers } from "./http/head.ts";

/** Larger JSON bodies are refused; streamed bodies have no cap. */
export const maxJsonBody = 4 * 1024 * 1024;

/** Where a JSON body is read from. */
export interface BodySource {
  readonly request: { readonly headers: Headers };
  body(): Readable;
  wholeBody(): Buffer | undefined;
}

/**
 * Reads and decodes the body; undefined when it is empty. Throws `tooLarge` without reading on, `invalidArgument` for another
 * content type or text that is not exactly one JSON value.
 */
export async function readJsonBody(source: BodySource): Promise<unknown> {
  const { headers } = source.request;
  if (Number(headers["content-length"] ?? 0) > maxJsonBody) throw bodyTooLarge();
  const whole = source.wholeBody();
  if (whole && whole.length > maxJsonBody) throw bodyTooLarge();
  const text = whole?.toString("utf8") ?? (await readText(source.body()));
  if (text === "") return undefined;
  checkContentType(headers["content-type"]);
  return decode(text);
}

function readText(body: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    // Events, not iteration: leaving an iteration early would destroy the stream, and what remains could not be read politely.
    body.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxJsonBody) chunks.push(chunk);
      else reject(bodyTooLarge());
    });
    body.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    body.on("error", reject);
    body.on("close", () => reject(canceled("client is gone")));
  });
}

function bodyTooLarge(): Error {
  return tooLarge(`request body too large: more than ${maxJsonBody} bytes of JSON`);
}

function checkContentType(header: string | undefined): void {
  if (header === undefined || header === "") return;
  const type = header.split(";")[0]!.trim().toLowerCase();
  if (type !== "application/json") {
    throw invalidArgument(`unsupported Content-Type header (${header}): must be 'application/json'`);
  }
}

function decode(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (isKind(error, "invalidArgument") && hasSecondValue(text)) {
      throw invalidArgument("unexpected content after JSON");
    }
    throw error;
  }
}

/** True when `text` begins with a whole object or array and something follows it. */
function hasSecondValue(text: string): boolean {
  const end = endOfValue(text);
  if (end === undefined || text.slice(end).trim() === "") return false;
  try {
    parseJson(text.slice(0, end));
    return true;
  } catch {
    return false;
  }
}

function endOfValue(text: string): number | undefined {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (inString) {
      if (c === "\\") i++;
      else if (c === '"') inString = false;
    } else if (c === '"') inString = true;
    else if (c === "{" || c === "[") depth++;
    else if ((c === "}" || c === "]") && --depth === 0) return i + 1;
  }
  return undefined;
}
