/** Most bytes of what git says that are kept: a hostile server may name references without end. */
const mostText = 32 << 20;

/** The stream to its end, of which only the beginning is kept. */
export async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= mostText) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
