import { splitAtSpace } from "../../../lib/characters.ts";

/** Gathers the words of an expansion: bare blanks part them, quoted and escaped ones do not. */
export class WordSplitter {
  readonly #words: string[] = [];
  #word = "";

  /** Text whose blanks part words. */
  addText(text: string): void {
    const [first = "", ...others] = splitAtSpace(text);
    this.#word += first;
    for (const other of others) {
      this.#close();
      this.#word = other;
    }
  }

  /** Text that belongs to one word, blanks and all. */
  addWhole(text: string): void {
    this.#word += text;
  }

  /** All words; one that is empty is none, even in quotes. */
  end(): readonly string[] {
    this.#close();
    return this.#words;
  }

  #close(): void {
    if (this.#word !== "") this.#words.push(this.#word);
    this.#word = "";
  }
}
