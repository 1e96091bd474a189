import type { ImageInspect, ImageSummary } from "../api/images.ts";
import { compareVersions } from "../lib/version-order.ts";

/** Fields of a container's configuration that an image's had too, with nothing in them. */
const emptyConfig = {
  Hostname: "",
  Domainname: "",
  User: "",
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: "",
  Volumes: null,
  WorkingDir: "",
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
};

/**
 * An image as older clients read it, by the API's version: `VirtualSize` before 1.44, `ContainerConfig` before 1.45, no
 * `Descriptor` before 1.48, the configuration's empty fields before 1.50. docker-compose 1 asks with the newest version that
 * there is and reads `ContainerConfig` all the same, for the volumes that it carries over when it makes a container anew.
 */
export function withOldFields(image: ImageInspect, version: string, userAgent: string): ImageInspect {
  const isBefore = (limit: string): boolean => compareVersions(version, limit) < 0;
  const { Descriptor, ...rest } = image;
  return {
    ...rest,
    ...(!isBefore("1.48") && Descriptor && { Descriptor }),
    ...(isBefore("1.44") && { Created: image.Created ?? "0001-01-01T00:00:00Z", VirtualSize: image.Size }),
    ...((isBefore("1.45") || userAgent.startsWith("docker-compose/1.")) && {
      ContainerConfig: { ...emptyConfig, Volumes: image.Config.Volumes },
    }),
    Config: isBefore("1.50") ? { ...emptyConfig, ...image.Config } : image.Config,
  };
}

/** The list of images as it was before API 1.44. */
export function withVirtualSizes(images: ImageSummary[], version: string): ImageSummary[] {
  return compareVersions(version, "1.44") < 0 ? images.map((image) => ({ ...image, VirtualSize: image.Size })) : images;
}
