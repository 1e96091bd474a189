/** The values of `-H`. */

export type HostAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "fd" };

/** Reads `unix:///path`, `tcp://host:port` or `fd://`; throws an Error in dockerd's words. */
export function parseHost(text: string, defaultSocket: string): HostAddress {
  const at = text.indexOf("://");
  const scheme = at < 0 ? "tcp" : text.slice(0, at);
  const rest = at < 0 ? text : text.slice(at + 3);
  switch (scheme) {
    case "unix":
      return { kind: "unix", path: rest || defaultSocket };
    case "fd":
      return { kind: "fd" };
    case "tcp": {
      const match = /^(\[[0-9a-fA-F:]+\]|[^:/[\]]*)(?::(\d{1,5}))?$/.exec(rest);
      const port = Number(match?.[2] ?? 2376);
      if (!match || rest === "" || port > 0xffff) throw new Error(`invalid bind address (${text})`);
      return { kind: "tcp", host: match[1]!.replace(/^\[|\]$/g, "") || "127.0.0.1", port };
    }
    default:
      throw new Error(`invalid bind address format: ${text}`);
  }
}
