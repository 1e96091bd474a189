/** The progress of pull, push, load and import: bars that move on a terminal, plain lines elsewhere. */
import type { ProgressMessage } from "../../api/images.ts";
import { humanSize } from "../../lib/units.ts";
import { ExitError } from "../command.ts";
import type { Output } from "../output.ts";

/** Shows messages until the stream ends; throws the daemon's error when one comes. `aux` receives side information. */
export async function showProgress(
  messages: AsyncIterable<ProgressMessage>,
  output: Output,
  terminal: boolean,
  aux: (value: unknown) => void = () => {},
): Promise<void> {
  const lines = new Map<string, number>();
  for await (const message of messages) {
    if (message.error !== undefined || message.errorDetail) {
      await output.flush();
      throw new ExitError(message.errorDetail?.code || 1, message.errorDetail?.message ?? message.error);
    }
    if (message.aux !== undefined) {
      aux(message.aux);
      continue;
    }
    if (message.stream !== undefined) {
      output.text(message.stream);
      continue;
    }
    const moving = message.progressDetail?.current !== undefined || Boolean(message.progress);
    if (!terminal) {
      if (!moving) output.text(`${message.id ? `${message.id}: ` : ""}${message.status ?? ""}\n`);
      continue;
    }
    if (message.id && message.progressDetail) {
      const row = lines.get(message.id);
      const text = `${message.id}: ${message.status ?? ""} ${bar(message)}`;
      if (row === undefined) {
        lines.set(message.id, lines.size);
        output.text(`${text}\n`);
      } else {
        const up = lines.size - row;
        output.text(`\x1b[${up}A\x1b[2K\r${text}\x1b[${up}B\r`);
      }
      await output.flush();
      continue;
    }
    lines.clear();
    output.text(`${message.id ? `${message.id}: ` : ""}${message.status ?? ""}\n`);
  }
}

function bar({ progressDetail }: ProgressMessage): string {
  const { current = 0, total = 0, units, hidecounts } = progressDetail ?? {};
  if (current <= 0 && total <= 0) return "";
  const shown = (value: number): string => (units ? String(value) : humanSize(value));
  if (total <= 0) return units ? `${current} ${units}` : shown(current);
  const done = Math.min(50, Math.floor((current / total) * 50));
  const drawn = `[${"=".repeat(done)}>${" ".repeat(50 - done)}]`;
  return hidecounts ? drawn : `${drawn}  ${shown(Math.min(current, total))}/${shown(total)}`;
}
