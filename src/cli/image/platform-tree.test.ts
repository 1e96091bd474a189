import { expect, test } from "bun:test";
import type { ImageManifestSummary, ImageSummary } from "../../api/images.ts";
import { platformTree } from "./platform-tree.ts";

/** A manifest of an index; attestations have no platform. */
function listed(
  hex: string,
  content: number,
  total: number,
  rest: Partial<ImageManifestSummary>,
): ImageManifestSummary {
  const digest = `sha256:${hex.repeat(64)}`;
  const Descriptor = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: 500 };
  return { ID: digest, Descriptor, Available: true, Kind: "image", Size: { Content: content, Total: total }, ...rest };
}

const platform = (architecture: string, variant?: string, Containers: string[] = []) => ({
  ImageData: {
    Platform: { os: "linux", architecture, ...(variant && { variant }) },
    Containers,
    Size: { Unpacked: 0 },
  },
});

function image(hex: string, names: string[], Created: number, Size: number, rest: Partial<ImageSummary>): ImageSummary {
  const plain = { ParentId: "", RepoDigests: [], SharedSize: -1, Labels: null, Containers: 0 };
  return { ...plain, Id: `sha256:${hex.repeat(64)}`, RepoTags: names, Created, Size, ...rest };
}

const images = [
  image("a", ["one:1"], 100, 1_982_264, {
    Manifests: [
      listed("1", 900_000, 2_900_000, platform("amd64")),
      listed("2", 0, 0, { Available: false, ...platform("arm", "v7") }),
      listed("3", 300, 300, { Kind: "attestation" }),
    ],
  }),
  image("b", ["two:1", "two:latest", "registry.example.com/a/long/name/of/two:latest"], 300, 5_000_000, {
    Manifests: [listed("4", 1000, 2000, platform("arm64", undefined, ["c1"]))],
  }),
  image("c", ["three:1"], 200, 777, { Containers: 2 }),
  image("d", [], 150, 12_345_678_901, {}),
];

// What docker 28.2 prints of the same answer.
const piped = `WARNING: This is an experimental feature. The output may change and shouldn't be depended on.
                                                              Info ->  U In Use 

IMAGE                           ID             DISK USAGE   CONTENT SIZE   EXTRA
registry.example.com/a/long/name/of/two:latest
two:latest
two:1                           bbbbbbbbbbbb          5MB            1kB   U    
└─ linux/arm64                  444444444444          2kB            1kB   U    

three:1                         cccccccccccc         777B             0B   U    

<untagged>                      dddddddddddd       12.3GB             0B        

one:1                           aaaaaaaaaaaa       1.98MB          900kB        
├─ linux/amd64                  111111111111        2.9MB          900kB        
└─ linux/arm/v7                 222222222222           0B             0B        

`;

test("every image has its names above, the shortest last, and its platforms below", () => {
  expect(platformTree(images, true, { width: 80, terminal: false })).toBe(piped);
});

test("an image without a name is shown only when it was asked for", () => {
  const [block = ""] = /<untagged>.*\n\n/.exec(piped) ?? [];
  expect(platformTree(images, false, { width: 80, terminal: false })).toBe(piped.replace(block, ""));
});

test("images without platforms stand close, under names as narrow as they are", () => {
  const plain = images.map(({ Manifests: _, ...rest }) => ({ ...rest, RepoTags: rest.RepoTags.slice(0, 1) }));
  const [, , , ...rows] = platformTree(plain, false, { width: 80, terminal: false }).split("\n");
  expect(rows).toEqual([
    "IMAGE     ID             DISK USAGE   CONTENT SIZE   EXTRA",
    "two:1     bbbbbbbbbbbb          5MB             0B        ",
    "three:1   cccccccccccc         777B             0B   U    ",
    "one:1     aaaaaaaaaaaa       1.98MB             0B        ",
    "",
  ]);
});

test("a narrow terminal has fewer columns and shorter names", () => {
  const text = Bun.stripANSI(platformTree(images, false, { width: 40, terminal: true }));
  const [, legend, , head, longest, , own, below] = text.split("\n");
  expect(legend).toBe("                   i Info →   U  In Use ");
  expect(head).toBe("IMAGE          ID             DISK USAGE");
  expect(longest).toBe("registry.example.com/a/long/name/of/two…");
  expect(own).toBe("two:1          bbbbbbbbbbbb          5MB");
  expect(below).toBe("└─ linux/ar…   444444444444          2kB");
});

test("a platform that is not here is faint on a terminal", () => {
  const lines = platformTree(images, false, { width: 80, terminal: true }).split("\n");
  const line = (start: string): string => lines.find((each) => each.includes(start)) ?? "";
  expect(line("linux/arm/v7")).toStartWith("\x1b[39m\x1b[2m└─ linux/arm/v7\x1b[0m");
  expect(line("linux/amd64")).toStartWith("\x1b[39m├─ linux/amd64\x1b[0m");
  expect(platformTree(images, true, { width: 80, terminal: false })).not.toContain("\x1b");
});
