import type { LogInfo } from "../logs/driver.ts";
import type { ContainerRecord } from "./record.ts";

/** What log drivers are told of a container. */
export function logInfo(record: ContainerRecord): LogInfo {
  const { config, hostConfig } = record;
  return {
    config: hostConfig.LogConfig.Config,
    containerId: record.id,
    containerName: record.name,
    entrypoint: record.path,
    args: record.args,
    imageId: record.image,
    imageName: config.Image,
    created: record.created,
    env: config.Env ?? [],
    labels: config.Labels ?? {},
  };
}
