/** Found by clients in other languages: ruby-docker-api and Ansible's modules. */
import { expect, test } from "bun:test";
import { tarOf } from "../fixtures/tar-builder.ts";
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

test("files are put into the mounts of a container whose own root is read-only", async () => {
  const mounts = ["-v", "wet:/wet", "-v", "dry:/dry:ro"];
  await daemon().must("run", "-d", "--name", "sealed", "--read-only", ...mounts, "busybox", "sleep", "600");
  const put = async (path: string) => {
    const url = `http://d/containers/sealed/archive?path=${path}`;
    const body = tarOf({ path: "file", type: "file", data: "put" });
    const answer = await fetch(url, { method: "PUT", unix: daemon().socket, body });
    return `${answer.status} ${await answer.text()}`.trim();
  };
  const sealed = '400 {"message":"container rootfs is marked read-only"}';
  const dry = '400 {"message":"mounted volume is marked read-only"}';
  for (const state of ["running", "stopped"]) {
    if (state === "stopped") await daemon().must("stop", "-t", "0", "sealed");
    const answers = [await put("/wet"), await put("/dry"), await put("/etc")];
    expect([state, ...answers]).toEqual([state, "200", dry, sealed]);
  }
  await daemon().must("rm", "-f", "sealed");
  await daemon().must("volume", "rm", "wet", "dry");
});

test("a client before API 1.45 finds a container's short id and hostname among its aliases", async () => {
  await daemon().must("network", "create", "aliased");
  const made = ["create", "--name", "called", "--network", "aliased", "--network-alias", "al", "--hostname", "host"];
  const id = (await daemon().must(...made, "busybox", "true")).trim();
  const aliases = async (version: string) => {
    type Seen = { NetworkSettings: { Networks: Record<string, { Aliases: string[] | null }> } };
    const { body } = await daemon().api<Seen>("GET", `/v${version}/containers/called/json`);
    return body.NetworkSettings.Networks.aliased?.Aliases;
  };
  expect(await aliases("1.44")).toEqual(["al", id.slice(0, 12), "host"]);
  expect(await aliases("1.45")).toEqual(["al"]);
  await daemon().must("rm", "called");
  await daemon().must("network", "rm", "aliased");
});
