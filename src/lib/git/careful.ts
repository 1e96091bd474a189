/** How git is run on a repository that is somebody else's, whoever runs it. */
import { withoutCredentials } from "../url-credentials.ts";

/** For `-c`: no hooks or monitors, no protocols but http(s), ssh and git, no submodules unless asked for, and an end to waiting. */
export const carefulSettings = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "protocol.allow=never",
  ...["http", "https", "ssh", "git"].map((protocol) => `protocol.${protocol}.allow=always`),
  "http.lowSpeedLimit=1",
  "http.lowSpeedTime=60",
  "gc.auto=0",
  "maintenance.auto=false",
  "advice.detachedHead=false",
  "submodule.recurse=false",
];

/** The lines of git's standard error that say what is wrong, without credentials. */
export function complaint(stderr: string): string {
  const lines = withoutCredentials(stderr)
    .split("\n")
    .filter((line) => /^(fatal|error|remote|ssh|warning|Host|Permission|.*denied)/i.test(line));
  return lines.slice(-6).join("; ");
}
