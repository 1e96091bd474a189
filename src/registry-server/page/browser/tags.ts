/** A repository: its tags, a page at a time, each with what it leads to. */
import * as api from "./api.ts";
import { linkTo, make, moreButton, table } from "./dom.ts";
import { type Descriptor, descriptor, entries, isAttestation, pullSize } from "./manifest.ts";
import { pullLine } from "./pull.ts";
import { type Fields, platform, shortDigest, size, words } from "./words.ts";

/** Most platforms of a row. */
const maxPlatforms = 12;

export async function showTags(into: HTMLElement, name: string): Promise<void> {
  const rows = make("tbody");
  const filter = make("input", {
    type: "search",
    placeholder: "Find a tag; Enter opens it",
    "aria-label": "Find a tag",
    autocomplete: "off",
    on: { input: apply },
  });
  function apply(): void {
    for (const row of rows.rows) row.hidden = !row.title.includes(filter.value.trim());
  }
  const open = (event: SubmitEvent): void => {
    event.preventDefault();
    const wanted = filter.value.trim();
    if (/^\w[\w.-]*$/.test(wanted)) location.hash = linkTo(name, `:${wanted}`);
  };
  const add = ({ names, next }: api.Page): void => {
    const fresh = names.map((tag) => tagRow(name, tag));
    rows.append(...fresh.map(({ row }) => row));
    apply();
    void fillAll(fresh);
    if (!next) return;
    const more = moreButton(async () => {
      const page = await next();
      more.remove();
      add(page);
    });
    into.append(more);
  };
  const first = await api.tags(name);
  const [tag] = first.names.includes("latest") ? ["latest"] : first.names;
  into.append(make("h1", {}, name));
  if (tag === undefined) {
    into.append(make("p", { class: "hint" }, "No tag leads into this repository."));
    return;
  }
  const titles = [
    ["Tag", ""],
    ["Platforms", ""],
    ["Size", "size"],
    ["Digest", "digest"],
  ] as const;
  into.append(
    pullLine(name, `:${tag}`),
    make("form", { class: "find", on: { submit: open } }, filter),
    make("div", { class: "card" }, table(titles, rows)),
  );
  add(first);
}

interface Row {
  readonly row: HTMLTableRowElement;
  readonly fill: () => Promise<void>;
}

/** A few at a time: the registry has others to serve. */
async function fillAll(rows: readonly Row[]): Promise<void> {
  const left = [...rows];
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next; next = left.shift()) await next.fill();
  };
  await Promise.all([work(), work(), work(), work()]);
}

function tagRow(name: string, tag: string): Row {
  const [platforms, bytes, digestCell] = ["platforms", "size", "digest"].map((kind) => make("td", { class: kind }));
  const link = make("a", { href: linkTo(name, `:${tag}`) }, tag);
  const row = make("tr", { title: tag }, make("td", {}, link), platforms ?? null, bytes ?? null, digestCell ?? null);
  const fill = async (): Promise<void> => {
    try {
      const { digest, value } = await api.manifest(name, tag);
      digestCell?.replaceChildren(make("code", { title: digest }, shortDigest(digest)));
      const images = entries(value)?.filter((entry) => !isAttestation(entry));
      const named = images ? images.map((entry) => entry.platform || "unknown") : [await platformOf(name, value)];
      const badges = named.slice(0, maxPlatforms).map((each) => make("span", { class: "badge" }, each));
      platforms?.replaceChildren(
        ...badges,
        named.length > maxPlatforms ? `and ${named.length - maxPlatforms} more` : "",
      );
      bytes?.replaceChildren(images ? await sizes(name, images.slice(0, maxPlatforms)) : size(pullSize(value)));
    } catch (error) {
      platforms?.replaceChildren(make("span", { class: "failure" }, words(error)));
    }
  };
  return { row, fill };
}

/** What the configuration says; for what is no image, what kind of thing it is. */
async function platformOf(name: string, manifest: Fields): Promise<string> {
  const { digest, mediaType } = descriptor(manifest.config);
  const isImage = /image\.config|container\.image/.test(mediaType);
  if (!isImage || digest === "") return descriptor(manifest).artifactType || mediaType || "unknown";
  return platform(await api.blob(name, digest)) || "unknown";
}

/** The smallest and the largest of the images. */
async function sizes(name: string, images: readonly Descriptor[]): Promise<string> {
  const all: number[] = [];
  for (const { digest } of images) if (digest) all.push(pullSize((await api.manifest(name, digest)).value));
  const [least, most] = [size(Math.min(...all)), size(Math.max(...all))];
  if (all.length === 0) return "";
  return least === most ? least : `${least} – ${most}`;
}
