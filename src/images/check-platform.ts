import { notFound } from "../lib/errors.ts";
import { formatPlatform, parsePlatform, platformMatch } from "../lib/platform.ts";
import type { Image } from "./catalog.ts";
import { platformOf } from "./manifest.ts";

/** What dockerd says of an image of another platform than the one that is asked for; null where it is that, or "" asks for none. */
export function otherPlatform(file: Image["file"], platform: string, name: string): string | null {
  if (platform === "") return null;
  const [own, wanted] = [platformOf(file), parsePlatform(platform)];
  if (platformMatch(wanted, own) >= 0) return null;
  return `image with reference ${name} was found but its platform (${formatPlatform(own)}) does not match the specified platform (${formatPlatform(wanted)})`;
}

/** Throws `notFound` for what {@link otherPlatform} has something to say of. */
export function checkPlatform(image: Image, platform: string, name: string): void {
  const complaint = otherPlatform(image.file, platform, name);
  if (complaint !== null) throw notFound(complaint);
}
