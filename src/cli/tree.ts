/** Every command by its paths, with a lazy import: no command pays for another's code. The first path is the full one. */
import type { Flags } from "../lib/flags.ts";
import type { Command } from "./command.ts";

export interface Entry {
  readonly paths: readonly string[];
  readonly load: () => Promise<{ command: Command }>;
}

/** The words that group commands, with the line help shows for each. */
export const groups: Readonly<Record<string, string>> = {
  builder: "Work with builds and their cache",
  buildx: "Build with BuildKit's protocol: several targets, several platforms",
  compose: "Define and run applications of several containers",
  container: "Work with containers",
  context: "Work with contexts (named daemons)",
  image: "Work with images",
  manifest: "Work with manifest lists: images of several platforms under one name",
  network: "Work with networks",
  system: "Look at and tidy the daemon",
  volume: "Work with volumes",
};

/** Flags that stand between a group's word and its command. */
export const groupFlags: Readonly<Record<string, () => Promise<Flags>>> = {
  compose: () => import("./compose/globals.ts").then(({ composeFlags }) => composeFlags),
};

/** The commands that root help shows first. */
export const commonCommands = [
  "run",
  "exec",
  "ps",
  "build",
  "pull",
  "push",
  "images",
  "login",
  "logout",
  "search",
  "version",
  "info",
];

export const entries: readonly Entry[] = [
  { paths: ["container attach", "attach"], load: () => import("./commands/container/attach.ts") },
  { paths: ["container commit", "commit"], load: () => import("./commands/container/commit.ts") },
  { paths: ["container cp", "cp"], load: () => import("./commands/container/cp.ts") },
  { paths: ["container create", "create"], load: () => import("./commands/container/create.ts") },
  { paths: ["container diff", "diff"], load: () => import("./commands/container/diff.ts") },
  { paths: ["container exec", "exec"], load: () => import("./commands/container/exec.ts") },
  { paths: ["container export", "export"], load: () => import("./commands/container/export.ts") },
  { paths: ["container inspect"], load: () => import("./commands/container/inspect.ts") },
  { paths: ["container kill", "kill"], load: () => import("./commands/container/kill.ts") },
  { paths: ["container logs", "logs"], load: () => import("./commands/container/logs.ts") },
  {
    paths: ["container ls", "container list", "container ps", "ps"],
    load: () => import("./commands/container/ls.ts"),
  },
  { paths: ["container pause", "pause"], load: () => import("./commands/container/pause.ts") },
  { paths: ["container port", "port"], load: () => import("./commands/container/port.ts") },
  { paths: ["container prune"], load: () => import("./commands/container/prune.ts") },
  { paths: ["container rename", "rename"], load: () => import("./commands/container/rename.ts") },
  { paths: ["container restart", "restart"], load: () => import("./commands/container/restart.ts") },
  { paths: ["container rm", "container remove", "rm"], load: () => import("./commands/container/rm.ts") },
  { paths: ["container run", "run"], load: () => import("./commands/container/run.ts") },
  { paths: ["container start", "start"], load: () => import("./commands/container/start.ts") },
  { paths: ["container stats", "stats"], load: () => import("./commands/container/stats.ts") },
  { paths: ["container stop", "stop"], load: () => import("./commands/container/stop.ts") },
  { paths: ["container top", "top"], load: () => import("./commands/container/top.ts") },
  { paths: ["container unpause", "unpause"], load: () => import("./commands/container/unpause.ts") },
  { paths: ["container update", "update"], load: () => import("./commands/container/update.ts") },
  { paths: ["container wait", "wait"], load: () => import("./commands/container/wait.ts") },
  {
    paths: ["image build", "builder build", "buildx build", "buildx b", "build"],
    load: () => import("./commands/image/build.ts"),
  },
  { paths: ["buildx bake", "buildx f", "bake"], load: () => import("./commands/buildx/bake.ts") },
  { paths: ["builder du", "buildx du"], load: () => import("./commands/builder/du.ts") },
  { paths: ["buildx inspect"], load: () => import("./commands/buildx/inspect.ts") },
  { paths: ["buildx imagetools create"], load: () => import("./commands/buildx/imagetools-create.ts") },
  { paths: ["buildx imagetools inspect"], load: () => import("./commands/buildx/imagetools-inspect.ts") },
  { paths: ["buildx ls"], load: () => import("./commands/buildx/ls.ts") },
  { paths: ["buildx version"], load: () => import("./commands/buildx/version.ts") },
  { paths: ["compose alpha viz"], load: () => import("./commands/compose/alpha-viz.ts") },
  { paths: ["compose attach"], load: () => import("./commands/compose/attach.ts") },
  { paths: ["compose build"], load: () => import("./commands/compose/build.ts") },
  { paths: ["compose commit"], load: () => import("./commands/compose/commit.ts") },
  { paths: ["compose config", "compose convert"], load: () => import("./commands/compose/config.ts") },
  { paths: ["compose cp"], load: () => import("./commands/compose/cp.ts") },
  { paths: ["compose create"], load: () => import("./commands/compose/create.ts") },
  { paths: ["compose down"], load: () => import("./commands/compose/down.ts") },
  { paths: ["compose events"], load: () => import("./commands/compose/events.ts") },
  { paths: ["compose exec"], load: () => import("./commands/compose/exec.ts") },
  { paths: ["compose export"], load: () => import("./commands/compose/export.ts") },
  { paths: ["compose images"], load: () => import("./commands/compose/images.ts") },
  { paths: ["compose kill"], load: () => import("./commands/compose/kill.ts") },
  { paths: ["compose logs"], load: () => import("./commands/compose/logs.ts") },
  { paths: ["compose ls"], load: () => import("./commands/compose/ls.ts") },
  { paths: ["compose pause"], load: () => import("./commands/compose/pause.ts") },
  { paths: ["compose port"], load: () => import("./commands/compose/port.ts") },
  { paths: ["compose ps"], load: () => import("./commands/compose/ps.ts") },
  { paths: ["compose pull"], load: () => import("./commands/compose/pull.ts") },
  { paths: ["compose publish", "compose alpha publish"], load: () => import("./commands/compose/publish.ts") },
  { paths: ["compose push"], load: () => import("./commands/compose/push.ts") },
  { paths: ["compose restart"], load: () => import("./commands/compose/restart.ts") },
  { paths: ["compose rm"], load: () => import("./commands/compose/rm.ts") },
  { paths: ["compose run"], load: () => import("./commands/compose/run.ts") },
  { paths: ["compose scale"], load: () => import("./commands/compose/scale.ts") },
  { paths: ["compose start"], load: () => import("./commands/compose/start.ts") },
  { paths: ["compose stats"], load: () => import("./commands/compose/stats.ts") },
  { paths: ["compose stop"], load: () => import("./commands/compose/stop.ts") },
  { paths: ["compose top"], load: () => import("./commands/compose/top.ts") },
  { paths: ["compose unpause"], load: () => import("./commands/compose/unpause.ts") },
  { paths: ["compose up"], load: () => import("./commands/compose/up.ts") },
  { paths: ["compose version"], load: () => import("./commands/compose/version.ts") },
  { paths: ["compose viz"], load: () => import("./commands/compose/viz.ts") },
  { paths: ["compose volumes"], load: () => import("./commands/compose/volumes.ts") },
  { paths: ["compose wait"], load: () => import("./commands/compose/wait.ts") },
  { paths: ["compose watch"], load: () => import("./commands/compose/watch.ts") },
  { paths: ["builder prune", "buildx prune"], load: () => import("./commands/builder/prune.ts") },
  { paths: ["image bootstrap"], load: () => import("./commands/image/bootstrap.ts") },
  { paths: ["image diff"], load: () => import("./commands/image/diff.ts") },
  { paths: ["image explore"], load: () => import("./commands/image/explore.ts") },
  { paths: ["image history", "history"], load: () => import("./commands/image/history.ts") },
  { paths: ["image import", "import"], load: () => import("./commands/image/import.ts") },
  { paths: ["image inspect"], load: () => import("./commands/image/inspect.ts") },
  { paths: ["image layers"], load: () => import("./commands/image/layers.ts") },
  { paths: ["image load", "load"], load: () => import("./commands/image/load.ts") },
  { paths: ["image ls", "image list", "images"], load: () => import("./commands/image/ls.ts") },
  { paths: ["image prune"], load: () => import("./commands/image/prune.ts") },
  { paths: ["image pull", "pull"], load: () => import("./commands/image/pull.ts") },
  { paths: ["image push", "push"], load: () => import("./commands/image/push.ts") },
  { paths: ["image rm", "image remove", "rmi"], load: () => import("./commands/image/rm.ts") },
  { paths: ["image save", "save"], load: () => import("./commands/image/save.ts") },
  { paths: ["image send"], load: () => import("./commands/image/send.ts") },
  { paths: ["image tag", "tag"], load: () => import("./commands/image/tag.ts") },
  { paths: ["image tree"], load: () => import("./commands/image/tree.ts") },
  { paths: ["manifest annotate"], load: () => import("./commands/manifest/annotate.ts") },
  { paths: ["manifest create"], load: () => import("./commands/manifest/create.ts") },
  { paths: ["manifest inspect"], load: () => import("./commands/manifest/inspect.ts") },
  { paths: ["manifest push"], load: () => import("./commands/manifest/push.ts") },
  { paths: ["manifest rm"], load: () => import("./commands/manifest/rm.ts") },
  { paths: ["network connect"], load: () => import("./commands/network/connect.ts") },
  { paths: ["network create"], load: () => import("./commands/network/create.ts") },
  { paths: ["network diagram"], load: () => import("./commands/network/diagram.ts") },
  { paths: ["network disconnect"], load: () => import("./commands/network/disconnect.ts") },
  { paths: ["network inspect"], load: () => import("./commands/network/inspect.ts") },
  { paths: ["network ls", "network list"], load: () => import("./commands/network/ls.ts") },
  { paths: ["network prune"], load: () => import("./commands/network/prune.ts") },
  { paths: ["network rm", "network remove"], load: () => import("./commands/network/rm.ts") },
  { paths: ["volume create"], load: () => import("./commands/volume/create.ts") },
  { paths: ["volume clone"], load: () => import("./commands/volume/clone.ts") },
  { paths: ["volume export"], load: () => import("./commands/volume/export.ts") },
  { paths: ["volume import"], load: () => import("./commands/volume/import.ts") },
  { paths: ["volume rename"], load: () => import("./commands/volume/rename.ts") },
  { paths: ["volume snapshot"], load: () => import("./commands/volume/snapshot.ts") },
  { paths: ["volume inspect"], load: () => import("./commands/volume/inspect.ts") },
  { paths: ["volume ls", "volume list"], load: () => import("./commands/volume/ls.ts") },
  { paths: ["volume prune"], load: () => import("./commands/volume/prune.ts") },
  { paths: ["volume rm", "volume remove"], load: () => import("./commands/volume/rm.ts") },
  { paths: ["system check"], load: () => import("./commands/system/check.ts") },
  { paths: ["system df"], load: () => import("./commands/system/df.ts") },
  { paths: ["system dial-stdio"], load: () => import("./commands/system/dial-stdio.ts") },
  { paths: ["system events", "events"], load: () => import("./commands/system/events.ts") },
  { paths: ["system gc"], load: () => import("./commands/system/gc.ts") },
  { paths: ["system info", "info"], load: () => import("./commands/system/info.ts") },
  { paths: ["system prune"], load: () => import("./commands/system/prune.ts") },
  { paths: ["context create"], load: () => import("./commands/context/create.ts") },
  { paths: ["context export"], load: () => import("./commands/context/export.ts") },
  { paths: ["context import"], load: () => import("./commands/context/import.ts") },
  { paths: ["context inspect"], load: () => import("./commands/context/inspect.ts") },
  { paths: ["context ls", "context list"], load: () => import("./commands/context/ls.ts") },
  { paths: ["context rm", "context remove"], load: () => import("./commands/context/rm.ts") },
  { paths: ["context show"], load: () => import("./commands/context/show.ts") },
  { paths: ["context update"], load: () => import("./commands/context/update.ts") },
  { paths: ["context use"], load: () => import("./commands/context/use.ts") },
  { paths: ["inspect"], load: () => import("./commands/inspect.ts") },
  { paths: ["login"], load: () => import("./commands/login.ts") },
  { paths: ["logout"], load: () => import("./commands/logout.ts") },
  { paths: ["search"], load: () => import("./commands/search.ts") },
  { paths: ["version"], load: () => import("./commands/version.ts") },
  { paths: ["completion"], load: () => import("./commands/completion.ts") },
  { paths: ["__complete"], load: () => import("./commands/complete.ts") },
];

/** The entry that the first words name, three at most. */
export function findEntry(words: readonly string[]): { entry: Entry; path: string; length: number } | null {
  const paths = [1, 2, 3].filter((length) => length <= words.length).map((length) => words.slice(0, length).join(" "));
  for (const entry of entries) {
    const path = paths.find((each) => entry.paths.includes(each));
    if (path !== undefined) return { entry, path, length: path.split(" ").length };
  }
  return null;
}

/** The word itself when it groups commands. */
export function groupOf(word: string): string | null {
  return Object.hasOwn(groups, word) ? word : null;
}
