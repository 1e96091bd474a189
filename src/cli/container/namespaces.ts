/** Whose namespaces a container joins, checked as far as the client can. */
import type { HostConfig } from "../../api/host-config.ts";
import type { CreateFlags } from "./create-flags.ts";

type Modes = Pick<HostConfig, "CgroupnsMode" | "PidMode" | "UTSMode" | "UsernsMode">;

export function namespaceModes(flags: CreateFlags): Modes {
  const { cgroupns, pid, userns, uts } = flags;
  const ofContainer = pid.startsWith("container:") && pid !== "container:";
  if (pid !== "" && pid !== "host" && !ofContainer) throw new Error("--pid: invalid PID mode");
  if (uts !== "" && uts !== "host") throw new Error("--uts: invalid UTS mode");
  if (userns !== "" && userns !== "host") throw new Error("--userns: invalid USER mode");
  if (!["", "private", "host"].includes(cgroupns)) throw new Error("--cgroupns: invalid CGROUP mode");
  return { CgroupnsMode: cgroupns, PidMode: pid, UTSMode: uts, UsernsMode: userns };
}
