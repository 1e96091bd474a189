/** Hardening, row 151: collections one after the other, while clients push, lend, delete and refer. `DHOW_GC_SECONDS=3600` makes it an hour. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { slowness } from "../harness/command.ts";
import { freePort, type OwnRegistry, startOwnRegistry } from "../harness/own-registry.ts";
import { digestOf, manifestType, RegistryCalls } from "../harness/registry-calls.ts";
import { type S3Server, startS3Server } from "../harness/s3-server.ts";

const seconds = Number(process.env.DHOW_GC_SECONDS || 4) * slowness;
const graceMs = 2000 * slowness;

describe.each([
  ["files", 20, 2, 20],
  // The stand-in walks the whole bucket for each list.
  ["S3", 3, 1, 300],
] as const)("on %s", (kind, fewestRounds, clientsOfAKind, pauseMs) => {
  let store: S3Server | undefined;
  let registry: OwnRegistry;
  let metrics: string;
  let calls: RegistryCalls;
  beforeAll(async () => {
    store = kind === "S3" ? await startS3Server() : undefined;
    metrics = `127.0.0.1:${await freePort()}`;
    const flags = ["--gc-interval", "1ms", "--gc-grace", `${graceMs}ms`, "--gc-untagged", "--metrics-addr", metrics];
    registry = await startOwnRegistry(...(store?.flags ?? []), ...flags);
    calls = new RegistryCalls(registry.host);
  });
  afterAll(async () => {
    await registry?.[Symbol.asyncDispose]();
    await store?.[Symbol.asyncDispose]();
  });

  const collected = async (what: string): Promise<number> => {
    const text = await (await fetch(`http://${metrics}/metrics`)).text();
    return Number(new RegExp(`^dhow_registry_gc_${what}_total (\\d+)$`, "m").exec(text)?.[1]);
  };
  const status = async (method: string, path: string, init: RequestInit = {}) => {
    const response = await calls.call(method, `/v2/${path}`, init);
    await response.arrayBuffer();
    return response.status;
  };
  /** As docker does it: what the registry says is there is not sent. */
  const send = async (name: string, text: string) => {
    const digest = digestOf(text);
    if ((await status("HEAD", `${name}/blobs/${digest}`)) === 404)
      expect(await status("POST", `${name}/blobs/uploads/?digest=${digest}`, { body: text })).toBe(201);
    return { mediaType: "application/vnd.oci.image.layer.v1.tar", digest, size: text.length };
  };
  const put = async (name: string, tag: string | null, layers: readonly object[], more: object = {}) => {
    const body = JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config: layers[0], layers, ...more });
    const init = { body, headers: { "content-type": manifestType } };
    const digest = digestOf(body);
    expect([name, await status("PUT", `${name}/manifests/${tag ?? digest}`, init)]).toEqual([name, 201]);
    return { mediaType: manifestType, digest, size: body.length };
  };
  const expectThere = async (name: string, manifest: string, layers: readonly { digest: string }[]) => {
    expect([name, await status("GET", `${name}/manifests/${manifest}`)]).toEqual([name, 200]);
    for (const { digest } of layers)
      expect([name, await status("GET", `${name}/blobs/${digest}`)]).toEqual([name, 200]);
  };
  const shared = (turn: number): string => `shared ${turn % 7}`;

  /** What each client does, over and over. */
  const turns: readonly ((name: string, turn: number) => Promise<void>)[] = [
    async function pushesAndDeletes(name, turn) {
      const layers = [await send(name, shared(turn)), await send(name, `${name} ${turn}`)];
      const { digest } = await put(name, "latest", layers);
      await expectThere(name, "latest", layers);
      if (turn % 3 === 0) expect(await status("DELETE", `${name}/manifests/${digest}`)).toBe(202);
    },
    async function pushesTheSameAgain(name, turn) {
      const layers = [await send(name, shared(turn)), await send(name, "always the same")];
      const { digest } = await put(name, null, layers);
      await expectThere(name, digest, layers);
    },
    async function mounts(name, turn) {
      await send("gc/lender", shared(turn));
      const digest = digestOf(shared(turn));
      const lent = await status("POST", `${name}/blobs/uploads/?mount=${digest}&from=gc/lender`);
      expect([201, 202]).toContain(lent);
      if (lent === 202) return;
      const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest, size: shared(turn).length };
      await put(name, `t${turn % 5}`, [layer]);
      await expectThere(name, `t${turn % 5}`, [layer]);
    },
    async function refers(name, turn) {
      const layers = [await send(name, shared(turn))];
      const subject = await put(name, "subject", layers, { annotations: { turn: String(turn) } });
      const signature = await put(name, null, [await send(name, `signature ${turn}`)], { subject });
      const referrers = await (await calls.call("GET", `/v2/${name}/referrers/${subject.digest}`)).json();
      expect(referrers).toMatchObject({ manifests: [{ digest: signature.digest }] });
      await expectThere(name, signature.digest, layers);
    },
  ];

  test("hardening 151: nothing that is used goes in collections under clients that push, lend, delete and refer", async () => {
    const kept = await calls.pushManifest("gc/kept", "v1");
    const until = Date.now() + seconds * 1000;
    let isEnough = false;
    const client = async (run: (typeof turns)[number], number: number) => {
      const name = `gc/${run.name.toLowerCase()}${number}`;
      for (let turn = 0; !isEnough; turn++) {
        await run(name, turn);
        // The collections are to come round, too.
        await Bun.sleep(pauseMs);
      }
    };
    const watch = async () => {
      for (const [what, fewest] of [
        ["rounds", fewestRounds],
        ["blobs", 1],
        ["manifests", 1],
      ] as const)
        while (Date.now() < until || (await collected(what)) < fewest) await Bun.sleep(100);
      isEnough = true;
    };
    const numbers = Array.from({ length: clientsOfAKind }, (_, number) => number);
    const clients = turns.flatMap((run) => numbers.map((number) => client(run, number)));
    await Promise.all([watch(), ...clients]).finally(() => {
      isEnough = true;
    });
    expect(await (await calls.call("GET", "/v2/gc/kept/manifests/v1")).text()).toBe(kept.body);
  }, 3_700_000);
});
