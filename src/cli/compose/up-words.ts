/** The flags of `compose up`. */
import { flag } from "../../lib/flags.ts";
import { createFlags } from "./create-flags.ts";
import { dryRunFlag } from "./globals.ts";

export const upFlags = {
  ...createFlags,
  ...dryRunFlag,
  "abort-on-container-exit": flag.bool("Stop all containers once one has ended"),
  "abort-on-container-failure": flag.bool("Stop all containers once one has failed"),
  "always-recreate-deps": flag.bool("Make the containers of dependencies anew"),
  attach: flag.list("Show the output of these services only", { kind: "stringArray" }),
  "attach-dependencies": flag.bool("Show the output of dependencies too"),
  detach: flag.bool("Leave the containers running and return", { short: "d" }),
  "exit-code-from": flag.string("Return the exit code of this service; stops all once it ends"),
  menu: flag.bool("Keys to steer a project in the foreground, on a terminal (COMPOSE_MENU=0 leaves them out)"),
  "no-attach": flag.list("Show no output of these services", { kind: "stringArray" }),
  "no-color": flag.bool("Use no colours"),
  "no-deps": flag.bool("Leave dependencies alone"),
  "no-log-prefix": flag.bool("Leave the containers' names away"),
  "no-start": flag.bool("Create only"),
  "quiet-build": flag.bool("Build without a word"),
  "renew-anon-volumes": flag.bool("Begin with new anonymous volumes", { short: "V" }),
  timeout: flag.int("Seconds to wait for a stop", { short: "t" }),
  timestamps: flag.bool("Print when each line was written"),
  wait: flag.bool("Return once all services run or are healthy; implies -d"),
  "wait-timeout": flag.int("Seconds that --wait may take"),
  watch: flag.bool("Follow the sources, as `compose watch` does", { short: "w" }),
};
