/** Streams, archives and waiting, as the cases of the Node clients want them. */
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import tar from "tar-stream";

/** All bytes of a stream. */
export async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Output and errors of a stream in Docker's frames: one byte of which stream, three of nothing, four of length. */
export function frames(bytes) {
  const found = { stdout: "", stderr: "" };
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at + 4);
    found[bytes[at] === 2 ? "stderr" : "stdout"] += bytes.subarray(at + 8, at + 8 + length);
    at += 8 + length;
  }
  return found;
}

/** A tar of files, name to text. */
export function pack(files) {
  const archive = tar.pack();
  for (const [name, text] of Object.entries(files)) archive.entry({ name }, text);
  archive.finalize();
  return archive;
}

/** Name to text of a tar's entries; only regular files are read. */
export async function unpack(stream) {
  const archive = tar.extract();
  const reading = pipeline(stream, archive);
  const files = {};
  for await (const entry of archive) {
    if (entry.header.type === "file" || entry.header.type === "directory")
      files[entry.header.name] = String(await collect(entry));
    else entry.resume();
  }
  await reading;
  return files;
}

/** Waits until the condition holds; throws with `what` after 10 s. */
export async function until(what, condition) {
  const deadline = Date.now() + 10_000 * Number(process.env.DHOW_TEST_SLOW || 1);
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited for ${what}`);
    await sleep(20);
  }
}
