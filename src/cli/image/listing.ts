/** The columns of `images`. */
import type { ImageSummary } from "../../api/images.ts";
import { humanSize } from "../../lib/units.ts";
import { shortId } from "../container/listing.ts";
import type { Listing } from "../format.ts";
import { ago, fullTime } from "../times.ts";

/** One line: an image under one of its names. */
export interface ImageRow {
  readonly image: ImageSummary;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

const none = "<none>";

function cut(name: string, separator: string): [string, string] {
  const at = name.lastIndexOf(separator);
  return [name.slice(0, at), name.slice(at + 1)];
}

/** Every image once for each tag; with `digests`, for each digest of its repository too. */
export function imageRows(images: readonly ImageSummary[], digests: boolean): ImageRow[] {
  return images.flatMap((image): ImageRow[] => {
    const tags = (image.RepoTags ?? []).filter((name) => name !== "<none>:<none>").map((name) => cut(name, ":"));
    const known = (image.RepoDigests ?? []).filter((name) => name !== "<none>@<none>").map((name) => cut(name, "@"));
    if (tags.length === 0 && known.length === 0) return [{ image, repository: none, tag: none, digest: none }];
    const rows: ImageRow[] = [];
    for (const [repository, tag] of tags) {
      const own = digests ? known.filter(([each]) => each === repository) : [];
      if (own.length === 0) rows.push({ image, repository, tag, digest: none });
      for (const [, digest] of own) rows.push({ image, repository, tag, digest });
    }
    for (const [repository, digest] of known) {
      if (tags.some(([each]) => each === repository)) continue;
      rows.push({ image, repository, tag: none, digest: digests ? digest : none });
      if (!digests) break;
    }
    return rows;
  });
}

/** `full`: nothing is cut. `digests`: they were asked for. */
export function imageListing(full: boolean, digests = false): Listing<ImageRow> {
  const digest = digests ? "digest: {{.Digest}}\n" : "";
  const raw = `repository: {{.Repository}}\ntag: {{.Tag}}\n${digest}image_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n`;
  return {
    raw: { full: raw, quiet: "image_id: {{.ID}}" },
    typeName: "*formatter.imageContext",
    quiet: "ID",
    columns: ["Repository", "Tag", "ID", "CreatedSince", "Size"],
    fields: {
      Containers: {
        header: "CONTAINERS",
        value: ({ image }) => (image.Containers < 0 ? "N/A" : String(image.Containers)),
      },
      CreatedAt: { header: "CREATED AT", value: ({ image }) => fullTime(image.Created) },
      CreatedSince: { header: "CREATED", value: ({ image }) => ago(image.Created) },
      Digest: { header: "DIGEST", value: ({ digest }) => digest },
      ID: { header: "IMAGE ID", value: ({ image }) => (full ? image.Id : shortId(image.Id)) },
      Repository: { header: "REPOSITORY", value: ({ repository }) => repository },
      SharedSize: {
        header: "SHARED SIZE",
        value: ({ image }) => (image.SharedSize < 0 ? "N/A" : humanSize(image.SharedSize)),
      },
      Size: { header: "SIZE", value: ({ image }) => humanSize(image.Size, 3) },
      Tag: { header: "TAG", value: ({ tag }) => tag },
      UniqueSize: {
        header: "UNIQUE SIZE",
        value: ({ image }) => (image.SharedSize < 0 ? "N/A" : humanSize(image.Size - image.SharedSize)),
      },
      VirtualSize: { header: "SIZE", value: ({ image }) => humanSize(image.Size) },
    },
  };
}
