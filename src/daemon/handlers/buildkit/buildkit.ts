/** The two connections of BuildKit's protocol: the client's services to the daemon, and the daemon's to the client. */
import { Control } from "../../../api/buildkit/control.ts";
import { LLBBridge } from "../../../api/buildkit/gateway.ts";
import { Health, healthStates, sessionHeaders } from "../../../api/buildkit/session.ts";
import { Sessions } from "../../../builder/session/sessions.ts";
import { bind, serveGrpc } from "../../../lib/grpc/server.ts";
import type { Handlers } from "../../call.ts";
import { bridgeHandlers } from "./bridge.ts";
import { type ControlBackend, controlHandlers } from "./control.ts";
import { Jobs } from "./jobs.ts";
import { SessionBuilds } from "./session-build.ts";

/** The handlers of its routes, and builds of those who have a session only: all of them share the sessions. */
export function createBuildkit(builds: ControlBackend) {
  const sessions = new Sessions();
  const jobs = new Jobs();
  const bindings = new Map([
    ...bind(Control, controlHandlers(builds, sessions, jobs)),
    ...bind(LLBBridge, bridgeHandlers(builds, sessions, jobs)),
    ...bind(Health, { Check: () => ({ status: healthStates.serving }) }),
  ]);
  const handlers = {
    buildkitSession: ({ header }) => {
      const facts = {
        id: header(sessionHeaders.id) ?? "",
        sharedKey: header(sessionHeaders.sharedKey) ?? "",
        methods: new Set((header(sessionHeaders.method) ?? "").toLowerCase().split(/,\s*/)),
      };
      sessions.check(facts);
      return (socket) => sessions.serve(socket, facts);
    },
    buildkitControl: () => (socket) => serveGrpc(socket, bindings).closed,
  } satisfies Partial<Handlers>;
  return { handlers, sessionBuilds: new SessionBuilds({ builds, sessions, jobs }) };
}
