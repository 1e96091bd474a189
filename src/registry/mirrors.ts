/** Mirrors as they are configured: `URL` for Docker Hub, as dockerd has them, and `HOST=URL` for any other registry. */

/** The parts of one entry; what stands before `=` is a host only where no URL has begun. */
export function splitMirror(entry: string): { readonly domain: string; readonly url: string } {
  const [, domain, url] = /^([A-Za-z0-9.:[\]-]+)=(.*)$/s.exec(entry) ?? [];
  return domain === undefined || url === undefined || domain.includes("://")
    ? { domain: "docker.io", url: entry }
    : { domain: domain.toLowerCase(), url };
}

/** Base URLs of the mirrors of a registry, in the order in which they are asked. */
export function mirrorsOf(domain: string, entries: readonly string[]): string[] {
  return entries.map(splitMirror).flatMap((mirror) => (mirror.domain === domain ? [mirror.url] : []));
}
