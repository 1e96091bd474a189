import type { ProgressMessage } from "../../../api/images.ts";
import { paths } from "../../../api/paths.ts";
import type { Client } from "../../../client/client.ts";
import { to } from "../../../client/route-call.ts";
import { type Digest, parseDigest } from "../../../lib/digest.ts";
import { flag } from "../../../lib/flags.ts";
import { isTerminal } from "../../../lib/terminal.ts";
import { humanSize } from "../../../lib/units.ts";
import { Cli } from "../../cli.ts";
import { defineCommand } from "../../command.ts";
import { layersOf } from "../../image/layer-files.ts";
import { platformQueries } from "../../image/platform.ts";
import { showProgress } from "../../image/progress.ts";
import { clientReference } from "../../image/reference.ts";
import { lackingOf, savedParts } from "../../image/transfer.ts";
import { isUnknownRoute } from "../../own-route.ts";

const redrawMs = 100;

export const command = defineCommand({
  summary: "Send images to another engine, without the layers that it has",
  usage: "IMAGE [IMAGE...] HOST",
  args: { min: 2 },
  flags: {
    platform: flag.string("Send this platform only, os[/arch[/variant]]"),
    quiet: flag.bool("Show no progress", { short: "q" }),
  },
  complete: "images",
  details:
    "HOST is an address (ssh://user@host, unix:///path, tcp://host:port) or the name of a context. A daemon that is not dhow's is sent the whole images.",
  async run(cli, { flags, args }) {
    const names = args.slice(0, -1).map(tagged);
    const host = args.at(-1) ?? "";
    const near = await cli.client();
    const far = await farClient(cli, host);
    const plan = await planOf(near, far, names);
    if (plan.missing !== null && !flags.quiet) cli.err(`${plan.missing}: whole images are sent\n`);
    const platforms = platformQueries(flags.platform);
    const { body } =
      plan.missing === null
        ? await savedParts(near, { Names: names, Platforms: platforms, Without: plan.without })
        : await near.stream(to(paths.imageSaveMany, {}, { names, platform: platforms }));
    const counter = new Counter(cli, plan.total, !flags.quiet && isTerminal(2));
    const messages = far.jsonStream<ProgressMessage>(to(paths.imageLoad, {}, { quiet: true, platform: platforms }), {
      headers: { "Content-Type": "application/x-tar" },
      body: counter.counted(body),
    });
    try {
      await showProgress(messages, cli.stdout, false);
    } finally {
      counter.clear();
      far.close();
    }
    if (!flags.quiet) cli.out(`Sent ${humanSize(counter.bytes)} to ${host}${plan.told}\n`);
    return 0;
  },
});

/** A repository alone means its tag `latest`, not all of its tags. */
function tagged(name: string): string {
  if (/^(sha256:)?[0-9a-f]{12,64}$/.test(name)) return name;
  const { tag, digest } = clientReference(name);
  return tag === null && digest === null ? `${name}:latest` : name;
}

/** A client of the engine at an address or of a context; none is started there. */
async function farClient(cli: Cli, host: string): Promise<Client> {
  const place = host.includes("://") ? { host: [host], context: "" } : { host: [], context: host };
  const far = new Cli(cli.name, { ...cli.globals, ...place });
  far.autostart = false;
  return far.client();
}

interface Plan {
  /** Layers that are not sent. */
  readonly without: Digest[];
  /** Why whole images are sent; `null` where they are not. */
  readonly missing: string | null;
  /** Bytes of the layers that are sent; 0 when nobody knows. */
  readonly total: number;
  /** What there is to tell about it. */
  readonly told: string;
}

async function planOf(near: Client, far: Client, names: readonly string[]): Promise<Plan> {
  const whole = (who: string): Plan => ({
    without: [],
    missing: `the ${who} daemon is not dhow's and cannot tell layers`,
    total: 0,
    told: "",
  });
  const images = await orUnknown(() => layersOf(near, names, "image send"));
  if (images === null) return whole("sending");
  const lacking = await orUnknown(() => lackingOf(far, images));
  if (lacking === null) return whole("receiving");
  const layers = [...new Map(images.flatMap(({ Layers }) => Layers.map(({ Blob }) => [Blob.digest, Blob]))).values()];
  const sent = layers.filter(({ digest }) => lacking.has(digest));
  const without = layers.map(({ digest }) => parseDigest(digest)).filter((digest) => !lacking.has(digest));
  const told = `: ${sent.length} of ${layers.length} layer${layers.length === 1 ? "" : "s"}, the rest was there`;
  const all = `: ${layers.length === 1 ? "its layer" : `all ${layers.length} layers`}`;
  return {
    without,
    missing: null,
    total: sent.reduce((sum, { size }) => sum + Number(size), 0),
    told: without.length === 0 ? all : told,
  };
}

async function orUnknown<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await call();
  } catch (error) {
    if (isUnknownRoute(error) || isUnknownRoute((error as { cause?: unknown }).cause)) return null;
    throw error;
  }
}

/** Counts what passes and draws how far it is. */
class Counter {
  readonly #cli: Cli;
  readonly #total: number;
  readonly #isWatched: boolean;
  #drawnAt = Number.NEGATIVE_INFINITY;
  bytes = 0;

  constructor(cli: Cli, total: number, isWatched: boolean) {
    this.#cli = cli;
    this.#total = total;
    this.#isWatched = isWatched;
  }

  async *counted(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    for await (const piece of body) {
      this.bytes += piece.length;
      await this.#draw();
      yield piece;
    }
  }

  clear(): void {
    if (Number.isFinite(this.#drawnAt)) this.#cli.err("\r\x1b[2K");
  }

  async #draw(): Promise<void> {
    const now = performance.now();
    if (!this.#isWatched || now - this.#drawnAt < redrawMs) return;
    this.#drawnAt = now;
    const of = this.#total > 0 ? ` of ${humanSize(Math.max(this.#total, this.bytes))}` : "";
    this.#cli.err(`\r\x1b[2KSending ${humanSize(this.bytes)}${of}`);
    await this.#cli.stderr.flush();
  }
}
