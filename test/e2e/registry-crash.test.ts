/** Hardening, rows 152 and 157: the registry is killed at each durable step. What it acknowledged is there, nothing half is, and all goes on. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../harness/command.ts";
import { inRounds } from "../harness/crash.ts";
import { type FailingRegistry, startFailingRegistry } from "../harness/own-registry.ts";
import { digestOf, manifestType, RegistryCalls } from "../harness/registry-calls.ts";
import { type S3Server, startS3Server } from "../harness/s3-server.ts";

const pushPoints = [
  "registry.upload.owned",
  "registry.upload.written",
  "registry.upload.sealed",
  "registry.upload.placed",
  "registry.upload.dropped",
  "registry.manifest.stored",
  "registry.manifest.linked",
  "registry.manifest.referred",
  "registry.manifest.noted",
];
const filePoints = ["registry.files.written", "registry.files.written=kill@9", "registry.files.moved"];
const s3Points = ["begun", "part", "tail", "noted", "completed"].map((name) => `registry.s3.${name}`);
const collectPoints = [
  "registry.gc.marked",
  "registry.gc.removed",
  "registry.gc.removed=kill@2",
  "registry.gc.removed=kill@4",
  "registry.remove.untagged",
  "registry.remove.unreferred",
];
const armed = (point: string) => (point.includes("=") ? point : `${point}=kill`);
const cases = (points: readonly string[]) => inRounds(points.map((point) => [point, point] as const));

describe.each(["files", "S3"] as const)("on %s", (kind) => {
  let store: S3Server | undefined;
  let registry: FailingRegistry;
  let calls: RegistryCalls;
  let kept: { digest: string; body: string };
  beforeAll(async () => {
    store = kind === "S3" ? await startS3Server() : undefined;
    registry = await startFailingRegistry({ flags: store?.flags ?? [] });
    calls = new RegistryCalls(registry.host);
    kept = await calls.pushManifest("kept", "v1");
  });
  afterAll(async () => {
    await registry?.[Symbol.asyncDispose]();
    await store?.[Symbol.asyncDispose]();
  });

  /** Fails when an answer is no success; a death of the registry rejects. */
  const must = async (method: string, path: string, init: RequestInit = {}) => {
    const response = await calls.call(method, path, init);
    expect([method, path, Math.floor(response.status / 100)]).toEqual([method, path, 2]);
    return response;
  };
  const isWhole = async (name: string, digest: string): Promise<boolean> => {
    const response = await calls.call("GET", `/v2/${name}/blobs/${digest}`);
    if (response.status === 404) return false;
    expect([response.status, digestOf(new Uint8Array(await response.arrayBuffer()))]).toEqual([200, digest]);
    return true;
  };
  const expectKept = async () => {
    expect(await (await calls.call("GET", "/v2/kept/manifests/v1")).text()).toBe(kept.body);
    for (const text of ["{}", "layer of kept"]) expect(await isWhole("kept", digestOf(text))).toBe(true);
    if (kind === "files") expect(readdirSync(join(registry.root, "docker/registry/v2/_parts"))).toEqual([]);
  };

  /** A push that knows what has been acknowledged, and goes on there. */
  class Push {
    /** A part on S3, and a tail before it and behind it. */
    readonly bytes = randomBytes(10 << 20);
    readonly digest = digestOf(this.bytes);
    location = "";
    sent = 0;
    isBlobThere = false;
    isManifestThere = false;

    constructor(readonly name: string) {}

    get manifest(): string {
      const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest: digestOf("{}"), size: 2 };
      const layer = {
        mediaType: "application/vnd.oci.image.layer.v1.tar",
        digest: this.digest,
        size: this.bytes.length,
      };
      const subject = { mediaType: manifestType, digest: kept.digest, size: kept.body.length };
      return JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers: [layer], subject });
    }

    async goOn(): Promise<void> {
      if (!this.isBlobThere) await this.#sendBlob();
      await must("POST", `/v2/${this.name}/blobs/uploads/?digest=${digestOf("{}")}`, { body: "{}" });
      const headers = { "content-type": manifestType };
      await must("PUT", `/v2/${this.name}/manifests/v1`, { body: this.manifest, headers });
      this.isManifestThere = true;
    }

    async #sendBlob(): Promise<void> {
      if (this.location === "")
        this.location = (await must("POST", `/v2/${this.name}/blobs/uploads/`)).headers.get("location") ?? "";
      for (const end of [3 << 20, 9 << 20, this.bytes.length]) {
        if (end <= this.sent) continue;
        const headers = { "content-range": `${this.sent}-${end - 1}` };
        await must("PATCH", this.location, { body: this.bytes.subarray(this.sent, end), headers });
        this.sent = end;
      }
      await must("PUT", `${this.location}?digest=${this.digest}`);
      this.isBlobThere = true;
    }

    /** What was acknowledged is there, and what is there is whole; goes on where the registry is. */
    async expectAcknowledged(): Promise<void> {
      const isThere = await isWhole(this.name, this.digest);
      if (this.isBlobThere) expect(isThere).toBe(true);
      const tagged = await calls.call("GET", `/v2/${this.name}/manifests/v1`);
      if (this.isManifestThere) expect(tagged.status).toBe(200);
      if (tagged.status === 200) expect(await tagged.text()).toBe(this.manifest);
      if (this.isBlobThere || this.location === "") return;
      const status = await calls.call("GET", this.location);
      const [, last] = /^0-(\d+)$/.exec(status.headers.get("range") ?? "") ?? [];
      if (status.status === 204) {
        const arrived = last === "0" ? 0 : Number(last) + 1;
        expect(arrived).toBeGreaterThanOrEqual(this.sent === this.bytes.length ? 0 : this.sent);
        this.sent = arrived;
      }
      // A session that had all its bytes may have ended with them, and its acknowledgement alone be lost.
      if (status.status !== 204 || this.sent === 0) {
        if (this.sent > 0) expect(this.sent).toBe(this.bytes.length);
        this.location = "";
        this.sent = 0;
      }
    }
  }

  // What stands above the storage is the same on both.
  test.each(cases(kind === "S3" ? [...s3Points, "registry.upload.placed"] : [...pushPoints, ...filePoints]))(
    "hardening 152, 157: kill -9 of a push at %s",
    async (_, point, round) => {
      const push = new Push(`crash/${point.replace(/[^a-z0-9]+/g, "-")}-${round}`);
      registry.arm(armed(point));
      await expect(push.goOn()).rejects.toThrow();
      await registry.dead();
      const from = Date.now();
      await registry.start();
      expect(Date.now() - from).toBeLessThan(10_000);
      await expectKept();
      await push.expectAcknowledged();
      await push.goOn();
      await push.expectAcknowledged();
      const referrers = await (await calls.call("GET", `/v2/${push.name}/referrers/${kept.digest}`)).json();
      expect(referrers).toMatchObject({ manifests: [{ digest: digestOf(push.manifest) }] });
    },
    60_000,
  );

  test.concurrent.each(cases(kind === "S3" ? ["registry.gc.removed", "registry.remove.untagged"] : collectPoints))(
    "hardening 152, 157: kill -9 of a collection at %s",
    async (_, point) => {
      const root = mkdtempSync(join(tmpdir(), "dhow-registry-"));
      const prefix = store ? [...store.flags, "--s3-prefix", randomBytes(4).toString("hex")] : [];
      const serve = (flags: string[] = [], points = "") =>
        startFailingRegistry({ root, flags: [...prefix, ...flags], points });
      const subject = { mediaType: manifestType, digest: digestOf("nobody"), size: 6 };
      const pushed = async () => {
        await using registry = await serve();
        const calls = new RegistryCalls(registry.host);
        const live = await calls.pushManifest("live", "v1");
        const dead = await calls.pushManifest("dead", null, { subject });
        const stray = await calls.pushBlob("dead", "stray");
        return { live, dead, stray };
      };
      try {
        const { live, dead, stray } = await pushed();
        const flags = ["--gc-untagged", "--gc-grace", "400ms", "--gc-interval", "300ms"];
        await using collecting = await serve(flags, armed(point));
        await collecting.dead();
        await collecting.start();
        const calls = new RegistryCalls(collecting.host);
        const status = async (path: string) => (await calls.call("HEAD", `/v2/${path}`)).status;
        await until("the garbage to go", async () => {
          // What is asked for stays, so that it is asked for rarely.
          await Bun.sleep(1000);
          const found = [await status(`dead/manifests/${dead.digest}`), await status(`dead/blobs/${stray.digest}`)];
          return found.every((one) => one === 404);
        });
        const text = async (path: string) => (await calls.call("GET", `/v2/${path}`)).text();
        expect(await text("live/manifests/v1")).toBe(live.body);
        for (const layer of ["{}", "layer of live"]) expect(await text(`live/blobs/${digestOf(layer)}`)).toBe(layer);
        await collecting.kill9();
        // distribution#3743: what was collected can be pushed again, and pulled.
        expect((await pushed()).dead).toEqual(dead);
        await collecting.start();
        expect(await text(`dead/manifests/${dead.digest}`)).toBe(dead.body);
        expect(await text(`dead/blobs/${digestOf("layer of dead")}`)).toBe("layer of dead");
      } finally {
        rmSync(root, { recursive: true, force: true });
      }
    },
    60_000,
  );
});
