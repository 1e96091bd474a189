/** `-v`: cut as Docker's client cuts it, before the daemon looks at it again. */
import { completeBind } from "./local-path.ts";

/** A bind or a named volume as the API's `Binds` has it, or the path of an anonymous volume. */
export type VolumeSpec = { readonly bind: string } | { readonly anonymous: string };

/**
 * Parses one `-v`; throws with the reason. A single letter before a colon is a Windows drive and belongs to the path, and
 * what is shorter than three characters is a path as a whole.
 */
export function parseVolume(spec: string): VolumeSpec {
  if (spec === "") throw new Error("invalid empty volume spec");
  if (spec.length < 3) return { anonymous: spec };
  const sections: string[] = [];
  let section = "";
  for (const c of spec) {
    if (c !== ":" || /^\p{L}$/u.test(section)) section += c;
    else {
      sections.push(section);
      section = "";
    }
  }
  sections.push(section);
  if (sections.includes("")) throw new Error(`invalid spec: ${spec}: empty section between colons`);
  if (sections.length > 3) throw new Error(`invalid spec: ${spec}: too many colons`);
  return sections.length === 1 ? { anonymous: spec } : { bind: completeBind(spec) };
}
