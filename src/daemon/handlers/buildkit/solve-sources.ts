/** What a solve takes from its client's session, and gives to it. */
import { Readable } from "node:stream";
import type { CacheOptions, Exporter } from "../../../api/buildkit/control.ts";
import { Upload, uploadHeaders } from "../../../api/buildkit/session.ts";
import type { KeptContexts } from "../../../builder/context/kept-contexts.ts";
import type { CacheTransfer, Output } from "../../../builder/request-results.ts";
import {
  type ClientFiles,
  type Credentials,
  type MainContext,
  noSources,
  type WantedFiles,
} from "../../../builder/request-sources.ts";
import { sessionBlobs } from "../../../builder/session/client-blobs.ts";
import { openClientFile, sendDirectory } from "../../../builder/session/file-send.ts";
import { sessionFiles } from "../../../builder/session/file-sync.ts";
import type { ClientSession } from "../../../builder/session/sessions.ts";
import { sessionCredentials, sessionSecrets, sessionSsh } from "../../../builder/session/sources.ts";
import { invalidArgument, messageOf, notImplemented } from "../../../lib/errors.ts";
import type { Operation } from "../../../lib/operation.ts";
import type { Read } from "../../../lib/protobuf/message.ts";
import type { BuildProgress } from "./progress.ts";

type Attributes = ReadonlyMap<string, string>;

const plain = (attributes: Attributes): Record<string, string> => Object.fromEntries(attributes);

/** The client's directories, each transfer a vertex as BuildKit names it. */
export function clientFiles(
  session: ClientSession,
  kept: KeptContexts,
  attributes: Attributes,
  progress: BuildProgress,
): ClientFiles {
  const files = sessionFiles(session, kept);
  const dockerfile = attributes.get("filename") || "Dockerfile";
  const names: Readonly<Record<string, string>> = {
    context: attributes.get("contextkey") || "context",
    dockerfile: attributes.get("dockerfilekey") || "dockerfile",
  };
  return {
    layout: (store) => sessionBlobs(session, `oci:${store}`),
    async receive(name, wanted, op) {
      const own = names[name] ?? name;
      const { title, what } = describeTransfer(name, wanted, dockerfile);
      const vertex = progress.vertex(title, name === "dockerfile" ? "definition" : title).start();
      const status = vertex.status(`transferring ${what}:`);
      let bytes = 0;
      let toldAt = 0;
      const tell = (count: number): void => {
        bytes = count;
        if (performance.now() - toldAt < 100) return;
        toldAt = performance.now();
        status.move(count);
      };
      try {
        const received = await files.receive(own, wanted, tell, op);
        status.finish(bytes);
        vertex.finish();
        return received;
      } catch (error) {
        vertex.finish({ error: messageOf(error) });
        throw error;
      }
    },
  };
}

function describeTransfer(name: string, { follow }: WantedFiles, dockerfile: string): { title: string; what: string } {
  if (name === "dockerfile") {
    return { title: `[internal] load build definition from ${dockerfile}`, what: "dockerfile" };
  }
  if (name !== "context") return { title: `[context ${name}] load from client`, what: name };
  const isIgnoreFile = follow.length === 1 && follow[0] === ".dockerignore";
  return { title: isIgnoreFile ? "[internal] load .dockerignore" : "[internal] load build context", what: "context" };
}

/** Where clients put what they have read themselves. */
const uploadPrefix = "http://buildkit-session/";

export function mainContext(session: ClientSession | null, attributes: Attributes, op: Operation): MainContext {
  const address = attributes.get("context");
  if (address === undefined || address === "") {
    if (session === null) throw invalidArgument("the build has no context: neither a session nor an address");
    return { kind: "client" };
  }
  if (!address.startsWith(uploadPrefix)) return { kind: "remote", address };
  if (session === null) throw invalidArgument("the build's context needs a session");
  return { kind: "archive", tar: Readable.from(uploaded(session, address, op)) };
}

async function* uploaded({ client }: ClientSession, address: string, op: Operation): AsyncGenerator<Uint8Array> {
  const url = new URL(address);
  const metadata = new Map([
    [uploadHeaders.path, [url.pathname]],
    [uploadHeaders.host, [url.host]],
  ]);
  await using call = client.open(Upload.Pull, { metadata, signal: op.signal });
  call.end();
  for await (const { data } of call.responses) yield data;
}

/** Asked of the client once for each registry. */
export function sessionAuths(session: ClientSession | null, op: Operation): Credentials {
  const asked = new Map<string, ReturnType<typeof sessionCredentials>>();
  return {
    get(registry) {
      if (session === null) return undefined;
      const known = asked.get(registry) ?? sessionCredentials(session, registry, op);
      asked.set(registry, known);
      return known;
    },
  };
}

export const sourcesOf = (session: ClientSession | null): Pick<typeof noSources, "secrets" | "ssh"> =>
  session === null ? noSources : { secrets: sessionSecrets(session), ssh: sessionSsh(session) };

type Exporters = readonly Pick<Read<typeof Exporter>, "type" | "attrs">[];

/** The names of an exporter's image, as one attribute. */
const namesOf = (attrs: Attributes): string[] => (attrs.get("name") ?? "").split(",").filter((name) => name !== "");

/** Each exporter by its place: that is the number under which the client takes its output. */
export function outputsOf(
  exporters: Exporters,
  session: ClientSession | null,
  op: Operation,
): { readonly outputs: Output[]; readonly names: string[] } {
  const outputs = exporters.map(({ type, attrs }, number) => outputOf(type, attrs, number, session, op));
  const names = exporters
    .filter(({ type }) => type === "image" || type === "moby")
    .flatMap(({ attrs }) => namesOf(attrs));
  return { outputs, names };
}

function outputOf(
  type: string,
  attrs: Attributes,
  number: number,
  session: ClientSession | null,
  op: Operation,
): Output {
  const { name: _, ...unnamed } = plain(attrs);
  if (type === "moby" || type === "image") {
    const { push = "false", ...attributes } = unnamed;
    return { type: "image", push: push === "true" || push === "1", attributes };
  }
  if (session === null) throw invalidArgument(`output ${type} needs a session`);
  const attributes = plain(attrs);
  switch (type) {
    case "tar":
    case "oci":
    case "docker":
      return {
        type,
        attributes,
        open: async () => openClientFile(session, number, {}, op),
        ...(attributes.tar === "false" ? { blobs: sessionBlobs(session, "export") } : {}),
      };
    case "local": {
      const { mode: __, ...own } = attributes;
      return { type, attributes: own, receive: (directory) => sendDirectory(session, number, directory, op) };
    }
    default:
      throw notImplemented(`exporter ${JSON.stringify(type)} could not be found`);
  }
}

type CacheEntries = Read<typeof CacheOptions>["exports"];

export const cacheTransfers = (entries: CacheEntries): CacheTransfer[] =>
  entries.map(({ type, attrs }) => ({ type, attributes: plain(attrs) }));

/** A transfer with the directory that the client has for it. */
export function withDirectory(transfer: CacheTransfer, session: ClientSession | null): CacheTransfer {
  const { type, attributes } = transfer;
  const directory = attributes.dest ?? attributes.src;
  if (type !== "local" || session === null || directory === undefined) return transfer;
  return { ...transfer, blobs: sessionBlobs(session, `local:${directory}`) };
}
