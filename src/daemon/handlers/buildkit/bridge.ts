/** A client that steers a build itself: it asks for frontends to be run, and says which of the results is the build's. */
import type { GatewaySolveRequest, ReturnRequest } from "../../../api/buildkit/gateway.ts";
import { buildIdHeader, type LLBBridge } from "../../../api/buildkit/gateway.ts";
import type { Sessions } from "../../../builder/session/sessions.ts";
import { invalidArgument, notFound, notImplemented } from "../../../lib/errors.ts";
import type { HandlersOf, ServerCall } from "../../../lib/grpc/server.ts";
import { GrpcError, statusCodes } from "../../../lib/grpc/status.ts";
import type { Read } from "../../../lib/protobuf/message.ts";
import { frontendCapabilities, solveCapabilities } from "./capabilities.ts";
import type { FrontendRequest, Job, Jobs, Returned } from "./jobs.ts";
import { promisedBy, promiseOf, Solve, type SolveBackend } from "./solve.ts";
import { failureOf } from "./source-info.ts";
import { answerSubrequest, checkSubrequest } from "./subrequests.ts";
import { workers } from "./workers.ts";

const nothing = { exporters: [], cacheExports: [] };

export function bridgeHandlers(builds: SolveBackend, sessions: Sessions, jobs: Jobs): HandlersOf<typeof LLBBridge> {
  const jobOf = ({ metadata, signal }: Pick<ServerCall, "metadata" | "signal">): Promise<Job> => {
    const [id = ""] = metadata.get(buildIdHeader) ?? [];
    if (id === "") throw invalidArgument("no build of this name: the call has no build id");
    return jobs.get(id, signal);
  };
  const unread = async (): Promise<never> => {
    throw notImplemented("files of a build's result cannot be read before it has ended");
  };
  return {
    Ping: async (_, call) => {
      await jobOf(call);
      return {
        frontendApiCaps: frontendCapabilities,
        llbCaps: solveCapabilities,
        workers: workers(builds.cacheRules()),
      };
    },
    Solve: async (request, call) => {
      const job = await jobOf(call);
      const wanted = frontendRequest(request);
      const solve = await Solve.open({ builds, sessions, jobs }, job, wanted);
      const name = wanted.attributes.get("requestid") ?? "";
      if (name !== "") {
        checkSubrequest(name);
        return { result: { metadata: await subrequest(builds, solve, name) } };
      }
      // Read now, so that what is wrong with it is told here.
      solve.read(nothing);
      for (const definition of wanted.inputs.values()) jobs.promised(promisedBy(definition) ?? "")?.job.lend(job);
      const id = job.promise(wanted);
      return { result: { ref: { id, def: promiseOf(id) } } };
    },
    Return: async (request, call) => {
      const job = await jobOf(call);
      job.returned.resolve(returnedIn(request, job));
      return {};
    },
    Warn: async ({ digest, level, short, detail, url, info, ranges }, call) => {
      const job = await jobOf(call);
      job.progress.add({ warnings: [{ vertex: digest, level, short, detail, url, info, ranges }] });
      return {};
    },
    Inputs: async (_, call) => {
      await jobOf(call);
      return {};
    },
    Evaluate: async ({ ref }, call) => {
      const job = await jobOf(call);
      if (job.promised(ref) === undefined) throw notFound(`no such result: ${ref}`);
      return {};
    },
    ReadFile: unread,
    ReadDir: unread,
    StatFile: unread,
  };
}

function frontendRequest(request: Read<typeof GatewaySolveRequest>): FrontendRequest {
  const { definition, frontend, frontendOpt, frontendInputs, cacheImports, sourcePolicies } = request;
  if (definition !== undefined && definition.def.length > 0) {
    throw notImplemented("graphs of LLB cannot be run by this builder: it reads Dockerfiles only");
  }
  if (sourcePolicies.some(({ rules }) => rules.length > 0)) {
    throw notImplemented("source policies are not supported by this engine");
  }
  return { frontend, attributes: frontendOpt, inputs: frontendInputs, cacheImports };
}

async function subrequest(builds: SolveBackend, solve: Solve, name: string): Promise<Map<string, Uint8Array>> {
  const { request, context } = solve.read(nothing);
  try {
    return await answerSubrequest(name, () => builds.inspect(request, context, solve.op));
  } catch (error) {
    throw failureOf(error, undefined);
  }
}

function returnedIn({ result, error }: Read<typeof ReturnRequest>, job: Job): Returned {
  if (error !== undefined && error.code !== 0) {
    return { failure: new GrpcError(error.code, error.message, { details: error.details }) };
  }
  const ids = [result?.ref?.id ?? "", ...[...(result?.refs?.refs.values() ?? [])].map(({ id }) => id)];
  const wanted = ids.filter((id) => id !== "");
  if (wanted.length === 0) return { result: null };
  if (wanted.length > 1) {
    return { failure: new GrpcError(statusCodes.unimplemented, "a build of several results is not supported") };
  }
  const promised = job.promised(wanted[0]!);
  if (promised !== undefined) return { result: promised };
  return { failure: new GrpcError(statusCodes.notFound, `no such result: ${wanted[0]}`) };
}
