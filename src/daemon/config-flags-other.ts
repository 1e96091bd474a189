/** dockerd's flags that ask for what is not here: refused with the reason, or taken with a notice that they change nothing. */
import type { Flag, Flags } from "../lib/flags.ts";

type Kind = "bool" | "value";

const shape = (kind: Kind, help: string): Omit<Flag<string | undefined>, "parse"> => ({
  help,
  kind: kind === "bool" ? "" : "string",
  initial: undefined,
  hidden: true,
  ...(kind === "bool" && { bare: "true" }),
});

/** What asks for nothing, as a flag's text or as daemon.json's value. */
const nothing = ["", "[]", "{}"];

/** Giving it is an error that says why, never silence; `same` are the values that ask for what this engine does anyway. */
const refused = (kind: Kind, why: string, same: readonly string[] = []): Flag<string | undefined> => ({
  ...shape(kind, `Not supported: ${why}`),
  parse: (text) => {
    if ((kind === "bool" && text === "false") || nothing.includes(text) || same.includes(text)) return undefined;
    throw new Error(`not supported by this engine: ${why}`);
  },
});

/** Giving it is no error, for what it asks is so in any case or has no object here; the daemon's log says it. */
const inert = (kind: Kind, why: string): Flag<string | undefined> => ({
  ...shape(kind, why),
  parse: (text) => (kind === "bool" && text !== "true" && text !== "false" ? badBool(text) : text),
});

function badBool(text: string): never {
  throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

export const inertFlags = {
  containerd: inert("value", "there is no containerd"),
  "containerd-namespace": inert("value", "there is no containerd"),
  "containerd-plugins-namespace": inert("value", "there is no containerd"),
  experimental: inert("bool", "there are no experimental features"),
  "ip-forward-no-drop": inert("bool", "the policy of the FORWARD chain is never changed"),
  "live-restore": inert("bool", "containers always survive the daemon"),
  "network-control-plane-mtu": inert("value", "there is no swarm"),
  "raw-logs": inert("bool", "log lines are never coloured"),
  "userland-proxy-path": inert("value", "the proxy is part of the engine"),
} satisfies Flags;

const swarm = "there is no swarm";

export const refusedFlags = {
  "authorization-plugin": refused("value", "there are no plugins"),
  "cpu-rt-period": refused("value", "real-time scheduling is not there yet", ["0"]),
  "cpu-rt-runtime": refused("value", "real-time scheduling is not there yet", ["0"]),
  "cri-containerd": refused("bool", "there is no containerd"),
  "default-cgroupns-mode": refused("value", "the mode is private on cgroup v2 and host on v1; --cgroupns sets another"),
  "default-ipc-mode": refused("value", "the mode is private; --ipc sets another", ["private"]),
  "exec-opt": refused("value", "cgroups are managed by cgroupfs only", [
    "native.cgroupdriver=cgroupfs",
    '["native.cgroupdriver=cgroupfs"]',
  ]),
  feature: refused("value", "there are no features to switch"),
  "metrics-addr": refused("value", "there are no metrics yet"),
  "node-generic-resource": refused("value", swarm),
  rootless: refused("bool", "the daemon runs as root"),
  "selinux-enabled": refused("bool", "SELinux labels are not there yet"),
  "storage-opt": refused("value", "the storage drivers have no options"),
  "swarm-default-advertise-addr": refused("value", swarm),
  "userns-remap": refused("value", "user namespaces are not there yet"),
} satisfies Flags;

/** dockerd's keys of daemon.json that no flag has, and why they are refused. */
export const refusedKeys: Readonly<Record<string, string>> = {
  "network-diagnostic-port": "there is no diagnostic server",
  "swarm-raft-election-tick": swarm,
  "swarm-raft-heartbeat-tick": swarm,
};
