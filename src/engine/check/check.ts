/** `system check`: everything that is kept, held against what it should be; with `repair`, put right where that is safe. */

import type { AuthConfig } from "../../api/system.ts";
import type { CheckLine } from "../../api/system-check.ts";
import type { Containers } from "../../containers/containers.ts";
import { containerRecords } from "../../containers/record.ts";
import type { Images } from "../../images/images.ts";
import { conflict } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import type { Snapshotter } from "../../snapshots/snapshotter.ts";
import type { Database } from "../../state/database.ts";
import { RecordStore } from "../../state/record-store.ts";
import type { Volumes } from "../../volumes/volumes.ts";
import { checkNetworks, checkVolumes } from "./check-records.ts";
import { CheckLines } from "./lines.ts";

export interface CheckSources {
  readonly db: Database;
  readonly images: Pick<Images, "check">;
  readonly containers: Pick<Containers, "check" | "isKnown" | "readers">;
  readonly volumes: Pick<Volumes, "inspect">;
  readonly snapshots: Pick<Snapshotter, "care">;
  /** False while what no record knows may belong to a database that was set aside. */
  readonly leftovers: boolean;
}

export interface CheckRequest {
  readonly repair: boolean;
  /** Credentials by the registry's domain. */
  readonly auths: ReadonlyMap<string, AuthConfig>;
}

export interface Checker {
  /** One check at a time: `conflict` while another one runs. Lines come as things are found; the last one sums up. */
  run(request: CheckRequest, op: Operation): AsyncGenerator<CheckLine>;
}

export function createChecker(sources: CheckSources): Checker {
  let running = false;
  return {
    run(request, op) {
      if (running) throw conflict("a check is already running");
      running = true;
      const lines = new CheckLines(request.repair);
      const work = check(sources, request, lines, op).finally(() => {
        running = false;
      });
      work.catch(() => {}); // its reader is told, who may have gone before the first line
      return lines.until(work);
    },
  };
}

async function check(sources: CheckSources, request: CheckRequest, lines: CheckLines, op: Operation): Promise<void> {
  const { db, images, containers, volumes, snapshots, leftovers } = sources;
  const imageTotals = await images.check(
    {
      authFor: (domain) => request.auths.get(domain),
      readersOf: (chainId, ids) => containers.readers(snapshots.care.readersOf(chainId), ids),
      isContainer: (id) => containers.isKnown(id),
      leftovers,
    },
    lines,
    op,
  );
  const containerCount = await containers.check(lines, { leftovers });
  const volumeCount = await checkVolumes(db, volumes, volumeUsers(db), lines, op);
  const networkCount = await checkNetworks(db, lines);
  lines.add({
    Summary: {
      Blobs: imageTotals.blobs,
      Bytes: imageTotals.bytes,
      Layers: imageTotals.layers,
      Images: imageTotals.images,
      Containers: containerCount,
      Volumes: volumeCount,
      Networks: networkCount,
      Found: lines.found,
      Repaired: lines.repaired,
    },
  });
}

/** Local volumes that containers' records name, with those containers. */
function volumeUsers(db: Database): ReadonlyMap<string, string[]> {
  const users = new Map<string, string[]>();
  for (const { name, mounts } of new RecordStore(db, containerRecords).list().records.values()) {
    for (const mount of mounts) {
      if (mount.type !== "volume" || mount.driver !== "local") continue;
      users.set(mount.name, [...(users.get(mount.name) ?? []), name]);
    }
  }
  return users;
}
