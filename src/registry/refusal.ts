/** What a registry's refusal and its silence are thrown as. */
import { DhowError, forbidden, notFound, systemError, unauthorized } from "../lib/errors.ts";
import { familiarRepository } from "../lib/reference.ts";
import type { Scope } from "./auth.ts";
import { RegistryAway } from "./away.ts";

/** What the registry itself said no to. */
export class RegistryRefusal extends DhowError {
  override readonly name = "RegistryRefusal";
  readonly status: number;
  /** The registry's word for why (`MANIFEST_UNKNOWN`) and its sentence; "" where it gave none. */
  readonly code: string;
  readonly detail: string;

  constructor(error: DhowError, answer: { readonly status: number; readonly code: string; readonly detail: string }) {
    super(error.kind, error.message);
    this.status = answer.status;
    this.code = answer.code;
    this.detail = answer.detail;
  }
}

/** No address of the registry answered. */
export class RegistryUnreachable extends RegistryAway {
  override readonly name = "RegistryUnreachable";
  /** True where somebody listens who does not speak TLS. */
  readonly speaksNoTls: boolean;

  constructor(message: string, cause: unknown) {
    super("system", message, { cause });
    this.speaksNoTls = codeOf(cause) === "EPROTO";
  }
}

/** The credentials had run out when a body was sent that cannot be sent again; they are new now, and what arrived of it is not known. */
export class CredentialsRenewed extends RegistryAway {
  override readonly name = "CredentialsRenewed";

  constructor() {
    super("unavailable", "registry asked for new credentials in the middle of an upload");
  }
}

/** The name of a failed system call's or handshake's error, where a thrown value has one. */
export const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code;

/** The error that an answer of the registry `domain` other than 2xx means, in dockerd's words. */
export function refusalOf(status: number, body: string, domain: string, scope: Scope | undefined): DhowError {
  const answer = { status, ...reasonIn(body) };
  const repository = scope ? familiarRepository({ domain, path: scope.path, tag: null, digest: null }) : "";
  const pushes = scope?.actions.includes("push") ?? false;
  const error = errorOf(answer, repository, pushes);
  return error instanceof RegistryAway ? error : new RegistryRefusal(error, answer);
}

/** The first of the errors that the body of a refusal tells (distribution-spec, "Error Codes"). */
function reasonIn(body: string): { code: string; detail: string } {
  const text = (value: unknown): string => (typeof value === "string" ? value.slice(0, 500) : "");
  try {
    const first = (JSON.parse(body) as { errors?: { code?: unknown; message?: unknown }[] }).errors?.[0];
    return { code: text(first?.code), detail: text(first?.message) };
  } catch {
    return { code: "", detail: "" };
  }
}

function errorOf(
  { status, detail }: { readonly status: number; readonly detail: string },
  repository: string,
  pushes: boolean,
): DhowError {
  const denied = pushes
    ? ""
    : `pull access denied for ${repository}, repository does not exist or may require 'docker login': `;
  const unknown = detail || "unauthorized: authentication required";
  if (status === 401) return pushes ? unauthorized(unknown) : notFound(`${denied}${unknown}`);
  if (status === 403) return forbidden(`${denied}denied: ${detail || "requested access to the resource is denied"}`);
  if (status === 404) return notFound(detail || "not found");
  if (status === 429) return new RegistryAway("system", `toomanyrequests: ${detail || "too many requests"}`);
  const unexpected = `received unexpected HTTP status: ${status}${detail ? `: ${detail}` : ""}`;
  return status >= 500 ? new RegistryAway("system", unexpected) : systemError(unexpected);
}
