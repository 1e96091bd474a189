import { defineCommand } from "../../command.ts";
import { contextPaths, readContext } from "../../context-store.ts";
import { writeBody } from "../../save-file.ts";

export const command = defineCommand({
  summary: "Write a context to a tar archive",
  usage: "CONTEXT [FILE|-]",
  args: { min: 1, max: 2 },
  flags: {},
  complete: "contexts",
  async run(cli, { args: [name = "", file = `${name}.dockercontext`] }) {
    const meta = await readContext(cli.configDir, name);
    const { tls } = contextPaths(cli.configDir, name);
    const files: Record<string, string> = { "meta.json": JSON.stringify(meta) };
    for (const part of ["ca", "cert", "key"]) {
      const source = Bun.file(`${tls}/docker/${part}.pem`);
      if (await source.exists()) files[`tls/docker/${part}.pem`] = await source.text();
    }
    const bytes = await new Bun.Archive(files).bytes();
    const path = file === "-" ? "" : file;
    if (path && (await Bun.file(path).exists()))
      throw new Error(`cannot write to ${JSON.stringify(path)}: file exists`);
    async function* pieces(): AsyncGenerator<Uint8Array, void> {
      yield bytes;
    }
    await writeBody(cli, { path, what: "export context" }, async () => ({ body: pieces() }));
    if (path) cli.err(`Written file ${JSON.stringify(path)}\n`);
    return 0;
  },
});
