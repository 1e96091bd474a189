/** What clients in looser languages send, and Go's decoder takes; and how they are answered in the names that they use. */
import { expect, test } from "bun:test";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

interface Created {
  readonly Id: string;
}

test("a body's fields are taken in any case", async () => {
  const created = await daemon().api<Created>("POST", "/containers/create?name=loose", {
    image: "busybox",
    cmd: ["sleep", "600"],
    labels: { Aa: "1", aA: "2" },
    hostconfig: { networkmode: "bridge", memory: 64 << 20 },
  });
  expect(created.status).toBe(201);
  const network = await daemon().api<Created>("POST", "/networks/create", { name: "loosenet" });
  expect(network.status).toBe(201);
  await daemon().must("start", "loose");
  expect((await daemon().api("POST", "/networks/loosenet/connect", { container: "loose" })).status).toBe(200);
  const format = "{{json .Config.Labels}} {{.HostConfig.Memory}} {{len .NetworkSettings.Networks}}";
  const seen = await daemon().must("inspect", "-f", format, "loose");
  expect(seen).toBe('{"Aa":"1","aA":"2"} 67108864 2\n');
  await daemon().must("rm", "-f", "loose");
  await daemon().must("network", "rm", "loosenet");
});

test("a file that is not there is missed in the container as the client has named it", async () => {
  const id = (await daemon().must("create", "--name", "filed", "busybox", "true")).trim();
  for (const ref of ["filed", id, id.slice(0, 12)]) {
    const message = `Could not find the file /nope in container ${ref}`;
    for (const method of ["GET", "PUT"]) {
      const answer = await daemon().api(method, `/containers/${ref}/archive?path=/nope`);
      expect(answer).toEqual({ status: 404, body: { message } });
    }
  }
  await daemon().must("rm", "filed");
});
