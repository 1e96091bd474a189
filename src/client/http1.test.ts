import { expect, test } from "bun:test";
import type { ByteStream } from "./byte-stream.ts";
import { exchange } from "./http1.ts";

/** A peer that answers `text`, cut into pieces of `size` bytes. */
function peer(text: string, size: number): ByteStream & { sent: string[] } {
  const bytes = new TextEncoder().encode(text);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  const sent: string[] = [];
  return {
    sent,
    read: async () => pieces.shift() ?? null,
    unread: (put) => void (put.length > 0 && pieces.unshift(put)),
    write: async (data) => void sent.push(typeof data === "string" ? data : new TextDecoder().decode(data)),
    end: () => {},
    close: () => {},
    keepAlive: () => {},
  };
}

async function bodyOf(answer: Awaited<ReturnType<typeof exchange>>): Promise<string> {
  let text = "";
  for await (const bytes of answer.body) text += new TextDecoder().decode(bytes);
  return text;
}

const chunked =
  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n";

for (const size of [1, 3, 1000]) {
  test(`exchange() reads chunks and trailers cut into pieces of ${size}`, async () => {
    const answer = await exchange(peer(chunked, size), { method: "GET", target: "/", headers: {} });
    expect(answer.status).toBe(200);
    expect(await bodyOf(answer)).toBe("hello world");
    expect(answer.trailers.get("x-sum")).toBe("1");
    expect(answer.reusable()).toBe(true);
  });
}

test("exchange() leaves what follows a counted body for the next reader", async () => {
  const stream = peer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokrest", 1000);
  expect(await bodyOf(await exchange(stream, { method: "GET", target: "/", headers: {} }))).toBe("ok");
  expect(new TextDecoder().decode((await stream.read()) ?? new Uint8Array())).toBe("rest");
});

test("exchange() reports a body that is cut short", async () => {
  const answer = await exchange(peer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", 1000), {
    method: "GET",
    target: "/",
    headers: {},
  });
  expect(bodyOf(answer)).rejects.toThrow("unexpected EOF");
});

test("exchange() lets no header value start a new line", async () => {
  const stream = peer("HTTP/1.1 204 No Content\r\n\r\n", 1000);
  await exchange(stream, { method: "GET", target: "/", headers: { "X-A": "b\r\nX-Evil: 1" } });
  expect(stream.sent.join("")).not.toContain("\nX-Evil");
});
