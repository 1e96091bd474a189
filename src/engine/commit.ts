import type { ContainerConfig } from "../api/containers.ts";
import type { Containers } from "../containers/containers.ts";
import { mergeImageConfig } from "../containers/merge-config.ts";
import type { Images } from "../images/images.ts";
import type { Operation } from "../lib/operation.ts";
import type { Snapshotter } from "../snapshots/snapshotter.ts";

/** What `POST /commit` asks. */
export interface CommitRequest {
  readonly container: string;
  readonly repo: string;
  readonly tag: string;
  readonly comment: string;
  readonly author: string;
  /** Freezes the container while its files are read. */
  readonly pause: boolean;
  /** Dockerfile instructions. */
  readonly changes: readonly string[];
  /** Overrides of the container's configuration. */
  readonly config: ContainerConfig | null;
}

interface Parts {
  readonly containers: Containers;
  readonly images: Images;
  readonly snapshots: Snapshotter;
}

/** Makes an image of a container's writable layer and configuration; its id. */
export async function commitContainer(parts: Parts, request: CommitRequest, op: Operation): Promise<{ Id: string }> {
  const { containers, images, snapshots } = parts;
  const { record, running, committed } = containers.committable(request.container);
  const freeze = request.pause && running && record.state.status === "running";
  if (freeze) await containers.pause(record.id, op, { forNow: true });
  try {
    const image = await images.commit(
      {
        parent: record.image || null,
        config: configOf(record.config, request.config),
        author: request.author,
        comment: request.comment,
        repo: request.repo,
        tag: request.tag,
        createdBy: [record.path, ...record.args].join(" "),
        changes: request.changes,
        diff: () => snapshots.diffTar(record.id),
      },
      op,
    );
    committed({ imageID: image.id, imageRef: image.name, comment: request.comment });
    return { Id: image.id };
  } finally {
    if (freeze) await containers.unpause(record.id, op);
  }
}

/** What a client gave stands before the container's own, as a container's stands before its image's. */
function configOf(own: ContainerConfig, given: ContainerConfig | null): ContainerConfig {
  return given ? { ...mergeImageConfig(given, own), OnBuild: given.OnBuild } : own;
}
