import { afterEach, expect, test } from "bun:test";
import { paths } from "../api/paths.ts";
import { connectSocket } from "./byte-stream.ts";
import { Client } from "./client.ts";
import { to } from "./route-call.ts";

interface Seen {
  readonly method: string;
  readonly target: string;
}

type Reply = string | "hang up";

const servers: { stop(force: boolean): void }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.stop(true);
});

/** A daemon that answers each request, of which none has a body, by `reply`; pipelined ones in order. */
function daemon(reply: (request: Seen, connection: number, close: () => void) => Reply): {
  client: Client;
  seen: Seen[];
} {
  const seen: Seen[] = [];
  let connections = 0;
  const server = Bun.listen<{ text: string; number: number }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { text: "", number: ++connections };
      },
      data(socket, bytes) {
        socket.data.text += new TextDecoder().decode(bytes);
        for (let at = socket.data.text.indexOf("\r\n\r\n"); at >= 0; at = socket.data.text.indexOf("\r\n\r\n")) {
          const [method = "", target = ""] = socket.data.text.split(" ");
          socket.data.text = socket.data.text.slice(at + 4);
          seen.push({ method, target });
          const answer = reply({ method, target }, socket.data.number, () => socket.end());
          if (answer === "hang up") return void socket.end();
          socket.write(answer);
        }
      },
    },
  });
  servers.push(server);
  const connect = () => connectSocket({ hostname: "127.0.0.1", port: server.port });
  return { client: new Client({ connect, host: "d", userAgent: "test" }), seen };
}

const ping = (version: string, more = ""): string =>
  `HTTP/1.1 200 OK\r\nApi-Version: ${version}\r\n${more}Content-Length: 0\r\n\r\n`;
const json = (status: number, body: object): string => {
  const text = JSON.stringify(body);
  return `HTTP/1.1 ${status} X\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
};
const isPing = ({ target }: Seen): boolean => target === "/_ping";
const create = to(paths.containerCreate, {}, { name: "c" });
const posts = (seen: readonly Seen[]): string[] =>
  seen.filter(({ method }) => method === "POST").map(({ target }) => target);

for (const [what, answer] of [
  ["fails", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"],
  ["names no version", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
  ["names an older version", ping("1.45")],
] as const) {
  test(`Client sends a first request once although the ping ${what}`, async () => {
    const { client, seen } = daemon((request) => (isPing(request) ? answer : json(201, { Id: "x" })));
    expect(await client.json<{ Id: string }>(create)).toEqual({ Id: "x" });
    expect(posts(seen)).toEqual(["/v1.51/containers/create?name=c"]);
    client.close();
  });
}

test("Client repeats a first request whose version is refused, in the version of the ping", async () => {
  const { client, seen } = daemon((request) => {
    if (isPing(request)) return ping("1.45");
    const tooNew = "client version 1.51 is too new. Maximum supported API version is 1.45";
    return request.target.startsWith("/v1.51/") ? json(400, { message: tooNew }) : json(201, { Id: "x" });
  });
  expect(await client.json<{ Id: string }>(create)).toEqual({ Id: "x" });
  expect(posts(seen)).toEqual(["/v1.51/containers/create?name=c", "/v1.45/containers/create?name=c"]);
  client.close();
});

test("Client tells a first request's own refusal without asking again", async () => {
  const { client, seen } = daemon((request) =>
    isPing(request) ? ping("1.45") : json(400, { message: "no command specified" }),
  );
  await expect(client.json(create)).rejects.toThrow("no command specified");
  expect(posts(seen)).toHaveLength(1);
  client.close();
});

test("Client sends a first request again when the ping's answer closes the connection", async () => {
  const { client, seen } = daemon((request, connection) => {
    if (!isPing(request)) return connection === 1 ? "hang up" : json(201, { Id: "x" });
    return ping("1.51", connection === 1 ? "Connection: close\r\n" : "");
  });
  expect(await client.json<{ Id: string }>(create)).toEqual({ Id: "x" });
  expect(seen.length).toBeGreaterThan(2);
  client.close();
});

test("Client repeats a GET, but never a POST, when a kept connection breaks", async () => {
  const { client, seen } = daemon((request, connection) => {
    if (isPing(request)) return ping("1.51");
    return request.target.includes("create") || (connection === 1 && request.target.includes("images"))
      ? "hang up"
      : json(200, []);
  });
  await client.json(to(paths.containerList));
  expect(await client.json<unknown[]>(to(paths.imageList))).toEqual([]);
  await expect(client.json(create)).rejects.toThrow("EOF");
  expect(posts(seen)).toHaveLength(1);
  client.close();
});

test("Client asks on a new connection when the kept one has ended meanwhile", async () => {
  let end = (): void => {};
  const { client, seen } = daemon((request, connection, close) => {
    if (isPing(request)) return ping("1.51");
    end = close;
    return connection === 1 ? json(200, []) : json(201, { Id: "x" });
  });
  await client.json(to(paths.containerList));
  end();
  await Bun.sleep(20);
  expect(await client.json<{ Id: string }>(create)).toEqual({ Id: "x" });
  expect(posts(seen)).toHaveLength(1);
  client.close();
});
