/** Pulling an image, for `pull` itself and for the commands that need an absent one. */

import type { ProgressMessage } from "../../api/images.ts";
import { paths } from "../../api/paths.ts";
import { to } from "../../client/route-call.ts";
import { isTerminal } from "../../lib/terminal.ts";
import type { Cli } from "../cli.ts";
import { type Output, silent } from "../output.ts";
import { registryAuthHeader } from "./auth.ts";
import { showProgress } from "./progress.ts";

/** A name cut into repository and tag or digest. */
export function splitReference(image: string): { repository: string; tag: string } {
  const at = image.indexOf("@");
  if (at >= 0) return { repository: image.slice(0, at), tag: image.slice(at + 1) };
  const colon = image.lastIndexOf(":");
  if (colon < 0 || image.indexOf("/", colon) >= 0) return { repository: image, tag: "" };
  return { repository: image.slice(0, colon), tag: image.slice(colon + 1) };
}

/** The same messages, each told on its way. */
export async function* told(
  messages: AsyncIterable<ProgressMessage>,
  tell: (message: ProgressMessage) => void,
): AsyncGenerator<ProgressMessage> {
  for await (const message of messages) {
    tell(message);
    yield message;
  }
}

export async function pullImage(
  cli: Cli,
  image: string,
  options: {
    platform: string;
    quiet: boolean;
    output: Output;
    allTags?: boolean;
    tell?: (message: ProgressMessage) => void;
  },
): Promise<void> {
  const { repository, tag } = splitReference(image);
  const client = await cli.client();
  const messages = client.jsonStream<ProgressMessage>(
    to(
      paths.imageCreate,
      {},
      { fromImage: repository, tag: options.allTags ? "" : tag || "latest", platform: options.platform },
    ),
    { headers: await registryAuthHeader(cli, image) },
  );
  if (!options.quiet) return showProgress(messages, options.output, isTerminal(options.output === cli.stderr ? 2 : 1));
  return showProgress(options.tell ? told(messages, options.tell) : messages, silent, false);
}
