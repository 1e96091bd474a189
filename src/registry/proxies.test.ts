import { expect, test } from "bun:test";
import { maskedProxy, useProxies } from "./proxies.ts";

test("useProxies() lets the configuration win over the environment, and never leads to this host by a proxy", () => {
  const environment: Record<string, string | undefined> = {
    https_proxy: "http://e:1",
    HTTP_PROXY: "http://e:2",
    no_proxy: "a, .b",
  };
  useProxies({ http: "http://c:1", https: "", none: "" }, environment);
  expect(environment).toEqual({
    ...{ HTTP_PROXY: "http://c:1", http_proxy: "http://c:1", HTTPS_PROXY: "http://e:1", https_proxy: "http://e:1" },
    ...{ NO_PROXY: "a,.b,localhost,127.0.0.1,::1", no_proxy: "a,.b,localhost,127.0.0.1,::1" },
  });
  useProxies({ http: "", https: "", none: "own.example" }, environment);
  expect(environment.NO_PROXY).toBe("own.example,localhost,127.0.0.1,::1");
  const none = {};
  useProxies({ http: "", https: "", none: "" }, none);
  expect(none).toEqual({});
});

test("requests go by the proxy, but for hosts that are excepted and this one", async () => {
  const seen: string[] = [];
  const name = (request: Request): string => {
    seen.push(new URL(request.url).host);
    return "by the proxy";
  };
  await using proxy = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request) => new Response(name(request)) });
  await using own = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("itself") });
  const names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"];
  const before = names.map((each) => [each, process.env[each]] as const);
  try {
    useProxies({ http: proxy.url.origin, https: "", none: "" }, process.env);
    expect(await (await fetch("http://registry.example/v2/")).text()).toBe("by the proxy");
    expect(await (await fetch(own.url)).text()).toBe("itself");
    expect(seen).toHaveLength(1);
  } finally {
    for (const [each, value] of before) {
      if (value === undefined) delete process.env[each];
      else process.env[each] = value;
    }
  }
});

test("maskedProxy() shows neither user nor password", () => {
  expect(maskedProxy("http://u:p@proxy:3128")).toBe("http://xxxxx:xxxxx@proxy:3128");
  expect(maskedProxy("u:p@proxy")).not.toContain("p@");
  expect(maskedProxy("http://proxy:3128")).toBe("http://proxy:3128");
});
