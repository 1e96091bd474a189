import type { DependsOn, Develop, HealthCheck, Hook, WatchRule } from "../model/lifecycle.ts";
import { command, environment, listOf, record, textOrTexts } from "./collections.ts";
import { anyText, duration, flag, integer, plainFlag, text, textOneOf, textValue } from "./scalars.ts";
import type { Type } from "./type.ts";

export const hook: Type<Hook> = record<Hook>(
  { command, user: text(), privileged: flag, working_dir: text(), environment },
  { required: ["command"] },
);

export const dependsOn: Type<DependsOn> = record<DependsOn>(
  {
    condition: textOneOf("service_started", "service_healthy", "service_completed_successfully"),
    restart: flag,
    required: plainFlag,
  },
  { required: ["condition"] },
);

/** A text is a shell's. */
const test: Type<readonly string[]> = {
  accept: [{ types: ["string"] }, { types: ["array"], items: { types: ["string"] } }],
  read(node) {
    if (node.kind === "scalar") return ["CMD-SHELL", textValue(node)];
    return node.kind === "sequence" && node.items.length > 0 ? node.items.map(textValue) : undefined;
  },
};

const period = duration({ keepZero: true });

export const healthCheck: Type<HealthCheck> = record<HealthCheck>({
  test,
  timeout: period,
  interval: period,
  retries: integer({ keepZero: true }),
  start_period: period,
  start_interval: period,
  disable: flag,
});

const watchRule: Type<WatchRule> = record<WatchRule>(
  {
    path: anyText,
    action: textOneOf("rebuild", "sync", "restart", "sync+restart", "sync+exec"),
    target: text(),
    exec: { ...hook, absentInJson: new Map([["command", null]]) },
    include: textOrTexts,
    ignore: textOrTexts,
    initial_sync: { ...flag, accept: { types: ["boolean"] } },
  },
  { required: ["path", "action"] },
);

const developFields = record<Develop>({ watch: listOf(watchRule) });
export const develop: Type<Develop> = {
  ...developFields,
  accept: [developFields.accept as never, { types: ["null"] }],
};
