/** What clients are told that this builder can do, by BuildKit's names: the rest they leave alone. */
import type { APICap } from "../../../api/buildkit/types.ts";
import type { Written } from "../../../lib/protobuf/message.ts";

const list = (names: string): Written<typeof APICap>[] => names.split(/\s+/).map((id) => ({ id, enabled: true }));

/** Of the bridge. */
export const frontendCapabilities = list(
  `frontend.caps frontend.inputs gateway.evaluate gateway.solve.evaluate gateway.solve.metadata gateway.warnings importcaches
   proto.refarray reference.attestations reference.output return returnmap solve.base solve.inlinereturn`,
);

/** Of what a solve takes. No operation of LLB is there: graphs of a client's own are refused. */
export const solveCapabilities = list(
  `exporter.image.annotations exporter.image.attestations exporter.multiple exporter.sourcedateepoch history.filter
   source.local source.local.excludepatterns source.local.followpaths source.local.includepatterns source.local.sessionid
   source.local.sharedkeyhint`,
);
