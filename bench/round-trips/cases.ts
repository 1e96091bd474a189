/** What each client does with the source image (test/harness/round-trips.ts) at a registry, and what must be there afterwards. */
import type { Digest } from "../../src/lib/digest.ts";
import { blobsIn, checkWhole, manifestAt, type Source, sourceName } from "../../test/harness/round-trips.ts";
import { referenceSocket } from "../engines.ts";

export interface Trip {
  readonly host: string;
  readonly source: Source;
  /** Runs a shell script where the clients are, in an empty directory, `H` being the registry; its output. Throws when a command of it fails. */
  sh(script: string): Promise<string>;
  /** The same on this machine itself. */
  here(script: string): Promise<string>;
}

export interface Case {
  readonly client: string;
  readonly what: string;
  run(trip: Trip): Promise<void>;
}

function same(what: string, got: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: got ${a}, expected ${b}`);
}

function holds(what: string, text: string, part: string): void {
  if (!text.includes(part))
    throw new Error(`${what}: ${JSON.stringify(part)} is not in ${JSON.stringify(text.slice(0, 2000))}`);
}

/** These clients write manifests of their own over the same configuration and layers. */
async function sameContent({ host, source }: Trip, repository: string): Promise<void> {
  await checkWhole(host, repository, "1");
  same("blobs", blobsIn(await manifestAt(host, repository, "1")), blobsIn(source.amd64.bytes));
}

const docker = `docker -H unix://${referenceSocket}`;
const cosign = "COSIGN_PASSWORD= cosign";
const cosignFlags = "--allow-insecure-registry --allow-http-registry";

export const cases: readonly Case[] = [
  {
    client: "docker",
    what: "dockerd 28 pulls the list, and pushes the image of it",
    async run(trip) {
      const { host, source } = trip;
      await trip.here(`${docker} pull -q ${host}/${sourceName}`);
      const told = await trip.here(`${docker} image inspect -f '{{.Id}} {{.RepoDigests}}' ${host}/${sourceName}`);
      holds("image", told, blobsIn(source.amd64.bytes)[0] ?? "");
      holds("image", told, source.index);
      await trip.here(
        `${docker} tag ${host}/${sourceName} ${host}/docker/app:1; ${docker} push -q ${host}/docker/app:1`,
      );
      await trip.here(`${docker} rmi ${host}/docker/app:1 ${host}/${sourceName}`);
      await sameContent(trip, "docker/app");
    },
  },
  {
    client: "docker",
    what: "manifest create, annotate, push, inspect",
    async run(trip) {
      const { host } = trip;
      const list = `${host}/docker/list:1`;
      await trip.here(`docker manifest rm ${list} 2>/dev/null || true
docker manifest create --insecure ${list} ${host}/src/app:amd64 ${host}/src/app:arm64
docker manifest annotate ${list} ${host}/src/app:arm64 --variant v9`);
      const pushed = await trip.here(`docker manifest push --purge ${list}`);
      holds("digest", pushed, await checkWhole(host, "docker/list", "1"));
      holds("platform", await trip.here(`docker manifest inspect --insecure ${list}`), '"variant": "v9"');
    },
  },
  {
    client: "podman",
    what: "pulls, gzip and zstd, and pushes",
    async run(trip) {
      await trip.sh(`podman pull -q --tls-verify=false --platform linux/arm64 $H/${sourceName}
podman rmi -f $H/${sourceName}
podman pull -q --tls-verify=false $H/${sourceName}
podman push -q --tls-verify=false $H/${sourceName} $H/podman/app:1
podman rmi -f $H/${sourceName}`);
      await sameContent(trip, "podman/app");
    },
  },
  {
    client: "podman",
    what: "manifest create, add, push",
    async run({ host, sh }) {
      await sh(`podman manifest rm $H/podman/list:1 2>/dev/null || true
podman manifest create $H/podman/list:1
for a in amd64 arm64; do podman manifest add --tls-verify=false $H/podman/list:1 docker://$H/src/app:$a; done
podman manifest push --all --tls-verify=false $H/podman/list:1 docker://$H/podman/list:1
podman manifest rm $H/podman/list:1`);
      await checkWhole(host, "podman/list", "1");
    },
  },
  {
    client: "skopeo",
    what: "copies all platforms byte for byte, lists and deletes",
    async run({ host, source, sh }) {
      await sh(
        `skopeo copy -q --all --preserve-digests --src-tls-verify=false --dest-tls-verify=false docker://$H/${sourceName} docker://$H/skopeo/app:1`,
      );
      same("digest", await checkWhole(host, "skopeo/app", "1"), source.index);
      holds("tags", await sh("skopeo list-tags --tls-verify=false docker://$H/skopeo/app"), '"1"');
      await sh(
        "skopeo delete --tls-verify=false docker://$H/skopeo/app:1; ! skopeo inspect --tls-verify=false docker://$H/skopeo/app:1",
      );
    },
  },
  {
    client: "buildah",
    what: "builds on the image and pushes zstd layers",
    async run({ host, sh }) {
      const told = await sh(`c=$(buildah from -q --tls-verify=false $H/${sourceName})
echo built > built
buildah copy -q $c built /built
buildah commit -q $c localhost/round-trip:1
buildah push -q --tls-verify=false --compression-format zstd --digestfile digest localhost/round-trip:1 docker://$H/buildah/app:1
cat digest
buildah rm $c; buildah rmi localhost/round-trip:1 $H/${sourceName}`);
      holds("digest", told, await checkWhole(host, "buildah/app", "1"));
      holds("layers", (await manifestAt(host, "buildah/app", "1")).toString(), "tar+zstd");
    },
  },
  {
    client: "oras",
    what: "pushes an artifact and pulls it",
    async run({ host, sh }) {
      const told = await sh(`echo artifact > hello.txt
oras push --plain-http $H/oras/artifact:1 --artifact-type application/x-test hello.txt:text/plain
oras pull --plain-http -o out $H/oras/artifact:1; cmp out/hello.txt hello.txt`);
      holds("digest", told, await checkWhole(host, "oras/artifact", "1"));
    },
  },
  {
    client: "oras",
    what: "attaches, discovers, and copies with what is attached",
    async run({ host, source, sh }) {
      const attached = await sh(`echo '{}' > sbom.json
oras attach --plain-http $H/${sourceName} --artifact-type application/spdx+json sbom.json`);
      const digest = /Digest: (sha256:[0-9a-f]{64})/.exec(attached)?.[1] ?? "none";
      holds("source", await sh(`oras discover --plain-http $H/${sourceName}`), digest);
      await sh(`oras cp -r --from-plain-http --to-plain-http $H/${sourceName} $H/oras/app:1`);
      same("digest", await checkWhole(host, "oras/app", "1"), source.index);
      holds("copy", await sh("oras discover --plain-http $H/oras/app:1"), digest);
    },
  },
  {
    client: "cosign",
    what: "signs with a key, the signature referring to the image, and verifies",
    run: ({ sh, source }) =>
      signAndVerify(sh, source.amd64.digest, {
        sign: "--signing-config config.json",
        before: "cosign signing-config create --out config.json",
      }),
  },
  {
    client: "cosign",
    what: "the same with a tag for the signature",
    run: ({ sh, source }) =>
      signAndVerify(sh, source.arm64.digest, {
        sign: "--use-signing-config=false --new-bundle-format=false --tlog-upload=false",
        verify: "--new-bundle-format=false",
      }),
  },
];

async function signAndVerify(
  sh: Trip["sh"],
  digest: Digest,
  { before = "true", sign, verify = "" }: { before?: string; sign: string; verify?: string },
): Promise<void> {
  const verifying = `${cosign} verify --insecure-ignore-tlog ${verify} ${cosignFlags}`;
  const told = await sh(`mkdir other; ${before}
${cosign} generate-key-pair; (cd other; ${cosign} generate-key-pair)
${cosign} sign -y --key cosign.key ${sign} ${cosignFlags} $H/src/app@${digest}
${verifying} --key cosign.pub $H/src/app@${digest}
! ${verifying} --key other/cosign.pub $H/src/app@${digest}`);
  holds("verified", told, digest);
}
