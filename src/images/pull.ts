/** `pull`: resolve, fetch what is missing, unpack, record. Pulls of one thing share one job. */
import type { ProgressMessage, ProgressSink } from "../api/images.ts";
import { type Digest, parseDigest } from "../lib/digest.ts";
import { canceled, invalidArgument, isKind, notFound } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation, Timings } from "../lib/operation.ts";
import { formatPlatform, type Platform, parsePlatform } from "../lib/platform.ts";
import {
  familiarReference,
  familiarRepository,
  formatReference,
  isTag,
  parseReference,
  type Reference,
} from "../lib/reference.ts";
import { RegistryClient } from "../registry/client.ts";
import { mirrorsOf } from "../registry/mirrors.ts";
import type { RegistryOptions } from "../registry/transport.ts";
import { type Download, startDownload } from "./arrivals.ts";
import { otherPlatform } from "./check-platform.ts";
import type { DownloadEvent } from "./download.ts";
import { choose, type Fetching, fetchManifest } from "./fetch-manifest.ts";
import type { ImagesOptions, PullRequest } from "./images.ts";
import { checkMediaTypes, type Descriptor, maxManifestSize, parseConfig } from "./manifest.ts";
import { warningsOnce, warningTeller } from "./registry-warnings.ts";
import type { Arrival, Shelf } from "./shelf.ts";

interface Job {
  readonly listeners: Set<ProgressSink>;
  readonly past: Map<string, ProgressMessage>;
  readonly abort: AbortController;
  readonly done: Promise<Pulled>;
}

interface Pulled {
  /** Whether the name meant another image before, or none. */
  readonly isNew: boolean;
  readonly file: Arrival["file"];
}

type Pull = (request: PullRequest, progress: ProgressSink, op: Operation) => Promise<void>;

/** Makes the pull of one engine, which joins equal pulls. A job ends early when the last who waits for it leaves. */
export function createPuller(shelf: Shelf, options: ImagesOptions): Pull {
  const jobs = new Map<string, Job>();
  return async (request, told, op) => {
    op.signal.throwIfAborted();
    const target = pullTarget(request);
    const progress = warningsOnce(told);
    const isWhole = target.tag === null && target.digest === null;
    const tags = isWhole ? await allTags(target, options, request, op) : [target.tag];
    const pulled: Pulled[] = [];
    for (const tag of tags) pulled.push(await join(request, { ...target, tag }, progress, op));
    const came = pulled.some(({ isNew }) => isNew) ? "Downloaded newer image" : "Image is up to date";
    progress({ status: `Status: ${came} for ${shownName(target)}` });
    // A registry's only image is taken whatever platform was asked for.
    const [one] = pulled;
    const other = isWhole || !one ? null : otherPlatform(one.file, request.platform, shownName(target));
    if (other !== null) progress({ status: `WARNING: ${other}` });
  };

  async function join(
    request: PullRequest,
    reference: Reference,
    progress: ProgressSink,
    op: Operation,
  ): Promise<Pulled> {
    const platform = parsePlatform(request.platform);
    const key = JSON.stringify([formatReference(reference), formatPlatform(platform), request.auth ?? null]);
    let job = jobs.get(key);
    if (!job) {
      job = startJob(
        (tell, inner) => pullOne(shelf, options, { reference, platform, request }, tell, inner),
        op.timings,
      );
      jobs.set(key, job);
      const own = job;
      const forget = () => jobs.get(key) === own && jobs.delete(key);
      own.done.then(forget, forget);
    }
    for (const message of job.past.values()) progress(message);
    job.listeners.add(progress);
    const { promise: left, reject } = Promise.withResolvers<never>();
    const leave = () => reject(canceled("context canceled"));
    op.signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([job.done, left]);
    } finally {
      op.signal.removeEventListener("abort", leave);
      job.listeners.delete(progress);
      if (job.listeners.size === 0) {
        job.abort.abort();
        if (jobs.get(key) === job) jobs.delete(key);
      }
    }
  }
}

/** What a pull without a tag means. */
async function allTags(
  reference: Reference,
  options: ImagesOptions,
  request: PullRequest,
  op: Operation,
): Promise<string[]> {
  const { domain, path } = reference;
  const client = new RegistryClient({ domain, insecure: options.config.registry.insecure, auth: request.auth });
  const all = await client.tags(path, op.signal).catch((error) => {
    if (!isKind(error, "notFound") || error.message.startsWith("pull access denied")) throw error;
    throw notFound(`repository ${familiarRepository(reference)} not found: name unknown: ${error.message}`);
  });
  const tags = all.filter(isTag);
  if (tags.length === 0) throw notFound(`manifest for ${path} not found: the repository has no tags`);
  return tags;
}

/** What is pulled: with a digest, the tag says nothing. */
const meant = (reference: Reference): Reference =>
  reference.digest === null ? reference : { ...reference, tag: null };
const shownName = (reference: Reference): string => familiarReference(meant(reference));

function startJob(work: (tell: ProgressSink, op: Operation) => Promise<Pulled>, timings: Timings): Job {
  const listeners = new Set<ProgressSink>();
  const past = new Map<string, ProgressMessage>();
  const abort = new AbortController();
  const tell: ProgressSink = (message) => {
    past.set(message.id ?? `line ${past.size}`, message);
    for (const listener of listeners) listener(message);
  };
  // The work starts a turn later, so that whoever asked for it is listening to its first word.
  const done = Promise.resolve().then(() => work(tell, { signal: abort.signal, timings }));
  done.catch(() => {});
  return { listeners, past, abort, done };
}

function pullTarget(request: PullRequest): Reference {
  // Old clients ask for all tags with a colon and nothing after it.
  const reference = parseReference(request.fromImage.replace(/:$/, ""));
  if (request.tag === "") return reference;
  if (request.tag.includes(":")) return { ...reference, tag: null, digest: parseDigest(request.tag) };
  if (!isTag(request.tag)) throw invalidArgument("invalid tag format");
  return { ...reference, tag: request.tag };
}

interface Wanted {
  readonly reference: Reference;
  readonly platform: Platform;
  readonly request: PullRequest;
}

async function pullOne(
  shelf: Shelf,
  options: ImagesOptions,
  wanted: Wanted,
  tell: ProgressSink,
  op: Operation,
): Promise<Pulled> {
  const { reference, request } = wanted;
  const { domain } = reference;
  const { insecure, mirrors } = options.config.registry;
  const from = (mirror: Pick<RegistryOptions, "mirror">): Promise<Pulled> =>
    pullFrom(shelf, options, { domain, insecure, auth: request.auth, ...mirror }, wanted, tell, op);
  for (const mirror of mirrorsOf(domain, mirrors)) {
    try {
      return await from({ mirror });
    } catch (error) {
      if (op.signal.aborted || isKind(error, "resourceExhausted")) throw error;
    }
  }
  return from({});
}

async function pullFrom(
  shelf: Shelf,
  options: ImagesOptions,
  registry: RegistryOptions,
  { reference, platform }: Wanted,
  tell: ProgressSink,
  op: Operation,
): Promise<Pulled> {
  const client = new RegistryClient({ ...registry, onWarning: warningTeller(registry, tell, options.log) });
  const hold = shelf.hold();
  const fetched: Digest[] = [];
  let unplaced: Digest[] = [];
  const stop = new AbortController();
  const downloads: Download[] = [];
  try {
    const { path } = reference;
    const fetching: Fetching = { shelf, hold, client, path, platform, fetched, signal: op.signal };
    const wantedName = reference.digest ?? reference.tag ?? "latest";
    const target = await fetchManifest(fetching, wantedName).catch((error) => {
      if (isKind(error, "notFound") && !error.message.startsWith("pull access denied")) {
        throw notFound(`manifest for ${familiarReference(reference)} not found: manifest unknown: ${error.message}`);
      }
      throw error;
    });
    const id = reference.digest === null ? wantedName : formatReference(meant(reference));
    tell({ status: `Pulling from ${reference.path}`, id });
    const found = await choose(fetching, target);
    const { manifest } = found;
    checkMediaTypes(manifest);
    const named: Reference[] = [{ ...reference, tag: null, digest: target.digest }];
    if (reference.digest === null) named.push(reference);
    const known = shelf.catalog.namesOf(manifest.config.digest).map(formatReference);
    const isNew = !known.includes(formatReference(meant(reference)));
    const told = (): void => {
      tell({ status: `Digest: ${target.digest}` });
      shelf.catalog.emit("pull", shownName(reference), { name: familiarRepository(reference) });
    };
    const here = shelf.whole(manifest.config.digest);
    if (here) {
      shelf.catalog.add(here.id, { manifest: found.descriptor, target }, named);
      told();
      return { isNew, file: here.file };
    }
    if (manifest.config.size > maxManifestSize) throw invalidArgument("image config is too large");
    const wantedBlobs = [manifest.config, ...manifest.layers];
    for (const blob of wantedBlobs) {
      hold.lease.add(blob.digest);
      if (!shelf.content.has(blob.digest)) fetched.push(blob.digest);
    }
    const isHere = shelf.catalog.ids().includes(manifest.config.digest);
    const idOf = (blob: Descriptor): string => blob.digest.slice(7, 19);
    for (const layer of manifest.layers) {
      const hasLayer = shelf.content.has(layer.digest);
      // Of an image that is here nothing is told but what it lacks.
      if (isHere && hasLayer) continue;
      tell({ status: hasLayer ? "Already exists" : "Pulling fs layer", progressDetail: {}, id: idOf(layer) });
    }
    const { maxConcurrentDownloads, maxDownloadAttempts: attempts } = options.config;
    const limits = { parallel: Math.max(1, Math.min(maxConcurrentDownloads || 3, 16)), attempts };
    const signal = AbortSignal.any([op.signal, stop.signal]);
    const onEvent = (blob: Descriptor, event: DownloadEvent): void => {
      if (blob !== manifest.config) tellDownload(tell, idOf(blob), blob.size, event);
    };
    const coming = startDownload(shelf.content, registry, path, wantedBlobs, limits, onEvent, signal);
    downloads.push(coming);
    await coming.whole(manifest.config);
    failPoint("images.pull.config");
    const file = parseConfig(shelf.content.read(manifest.config.digest, maxManifestSize));
    await shelf.place(
      { id: manifest.config.digest, file, manifest, manifestDescriptor: found.descriptor, target, names: named },
      hold,
      op,
      (layer, state) => {
        if (state === "extracting")
          tell({ status: "Extracting", id: idOf(layer), progressDetail: { current: 0, total: layer.size } });
        if (state === "complete" || (state === "exists" && fetched.includes(layer.digest)))
          tell({ status: "Pull complete", progressDetail: {}, id: idOf(layer) });
      },
      coming,
    );
    await coming.ended;
    failPoint("images.pull.recorded");
    told();
    return { isNew, file };
  } catch (error) {
    stop.abort();
    for (const { ended } of downloads) await ended.catch(() => {});
    // What was interrupted is gone on with another time; what cannot become an image, or does not fit, is not kept for that.
    if (isKind(error, "resourceExhausted", "invalidArgument", "dataLoss")) {
      for (const digest of fetched) shelf.content.dropPartial(digest);
    }
    unplaced = [...hold.chains];
    throw error;
  } finally {
    hold[Symbol.dispose]();
    // Of a success, too: an image that was here keeps the manifest and the blobs it came with.
    await shelf.release(unplaced, fetched);
  }
}

/** What the stock client draws its bars from. */
function tellDownload(tell: ProgressSink, id: string, total: number, event: DownloadEvent): void {
  switch (event.event) {
    case "progress":
      tell({ status: "Downloading", id, progressDetail: { current: event.current, total } });
      break;
    case "verifying":
      tell({ status: "Verifying Checksum", id, progressDetail: {} });
      break;
    case "complete":
      tell({ status: "Download complete", id, progressDetail: {} });
      break;
    case "retrying":
      tell({ status: `Retrying in ${event.seconds} second${event.seconds > 1 ? "s" : ""}`, id, progressDetail: {} });
      break;
  }
}
