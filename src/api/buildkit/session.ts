/** What a daemon asks of a client during a build, besides files: over the session that the client opened. */
import { service } from "../../lib/grpc/service.ts";
import { many, map, message, one } from "../../lib/protobuf/message.ts";
import { BytesMessage } from "./types.ts";

/** Headers of `POST /session`, where the client becomes a gRPC server. */
export const sessionHeaders = {
  id: "X-Docker-Expose-Session-Uuid",
  name: "X-Docker-Expose-Session-Name",
  /** Equal for sessions whose files may be kept together. */
  sharedKey: "X-Docker-Expose-Session-Sharedkey",
  /** Once for each method that it answers, `/package.Service/Method`. */
  method: "X-Docker-Expose-Session-Grpc-Method",
} as const;

export const Auth = service("moby.filesync.v1.Auth", {
  Credentials: [
    message("moby.filesync.v1.CredentialsRequest", { host: one(1, "string") }),
    message("moby.filesync.v1.CredentialsResponse", { username: one(1, "string"), secret: one(2, "string") }),
  ],
  FetchToken: [
    message("moby.filesync.v1.FetchTokenRequest", {
      clientId: one(1, "string"),
      host: one(2, "string"),
      realm: one(3, "string"),
      service: one(4, "string"),
      scopes: many(5, "string"),
    }),
    message("moby.filesync.v1.FetchTokenResponse", {
      token: one(1, "string"),
      /** Seconds. */
      expiresIn: one(2, "size"),
      /** Seconds since the epoch. */
      issuedAt: one(3, "size"),
    }),
  ],
  GetTokenAuthority: [
    message("moby.filesync.v1.GetTokenAuthorityRequest", { host: one(1, "string"), salt: one(2, "bytes") }),
    message("moby.filesync.v1.GetTokenAuthorityResponse", { publicKey: one(1, "bytes") }),
  ],
  VerifyTokenAuthority: [
    message("moby.filesync.v1.VerifyTokenAuthorityRequest", {
      host: one(1, "string"),
      payload: one(2, "bytes"),
      salt: one(3, "bytes"),
    }),
    message("moby.filesync.v1.VerifyTokenAuthorityResponse", { signed: one(1, "bytes") }),
  ],
});

export const Secrets = service("moby.buildkit.secrets.v1.Secrets", {
  GetSecret: [
    message("moby.buildkit.secrets.v1.GetSecretRequest", { id: one(1, "string"), annotations: map(2, "string") }),
    message("moby.buildkit.secrets.v1.GetSecretResponse", { data: one(1, "bytes") }),
  ],
});

/** The header that names the agent that `ForwardAgent` is for. */
export const sshIdHeader = "buildkit.ssh.id";

export const SSH = service("moby.sshforward.v1.SSH", {
  CheckAgent: [
    message("moby.sshforward.v1.CheckAgentRequest", { id: one(1, "string") }),
    message("moby.sshforward.v1.CheckAgentResponse", {}),
  ],
  ForwardAgent: [BytesMessage, BytesMessage, "both"],
});

/** Something the client has read already, such as its standard input, under a path of its own. */
export const Upload = service("moby.upload.v1.Upload", { Pull: [BytesMessage, BytesMessage, "both"] });
export const uploadHeaders = { path: "urlpath", host: "urlhost" } as const;

export const healthStates = { unknown: 0, serving: 1, notServing: 2, serviceUnknown: 3 } as const;

const HealthCheckRequest = message("grpc.health.v1.HealthCheckRequest", { service: one(1, "string") });
const HealthCheckResponse = message("grpc.health.v1.HealthCheckResponse", { status: one(1, "int32") });

export const Health = service("grpc.health.v1.Health", {
  Check: [HealthCheckRequest, HealthCheckResponse],
  Watch: [HealthCheckRequest, HealthCheckResponse, "response"],
});
