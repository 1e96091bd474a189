/** Projects that registries keep, `oci://host/repository:tag`, as `compose publish` puts them there. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ociPrefix } from "../../../compose/loader/remote.ts";
import { hexOf } from "../../../lib/digest.ts";
import { formatReference, type Reference } from "../../../lib/reference.ts";
import { RegistryClient } from "../../../registry/client.ts";
import type { Cli } from "../../cli.ts";
import { taggedReference } from "../../image/reference.ts";
import { failureWords, never, registryOptions } from "../../manifest/registry.ts";
import { artifactFiles, mainFile, projectIn } from "../artifact/files.ts";
import { keptFolder } from "./cache.ts";

const mostManifestBytes = 8 << 20;
/** Most bytes of one file. */
const mostFileBytes = 2 << 20;

/** Fetches the project that `resource` names; `insecure` lists registries that may be without TLS. */
export async function fetchOciFiles(cli: Cli, resource: string, insecure: readonly string[]): Promise<string> {
  const reference = taggedReference(resource.slice(ociPrefix.length));
  const shown = formatReference(reference);
  const options = await registryOptions(cli, reference, { insecure: insecure.includes(reference.domain) });
  const client = new RegistryClient(options);
  const found = await manifestOf(client, reference, reference.digest ?? reference.tag ?? "latest");
  const folder = await keptFolder(hexOf(found.digest), async (made) => {
    const project = projectIn(found.bytes, found.mediaType, shown);
    const { bytes } = project === null ? found : await manifestOf(client, reference, project);
    const read = (digest: `sha256:${string}`): Promise<Buffer> =>
      client.smallBlob(reference.path, digest, mostFileBytes, never);
    for (const [name, content] of await artifactFiles(bytes, shown, read)) {
      await writeFile(join(made, name), content, { mode: 0o600, flag: "wx" });
    }
  });
  return join(folder, mainFile);
}

async function manifestOf(
  client: RegistryClient,
  reference: Reference,
  tagOrDigest: string,
): ReturnType<RegistryClient["manifest"]> {
  try {
    return await client.manifest(reference.path, tagOrDigest, mostManifestBytes, never);
  } catch (error) {
    const shown = JSON.stringify(formatReference(reference));
    throw new Error(`failed to pull OCI resource ${shown}: ${failureWords(error)}`, { cause: error });
  }
}
