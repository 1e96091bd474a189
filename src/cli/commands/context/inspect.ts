import { messageOf } from "../../../lib/errors.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { contextPaths, readContext } from "../../context-store.ts";
import { contextName, defaultAddress } from "../../daemon-address.ts";
import { inspectAll } from "../../inspect.ts";

export const command = defineCommand({
  summary: "Show everything known of contexts",
  usage: "[CONTEXT] [CONTEXT...]",
  args: { min: 0 },
  flags: { format: flag.string("How to print: json, or a Go template", { short: "f" }) },
  complete: "contexts",
  async run(cli, { flags, args }) {
    const names = args.length > 0 ? args : [contextName(cli.globals, await cli.config())];
    const fetch = async (name: string): Promise<string> => {
      if (name === "default") {
        const Host = process.env.DOCKER_HOST || defaultAddress(cli.name);
        const Storage = { MetadataPath: "<IN MEMORY>", TLSPath: "<IN MEMORY>" };
        return JSON.stringify({
          Name: name,
          Metadata: {},
          Endpoints: { docker: { Host, SkipTLSVerify: false } },
          TLSMaterial: {},
          Storage,
        });
      }
      const meta = await readContext(cli.configDir, name).catch((error: unknown) => {
        throw new ExitError(1, messageOf(error));
      });
      const paths = contextPaths(cli.configDir, name);
      return JSON.stringify({ ...meta, TLSMaterial: {}, Storage: { MetadataPath: paths.meta, TLSPath: paths.tls } });
    };
    return inspectAll(cli, names, flags.format, fetch, { escapeHtml: true });
  },
});
