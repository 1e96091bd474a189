/** The record of a container whose own cannot be read. */
import { ContainerConfig } from "../api/containers.ts";
import { HostConfig } from "../api/host-config.ts";
import { parseWire } from "../api/wire.ts";
import { type ContainerRecord, freshState } from "./record.ts";

/** Stands for a row that cannot be read: it is listed as dead, says why, and can be removed. */
export function brokenRecord(id: string, reason: string): ContainerRecord {
  return {
    id,
    name: `broken_${id.slice(0, 12)}`,
    created: freshState.startedAt,
    path: "",
    args: [],
    config: parseWire(ContainerConfig, {}),
    hostConfig: parseWire(HostConfig, {}),
    endpoints: {},
    image: "",
    chainId: null,
    driver: "",
    mounts: [],
    runtime: "",
    apparmorProfile: "",
    restartCount: 0,
    manuallyStopped: true,
    state: { ...freshState, status: "dead", error: `the container's record is unreadable: ${reason}` },
  };
}
