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
    ended: false,
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

test("exchange() stops sending a body that is refused early, and keeps no connection it was cut off on", async () => {
  const stream = peer("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", 1000);
  let made = 0;
  async function* endless(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      await Bun.sleep(1);
      made++;
      yield new Uint8Array(8);
    }
  }
  const answer = await exchange(stream, { method: "PUT", target: "/", headers: {}, body: endless() });
  expect(answer.status).toBe(413);
  expect(await bodyOf(answer)).toBe("");
  expect(answer.reusable()).toBe(false);
  await Bun.sleep(10);
  const last = made;
  await Bun.sleep(20);
  expect(made).toBe(last);
});

test("exchange() goes on sending while an answer that is no refusal comes", async () => {
  const stream = peer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 1000);
  async function* slow(): AsyncGenerator<Uint8Array, void> {
    for (const letter of "abc") {
      await Bun.sleep(5);
      yield new TextEncoder().encode(letter);
    }
  }
  const answer = await exchange(stream, { method: "POST", target: "/", headers: {}, body: slow() });
  expect(answer.reusable()).toBe(false);
  expect(await bodyOf(answer)).toBe("ok");
  await Bun.sleep(50);
  expect(stream.sent.join("")).toEndWith("1\r\nc\r\n0\r\n\r\n");
  expect(answer.reusable()).toBe(true);
});
