/**
 * `POST /build?version=2`: BuildKit's build of clients that open a session and do not know its control service, as Docker's up to
 * 22 without buildx. What the build tells goes as `moby.buildkit.trace` messages in the reply.
 */

import {
  BuildArgs,
  BuildCacheFrom,
  BuildLabels,
  BuildOutputs,
  type BuildResult,
  BuildUlimits,
} from "../../../api/build.ts";
import { StatusResponse } from "../../../api/buildkit/control.ts";
import type { ProgressSink } from "../../../api/images.ts";
import type { Routes } from "../../../api/routes.ts";
import { invalidArgument } from "../../../lib/errors.ts";
import type { Operation } from "../../../lib/operation.ts";
import type { Call } from "../../call.ts";
import { readQueryJson } from "../query-json.ts";
import { type FrontendRequest, Job } from "./jobs.ts";
import { Solve, type SolveParts } from "./solve.ts";

export type BuildQuery = Call<Routes["imageBuild"]>["query"];

export class SessionBuilds {
  readonly #parts: SolveParts;

  constructor(parts: SolveParts) {
    this.#parts = parts;
  }

  /** Resolves once the build is over and told of. */
  async build(query: BuildQuery, progress: ProgressSink, op: Operation): Promise<void> {
    if (query.session === "") throw invalidArgument("buildkit builds need a session: this request names none");
    const job = new Job(crypto.randomUUID(), query.session, [], op.signal);
    const telling = (async () => {
      for await (const update of job.progress.follow(op.signal)) {
        progress({ id: "moby.buildkit.trace", aux: Buffer.from(StatusResponse.encode(update)).toString("base64") });
      }
    })();
    let facts: ReadonlyMap<string, string>;
    try {
      const solve = await Solve.open(this.#parts, job, requestOf(query));
      facts = await solve.run({ exporters: exportersOf(query), cacheExports: [] });
    } finally {
      job.progress.end();
      await telling;
    }
    const id = facts.get("containerimage.config.digest");
    if (id !== undefined) progress({ id: "moby.image.id", aux: { ID: id } satisfies BuildResult });
  }
}

/** What the query says, as attributes of the frontend. */
function requestOf(query: BuildQuery): FrontendRequest {
  const attributes = new Map<string, string>();
  const set = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== "") attributes.set(name, value);
  };
  set("filename", query.dockerfile);
  set("target", query.target);
  set("platform", query.platform.toLowerCase());
  set("force-network-mode", query.networkmode === "default" ? "" : query.networkmode);
  set("cgroup-parent", query.cgroupparent);
  set("shm-size", query.shmsize ? String(query.shmsize) : "");
  // `name:address` here, `name=address` there.
  set(
    "add-hosts",
    query.extrahosts
      .split(",")
      .map((host) => host.replace(":", "="))
      .join(","),
  );
  set("image-resolve-mode", query.pull ? "pull" : "");
  if (query.nocache) attributes.set("no-cache", "");
  if (query.remote !== "client-session") set("context", query.remote);
  for (const [name, value] of Object.entries(readQueryJson("buildargs", BuildArgs, query.buildargs) ?? {})) {
    if (value !== null) attributes.set(`build-arg:${name}`, value);
  }
  for (const [name, value] of Object.entries(readQueryJson("labels", BuildLabels, query.labels) ?? {})) {
    attributes.set(`label:${name}`, value);
  }
  const ulimits = readQueryJson("ulimits", BuildUlimits, query.ulimits) ?? [];
  set("ulimit", ulimits.map(({ Name, Soft, Hard }) => `${Name}=${Soft}:${Hard}`).join(","));
  const references = readQueryJson("cachefrom", BuildCacheFrom, query.cachefrom) ?? [];
  const cacheImports = references.map((ref) => ({ type: "registry", attrs: new Map([["ref", ref]]) }));
  return { frontend: "dockerfile.v0", attributes, inputs: new Map(), cacheImports };
}

/** One, as this route has it; what it calls an image is kept under the names of the query. */
function exportersOf({ outputs, t }: BuildQuery): { type: string; attrs: ReadonlyMap<string, string> }[] {
  const wanted = readQueryJson("outputs", BuildOutputs, outputs) ?? [];
  if (wanted.length > 1) throw invalidArgument("multiple outputs not supported");
  const [{ Type, Attrs } = { Type: "moby", Attrs: {} }] = wanted;
  if (Type === "cacheonly") return [];
  const isImage = Type === "" || Type === "moby" || Type === "image";
  const names = t.filter((name) => name !== "").join(",");
  const attrs = new Map(Object.entries(isImage && names !== "" ? { ...Attrs, name: names } : Attrs));
  return [{ type: isImage ? "moby" : Type, attrs }];
}
