/** Blobs, layers and half-done work that nobody needs any more. */
import { type Digest, isDigest } from "../../lib/digest.ts";
import { conflict, isKind } from "../../lib/errors.ts";
import { humanSize } from "../../lib/units.ts";
import type { Shelf } from "../shelf.ts";
import type { CheckReport, ImageCheckRequest } from "./report.ts";

const advice = "dhow system check --repair removes it";

export async function checkLeftovers(shelf: Shelf, request: ImageCheckRequest, report: CheckReport): Promise<void> {
  const { content, snapshots, catalog } = shelf;
  const isUser = request.isContainer;
  for (const path of content.strays({ remove: false })) {
    await report.finding(
      { kind: "leftover", id: `content/${path}`, problem: "nobody writes it any more", advice },
      async () => {
        content.strays({ remove: true });
        return "removed";
      },
    );
  }
  for (const path of snapshots.care.strays(isUser, { remove: false })) {
    const problem = path.includes("/refs/")
      ? "it keeps a layer for something that does not exist"
      : "a layer whose unpacking was cut short";
    await report.finding({ kind: "leftover", id: path, problem, advice }, async () => {
      snapshots.care.strays(isUser, { remove: true });
      return "removed";
    });
  }
  // While an image cannot be read, nobody knows what it needs.
  if (catalog.uses.all() === null) return;
  await checkLayersNobodyNeeds(shelf, report);
  for (const digest of content.walk()) {
    const isNeeded = (): boolean => (catalog.uses.all()?.blobs.has(digest) ?? true) || content.isLeased(digest);
    if (isNeeded()) continue;
    const problem = `a blob of ${humanSize(content.size(digest) ?? 0)} that no image needs`;
    await report.finding({ kind: "leftover", id: digest, problem, advice }, async () => {
      if (isNeeded()) return "needed by now";
      content.delete(digest);
      return "removed";
    });
  }
}

/** Layers go from the top down, so that nothing stands on the one that is removed. */
async function checkLayersNobodyNeeds(shelf: Shelf, report: CheckReport): Promise<void> {
  const { snapshots } = shelf;
  const all = (await snapshots.layers()).filter(isDigest);
  const unneeded = all.filter((chainId) => !shelf.needs(chainId) && snapshots.care.usersOf(chainId).length === 0);
  for (const chainId of childrenFirst(unneeded, (child, parent) => snapshots.care.isChild(child, parent))) {
    const problem = "an unpacked layer that neither an image nor a container needs";
    await report.finding({ kind: "leftover", id: chainId, problem, advice }, async () => {
      if (shelf.needs(chainId)) return "needed by now";
      try {
        await snapshots.removeLayer(chainId);
      } catch (error) {
        if (isKind(error, "conflict")) throw conflict("something stands on it by now");
        throw error;
      }
      return "removed";
    });
  }
}

function childrenFirst(layers: readonly Digest[], isChild: (child: Digest, parent: Digest) => boolean): Digest[] {
  const ordered: Digest[] = [];
  for (let rest = [...layers]; rest.length > 0; ) {
    const topmost = rest.filter((one) => !rest.some((other) => other !== one && isChild(other, one)));
    ordered.push(...topmost);
    if (topmost.length === 0) return [...ordered, ...rest];
    rest = rest.filter((one) => !topmost.includes(one));
  }
  return ordered;
}
