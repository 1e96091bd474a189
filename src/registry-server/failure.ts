/** What the server refuses, in the distribution specification's codes (distribution-spec, "Error Codes"). */

/** Code -> status and the message that clients show. */
const codes = {
  BLOB_UNKNOWN: [404, "blob unknown to registry"],
  BLOB_UPLOAD_INVALID: [400, "blob upload invalid"],
  BLOB_UPLOAD_UNKNOWN: [404, "blob upload unknown to registry"],
  DIGEST_INVALID: [400, "provided digest did not match uploaded content"],
  MANIFEST_BLOB_UNKNOWN: [404, "blob unknown to registry"],
  MANIFEST_INVALID: [400, "manifest invalid"],
  MANIFEST_UNKNOWN: [404, "manifest unknown"],
  NAME_INVALID: [400, "invalid repository name"],
  NAME_UNKNOWN: [404, "repository name not known to registry"],
  PAGINATION_NUMBER_INVALID: [400, "invalid number of results requested"],
  RANGE_INVALID: [416, "invalid content range"],
  SIZE_INVALID: [413, "content is too large"],
  TAG_INVALID: [400, "manifest tag did not match URI"],
  UNAUTHORIZED: [401, "authentication required"],
  DENIED: [403, "requested access to the resource is denied"],
  UNSUPPORTED: [405, "the operation is unsupported"],
  TOOMANYREQUESTS: [429, "too many requests"],
  UNAVAILABLE: [503, "service unavailable"],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type FailureCode = keyof typeof codes;

/** A refusal; `detail` names what was wrong. `message` is said in place of the code's own. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly code: FailureCode;
  readonly detail: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: FailureCode,
    detail: unknown = null,
    headers: Readonly<Record<string, string>> = {},
    message: string = codes[code][1],
  ) {
    super(message);
    this.code = code;
    this.detail = detail;
    this.headers = headers;
  }

  get status(): number {
    return codes[this.code][0];
  }

  response(): Response {
    const { code, message, detail, status, headers } = this;
    return Response.json({ errors: [{ code, message, detail }] }, { status, headers });
  }
}
