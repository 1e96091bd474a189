/** What a build's session answers: files, secrets, agents, credentials, uploads, and what comes back. */
import { connect } from "node:net";
import {
  encodedSuffix,
  exporterIdHeader,
  FileSend,
  FileSendBytes,
  FileSync,
  fileSyncHeaders,
  type Packet,
} from "../../api/buildkit/files.ts";
import {
  Auth,
  Health,
  healthStates,
  Secrets,
  SSH,
  sshIdHeader,
  Upload,
  uploadHeaders,
} from "../../api/buildkit/session.ts";
import type { BytesMessage } from "../../api/buildkit/types.ts";
import { type Bindings, bind, type ServerCall } from "../../lib/grpc/server.ts";
import { GrpcError, statusCodes } from "../../lib/grpc/status.ts";
import { type BlobStores, contentBindings } from "./content.ts";
import { readDirectory } from "./directory-source.ts";
import { receiveFiles } from "./receive-files.ts";
import { type FileSource, pieceBytes, sendFiles } from "./send-files.ts";

/** Somewhere the result of a build goes. */
export type ExportTarget =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "stream"; open(): Promise<ExportSink> };

export interface ExportSink {
  write(bytes: Uint8Array): Promise<void>;
  /** All of it is there. */
  close(): Promise<void>;
  /** It broke off: nothing half of it stays. */
  abort(): Promise<void>;
}

/** What a session offers; what is absent, is answered as unknown. */
export interface SessionOffers {
  /** Directories by the name that the builder asks for, `context` and `dockerfile` among them. */
  readonly files: Readonly<Record<string, string | FileSource>>;
  readonly secret: (id: string) => Uint8Array | null;
  /** Sockets of agents by id. */
  readonly ssh: Readonly<Record<string, string>>;
  readonly credentials: (host: string) => Promise<{ readonly username: string; readonly secret: string }>;
  /** Streams that the builder fetches, by the last part of their URL. */
  readonly uploads: Readonly<Record<string, AsyncIterable<Uint8Array>>>;
  /** By the exporter's place among those of the request. */
  readonly exports: readonly (ExportTarget | null)[];
  /** Directories of blobs: of caches, of layouts that are contexts, of layouts that a build writes. */
  readonly stores: BlobStores;
  /** Something failed on this side: its words say more than what the builder makes of them. */
  readonly failed: (error: Error) => void;
}

export function sessionBindings(offers: SessionOffers): Bindings {
  return new Map([
    ...bind(Health, { Check: () => ({ status: healthStates.serving }) }),
    ...bind(FileSync, { DiffCopy: (call) => telling(offers, () => sync(offers, call)) }),
    ...bind(Secrets, {
      GetSecret: ({ id }) => {
        const data = offers.secret(id);
        if (data === null) throw new GrpcError(statusCodes.notFound, `secret ${id} not found`);
        return { data };
      },
    }),
    ...bind(Auth, { Credentials: ({ host }) => offers.credentials(host) }),
    ...(Object.keys(offers.ssh).length === 0 ? [] : sshBindings(offers)),
    ...(Object.keys(offers.uploads).length === 0
      ? []
      : bind(Upload, { Pull: (call) => telling(offers, () => upload(offers, call)) })),
    ...exportBindings(offers),
    ...(Object.keys(offers.stores).length === 0 ? [] : contentBindings(offers.stores)),
  ]);
}

async function telling(offers: SessionOffers, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Error && !(error instanceof GrpcError)) offers.failed(error);
    throw error;
  }
}

type Call = Pick<ServerCall, "metadata">;

/** Values that are not plain ASCII come encoded, and a mark beside them says so. */
function metadataOf({ metadata }: Call, name: string): readonly string[] {
  const values = metadata.get(name) ?? [];
  return metadata.has(`${name}${encodedSuffix}`)
    ? values.map((value) => decodeURIComponent(value.replace(/\+/g, " ")))
    : values;
}

type PacketCall = ServerCall<typeof Packet.fields, typeof Packet.fields>;

async function sync(offers: SessionOffers, call: PacketCall): Promise<void> {
  const [name = ""] = metadataOf(call, fileSyncHeaders.directory);
  const from = Object.hasOwn(offers.files, name) ? offers.files[name] : undefined;
  if (from === undefined) throw new GrpcError(statusCodes.notFound, `no access allowed to dir ${JSON.stringify(name)}`);
  const filter = {
    include: metadataOf(call, fileSyncHeaders.include),
    exclude: metadataOf(call, fileSyncHeaders.exclude),
    follow: metadataOf(call, fileSyncHeaders.follow),
  };
  const [known] = metadataOf(call, fileSyncHeaders.known);
  await sendFiles(typeof from === "string" ? readDirectory(from, filter) : from, call, known);
}

const sshBindings = (offers: SessionOffers) =>
  bind(SSH, {
    CheckAgent: ({ id }) => {
      socketOf(offers, id);
      return {};
    },
    ForwardAgent: async (call) => {
      const socket = connect(socketOf(offers, metadataOf(call, sshIdHeader)[0] ?? "default"));
      const there = (async () => {
        for await (const { data } of call.requests) socket.write(data);
        socket.end();
      })();
      there.catch(() => socket.destroy());
      call.signal.addEventListener("abort", () => socket.destroy(), { once: true });
      for await (const data of socket) await call.send({ data: data as Uint8Array });
    },
  });

function socketOf({ ssh }: SessionOffers, id: string): string {
  const socket = ssh[id || "default"];
  if (socket === undefined) throw new GrpcError(statusCodes.notFound, `unset ssh forward key ${id}`);
  return socket;
}

type BytesCall = ServerCall<typeof BytesMessage.fields, typeof BytesMessage.fields>;

async function upload({ uploads }: SessionOffers, call: BytesCall): Promise<void> {
  const id = (metadataOf(call, uploadHeaders.path)[0] ?? "").replace(/^.*\//, "");
  const from = Object.hasOwn(uploads, id) ? uploads[id] : undefined;
  if (from === undefined) throw new GrpcError(statusCodes.notFound, `no upload ${JSON.stringify(id)}`);
  for await (const bytes of from) {
    for (let at = 0; at < bytes.length; at += pieceBytes)
      await call.send({ data: bytes.subarray(at, at + pieceBytes) });
  }
}

/** All exporters send by one method; which of them it is, they tell by their place. */
function exportBindings(offers: SessionOffers): ReturnType<typeof bind> {
  if (offers.exports.every((each) => each === null)) return [];
  const [[path, streams] = []] = bind(FileSendBytes, {
    DiffCopy: (call) => telling(offers, () => receiveStream(targetOf(offers, call), call)),
  });
  const [[, trees] = []] = bind(FileSend, {
    DiffCopy: (call) => telling(offers, () => receiveTree(targetOf(offers, call), call)),
  });
  if (!path || !streams || !trees) return [];
  if (offers.exports.every((each) => each?.kind !== "directory")) return [[path, streams]];
  if (offers.exports.every((each) => each?.kind !== "stream")) return [[path, trees]];
  throw new Error("a build gives either files in a directory or an archive, not both");
}

function targetOf({ exports }: SessionOffers, call: Call): ExportTarget {
  const [id] = metadataOf(call, exporterIdHeader);
  const target = id === undefined ? exports.find((each) => each !== null) : exports[Number(id)];
  if (!target) throw new GrpcError(statusCodes.notFound, "no destination for what is exported");
  return target;
}

async function receiveStream(target: ExportTarget, call: BytesCall): Promise<void> {
  if (target.kind !== "stream") throw new GrpcError(statusCodes.invalidArgument, "a stream came for a directory");
  const sink = await target.open();
  try {
    for await (const { data } of call.requests) await sink.write(data);
  } catch (error) {
    await sink.abort();
    throw error;
  }
  await sink.close();
}

async function receiveTree(target: ExportTarget, call: PacketCall): Promise<void> {
  if (target.kind !== "directory") throw new GrpcError(statusCodes.invalidArgument, "files came for a stream");
  await receiveFiles(target.path, call);
}
