import { defineCommand, ExitError } from "../../command.ts";
import { type ContextMeta, type ContextTls, refuseContextName, writeContext } from "../../context-store.ts";

/** No context needs more; an archive that claims more is refused. */
const maxBytes = 10 << 20;

export const command = defineCommand({
  summary: "Read a context from a tar archive",
  usage: "CONTEXT FILE|-",
  args: { min: 2, max: 2 },
  flags: {},
  async run(cli, { args: [name = "", path = ""] }) {
    await refuseContextName(cli.configDir, name);
    const bytes = path === "-" ? await new Response(Bun.stdin.stream()).bytes() : await Bun.file(path).bytes();
    if (bytes.length > maxBytes) throw new ExitError(1, "context archive is too large");
    const files = await new Bun.Archive(bytes).files();
    const text = await files.get("meta.json")?.text();
    if (text === undefined) throw new ExitError(1, "invalid context: no metadata found");
    const meta = JSON.parse(text) as ContextMeta;
    const tls: ContextTls = {};
    for (const part of ["ca", "cert", "key"] as const) {
      const found = files.get(`tls/docker/${part}.pem`);
      if (found) tls[part] = await found.text();
    }
    await writeContext(
      cli.configDir,
      { Name: name, Metadata: meta.Metadata ?? {}, Endpoints: meta.Endpoints ?? {} },
      tls,
    );
    cli.out(`${name}\n`);
    cli.err(`Successfully imported context ${JSON.stringify(name)}\n`);
    return 0;
  },
});
