/** Pushing the images of services. */
import type { ProgressMessage } from "../../api/images.ts";
import { paths } from "../../api/paths.ts";
import { to } from "../../client/route-call.ts";
import { imageOf } from "../../compose/create/container-body.ts";
import type { Project } from "../../compose/model/project.ts";
import type { Service } from "../../compose/model/service.ts";
import { messageOf } from "../../lib/errors.ts";
import { ExitError } from "../command.ts";
import { registryAuthHeader } from "../image/auth.ts";
import { showProgress } from "../image/progress.ts";
import { splitReference, told } from "../image/pull.ts";
import { silent } from "../output.ts";
import { atMost } from "./images.ts";
import type { Scope } from "./scope.ts";

export async function pushServices(
  scope: Scope,
  project: Project,
  services: readonly Service[],
  { quiet, ignoreFailures }: { readonly quiet: boolean; readonly ignoreFailures: boolean },
): Promise<void> {
  const failures: string[] = [];
  const pushes = services.map((service) => async (): Promise<void> => {
    if (!quiet) scope.display.tell(service.name, "Pushing", "working");
    try {
      const names = [imageOf(project, service), ...(service.build?.tags ?? [])];
      const tell = quiet ? undefined : scope.display.transfer?.(service.name);
      if (!scope.dryRun) for (const name of names) await pushImage(scope, name, tell);
      if (!quiet) scope.display.tell(service.name, "Pushed", "done");
    } catch (error) {
      scope.display.tell(service.name, "Error", ignoreFailures ? "warning" : "failed");
      if (ignoreFailures) scope.warn(messageOf(error));
      else failures.push(messageOf(error));
    }
  });
  await atMost(scope.parallel, pushes);
  await scope.display.end();
  if (failures.length > 0) throw new ExitError(1, failures.join("\n"));
}

async function pushImage(
  { cli, client }: Scope,
  name: string,
  tell: (message: ProgressMessage) => void = () => {},
): Promise<void> {
  const { repository, tag } = splitReference(name);
  const messages = client.jsonStream<ProgressMessage>(
    to(paths.imagePush, { name: repository }, { tag: tag || "latest" }),
    { headers: await registryAuthHeader(cli, name) },
  );
  await showProgress(told(messages, tell), silent, false);
}
