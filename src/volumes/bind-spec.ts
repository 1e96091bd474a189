/** `-v SRC:DEST[:OPTIONS]`. */
import { posix } from "node:path";
import { invalidArgument } from "../lib/errors.ts";
import { idmapOption } from "./idmap.ts";
import { anonymous, checkDestination, type PlannedMount, plain, propagations } from "./planned-mount.ts";
import { checkVolumeName } from "./volume-name.ts";

/** `SRC:DEST[:OPTIONS]`, or `DEST` for an anonymous volume. */
export function parseBind(spec: string, volumeDriver: string): PlannedMount {
  const bad = (reason?: string) =>
    invalidArgument(`invalid volume specification: '${spec}'${reason === undefined ? "" : `: ${reason}`}`);
  const parts = spec.split(":");
  if (parts.length > 3 || parts.some((part, i) => part === "" && i < 2)) throw bad();
  if (parts.length === 1) return anonymous(checkDestination(parts[0] ?? "", spec), volumeDriver);
  const [source = "", path = "", mode = ""] = parts;
  const isBind = source.startsWith("/");
  const destination = checkDestination(path, spec, isBind ? "bind" : "volume");
  const options = mode === "" ? [] : mode.split(",");
  const flags = bindFlags(options);
  if (flags === null || (mode === "" && parts.length === 3)) throw invalidArgument(`invalid mode: ${mode}`);
  if (!isBind && flags.propagation !== null)
    throw bad(`invalid mount config for type "volume": field BindOptions must not be specified`);
  if (!isBind) checkVolumeName(source);
  return {
    ...plain,
    type: isBind ? "bind" : "volume",
    destination,
    source: isBind ? posix.normalize(source) : source,
    mode,
    readOnly: flags.readOnly,
    propagation: isBind ? (flags.propagation ?? "rprivate") : "",
    createSource: isBind,
    copyUp: !isBind && !flags.noCopy,
    idmap: flags.idmap,
    volumeDriver,
  };
}

/** What the comma list after the second colon says; null when two words contradict or one is unknown. */
export function bindFlags(
  options: readonly string[],
): { readOnly: boolean; propagation: string | null; noCopy: boolean; idmap: string } | null {
  const seen = { access: 0, label: 0, propagation: 0, copy: 0, consistency: 0, idmap: 0 };
  let idmap = "";
  let readOnly = false;
  let propagation: string | null = null;
  for (const option of options) {
    if (option === "ro" || option === "rw") {
      seen.access++;
      readOnly = option === "ro";
    } else if (option === "z" || option === "Z") seen.label++;
    else if (option === "nocopy") seen.copy++;
    else if (option === "consistent" || option === "cached" || option === "delegated") seen.consistency++;
    else if (propagations.has(option)) {
      seen.propagation++;
      propagation = option;
    } else {
      const map = idmapOption(option);
      if (map === null) return null;
      seen.idmap++;
      idmap = map;
    }
  }
  if (Object.values(seen).some((count) => count > 1)) return null;
  return { readOnly, propagation, noCopy: seen.copy === 1, idmap };
}
