/** Images pinned to what their names stand for now. */
import type { DistributionInspect } from "../../api/images.ts";
import { paths } from "../../api/paths.ts";
import { to } from "../../client/route-call.ts";
import { mapValues } from "../../compose/loader/decode.ts";
import type { Project } from "../../compose/model/project.ts";
import type { Service } from "../../compose/model/service.ts";
import { messageOf } from "../../lib/errors.ts";
import { formatReference, parseReference, withDefaultTag } from "../../lib/reference.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";
import { registryAuthHeader } from "../image/auth.ts";

/** Asks the registries, through the daemon; a name with a digest stays as it is. */
export async function withImageDigests(cli: Cli, project: Project): Promise<Project> {
  const pinned = await Promise.all(
    Object.values(project.services).map(async (service): Promise<[string, Service]> => {
      if (!service.image) return [service.name, service];
      return [service.name, { ...service, image: await pinnedName(cli, service.image) }];
    }),
  );
  return { ...project, services: Object.fromEntries(pinned) };
}

async function pinnedName(cli: Cli, image: string): Promise<string> {
  const reference = parseReference(image);
  if (reference.digest !== null) return formatReference({ ...reference, tag: null });
  const name = formatReference(withDefaultTag(reference));
  try {
    const client = await cli.client();
    const found = await client.json<DistributionInspect>(to(paths.distributionInspect, { name }), {
      headers: await registryAuthHeader(cli, name),
    });
    return `${name}@${found.Descriptor.digest}`;
  } catch (error) {
    throw new ExitError(1, `failed to resolve digest for ${name}: ${messageOf(error)}`);
  }
}

/** Nothing but the images: an override file for the files that the project was made of. */
export function imagesOnly(project: Project): Project {
  const services = mapValues(
    project.services,
    ({ name, image }): Service => ({ name, command: null, entrypoint: null, ...(image && { image }) }),
  );
  return {
    ...project,
    name: "",
    services,
    networks: {},
    volumes: {},
    secrets: {},
    configs: {},
    models: {},
    extensions: {},
  };
}
