/** One image, or a list of them: how to pull it, what made each of its layers, what it starts. */
import * as api from "./api.ts";
import { foreign, linkTo, make, table } from "./dom.ts";
import {
  type Descriptor,
  descriptor,
  entries,
  isAttestation,
  layers,
  pairs,
  pullSize,
  settings,
  steps,
} from "./manifest.ts";
import { pullLine } from "./pull.ts";
import { type Fields, platform, shortDigest, size, time } from "./words.ts";

/** `tag` or `digest` may be "": a part of a list has both, the list's tag and its own digest. */
export async function showImage(
  into: HTMLElement,
  name: string,
  { tag, digest: part }: { readonly tag: string; readonly digest: string },
): Promise<void> {
  const top = await api.manifest(name, tag || part);
  const parts = entries(top.value);
  const title = make("h1", {}, make("a", { href: linkTo(name) }, name), tag ? `:${tag}` : `@${shortDigest(part)}`);
  into.append(title);
  if (parts === null) {
    into.append(pullLine(name, tag ? `:${tag}` : `@${part}`), ...(await imageView(name, top)));
    return;
  }
  const images = parts.filter((entry) => !isAttestation(entry) && entry.digest !== "");
  const shown = images.find(({ digest }) => digest === part) ?? images[0];
  const links = images.map((entry) => {
    const mark = entry === shown ? ({ "aria-current": "true" } as const) : {};
    return make(
      "a",
      { class: "tab", href: linkTo(name, `${tag && `:${tag}`}@${entry.digest}`), ...mark },
      entry.platform || "unknown",
    );
  });
  into.append(
    pullLine(name, tag ? `:${tag}` : `@${part}`, shown?.platform ?? ""),
    make("nav", { class: "tabs", "aria-label": "Platforms" }, ...links),
  );
  if (shown) into.append(...(await imageView(name, await api.manifest(name, shown.digest), top.digest)));
}

/** `list` is the digest of the list that the image is part of; "" for none. */
async function imageView(name: string, { digest, value }: api.Manifest, list = ""): Promise<HTMLElement[]> {
  const config = descriptor(value.config);
  const isImage = /image\.config|container\.image/.test(config.mediaType) && config.digest !== "";
  const configuration = isImage ? await api.blob(name, config.digest) : {};
  const kind = isImage ? platform(configuration) : descriptor(value).artifactType || config.mediaType;
  const parts = layers(value).length;
  const about: [string, Node | string][] = [
    ["Digest", make("code", {}, digest)],
    ["Part of", make("code", {}, list)],
    [isImage ? "Platform" : "Kind", foreign(kind)],
    ["To pull", `${size(pullSize(value))} in ${parts === 1 ? "one layer" : `${parts} layers`}`],
    ["Created", time(configuration.created)],
  ];
  return [
    make("div", { class: "card" }, facts(about)),
    section("Layers", stepTable(value, configuration)),
    section("Starts with", facts(settings(configuration).map(([title, text]) => [title, foreign(text, "mono")]))),
    section("Labels", facts(pairs((configuration.config as Fields | undefined)?.Labels).map(labelled))),
    section("Annotations", facts(pairs(value.annotations).map(labelled))),
    section("Referred to by", facts(await referrerRows(name, digest))),
  ].filter((card) => card.querySelector("dd, td"));
}

const labelled = ([title, text]: [string, string]): [string, Node] => [title, foreign(text)];

function stepTable(manifest: Fields, configuration: Fields): HTMLElement {
  const rows = steps(manifest, configuration).map(({ command, layer }) =>
    make(
      "tr",
      layer ? {} : { class: "empty" },
      make("td", {}, foreign(command, "mono command")),
      make("td", { class: "size" }, layer ? size(layer.size) : ""),
      make(
        "td",
        { class: "digest" },
        layer ? make("code", { title: `${layer.digest}\n${layer.mediaType}` }, shortDigest(layer.digest)) : "",
      ),
    ),
  );
  return table(
    [
      ["Command", ""],
      ["Size", "size"],
      ["Digest", "digest"],
    ],
    make("tbody", {}, ...rows),
  );
}

async function referrerRows(name: string, digest: string): Promise<[string, Node][]> {
  const found = (await api.referrers(name, digest)).map(descriptor).filter((each) => each.digest !== "");
  return found.map((each: Descriptor) => [
    each.artifactType || each.mediaType,
    make("a", { href: linkTo(name, `@${each.digest}`) }, shortDigest(each.digest)),
  ]);
}

/** Names and values; what has no value is left out. */
function facts(all: readonly (readonly [title: string, value: Node | string])[]): HTMLElement {
  const said = all.filter(([, value]) => (typeof value === "string" ? value : value.textContent) !== "");
  return make("dl", {}, ...said.flatMap(([title, value]) => [make("dt", {}, foreign(title)), make("dd", {}, value)]));
}

const section = (title: string, body: HTMLElement): HTMLElement =>
  make("section", { class: "card" }, make("h2", {}, title), body);
