import { messageOf } from "../../../lib/errors.ts";
import { defineCommand } from "../../command.ts";
import { taggedReference } from "../../image/reference.ts";
import { ManifestStore } from "../../manifest/store.ts";

export const command = defineCommand({
  summary: "Forget lists that are kept here",
  usage: "MANIFEST_LIST [MANIFEST_LIST...]",
  args: { min: 1 },
  flags: {},
  async run(cli, { args }) {
    const store = new ManifestStore(cli.configDir);
    let code = 0;
    for (const name of args) {
      try {
        const list = taggedReference(name);
        await store.existing(list);
        await store.remove(list);
      } catch (error) {
        cli.err(`${messageOf(error)}\n`);
        code = 1;
      }
    }
    return code;
  },
});
