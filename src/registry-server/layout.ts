/**
 * Where everything is in a registry's storage: the layout of Docker's `registry:2`, so that its data can be served as it is.
 *
 *     blobs/sha256/<2>/<hex>/data                               the bytes
 *     _spoilt/<hex>                                             what was there and is not its digest (ours)
 *     _health                                                   what a look at the storage's health writes (ours)
 *     repositories/<name>/_layers/sha256/<hex>/link             that blob belongs to this repository
 *     repositories/<name>/_manifests/revisions/sha256/<hex>/link   so does that manifest
 *     repositories/<name>/_manifests/tags/<tag>/current/link    the manifest that a tag leads to
 *     repositories/<name>/_manifests/tags/<tag>/index/sha256/<hex>/link   those that it has led to
 *     repositories/<name>/_uploads/<id>/data                    a blob on its way in
 *     repositories/<name>/_referrers/sha256/<hex>/<hex>         manifests by their subject (ours)
 */
import { type Digest, hexOf } from "../lib/digest.ts";
import { isTag } from "../lib/reference.ts";

const root = "docker/registry/v2";
export const repositoriesPath = `${root}/repositories`;
const component = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const uploadPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A repository's name, checked; its parts hold no dot-dot, no slash and no leading underscore. */
export type RepositoryName = string & { readonly repository: true };

export function isRepositoryName(text: string): text is RepositoryName {
  return text.length <= 255 && text.split("/").every((part) => component.test(part));
}

export const isUploadId = (text: string): boolean => uploadPattern.test(text);

export { isTag };

export function blobPath(digest: Digest): string {
  const hex = hexOf(digest);
  return `${root}/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`;
}

export const blobDirectory = (digest: Digest): string => blobPath(digest).slice(0, -"/data".length);
export const spoiltPath = (digest: Digest): string => `${root}/_spoilt/${hexOf(digest)}`;
export const healthPath = `${root}/_health`;
export const blobsPath = `${root}/blobs/sha256`;

const repository = (name: RepositoryName): string => `${repositoriesPath}/${name}`;
const hashed = (digest: Digest): string => `sha256/${hexOf(digest)}`;

export const layerLink = (name: RepositoryName, digest: Digest): string =>
  `${repository(name)}/_layers/${hashed(digest)}/link`;

export const layersPath = (name: RepositoryName): string => `${repository(name)}/_layers/sha256`;

export const manifestsPath = (name: RepositoryName): string => `${repository(name)}/_manifests`;
export const revisionsPath = (name: RepositoryName): string => `${manifestsPath(name)}/revisions/sha256`;
export const revisionLink = (name: RepositoryName, digest: Digest): string =>
  `${manifestsPath(name)}/revisions/${hashed(digest)}/link`;

export const tagsPath = (name: RepositoryName): string => `${manifestsPath(name)}/tags`;
export const tagPath = (name: RepositoryName, tag: string): string => `${tagsPath(name)}/${tag}`;
export const tagLink = (name: RepositoryName, tag: string): string => `${tagPath(name, tag)}/current/link`;
export const tagHistoryLink = (name: RepositoryName, tag: string, digest: Digest): string =>
  `${tagPath(name, tag)}/index/${hashed(digest)}/link`;

export const uploadsPath = (name: RepositoryName): string => `${repository(name)}/_uploads`;
export const uploadPath = (name: RepositoryName, id: string): string => `${uploadsPath(name)}/${id}`;

export const referrersPath = (name: RepositoryName, subject: Digest): string =>
  `${repository(name)}/_referrers/${hashed(subject)}`;
export const referrerLink = (name: RepositoryName, subject: Digest, manifest: Digest): string =>
  `${referrersPath(name, subject)}/${hexOf(manifest)}`;
