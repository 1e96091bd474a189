/** The part of `system check` that is about volumes and networks: rows that cannot be read, and what they point at. */
import { existsSync } from "node:fs";
import type { CheckReport } from "../../images/check/report.ts";
import { isKind } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import { endpointKind, networkKind, sandboxKind } from "../../networks/record.ts";
import type { Database } from "../../state/database.ts";
import { RecordStore } from "../../state/record-store.ts";
import { localDriver, volumeRecords } from "../../volumes/record.ts";
import type { Volumes } from "../../volumes/volumes.ts";

/** Checks volumes and those that containers name; answers how many there are. */
export async function checkVolumes(
  db: Database,
  volumes: Pick<Volumes, "inspect">,
  /** Volume -> names of the containers that use it. */
  users: ReadonlyMap<string, readonly string[]>,
  report: CheckReport,
  op: Operation,
): Promise<number> {
  const { records, broken } = new RecordStore(db, volumeRecords).list();
  for (const { id, reason, newer } of broken) {
    const advice = newer
      ? "use the version of dhow that wrote it"
      : "its data is still there; removing the volume (dhow volume rm) takes both away";
    await report.finding({
      kind: "record",
      id,
      usedBy: users.get(id) ?? [],
      problem: `the volume's record is unreadable: ${reason}`,
      advice,
    });
  }
  for (const [name, { driver }] of records) {
    if (driver !== localDriver) continue;
    const mountpoint = await mountpointOf(volumes, name, op);
    if (mountpoint === null || existsSync(mountpoint)) continue;
    await report.finding({
      kind: "volume",
      id: name,
      usedBy: users.get(name) ?? [],
      problem: `its data directory ${mountpoint} is missing`,
      advice: "restore the directory, or remove the volume (dhow volume rm)",
    });
  }
  const known = new Set([...records.keys(), ...broken.map(({ id }) => id)]);
  for (const [name, containers] of users) {
    // It may have been made since the list was read.
    if (known.has(name) || (await mountpointOf(volumes, name, op)) !== null) continue;
    await report.finding({
      kind: "volume",
      id: name,
      usedBy: containers,
      problem: "it does not exist, though containers use it",
      advice: "make it (dhow volume create) and restore its data, or remove the containers",
    });
  }
  return records.size;
}

/** `null` for a volume that is not there. */
async function mountpointOf(volumes: Pick<Volumes, "inspect">, name: string, op: Operation): Promise<string | null> {
  try {
    return (await volumes.inspect(name, op)).Mountpoint;
  } catch (error) {
    if (isKind(error, "notFound")) return null;
    throw error;
  }
}

/** Checks networks, and endpoints that lead to none; answers how many networks there are. */
export async function checkNetworks(db: Database, report: CheckReport): Promise<number> {
  const { records, broken } = new RecordStore(db, networkKind).list();
  for (const { id, reason, newer } of broken) {
    await report.finding({
      kind: "record",
      id,
      problem: `the network's record is unreadable: ${reason}`,
      advice: newer ? "use the version of dhow that wrote it" : "the next start of the daemon drops it",
    });
  }
  const endpoints = new RecordStore(db, endpointKind).list();
  for (const { id, reason } of [...endpoints.broken, ...new RecordStore(db, sandboxKind).list().broken]) {
    await report.finding({
      kind: "record",
      id,
      problem: `the record of a container's connection is unreadable: ${reason}`,
      advice: "the next start of the daemon drops it; restart the container",
    });
  }
  const known = new Set([...records.keys(), ...broken.map(({ id }) => id)]);
  for (const { networkId, networkName, containerName } of endpoints.records.values()) {
    if (known.has(networkId)) continue;
    await report.finding({
      kind: "network",
      id: networkName,
      usedBy: [containerName],
      problem: "it does not exist, though a running container is connected to it",
      advice: "restart the container",
    });
  }
  return records.size;
}
