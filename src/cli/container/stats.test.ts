import { expect, test } from "bun:test";
import { ApiError, type Client } from "../../client/client.ts";
import type { RouteCall } from "../../client/route-call.ts";
import { statsRows } from "./stats.ts";

/** A daemon that knows `here` alone. */
const client = {
  async json({ path }: RouteCall) {
    if (path.startsWith("/containers/here/")) return { id: "here", name: "/here" };
    throw new ApiError(path.includes("/broken/") ? 500 : 404, "No such container: gone");
  },
} as unknown as Client;

test("statsRows() drops a container of a list that has gone, and no other failure", async () => {
  const rows = await statsRows(client, ["gone", "here"], false);
  expect(rows.map(({ name }) => name)).toEqual(["here"]);
  await expect(statsRows(client, ["broken"], false)).rejects.toThrow();
});

test("statsRows() tells of a container that was named and is not there", async () => {
  await expect(statsRows(client, ["here", "gone"], true)).rejects.toThrow("No such container: gone");
});
