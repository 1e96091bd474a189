/** `system df -v`: every object, as tables or by a template that sees them all. */
import type { SystemDataUsage } from "../../api/system.ts";
import { humanSize } from "../../lib/units.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";
import { containerListing } from "../container/listing.ts";
import { type Listing, printList } from "../format.ts";
import { type ImageRow, imageListing, imageRows } from "../image/listing.ts";
import { ago } from "../times.ts";
import { volumeListing } from "../volume/listing.ts";

type CacheRow = NonNullable<SystemDataUsage["BuildCache"]>[number];

const since = (time: string | undefined): string => (time ? ago(Date.parse(time) / 1000) : "");

function cacheListing(full: boolean): Listing<CacheRow> {
  return {
    typeName: "*formatter.buildCacheContext",
    quiet: "ID",
    columns: ["ID", "CacheType", "Size", "CreatedSince", "LastUsedSince", "UsageCount", "Shared"],
    fields: {
      CacheType: { header: "CACHE TYPE", value: (row) => row.Type },
      CreatedAt: { header: "CREATED AT", value: (row) => row.CreatedAt },
      CreatedSince: { header: "CREATED", value: (row) => since(row.CreatedAt) },
      Description: { header: "DESCRIPTION", value: (row) => row.Description ?? "" },
      ID: {
        header: "CACHE ID",
        value: (row) => (full ? row.ID : row.ID.slice(0, 12)) + (row.InUse ? "*" : ""),
      },
      InUse: { header: "IN USE", value: (row) => String(row.InUse) },
      LastUsedAt: { header: "LAST USED AT", value: (row) => row.LastUsedAt ?? "" },
      LastUsedSince: { header: "LAST USED", value: (row) => since(row.LastUsedAt ?? undefined) },
      Parent: { header: "PARENT", value: (row) => (row.Parents ?? []).join(", ") },
      Shared: { header: "SHARED", value: (row) => String(row.Shared) },
      Size: { header: "SIZE", value: (row) => humanSize(row.Size, 3) },
      UsageCount: { header: "USAGE", value: (row) => String(row.UsageCount) },
    },
  };
}

/** Each image once, under the first of its names. */
function imagesOnce(usage: SystemDataUsage): ImageRow[] {
  return (usage.Images ?? []).flatMap((image) => {
    const [row] = imageRows([image], false);
    return row ? [{ ...row, digest: "" }] : [];
  });
}

interface Parts {
  readonly images: readonly ImageRow[];
  readonly containers: NonNullable<SystemDataUsage["Containers"]>;
  readonly volumes: NonNullable<SystemDataUsage["Volumes"]>;
  readonly cache: readonly CacheRow[];
}

/** Prints all parts as `format` asks; a template is executed once, on all of them together. */
export async function printVerbose(cli: Cli, usage: SystemDataUsage, format: string): Promise<void> {
  const parts: Parts = {
    images: imagesOnce(usage),
    containers: (usage.Containers ?? []).map((each) => ({ ...each, SizeRootFs: 0 })),
    volumes: usage.Volumes ?? [],
    cache: usage.BuildCache ?? [],
  };
  if (format === "" || format === "table") await printTables(cli, parts);
  else if (format === "raw") await printRaw(cli, parts);
  else await printByTemplate(cli, parts, format);
}

async function printTables(cli: Cli, { images, containers, volumes, cache }: Parts): Promise<void> {
  cli.out("Images space usage:\n\n");
  await printList(cli, imageListing(false), images, {
    format: "",
    columns: ["Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers"],
  });
  cli.out("\nContainers space usage:\n\n");
  await printList(cli, containerListing(false), containers, {
    format: "",
    columns: ["ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names"],
  });
  cli.out("\nLocal Volumes space usage:\n\n");
  await printList(cli, volumeListing, volumes, { format: "", columns: ["Name", "Links", "Size"] });
  cli.out(`\nBuild cache usage: ${humanSize(cache.reduce((total, { Size }) => total + Size, 0))}\n\n`);
  await printList(cli, cacheListing(false), cache, { format: "" });
}

async function printRaw(cli: Cli, { images, containers, volumes }: Parts): Promise<void> {
  const typed = <T>(type: string, listing: Listing<T>): Listing<T> => {
    const full = `type: ${type}\n${listing.raw?.full ?? ""}`;
    return { ...listing, raw: { full, quiet: full } };
  };
  const options = { format: "raw" };
  await printList(cli, typed("Image", imageListing(true, true)), images, options);
  await printList(cli, typed("Container", containerListing(true, true)), containers, options);
  await printList(cli, typed("Volume", volumeListing), volumes, options);
}

async function printByTemplate(cli: Cli, parts: Parts, format: string): Promise<void> {
  const { compileFormat, listRefusal, viewFunctions, viewOf } = await import("../format-template.ts");
  const source = format === "json" ? "{{json .}}" : format.replace(/^table\s+/, "");
  const options = { rootType: "*formatter.diskUsageContext", functions: viewFunctions };
  const template = compileFormat(source, options, listRefusal);
  const views = <T>(listing: Listing<T>, rows: readonly T[]): object[] => rows.map((row) => viewOf(listing, row));
  const data = {
    Images: views(imageListing(true), parts.images),
    Containers: views(containerListing(true), parts.containers),
    Volumes: views(volumeListing, parts.volumes),
    BuildCache: views(cacheListing(true), parts.cache),
  };
  try {
    cli.out(template.execute(data));
  } catch (error) {
    throw new ExitError(1, error instanceof Error ? error.message : String(error));
  }
}
