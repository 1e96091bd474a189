/** Builds by `POST /build`, for daemons that do not speak BuildKit's protocol. */
import type { BuildResult } from "../../api/build.ts";
import type { ProgressMessage } from "../../api/images.ts";
import { paths } from "../../api/paths.ts";
import { to } from "../../client/route-call.ts";
import { splitPair } from "../../lib/flags.ts";
import { isTerminal } from "../../lib/terminal.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";
import { ulimit } from "../container/devices.ts";
import { registryConfigHeader } from "../image/auth.ts";
import { showProgress } from "../image/progress.ts";
import type { BuildFlags } from "./flags.ts";
import { buildArguments, platformsOf } from "./from-flags.ts";
import { directoryContext, isRemote, type SentContext, stdinContext } from "./tar-context.ts";

/** Answers the image's ID. */
export async function classicBuild(cli: Cli, context: string, flags: BuildFlags): Promise<string> {
  const quiet = flags.quiet || flags.progress === "quiet" || flags.progress === "none";
  if (flags.progress === "rawjson")
    throw new ExitError(1, "--progress rawjson needs BuildKit, which this daemon does not offer");
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
  return id;
}

async function openContext(context: string, file: string): Promise<SentContext> {
  if (isRemote(context))
    throw new ExitError(1, `building from ${context} needs BuildKit, which this daemon does not offer: fetch it first`);
  if (context !== "-") return await directoryContext(context, file);
  if (file === "-") throw new ExitError(1, "invalid argument: can't use stdin for both build context and dockerfile");
  return await stdinContext(file);
}

async function query(cli: Cli, flags: BuildFlags, dockerfile: string, quiet: boolean) {
  const [platform = "", ...more] = platformsOf(flags.platform);
  if (more.length > 0) throw new ExitError(1, "several platforms need BuildKit, which this daemon does not offer");
  return {
    dockerfile,
    t: flags.tag,
    extrahosts: flags["add-host"].join(","),
    q: quiet,
    nocache: flags["no-cache"],
    pull: flags.pull,
    squash: flags.squash,
    memory: flags.memory,
    memswap: flags["memory-swap"],
    cpushares: flags["cpu-shares"],
    cpuperiod: flags["cpu-period"],
    cpuquota: flags["cpu-quota"],
    cpusetcpus: flags["cpuset-cpus"],
    cpusetmems: flags["cpuset-mems"],
    cgroupparent: flags["cgroup-parent"],
    shmsize: flags["shm-size"],
    buildargs: JSON.stringify(await buildArguments(cli, flags["build-arg"])),
    labels: JSON.stringify(Object.fromEntries(flags.label.map((text) => splitPair(text)))),
    ulimits: flags.ulimit.length === 0 ? "" : JSON.stringify(flags.ulimit.map(ulimit)),
    networkmode: flags.network,
    platform,
    target: flags.target,
  };
}
