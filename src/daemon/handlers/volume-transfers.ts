import type { Readable } from "node:stream";
import type { Volume } from "../../api/volumes.ts";
import type { Operation } from "../../lib/operation.ts";
import type { Handlers } from "../call.ts";
import { ignore } from "./ignore.ts";

/** What the routes of volumes need that Docker does not have. */
export interface VolumeTransfersBackend {
  rename(name: string, to: string, op: Operation): Promise<void>;
  clone(name: string, to: string, options: { snapshot: boolean }, op: Operation): Promise<Volume>;
  export(name: string, op: Operation): Promise<Readable>;
  import(name: string, labels: Readonly<Record<string, string>>, tar: Readable, op: Operation): Promise<Volume>;
}

/** Handlers of those routes. */
export function volumeTransferHandlers(volumes: VolumeTransfersBackend) {
  return {
    volumeRename: async ({ params, query, op }) => ignore(volumes.rename(params.name, query.name, op)),
    volumeClone: async ({ params, query, op }) =>
      volumes.clone(params.name, query.name, { snapshot: query.snapshot }, op),
    volumeExport: async ({ params, op }) => ({
      type: "application/x-tar",
      stream: await volumes.export(params.name, op),
    }),
    volumeImport: async ({ params, query, input, op }) => volumes.import(params.name, labelsOf(query.label), input, op),
  } satisfies Partial<Handlers>;
}

/** `key=value` words, or `key` for an empty value. */
function labelsOf(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf("=");
      return at === -1 ? [word, ""] : [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}
