/** Paths of the client's host in what users write. */

/** A path of the client's host, made absolute. */
export function resolvePath(path: string): string {
  const parts: string[] = [];
  for (const part of `${path.startsWith("/") ? "" : process.cwd()}/${path}`.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** A `-v` value with a relative source made absolute, as Docker's client does. */
export function completeBind(spec: string): string {
  const at = spec.indexOf(":");
  const source = at < 0 ? "" : spec.slice(0, at);
  if (!/^\.{1,2}(\/|$)/.test(source)) return spec;
  return resolvePath(source) + spec.slice(at);
}
