import { digestOf } from "../../../lib/digest.ts";
import { flag } from "../../../lib/flags.ts";
import { formatPlatform } from "../../../lib/platform.ts";
import { formatReference } from "../../../lib/reference.ts";
import { defineCommand } from "../../command.ts";
import { taggedReference } from "../../image/reference.ts";
import { fetchRaw } from "../../manifest/registry.ts";

interface Entry {
  readonly mediaType?: string;
  readonly digest?: string;
  readonly platform?: { readonly os?: string; readonly architecture?: string; readonly variant?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

export const command = defineCommand({
  summary: "Show what a name stands for in its registry",
  usage: "NAME",
  args: { min: 1, max: 1 },
  flags: {
    builder: flag.string("Another builder (there is one: default)"),
    debug: flag.bool("Accepted for compatibility", { short: "D" }),
    format: flag.string("Go template over .Name and .Manifest"),
    raw: flag.bool("The manifest as the registry has it"),
  },
  async run(cli, { flags, args: [name = ""] }) {
    const reference = taggedReference(name);
    const { bytes, mediaType } = await fetchRaw(cli, reference);
    if (flags.raw) {
      await cli.stdout.bytes(bytes);
      return 0;
    }
    const manifest = JSON.parse(bytes.toString("utf8")) as { readonly manifests?: readonly Entry[] };
    const shown = formatReference(reference);
    const digest = digestOf(bytes);
    if (flags.format !== "") {
      const { compileFormat } = await import("../../format-template.ts");
      const data = { Name: shown, Manifest: { ...manifest, mediaType, digest, size: bytes.length } };
      cli.out(
        `${flags.format === "json" ? JSON.stringify(data, null, 2) : compileFormat(flags.format).execute(data)}\n`,
      );
      return 0;
    }
    cli.out(`Name:      ${shown}\nMediaType: ${mediaType}\nDigest:    ${digest}\n`);
    if (!manifest.manifests) return 0;
    const repository = formatReference({ ...reference, tag: null, digest: null });
    const blocks = manifest.manifests.map((entry) => entryText(repository, entry));
    cli.out(`\nManifests:\n${blocks.join("\n")}`);
    return 0;
  },
});

function entryText(repository: string, { mediaType = "", digest = "", platform, annotations }: Entry): string {
  const { os = "", architecture = "", variant } = platform ?? {};
  const rows: (readonly [string, string])[] = [
    ["Name", `${repository}@${digest}`],
    ["MediaType", mediaType],
    ...(platform ? [["Platform", formatPlatform({ os, architecture, ...(variant && { variant }) })] as const] : []),
  ];
  const notes = Object.entries(annotations ?? {}).map(([key, value]) => `    ${key}: ${value}\n`);
  const text = rows.map(([key, value]) => `  ${`${key}:`.padEnd(11)}${value}\n`).join("");
  return notes.length === 0 ? text : `${text}  Annotations:\n${notes.join("")}`;
}
