/** A project into a registry: what its publisher is asked first, then its images, its files and with `--app` copies of the images. */
import type { OCIDescriptor } from "../../api/images.ts";
import { composeVersion } from "../../compose/labels.ts";
import type { Project } from "../../compose/model/project.ts";
import { projectText } from "../../compose/print/project-text.ts";
import { bindMountQuestion, refuseBuildsAlone, refuseEnvFiles, secretsQuestion } from "../../compose/publish/checks.ts";
import { type PublishedFile, publishedFiles } from "../../compose/publish/files.ts";
import { digestOf } from "../../lib/digest.ts";
import type { Reference } from "../../lib/reference.ts";
import { ociIndex } from "../../registry/media-types.ts";
import { RegistryUploads } from "../../registry/uploads.ts";
import { ExitError } from "../command.ts";
import { taggedReference } from "../image/reference.ts";
import { failureWords, never, registryOptions } from "../manifest/registry.ts";
import { agrees } from "../prompt.ts";
import { copyImage } from "./artifact/copy-image.ts";
import type { OciVersion } from "./artifact/manifest.ts";
import { annotations } from "./artifact/media-types.ts";
import { type Pushed, pushProject } from "./artifact/push.ts";
import { imagesOnly, withImageDigests } from "./image-digests.ts";
import { pushServices } from "./push.ts";
import type { Scope } from "./scope.ts";

export interface PublishOptions {
  /** `REPOSITORY[:TAG]`. */
  readonly repository: string;
  readonly resolveDigests: boolean;
  readonly withEnv: boolean;
  /** With the images, beside the files. */
  readonly app: boolean;
  /** Null: whichever the registry takes. */
  readonly version: OciVersion | null;
  /** Every question is answered with yes. */
  readonly yes: boolean;
  readonly insecure: boolean;
}

/** Of a project with its files of variables not yet read. False when the publisher does not want it any more. */
export async function publish(scope: Scope, project: Project, options: PublishOptions): Promise<boolean> {
  const target = taggedReference(options.repository);
  refuseBuildsAlone(project);
  if (!options.withEnv) refuseEnvFiles(project);
  for (const question of [bindMountQuestion(project), secretsQuestion(project)]) {
    if (question !== null && !options.yes && !(await agrees(scope.cli, `${question} (y/N) `))) return false;
  }
  const files = await filesOf(scope, project, options);
  const services = Object.values(project.services);
  const built = services.filter(({ build, image }) => build !== undefined && image !== undefined);
  await pushServices(scope, project, built, { quiet: false, ignoreFailures: true });
  const { display } = scope;
  display.tell(options.repository, "publishing", "working");
  try {
    if (!scope.dryRun) {
      const pushed = await pushFiles(scope, target, files, options);
      if (options.app) await pushApplication(scope, project, target, pushed, options.insecure);
    }
  } catch (error) {
    display.tell(options.repository, "publishing", "failed");
    throw new ExitError(1, failureWords(error));
  } finally {
    await display.end();
  }
  display.tell(options.repository, "published", "done");
  await display.end();
  return true;
}

async function filesOf(scope: Scope, project: Project, options: PublishOptions): Promise<PublishedFile[]> {
  const files = publishedFiles(project).filter(({ kind }) => kind !== "env" || options.withEnv);
  if (!options.resolveDigests) return files;
  const text = projectText(imagesOnly(await withImageDigests(scope.cli, project)), "yaml");
  return [...files, { kind: "compose", name: "image-digests.yaml", text }];
}

async function pushFiles(
  { cli }: Scope,
  target: Reference,
  files: readonly PublishedFile[],
  { insecure, version }: PublishOptions,
): Promise<Pushed> {
  const uploads = new RegistryUploads(await registryOptions(cli, target, { insecure }), target.path);
  return await pushProject(uploads, target.tag ?? "latest", files, version);
}

/** The images of the services as an index that refers to the project; it has no name but its digest. */
async function pushApplication(
  { cli }: Scope,
  project: Project,
  to: Reference,
  { artifact, digest }: Pushed,
  insecure: boolean,
): Promise<void> {
  const target = await registryOptions(cli, to, { insecure });
  const manifests: OCIDescriptor[] = [];
  for (const { image } of Object.values(project.services)) {
    if (!image) continue;
    const from = taggedReference(image);
    const source = await registryOptions(cli, from, { insecure: false });
    manifests.push(await copyImage({ source, from, target, to }));
  }
  const version = { [annotations.version]: composeVersion };
  const { mediaType, artifactType, text } = artifact;
  const subject: OCIDescriptor = {
    mediaType,
    digest,
    size: Buffer.byteLength(text),
    annotations: version,
    ...(artifactType !== "" && { artifactType }),
  };
  const index = JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests, subject, annotations: version });
  const uploads = new RegistryUploads(target, to.path);
  await uploads.manifest(digestOf(index), Buffer.from(index), ociIndex, never);
}

/** Throws for a version that there is none of. */
export function ociVersion(text: string): OciVersion | null {
  if (text === "") return null;
  if (text === "1.0" || text === "1.1") return text;
  throw new ExitError(1, `unsupported OCI version: ${text}`);
}
