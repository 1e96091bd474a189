/** How a gRPC call ends. https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
import { DhowError, type ErrorKind, kindOf, messageOf } from "../errors.ts";
import { many, message, one } from "../protobuf/message.ts";

export const statusCodes = {
  ok: 0,
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

export const Any = message("google.protobuf.Any", { typeUrl: one(1, "string"), value: one(2, "bytes") });

export const RpcStatus = message("google.rpc.Status", {
  code: one(1, "int32"),
  message: one(2, "string"),
  details: many(3, Any),
});

/** Something typed that goes along with a failure. */
export interface StatusDetail {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

/** A failed call: thrown by clients, and by handlers that know a code better than an error's kind gives. */
export class GrpcError extends DhowError {
  override readonly name = "GrpcError";
  readonly code: number;
  readonly details: readonly StatusDetail[];

  constructor(code: number, text: string, options: { details?: readonly StatusDetail[]; cause?: unknown } = {}) {
    super(kindByCode[code] ?? "system", text, { cause: options.cause });
    this.code = code;
    this.details = options.details ?? [];
  }
}

const kindByCode: Readonly<Record<number, ErrorKind>> = {
  1: "canceled",
  3: "invalidArgument",
  4: "unavailable",
  5: "notFound",
  6: "conflict",
  7: "forbidden",
  8: "resourceExhausted",
  9: "conflict",
  10: "conflict",
  11: "invalidArgument",
  12: "notImplemented",
  14: "unavailable",
  15: "dataLoss",
  16: "unauthorized",
};

const codeByKind: Readonly<Record<ErrorKind, number>> = {
  invalidArgument: statusCodes.invalidArgument,
  unauthorized: statusCodes.unauthenticated,
  forbidden: statusCodes.permissionDenied,
  notFound: statusCodes.notFound,
  conflict: statusCodes.failedPrecondition,
  notModified: statusCodes.alreadyExists,
  tooLarge: statusCodes.resourceExhausted,
  notImplemented: statusCodes.unimplemented,
  unavailable: statusCodes.unavailable,
  resourceExhausted: statusCodes.resourceExhausted,
  canceled: statusCodes.canceled,
  dataLoss: statusCodes.dataLoss,
  system: statusCodes.unknown,
  internal: statusCodes.internal,
};

/** Any thrown value as the status that a client is told. */
export function statusOf(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  const isAbort = error instanceof Error && error.name === "AbortError";
  const code = isAbort ? statusCodes.canceled : codeByKind[kindOf(error)];
  return new GrpcError(code, isAbort ? "context canceled" : messageOf(error), { cause: error });
}

/** The trailers of a call that ended so; null is a success. */
export function formatStatus(error: GrpcError | null): Record<string, string> {
  if (error === null) return { "grpc-status": "0", "grpc-message": "" };
  const { code, message: text, details } = error;
  const trailers: Record<string, string> = { "grpc-status": String(code), "grpc-message": escapeText(text) };
  if (details.length > 0) {
    const bytes = RpcStatus.encode({ code, message: text, details });
    trailers["grpc-status-details-bin"] = Buffer.from(bytes).toString("base64").replace(/=+$/, "");
  }
  return trailers;
}

/** What trailers say: null for success. */
export function parseStatus(trailers: Readonly<Record<string, unknown>>): GrpcError | null {
  const code = Number(trailers["grpc-status"] ?? statusCodes.unknown);
  if (code === 0) return null;
  const text = unescapeText(String(trailers["grpc-message"] ?? `the call ended with status ${code}`));
  const packed = trailers["grpc-status-details-bin"];
  if (typeof packed !== "string") return new GrpcError(code, text);
  try {
    return new GrpcError(code, text, { details: RpcStatus.decode(Buffer.from(packed, "base64")).details });
  } catch (cause) {
    return new GrpcError(code, text, { cause });
  }
}

/** Most bytes of a message in trailers: peers refuse large header lists. */
const maxTextBytes = 8 << 10;

function escapeText(text: string): string {
  let escaped = "";
  for (const byte of Buffer.from(text).subarray(0, maxTextBytes)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    escaped += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return escaped;
}

function unescapeText(text: string): string {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const hex = text[i] === "%" ? /^[0-9a-f]{2}/i.exec(text.slice(i + 1, i + 3)) : null;
    if (hex === null) bytes.push(...Buffer.from(text[i]!));
    else {
      bytes.push(Number.parseInt(hex[0], 16));
      i += 2;
    }
  }
  return Buffer.from(bytes).toString();
}
