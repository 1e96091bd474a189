/** Pushes what was built into the engine's store, where the builder does not do so itself. */
import type { ProgressMessage } from "../../api/images.ts";
import { paths } from "../../api/paths.ts";
import { to } from "../../client/route-call.ts";
import { formatReference, parseReference, repositoryOf, withDefaultTag } from "../../lib/reference.ts";
import { isTerminal } from "../../lib/terminal.ts";
import type { Cli } from "../cli.ts";
import { registryAuthHeader } from "../image/auth.ts";
import { showProgress } from "../image/progress.ts";

export async function pushImages(cli: Cli, names: readonly string[]): Promise<void> {
  const client = await cli.client();
  for (const name of names) {
    const reference = withDefaultTag(parseReference(name));
    cli.err(`pushing ${formatReference(reference)}\n`);
    const messages = client.jsonStream<ProgressMessage>(
      to(paths.imagePush, { name: repositoryOf(reference) }, { tag: reference.tag ?? "" }),
      { headers: await registryAuthHeader(cli, name) },
    );
    await showProgress(messages, cli.stderr, isTerminal(2));
  }
}
