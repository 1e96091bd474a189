/** Reading an answer of the daemon to its end. */
import { parseJson } from "../lib/json.ts";
import type { HttpAnswer } from "./http1.ts";

/** The whole body as text. */
export async function textOf(answer: HttpAnswer): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of answer.body) text += decoder.decode(piece, { stream: true });
  return text + decoder.decode();
}

/** What a refused request is told with: the daemon's own message where there is one. */
export function refusal(answer: HttpAnswer, text: string, path: string): string {
  if (answer.headers.get("content-type")?.startsWith("application/json")) {
    try {
      const { message } = parseJson(text) as { message?: unknown };
      if (typeof message === "string" && message.trim() !== "") return message.trim();
    } catch {
      // What is not JSON after all is shown as it came.
    }
  }
  const plain = text.trim();
  if (plain !== "") return plain;
  return `request returned ${answer.reason || answer.status} for API route and version ${path}, check if the server supports the requested API version`;
}
