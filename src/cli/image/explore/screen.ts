/** `image explore` on a terminal: keys in, screens out, and the terminal as it was afterwards. */
import { openRawInput, terminalSize } from "../../../lib/terminal.ts";
import type { Output } from "../../output.ts";
import { draw, pageSize, type Screen } from "./draw.ts";
import { keysOf } from "./keys.ts";
import { type ExploreState, press } from "./state.ts";

/** The other screen, without a cursor; and back. */
const enter = "\x1b[?1049h\x1b[?25l";
const leave = "\x1b[?25h\x1b[?1049l";

/** Runs until the user leaves or a signal ends the program. */
export async function runScreen(state: ExploreState, output: Output): Promise<void> {
  const coloured = !process.env.NO_COLOR;
  const screen = (): Screen => ({ ...(terminalSize() ?? { rows: 24, columns: 80 }), colours: coloured });
  const show = (): void => {
    const lines = draw(state, screen());
    output.text(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J`);
    void output.flush().catch(() => {});
  };
  const input = openRawInput();
  const ended = Promise.withResolvers<void>();
  const end = (): void => ended.resolve();
  const signals = ["SIGTERM", "SIGHUP", "SIGINT"] as const;
  for (const signal of signals) process.on(signal, end);
  process.on("SIGWINCH", show);
  output.text(enter);
  try {
    show();
    const reading = (async (): Promise<void> => {
      const decoder = new TextDecoder();
      for await (const bytes of input.keys) {
        for (const key of keysOf(decoder.decode(bytes, { stream: true }))) {
          if (!press(state, key, pageSize(screen()))) return;
        }
        show();
      }
    })();
    await Promise.race([reading, ended.promise]);
  } finally {
    process.off("SIGWINCH", show);
    for (const signal of signals) process.off(signal, end);
    output.text(leave);
    await output.flush();
    input.restore();
  }
}
