/**
 * One-shot helpers: work that reads untrusted bytes or needs a namespace of its own runs in a fresh process of this
 * binary (`dhow helper NAME ...`), whose memory goes back when it exits and whose crash is one request's fault.
 */
const helpers: Record<string, () => Promise<(args: string[]) => Promise<void>>> = {
  "apply-layer": async () => (await import("./snapshots/unpack/apply-layer.ts")).applyLayerMain,
  "compare-layer": async () => (await import("./snapshots/compare/compare-layer.ts")).compareLayerMain,
  "list-layers": async () => (await import("./snapshots/list-layers.ts")).listLayersMain,
  "verify-blobs": async () => (await import("./content/verify-blobs.ts")).verifyBlobsMain,
  "apply-layers": async () => (await import("./snapshots/unpack/apply-layer.ts")).applyLayersMain,
  "seal-layer": async () => (await import("./snapshots/seal-layer.ts")).sealLayerMain,
  "pack-tree": async () => (await import("./snapshots/pack-tree.ts")).packTreeMain,
  "stat-path": async () => (await import("./snapshots/archive-helper.ts")).statPathMain,
  "read-archive": async () => (await import("./snapshots/archive-helper.ts")).readArchiveMain,
  "write-archive": async () => (await import("./snapshots/archive-helper.ts")).writeArchiveMain,
  "copy-up": async () => (await import("./snapshots/archive-helper.ts")).copyUpMain,
  "flatten-layers": async () => (await import("./snapshots/native-tree.ts")).flattenLayersMain,
  "pack-changes": async () => (await import("./snapshots/native-tree.ts")).packChangesMain,
  "fetch-blobs": async () => (await import("./images/fetch-helper.ts")).fetchBlobsMain,
  "push-blobs": async () => (await import("./images/push-helper.ts")).pushBlobsMain,
  "receive-archive": async () => (await import("./images/receive-helper.ts")).receiveArchiveMain,
  "receive-layer": async () => (await import("./images/receive-helper.ts")).receiveLayerMain,
  "convert-layer": async () => (await import("./images/layer-form.ts")).convertLayerMain,
  "copy-files": async () => (await import("./builder/steps/files-helper.ts")).copyFilesMain,
  "digest-files": async () => (await import("./builder/steps/files-helper.ts")).digestFilesMain,
  "make-directory": async () => (await import("./builder/steps/files-helper.ts")).makeDirectoryMain,
  "scan-packages": async () => (await import("./builder/attestations/scan-helper.ts")).scanPackagesMain,
  "git-checkout": async () => (await import("./builder/sources/git-helper.ts")).gitCheckoutMain,
  "clone-tree": async () => (await import("./volumes/clone-tree.ts")).cloneTreeMain,
  "empty-trash": async () => (await import("./snapshots/trash.ts")).emptyTrashMain,
};

/** Runs the helper that `args[0]` names; exits 2 for an unknown one. */
export async function helperMain(args: string[]): Promise<void> {
  const [name = "", ...rest] = args;
  const load = helpers[name];
  if (!load) {
    process.stderr.write(`dhow: unknown helper "${name}"\n`);
    process.exit(2);
  }
  const run = await load();
  await run(rest);
}
