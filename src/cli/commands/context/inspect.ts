import { messageOf } from "../../../lib/errors.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { contextOf } from "../../context-endpoint.ts";
import { contextPaths, tlsFileNames } from "../../context-store.ts";
import { contextName } from "../../daemon-address.ts";
import { inspectAll } from "../../inspect.ts";

const inMemory = { MetadataPath: "<IN MEMORY>", TLSPath: "<IN MEMORY>" };

export const command = defineCommand({
  summary: "Show everything known of contexts",
  usage: "[CONTEXT] [CONTEXT...]",
  args: { min: 0 },
  flags: { format: flag.string("How to print: json, or a Go template", { short: "f" }) },
  complete: "contexts",
  async run(cli, { flags, args }) {
    const names = args.length > 0 ? args : [contextName(cli.globals, await cli.config())];
    const fetch = async (name: string): Promise<string> => {
      const { meta, tls } = await contextOf(cli, name).catch((error: unknown) => {
        throw new ExitError(1, messageOf(error));
      });
      const files = tlsFileNames(tls);
      const { meta: MetadataPath, tls: TLSPath } = contextPaths(cli.configDir, name);
      return JSON.stringify({
        ...meta,
        // The description of `default` is for lists.
        ...(name === "default" && { Metadata: {} }),
        TLSMaterial: files.length > 0 ? { docker: files } : {},
        Storage: name === "default" ? inMemory : { MetadataPath, TLSPath },
      });
    };
    const types = { "": "context.contextWithTLSListing" };
    return inspectAll(cli, names, flags.format, fetch, { escapeHtml: true, types });
  },
});
