/** What is the operator's alone, on an address of its own: metrics and health. */
import type { Server } from "bun";
import type { Health } from "./health.ts";
import type { Metrics } from "./metrics.ts";

/** Serves `/metrics` and `/debug/health`, as Docker's registry has them on its debug address, and nothing else. */
export function serveOperator(
  { metrics, health }: { readonly metrics: Metrics; readonly health: Health },
  hostname: string,
  port: number,
): Server<undefined> {
  return Bun.serve({
    hostname,
    port,
    async fetch({ method, url }) {
      const { pathname } = new URL(url);
      if (method !== "GET") return new Response("not found\n", { status: 404 });
      if (pathname === "/metrics") {
        const type = "text/plain; version=0.0.4; charset=utf-8";
        return new Response(metrics.text(), { headers: { "content-type": type } });
      }
      if (pathname !== "/debug/health") return new Response("not found\n", { status: 404 });
      const fault = await health.storage();
      // An empty object means that nothing is wrong.
      return Response.json(fault === null ? {} : { storage: fault }, { status: fault === null ? 200 : 503 });
    },
  });
}
