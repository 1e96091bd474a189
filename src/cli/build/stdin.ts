/** Standard input as a build's context: looked at before it is read. */

const tarMagic = { at: 257, text: "ustar" };
/** gzip, bzip2, xz, zstd. */
const packed = [
  [0x1f, 0x8b],
  [0x42, 0x5a, 0x68],
  [0xfd, 0x37, 0x7a, 0x58, 0x5a],
  [0x28, 0xb5, 0x2f, 0xfd],
];

export interface Stdin {
  isArchive(): Promise<boolean>;
  /** All that there is; once. */
  rest(): AsyncIterable<Uint8Array>;
  whole(): Promise<Uint8Array>;
}

export function readStdin(stream: AsyncIterable<Uint8Array> = Bun.stdin.stream()): Stdin {
  const bytes = stream[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  async function* rest(): AsyncGenerator<Uint8Array> {
    yield head;
    for (let next = await bytes.next(); !next.done; next = await bytes.next()) yield next.value;
  }
  return {
    async isArchive() {
      for (let next = await bytes.next(); !next.done; next = await bytes.next()) {
        head = Buffer.concat([head, next.value]);
        if (head.length >= tarMagic.at + tarMagic.text.length) break;
      }
      return (
        packed.some((magic) => magic.every((byte, i) => head[i] === byte)) ||
        head.toString("latin1", tarMagic.at, tarMagic.at + tarMagic.text.length) === tarMagic.text
      );
    },
    rest,
    async whole() {
      const pieces: Uint8Array[] = [];
      for await (const piece of rest()) pieces.push(piece);
      return Buffer.concat(pieces);
    },
  };
}
