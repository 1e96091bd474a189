/** What a manifest may be: one image, or an index of several (OCI image specification; Docker's schema 2). */
export const ociImage = "application/vnd.oci.image.manifest.v1+json";
export const dockerImage = "application/vnd.docker.distribution.manifest.v2+json";
export const ociIndex = "application/vnd.oci.image.index.v1+json";
export const dockerList = "application/vnd.docker.distribution.manifest.list.v2+json";

export const isImageType = (type: string): boolean => type === ociImage || type === dockerImage;
export const isIndexType = (type: string): boolean => type === ociIndex || type === dockerList;
