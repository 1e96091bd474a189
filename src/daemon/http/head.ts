/**
 * The head of a request, read strictly (RFC 9112): what two readers could take in two ways, and so smuggle a request past one of
 * them, is refused.
 */

/** A request that is answered with `status` and the door, before any route sees it. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: 400 | 431 | 505;

  constructor(status: 400 | 431 | 505, message: string) {
    super(message);
    this.status = status;
  }
}

/** Names in lower case; repeated ones are joined by a comma. */
export type Headers = Readonly<Record<string, string | undefined>>;

/** How the end of a body is found. */
export type Framing = { readonly kind: "none" | "chunked" } | { readonly kind: "length"; readonly length: number };

export interface RequestHead {
  readonly method: string;
  /** As sent, bytes over 0x7f taken as UTF-8. */
  readonly target: string;
  readonly version: "1.0" | "1.1";
  readonly headers: Headers;
  readonly framing: Framing;
  /** Whether the client may send another request on the connection. */
  readonly keepAlive: boolean;
}

/** Bytes of a head. */
export const maxHead = 1024 * 1024;

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const requestLine = new RegExp(`^(${token}) ([^\\x00-\\x20\\x7f]+) HTTP/(\\d\\.\\d)$`);
const field = new RegExp(`^(${token}):[ \\t]*(.*)$`, "s");
const forbiddenInValue = /[\x00-\x08\x0a-\x1f\x7f]/;
/** Fields that mean something else when they come twice. */
const single = new Set(["host", "content-length", "transfer-encoding"]);

/** Reads a head without its closing blank line. Throws {@link HttpError}. */
export function parseHead(text: string): RequestHead {
  const lines = text.split("\r\n");
  const start = requestLine.exec(lines[0]!);
  if (!start) throw new HttpError(400, "malformed request line");
  const [, method = "", target = "", version = ""] = start;
  if (version !== "1.0" && version !== "1.1") throw new HttpError(505, `unsupported HTTP version ${version}`);
  const headers = parseFields(lines);
  const connection = headers.connection?.toLowerCase() ?? "";
  return {
    method,
    target: /[\x80-\xff]/.test(target) ? Buffer.from(target, "latin1").toString("utf8") : target,
    version,
    headers,
    framing: framingOf(headers, version),
    keepAlive: version === "1.1" ? !/\bclose\b/.test(connection) : /\bkeep-alive\b/.test(connection),
  };
}

function parseFields(lines: readonly string[]): Headers {
  const headers: Record<string, string | undefined> = Object.create(null);
  for (let i = 1; i < lines.length; i++) {
    const match = field.exec(lines[i]!);
    if (!match || forbiddenInValue.test(match[2]!)) throw new HttpError(400, "malformed header field");
    const name = match[1]!.toLowerCase();
    const value = match[2]!.trimEnd();
    const before = headers[name];
    if (before !== undefined && single.has(name)) throw new HttpError(400, `header ${name} comes twice`);
    headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return headers;
}

function framingOf(headers: Headers, version: string): Framing {
  const coding = headers["transfer-encoding"];
  const length = headers["content-length"];
  if (coding !== undefined) {
    if (length !== undefined) throw new HttpError(400, "both Content-Length and Transfer-Encoding");
    if (version === "1.0" || coding.toLowerCase() !== "chunked") {
      throw new HttpError(400, `unsupported Transfer-Encoding ${JSON.stringify(coding)}`);
    }
    return { kind: "chunked" };
  }
  if (length === undefined || length === "0") return { kind: "none" };
  if (!/^\d{1,15}$/.test(length)) throw new HttpError(400, `malformed Content-Length ${JSON.stringify(length)}`);
  return { kind: "length", length: Number(length) };
}
