/** What a build asks its client for, over the client's session. */
import type { Duplex } from "node:stream";
import { Auth, Secrets, SSH, sshIdHeader } from "../../api/buildkit/session.ts";
import type { AuthConfig } from "../../api/system.ts";
import { forbidden, isKind } from "../../lib/errors.ts";
import { bytePipe } from "../../lib/grpc/byte-pipe.ts";
import type { Operation } from "../../lib/operation.ts";
import type { SecretSource, SshSource } from "../request-sources.ts";
import type { ClientSession } from "./sessions.ts";

/** How long a client may take to look something up. A person may have to confirm it. */
const lookUpMs = 60_000;

/** Most bytes of a secret; BuildKit's own limit. */
export const maxSecretBytes = 500 << 10;

export function sessionSecrets(session: ClientSession): SecretSource {
  return {
    async read(id, op) {
      if (!session.serves(Secrets.GetSecret)) return null;
      const options = { signal: op.signal, deadlineMs: lookUpMs };
      try {
        const { data } = await session.client.call(Secrets.GetSecret, { id }, options);
        if (data.length > maxSecretBytes) throw forbidden(`invalid secret size ${data.length}`);
        return data;
      } catch (error) {
        if (isKind(error, "notFound")) return null;
        throw error;
      }
    },
  };
}

export function sessionSsh(session: ClientSession): SshSource {
  return {
    async has(id, op) {
      if (!session.serves(SSH.CheckAgent)) return false;
      try {
        await session.client.call(SSH.CheckAgent, { id }, { signal: op.signal, deadlineMs: lookUpMs });
        return true;
      } catch (error) {
        // A client says in many ways that it has no such agent; one that is gone says nothing.
        if (op.signal.aborted || session.gone.aborted) throw error;
        return false;
      }
    },
    connect: async (id, op) => agentConnection(session, id, op),
  };
}

function agentConnection({ client }: ClientSession, id: string, op: Operation): Duplex {
  const call = client.open(SSH.ForwardAgent, { metadata: new Map([[sshIdHeader, [id]]]), signal: op.signal });
  return bytePipe({
    incoming: call.responses,
    send: (message) => call.send(message),
    end: () => call.end(),
    close: () => void call[Symbol.asyncDispose](),
  });
}

const noCredentials: AuthConfig = {
  username: "",
  password: "",
  auth: "",
  email: "",
  serveraddress: "",
  identitytoken: "",
  registrytoken: "",
};

/** What Docker Hub is called by clients that look its credentials up. */
const hubAddress = "https://index.docker.io/v1/";

/** The client's credentials for a registry, as references name it; undefined where it has none. */
export async function sessionCredentials(
  session: ClientSession,
  registry: string,
  op: Operation,
): Promise<AuthConfig | undefined> {
  if (!session.serves(Auth.Credentials)) return undefined;
  const host = registry === "docker.io" ? hubAddress : registry;
  const options = { signal: op.signal, deadlineMs: lookUpMs };
  const { username, secret } = await session.client.call(Auth.Credentials, { host }, options);
  if (secret === "") return undefined;
  // A token stands without a name.
  return username === ""
    ? { ...noCredentials, identitytoken: secret, serveraddress: registry }
    : { ...noCredentials, username, password: secret, serveraddress: registry };
}
