/** What a plan is made with in tests: one image, and options that ask for nothing. */
import { notFound } from "../../../lib/errors.ts";
import { parseFile } from "../syntax/parse.ts";
import { planBuild } from "./build.ts";
import type { BaseImage, PlanOptions } from "./options.ts";
import type { BuildPlan } from "./plan.ts";

export const amd64 = { os: "linux", architecture: "amd64" };

/** The one image there is: `dbase`. */
export const baseImage: BaseImage = {
  reference: "docker.io/library/dbase:latest",
  platform: amd64,
  author: "",
  settings: { Env: ["BASE=1"], WorkingDir: "/base", User: "5", OnBuild: ["LABEL trig=$BASE"] },
  history: [{ created_by: "", comment: "imported", empty_layer: false }],
  layers: 1,
};

export function planOptions(given: Partial<PlanOptions> = {}): PlanOptions {
  return {
    target: null,
    buildArgs: new Map(),
    buildPlatform: amd64,
    targetPlatform: null,
    namedContexts: new Map(),
    labels: new Map(),
    allStages: false,
    ignore: null,
    noCache: false,
    isMultiPlatform: false,
    images: {
      resolve: async (reference) => {
        if (reference !== baseImage.reference) throw notFound(`${reference}: not found`);
        return baseImage;
      },
    },
    ...given,
  };
}

/** Plans a Dockerfile's text. */
export async function planOf(dockerfile: string, given: Partial<PlanOptions> = {}): Promise<BuildPlan> {
  return planBuild(parseFile(Buffer.from(dockerfile), "Dockerfile"), planOptions(given));
}
