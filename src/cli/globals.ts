/** The flags that stand before the command. */
import { type FlagValues, flag } from "../lib/flags.ts";

export const globalFlags = {
  config: flag.string("Directory of the client's configuration files", { complete: "files" }),
  context: flag.string("Context whose daemon to use; wins over DOCKER_HOST and the current context", {
    short: "c",
    complete: "contexts",
  }),
  debug: flag.bool("Say more about what is done", { short: "D" }),
  host: flag.list("Address of the daemon: unix://, tcp:// or ssh://", { short: "H" }),
  "log-level": flag.string('How much to log: "debug", "info", "warn", "error" or "fatal"', {
    short: "l",
    initial: "info",
  }),
  tls: flag.bool("Use TLS; --tlsverify implies it"),
  tlscacert: flag.string("Trust only certificates signed by this CA", { complete: "files" }),
  tlscert: flag.string("The client's certificate", { complete: "files" }),
  tlskey: flag.string("The client's private key", { complete: "files" }),
  tlsverify: flag.bool("Use TLS and verify the daemon's certificate"),
  version: flag.bool("Print the version and exit", { short: "v" }),
};

export type GlobalFlags = FlagValues<typeof globalFlags>;
