import { writeFile } from "node:fs/promises";
import type { BuildResult } from "../../../api/build.ts";
import type { ProgressMessage } from "../../../api/images.ts";
import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { type FlagValues, splitPair } from "../../../lib/flags.ts";
import { isTerminal } from "../../../lib/terminal.ts";
import type { Cli } from "../../cli.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { ulimit } from "../../container/devices.ts";
import { proxyVariables } from "../../container/proxies.ts";
import { registryConfigHeader } from "../../image/auth.ts";
import { directoryContext, isRemote, type SentContext, stdinContext } from "../../image/build-context.ts";
import { buildFlags, refuseUnbuilt } from "../../image/build-flags.ts";
import { showProgress } from "../../image/progress.ts";

export const command = defineCommand({
  summary: "Build an image from a Dockerfile",
  usage: "PATH | -",
  args: { min: 1, max: 1 },
  flags: buildFlags,
  async run(cli, { flags, changed, args: [context = ""] }) {
    refuseUnbuilt(changed, flags);
    if (!["auto", "plain", "quiet"].includes(flags.progress)) {
      throw new ExitError(1, `invalid progress mode ${flags.progress}: one of auto, plain, quiet`);
    }
    const quiet = flags.quiet || flags.progress === "quiet";
    const { tar, dockerfile } = await openContext(context, flags.file);
    const client = await cli.client();
    const messages = client.jsonStream<ProgressMessage>(
      to(paths.imageBuild, {}, await query(cli, flags, dockerfile, quiet)),
      {
        headers: { "Content-Type": "application/x-tar", ...(await registryConfigHeader(cli)) },
        body: tar,
      },
    );
    let id = "";
    await showProgress(messages, cli.stdout, isTerminal(1), (value) => {
      id = (value as BuildResult).ID;
    });
    if (flags.iidfile !== "") await writeFile(flags.iidfile, id);
    return 0;
  },
});

async function openContext(context: string, file: string): Promise<SentContext> {
  if (isRemote(context)) throw new ExitError(1, `building from ${context} is not supported yet: fetch it first`);
  if (context !== "-") return await directoryContext(context, file);
  if (file === "-") throw new ExitError(1, "invalid argument: can't use stdin for both build context and dockerfile");
  return await stdinContext(file);
}

async function query(cli: Cli, flags: FlagValues<typeof command.flags>, dockerfile: string, quiet: boolean) {
  const buildArgs = Object.fromEntries(flags["build-arg"].flatMap((text) => argument(text)));
  const { address } = await cli.daemon();
  for (const text of proxyVariables(await cli.config(), address, flags["build-arg"])) {
    const [name, value] = splitPair(text);
    buildArgs[name] ??= value;
  }
  return {
    dockerfile,
    t: flags.tag,
    extrahosts: flags["add-host"].join(","),
    q: quiet,
    nocache: flags["no-cache"],
    pull: flags.pull,
    memory: flags.memory,
    memswap: flags["memory-swap"],
    cpushares: flags["cpu-shares"],
    cpuperiod: flags["cpu-period"],
    cpuquota: flags["cpu-quota"],
    cpusetcpus: flags["cpuset-cpus"],
    cpusetmems: flags["cpuset-mems"],
    cgroupparent: flags["cgroup-parent"],
    shmsize: flags["shm-size"],
    buildargs: JSON.stringify(buildArgs),
    labels: JSON.stringify(Object.fromEntries(flags.label.map((text) => splitPair(text)))),
    ulimits: flags.ulimit.length === 0 ? "" : JSON.stringify(flags.ulimit.map(ulimit)),
    networkmode: flags.network,
    platform: flags.platform || process.env.DOCKER_DEFAULT_PLATFORM || "",
    target: flags.target,
  };
}

/** An argument without a value has the one of this process's environment, or none. */
function argument(text: string): [string, string][] {
  const [name, value] = splitPair(text);
  if (text.includes("=")) return [[name, value]];
  const own = process.env[name];
  return own === undefined ? [] : [[name, own]];
}
