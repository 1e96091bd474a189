/** A front before a registry: writes down what it is asked, and does what a bad or absent upstream does. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | null;
}

export interface RegistryFront extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly asked: Asked[];
  /** Answers instead of the registry; null lets a request through. */
  fault: ((request: Request) => Response | Promise<Response> | null) | null;
  /** Requests whose method and path match. */
  count(method: string, path: RegExp): number;
}

export function startRegistryFront(behind: string): RegistryFront {
  const asked: Asked[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const url = new URL(request.url);
      const path = url.pathname + url.search;
      asked.push({ method: request.method, path, authorization: request.headers.get("authorization") });
      const instead = await front.fault?.(request);
      if (instead) return instead;
      const response = await fetch(`http://${behind}${path}`, {
        method: request.method,
        headers: request.headers,
        redirect: "manual",
        decompress: false,
      });
      // A token server is named by the address that it is asked at.
      const headers = new Headers(response.headers);
      const challenge = headers.get("www-authenticate");
      if (challenge) headers.set("www-authenticate", challenge.replace(behind, front.host));
      return new Response(response.body, { status: response.status, headers });
    },
  });
  const front: RegistryFront = {
    host: `127.0.0.1:${server.port}`,
    asked,
    fault: null,
    count: (method, path) => asked.filter((one) => one.method === method && path.test(one.path)).length,
    async [Symbol.asyncDispose]() {
      await server.stop(true);
    },
  };
  return front;
}
