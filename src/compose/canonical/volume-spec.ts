/** `SOURCE:TARGET[:OPTIONS]`, the short form of a mount. */
import { posix } from "node:path";
import { invalidArgument } from "../../lib/errors.ts";

export interface VolumeSpec {
  readonly type: "bind" | "volume";
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly propagation?: string;
  readonly selinux?: string;
  readonly nocopy: boolean;
}

const propagations = new Set(["rprivate", "private", "rshared", "shared", "rslave", "slave"]);

/** Throws `invalidArgument` in Compose's words. Options that it does not know are let pass, as there. */
export function parseVolume(spec: string): VolumeSpec {
  if (spec === "") throw invalidArgument("invalid empty volume spec");
  if (spec.length <= 2) return { type: "volume", source: "", target: spec, readOnly: false, nocopy: false };
  const parts = splitAtColons(spec);
  const wrong = (why: string): Error => invalidArgument(`invalid spec: ${spec}: ${why}`);
  if (parts.includes("")) throw wrong("empty section between colons");
  if (parts.length > 3) throw wrong("too many colons");
  const [source, target, given = ""] = parts.length === 1 ? ["", parts[0]!] : (parts as [string, string, string?]);
  const options = given.split(",");
  const access = options.filter((option) => option === "ro" || option === "rw").at(-1);
  const propagation = options.filter((option) => propagations.has(option)).at(-1);
  const selinux = options.filter((option) => option === "z" || option === "Z").at(-1);
  return {
    type: isPath(source) ? "bind" : "volume",
    source,
    target: posix.normalize(target).replace(/(.)\/$/, "$1"),
    readOnly: access === "ro",
    ...(propagation && { propagation }),
    ...(selinux && { selinux }),
    nocopy: options.includes("nocopy"),
  };
}

/** At colons, but neither inside of `${…}` nor after the letter of a Windows drive. */
function splitAtColons(spec: string): string[] {
  const parts: string[] = [];
  let part = "";
  let open = 0;
  for (let i = 0; i < spec.length; i++) {
    const character = spec[i]!;
    if (character === "$" && spec[i + 1] === "{") open++;
    else if (character === "}" && open > 0) open--;
    if (character === ":" && open === 0 && !/^[A-Za-z]$/.test(part)) {
      parts.push(part);
      part = "";
    } else part += character;
  }
  return [...parts, part];
}

function isPath(source: string): boolean {
  return /^[./~]/.test(source) || source.startsWith("\\\\") || /^[A-Za-z]:/.test(source);
}
