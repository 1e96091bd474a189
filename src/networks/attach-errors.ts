/** Failures of netd in dockerd's words. */
import { DhowError, kindOf, systemError } from "../lib/errors.ts";
import { NetdError } from "./netd-client.ts";

const bindReason = (code: string | undefined): string =>
  ({
    EADDRINUSE: "address already in use",
    EADDRNOTAVAIL: "cannot assign requested address",
    EACCES: "permission denied",
    EPROTONOSUPPORT: "SCTP is not supported by this kernel",
  })[code ?? ""] ?? `${code}`;

const prefix = "failed to set up container networking: ";

/** Why ports of a running container could not be published: as at a start, without what only a start says. */
export function translatePublish(error: unknown, containerName: string, endpointId: string): unknown {
  const translated = translateAttach(error, containerName, endpointId);
  if (!(translated instanceof DhowError) || !translated.message.startsWith(prefix)) return translated;
  return new DhowError(translated.kind, translated.message.slice(prefix.length), { cause: error });
}

/** Why a container's network could not be made; `endpointId` is that of the endpoint that publishes its ports. */
export function translateAttach(error: unknown, containerName: string, endpointId: string): unknown {
  if (error instanceof NetdError && error.bind) {
    const { host, port, ours } = error.bind;
    const where = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    const reason = ours
      ? `Bind for ${host}:${port} failed: port is already allocated`
      : `failed to bind host port for ${where}: ${bindReason(error.code)}`;
    return systemError(
      `${prefix}driver failed programming external connectivity on endpoint ${containerName} (${endpointId}): ${reason}`,
      { cause: error },
    );
  }
  if (error instanceof DhowError) return new DhowError(error.kind, prefix + error.message, { cause: error });
  return error instanceof NetdError ? systemError(prefix + error.message, { cause: error }) : error;
}

export function translate(error: unknown): unknown {
  return error instanceof NetdError && kindOf(error) === "internal"
    ? systemError(error.message, { cause: error })
    : error;
}
