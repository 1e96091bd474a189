/** What a failed RUN left, kept as an image without a name for whoever wants to look into it. */
import type { Operation } from "../../lib/operation.ts";
import type { BuilderImages, BuildHold } from "../collaborators.ts";
import type { RunWork } from "../dockerfile/plan/plan.ts";
import type { StepRoot } from "./step-root.ts";

/** The image's id. Its configuration has the command's environment, directory and user; nothing that was lent to it is there. */
export async function keepFailed(
  images: BuilderImages,
  hold: BuildHold,
  { work, root }: { readonly work: RunWork; readonly root: StepRoot },
  op: Operation,
): Promise<string> {
  const layers = await root.seal(hold, op);
  const created = new Date().toISOString();
  const { os, architecture, variant } = work.platform;
  const file = {
    created,
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    config: { Env: work.env, WorkingDir: work.directory, User: work.user, Cmd: work.args },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created, comment: "kept of a failed build step" })),
  };
  return (await images.make(hold, { file, layers, names: [], parent: "" }, op)).id;
}
