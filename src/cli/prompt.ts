/** Questions on the terminal. */
import { openRawInput } from "../lib/terminal.ts";
import type { Cli } from "./cli.ts";
import { ExitError } from "./command.ts";

/** Asks for one line; with `echo` false nothing of what is typed is shown. */
export async function askLine(cli: Cli, question: string, echo: boolean): Promise<string> {
  cli.out(question);
  await cli.flush();
  const raw = openRawInput();
  const decoder = new TextDecoder();
  let line = "";
  try {
    for await (const bytes of raw.keys) {
      for (const key of decoder.decode(bytes, { stream: true })) {
        if (key === "\x03") throw new ExitError(130);
        if (key === "\r" || key === "\n" || key === "\x04") return line;
        const back = key === "\x7f" || key === "\b";
        if (back && line === "") continue;
        line = back ? line.slice(0, -1) : line + key;
        if (echo) cli.out(back ? "\b \b" : key);
        await cli.flush();
      }
    }
    return line;
  } finally {
    raw.restore();
    cli.out("\n");
    await cli.flush();
  }
}

/** Reads a line of standard input for an answer; anything but y or yes means no. */
export async function agrees(cli: Cli, question: string): Promise<boolean> {
  cli.out(question);
  await cli.flush();
  const decoder = new TextDecoder();
  let line = "";
  for await (const bytes of Bun.stdin.stream()) {
    line += decoder.decode(bytes, { stream: true });
    if (line.includes("\n")) break;
  }
  return ["y", "yes"].includes(line.split("\n")[0]!.trim().toLowerCase());
}
