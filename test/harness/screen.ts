/** What a terminal shows after it has been sent some text: enough of ECMA-48 for what our commands draw. */
export class Screen {
  readonly #columns: number;
  readonly #height: number;
  /** Every line, those that have left the screen first. */
  readonly #lines: string[][] = [[]];
  /** The first line on the screen. */
  #top = 0;
  #row = 0;
  #column = 0;

  constructor(columns: number, height: number) {
    this.#columns = columns;
    this.#height = height;
  }

  /** The lines without what is blank at their ends, those that have scrolled away too. */
  get text(): string {
    const lines = this.#lines.map((cells) =>
      Array.from(cells, (cell) => cell ?? " ")
        .join("")
        .trimEnd(),
    );
    return lines.join("\n").trimEnd();
  }

  feed(text: string): this {
    for (const [piece] of text.matchAll(/\x1b\[[0-?]*[ -/]*[@-~]|\x1b.|[\s\S]/gu)) {
      if (piece.startsWith("\x1b[")) this.#control(piece.slice(2, -1), piece.at(-1) ?? "");
      else if (piece === "\r") this.#column = 0;
      else if (piece === "\n") this.#newLine();
      else if (!piece.startsWith("\x1b")) this.#put(piece);
    }
    return this;
  }

  #put(character: string): void {
    if (this.#column >= this.#columns) {
      this.#column = 0;
      this.#newLine();
    }
    const width = Bun.stringWidth(character);
    const line = this.#line();
    line[this.#column] = character;
    if (width === 2) line[this.#column + 1] = "";
    this.#column += width;
  }

  #newLine(): void {
    this.#row++;
    this.#line();
    if (this.#row - this.#top >= this.#height) this.#top = this.#row - this.#height + 1;
  }

  #line(): string[] {
    while (this.#lines.length <= this.#row) this.#lines.push([]);
    return this.#lines[this.#row] ?? [];
  }

  #control(parameters: string, name: string): void {
    const [first = 0, second = 0] = parameters.replace("?", "").split(";").map(Number);
    const count = Math.max(1, first);
    if (name === "A") this.#row = Math.max(this.#top, this.#row - count);
    else if (name === "B") this.#row = Math.min(this.#top + this.#height - 1, this.#row + count);
    else if (name === "C") this.#column = Math.min(this.#columns - 1, this.#column + count);
    else if (name === "D") this.#column = Math.max(0, this.#column - count);
    else if (name === "H") {
      this.#row = this.#top + count - 1;
      this.#column = Math.max(1, second) - 1;
    } else if (name === "K") {
      if (first === 2) this.#line().length = 0;
      else this.#line().length = Math.min(this.#line().length, this.#column);
    } else if (name === "J") {
      if (first === 2) this.#lines.splice(this.#top, this.#lines.length, []);
      else {
        this.#line().length = Math.min(this.#line().length, this.#column);
        this.#lines.length = this.#row + 1;
      }
    } else if (name !== "m" && name !== "h" && name !== "l") {
      throw new Error(`a control that this screen does not know: ${JSON.stringify(`${parameters}${name}`)}`);
    }
  }
}
