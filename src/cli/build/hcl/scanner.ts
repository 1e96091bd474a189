/** Where a reading of HCL stands in its text: blanks passed over, words expected, places told. */
import { HclError } from "./expression.ts";

export const identifier = /[\p{ID_Start}_][\p{ID_Continue}-]*/uy;

export class Scanner {
  readonly text: string;
  at: number;
  /** In brackets a line end is a blank. */
  protected brackets = 0;

  constructor(text: string, at = 0) {
    this.text = text;
    this.at = at;
  }

  fail(message: string, at = this.at): never {
    throw new HclError(message, at);
  }

  /** Passes blanks and comments; line ends too where `lines` or inside of brackets. */
  skip(lines = false): void {
    const blank =
      lines || this.brackets > 0
        ? /(?:[ \t\r\n]|#.*|\/\/.*|\/\*[\s\S]*?\*\/)*/y
        : /(?:[ \t]|\r(?=\n)|\/\*[\s\S]*?\*\/)*/y;
    this.take(blank);
    if (!lines && this.brackets === 0) this.take(/(?:#|\/\/).*/y);
  }

  /** What a sticky pattern matches here, passed over; null where it does not. */
  take(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined) return null;
    this.at += found.length;
    return found;
  }

  is(word: string): boolean {
    return this.text.startsWith(word, this.at);
  }

  accept(word: string): boolean {
    this.skip();
    if (!this.is(word)) return false;
    this.at += word.length;
    return true;
  }

  expect(word: string): void {
    if (!this.accept(word)) this.fail(`${JSON.stringify(word)} expected, found ${this.#shown()}`);
  }

  #shown(): string {
    const rest = this.text.slice(this.at, this.at + 12).split("\n")[0];
    return rest === undefined || rest === "" ? "the end of the line" : JSON.stringify(rest);
  }

  name(): string {
    this.skip();
    return this.take(identifier) ?? this.fail(`a name expected, found ${this.#shown()}`);
  }
}
