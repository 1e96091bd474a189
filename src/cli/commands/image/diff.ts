import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { shownText } from "../../../lib/byte-text.ts";
import { flag } from "../../../lib/flags.ts";
import { stringifyJson } from "../../../lib/json.ts";
import { defineCommand } from "../../command.ts";
import { diffConfigs } from "../../image/config-diff.ts";
import { configText, filesText } from "../../image/diff-text.ts";
import { diffTrees, lacksDigest } from "../../image/files-diff.ts";
import { filesOf, layersOf } from "../../image/layer-files.ts";
import { LayerTree } from "../../image/layer-tree.ts";

export const command = defineCommand({
  summary: "Show what differs between two images: files and configuration",
  usage: "IMAGE IMAGE",
  args: { min: 2, max: 2 },
  flags: { format: flag.string("How to print: json, or a Go template") },
  complete: "images",
  details:
    "A, D and C mark files that the second image adds, lacks and has changed: in type, mode, owner, size, content or the target of a link. Times are not compared.",
  async run(cli, { flags, args: [before = "", after = ""] }) {
    const compiled =
      flags.format === "" || flags.format === "json"
        ? null
        : (await import("../../format-template.ts")).compileFormat(flags.format);
    const client = await cli.client();
    const [was, is] = await layersOf(client, [before, after], "image diff");
    if (!was || !is) throw new Error("the daemon tells of fewer images than it was asked for");
    const differs = was.Layers.findIndex((layer, i) => layer.ChainID !== is.Layers[i]?.ChainID);
    const shared = differs < 0 ? was.Layers.length : differs;
    const lower = await filesOf(client, was.ID, { digestsFrom: shared });
    const upper = await filesOf(client, is.ID, { from: shared, digestsFrom: shared });
    const [left, right] = [new LayerTree(), new LayerTree()];
    for (const file of lower) {
      left.add(file);
      // The same object on both sides: what both have of one layer is not compared.
      if (file.Layer < shared) right.add(file);
    }
    for (const file of upper) right.add(file);
    let files = diffTrees(left, right);
    if (files.some(lacksDigest)) {
      // A file of a layer that both have, which one of the two has replaced by one as long.
      const read = await filesOf(client, was.ID, { digestsFrom: 0 });
      const digests = new Map(read.map(({ Layer, Path, Digest }) => [`${Layer}/${Path}`, Digest]));
      for (const file of lower) {
        const digest = digests.get(`${file.Layer}/${file.Path}`);
        if (digest !== undefined) file.Digest = digest;
      }
      files = diffTrees(left, right);
    }
    const inspected = [was.ID, is.ID].map((name) =>
      client.json<Record<string, unknown>>(to(paths.imageInspect, { name })),
    );
    const [wasConfig = {}, isConfig = {}] = await Promise.all(inspected);
    const config = diffConfigs(wasConfig, isConfig);
    if (flags.format !== "") {
      const found = {
        Before: was.ID,
        After: is.ID,
        SharedLayers: shared,
        Config: config.map(({ field, before: a, after: b }) => ({ Field: field, Before: a, After: b })),
        Files: files.map(({ path, kind, before: a, after: b, what }) => ({
          Path: `/${path}`,
          Kind: kind,
          Changes: what,
          Before: a,
          After: b,
        })),
      };
      cli.out(`${compiled ? compiled.execute(found) : stringifyJson(found)}\n`);
      return 0;
    }
    cli.out(`${shownText(before)} (${was.ID.slice(7, 19)}) -> ${shownText(after)} (${is.ID.slice(7, 19)})\n`);
    cli.out(configText(config));
    cli.out(filesText(files));
    return 0;
  },
});
