import { expect, test } from "bun:test";
import { descriptor, entries, isAttestation, pairs, pullSize, settings, steps } from "./browser/manifest.ts";
import { command, count, platform, platformOption, shortDigest, size, time } from "./browser/words.ts";

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const layer = (digit: string, bytes: number) => ({ mediaType: "application/x", digest: digest(digit), size: bytes });

test("steps() gives each layer to the command that made it, and leaves out none", () => {
  const manifest = { layers: [layer("a", 1), layer("b", 2), layer("c", 3)] };
  const history = [{ created_by: "ADD a" }, { created_by: "ENV x=1", empty_layer: true }, { comment: "imported" }];
  const found = steps(manifest, { history }).map((step) => [step.command, step.layer?.size ?? null]);
  expect(found).toEqual([
    ["ADD a", 1],
    ["ENV x=1", null],
    ["imported", 2],
    ["", 3],
  ]);
  expect(
    steps({ layers: [{ ...layer("a", 1), annotations: { "org.opencontainers.image.title": "f" } }] }, {}),
  ).toMatchObject([{ command: "f" }]);
  expect(steps({}, { history: [{ created_by: "ADD a" }] })).toEqual([{ command: "ADD a", layer: null }]);
});

test.each([null, [[]], "x", { manifests: null }, { layers: "x", config: [] }, { history: [null, 1] }])(
  "what is no manifest (%p) is empty and throws nothing",
  (value) => {
    const manifest = (value ?? {}) as Record<string, unknown>;
    expect(pullSize(manifest)).toBe(0);
    expect(entries(manifest)).toBeNull();
    expect(settings(manifest)).toEqual([]);
    expect(pairs(value)).toEqual(expect.any(Array));
    expect(() => steps(manifest, manifest)).not.toThrow();
  },
);

test("descriptor() takes no digest that would be another address", () => {
  expect(descriptor({ digest: "../../token", size: -1 })).toMatchObject({ digest: "", size: 0 });
  expect(descriptor({ digest: digest("a"), size: 5 })).toMatchObject({ digest: digest("a"), size: 5 });
});

test("entries() tells images from what is said about them", () => {
  const list = [{ ...layer("a", 1), platform: { os: "linux", architecture: "arm", variant: "v7" } }];
  const about = { ...layer("b", 1), annotations: { "vnd.docker.reference.type": "attestation-manifest" } };
  const found = entries({ manifests: [...list, about] }) ?? [];
  expect(found.map((entry) => [entry.platform, isAttestation(entry)])).toEqual([
    ["linux/arm/v7", false],
    ["", true],
  ]);
});

test.each([
  ['/bin/sh -c #(nop)  CMD ["sh"]', 'CMD ["sh"]'],
  ["/bin/sh -c make", "RUN make"],
  ["RUN /bin/sh -c make all # buildkit", "RUN make all"],
  ["|2 A=b C=d /bin/sh -c make", "RUN make"],
  ["COPY . / # buildkit", "COPY . /"],
])("command() shows %s as %s", (by, shown) => {
  expect(command(by)).toBe(shown);
});

test("sizes, digests, times and platforms are short", () => {
  expect([0, 999, 1000, 1234567, 5e9, 999999].map(size)).toEqual([
    "0 B",
    "999 B",
    "1 kB",
    "1.23 MB",
    "5 GB",
    "1000 kB",
  ]);
  expect(shortDigest(digest("a"))).toBe(`sha256:${"a".repeat(12)}`);
  expect([time("0001-01-01T00:00:00Z"), time("x"), time(5)]).toEqual(["", "", ""]);
  expect(time("2026-01-02T03:04:05Z")).toContain("2026");
  expect(platform({ os: "windows", architecture: "amd64", "os.version": "10.0" })).toBe("windows/amd64 10.0");
  expect([count(-1), count("1"), count(Number.NaN)]).toEqual([0, 0, 0]);
});

test("platformOption() puts nothing into a command line that a shell might read otherwise", () => {
  expect(platformOption("linux/arm64/v8")).toBe("--platform linux/arm64/v8 ");
  expect(platformOption("windows/amd64 10.0")).toBe("--platform windows/amd64 ");
  for (const hostile of ["", "linux", "linux/amd64;id", "linux/$(id)", "linux/a\nid", "-x/y", "a/-y"])
    expect(platformOption(hostile)).toBe("");
});
