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

/** Why a container's network could not be made; `endpointId` is that of the endpoint that publishes its ports. */
export function translateAttach(error: unknown, containerName: string, endpointId: string): unknown {
  const prefix = "failed to set up container networking: ";
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
