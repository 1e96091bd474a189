/** The route table: every route that has a handler. What Docker has besides is in `unbuilt.ts`. */

import type { BuildPruneResponse } from "./build.ts";
import type { ContainerStatsResponse } from "./container-stats.ts";
import {
  ContainerConfig,
  ContainerCreateRequest,
  type ContainerCreateResponse,
  type ContainerInspectResponse,
  type ContainerPruneResponse,
  type ContainerSummary,
  type ContainerTopResponse,
  type ContainerUpdateResponse,
  type ContainerWaitResponse,
  type FilesystemChange,
} from "./containers.ts";
import type { EventMessage } from "./events.ts";
import { ExecConfig, type ExecInspectResponse, ExecStartConfig, type IDResponse } from "./exec.ts";
import { ContainerUpdateRequest } from "./host-config.ts";
import type { ImageLayers } from "./image-files.ts";
import { type ImageLacks, ImageLacksRequest, ImageSaveRequest } from "./image-transfer.ts";
import type {
  DistributionInspect,
  ImageDeleteResponseItem,
  ImageHistoryResponseItem,
  ImageInspect,
  ImagePruneResponse,
  ImageSearchResult,
  ImageSummary,
} from "./images.ts";
import {
  type Network,
  NetworkConnectRequest,
  NetworkCreateRequest,
  type NetworkCreateResponse,
  NetworkDisconnectRequest,
  type NetworkPruneResponse,
} from "./networks.ts";
import { paths, type RouteName } from "./paths.ts";
import {
  bytes,
  empty,
  hijack,
  json,
  jsonBody,
  later,
  lines,
  noBody,
  plainText,
  progress,
  progressOnly,
  type RouteSpec,
  requiredBody,
  streamBody,
  upgrade,
} from "./route.ts";
import {
  AuthConfig,
  type AuthResponse,
  type GcReport,
  type SystemDataUsage,
  type SystemInfo,
  type SystemVersion,
} from "./system.ts";
import type { CheckLine } from "./system-check.ts";
import { type Volume, VolumeCreateRequest, type VolumeListResponse, type VolumePruneResponse } from "./volumes.ts";

const p = paths;
const body = noBody;

export const routes = {
  containerList: { ...p.containerList, body, reply: json<ContainerSummary[]>(), fails: ["system"] },
  containerCreate: {
    ...p.containerCreate,
    body: requiredBody(ContainerCreateRequest),
    reply: json<ContainerCreateResponse>(201),
    fails: ["notFound", "conflict"],
  },
  containerInspect: { ...p.containerInspect, body, reply: json<ContainerInspectResponse>(), fails: ["notFound"] },
  containerTop: { ...p.containerTop, body, reply: json<ContainerTopResponse>(), fails: ["notFound", "conflict"] },
  containerLogs: { ...p.containerLogs, body, reply: bytes(), fails: ["notFound", "notImplemented"] },
  containerChanges: { ...p.containerChanges, body, reply: json<FilesystemChange[]>(), fails: ["notFound"] },
  containerExport: { ...p.containerExport, body, reply: bytes(), fails: ["notFound"] },
  containerStats: { ...p.containerStats, body, reply: lines<ContainerStatsResponse>(), fails: ["notFound"] },
  containerResize: { ...p.containerResize, body, reply: empty(200), fails: ["notFound", "conflict"] },
  containerStart: { ...p.containerStart, body, reply: empty(), fails: ["notModified", "notFound", "system"] },
  containerStop: { ...p.containerStop, body, reply: empty(), fails: ["notModified", "notFound", "system"] },
  containerRestart: { ...p.containerRestart, body, reply: empty(), fails: ["notFound", "system"] },
  containerKill: { ...p.containerKill, body, reply: empty(), fails: ["notFound", "conflict"] },
  containerUpdate: {
    ...p.containerUpdate,
    body: jsonBody(ContainerUpdateRequest),
    reply: json<ContainerUpdateResponse>(),
    fails: ["notFound", "conflict"],
  },
  containerRename: { ...p.containerRename, body, reply: empty(), fails: ["notFound", "conflict"] },
  containerPause: { ...p.containerPause, body, reply: empty(), fails: ["notFound", "conflict"] },
  containerUnpause: { ...p.containerUnpause, body, reply: empty(), fails: ["notFound", "conflict"] },
  containerAttach: { ...p.containerAttach, body, reply: hijack(), fails: ["notFound", "conflict"] },
  containerAttachWebsocket: {
    ...p.containerAttachWebsocket,
    body,
    reply: empty(),
    fails: ["notFound", "notImplemented"],
  },
  containerWait: { ...p.containerWait, body, reply: later<ContainerWaitResponse>(), fails: ["notFound"] },
  containerRemove: { ...p.containerRemove, body, reply: empty(), fails: ["notFound", "conflict"] },
  containerStatPath: { ...p.containerStatPath, body, reply: empty(200), fails: ["notFound"] },
  containerGetArchive: { ...p.containerGetArchive, body, reply: bytes(), fails: ["notFound"] },
  containerPutArchive: {
    ...p.containerPutArchive,
    body: streamBody,
    reply: empty(200),
    fails: ["notFound", "forbidden"],
  },
  containerPrune: { ...p.containerPrune, body, reply: json<ContainerPruneResponse>(), fails: ["conflict"] },
  commit: { ...p.commit, body: jsonBody(ContainerConfig), reply: json<IDResponse>(201), fails: ["notFound"] },

  execCreate: {
    ...p.execCreate,
    body: jsonBody(ExecConfig),
    reply: json<IDResponse>(201),
    fails: ["notFound", "conflict"],
  },
  execRun: { ...p.execRun, body: jsonBody(ExecConfig), reply: hijack(), fails: ["notFound", "conflict"] },
  execStart: { ...p.execStart, body: jsonBody(ExecStartConfig), reply: hijack(), fails: ["notFound", "conflict"] },
  execResize: { ...p.execResize, body, reply: empty(200), fails: ["notFound"] },
  execInspect: { ...p.execInspect, body, reply: json<ExecInspectResponse>(), fails: ["notFound"] },

  imageList: { ...p.imageList, body, reply: json<ImageSummary[]>(), fails: [] },
  imageCreate: { ...p.imageCreate, body: streamBody, reply: progress(), fails: ["notFound", "system"] },
  buildkitSession: { ...p.buildkitSession, body, reply: upgrade(), fails: [] },
  buildkitControl: { ...p.buildkitControl, body, reply: upgrade(), fails: [] },
  imageBuild: { ...p.imageBuild, body: streamBody, reply: progress(), fails: ["notFound", "system"] },
  buildCancel: { ...p.buildCancel, body, reply: empty(204), fails: [] },
  buildPrune: { ...p.buildPrune, body, reply: json<BuildPruneResponse>(), fails: ["conflict"] },
  imageLoad: { ...p.imageLoad, body: streamBody, reply: progressOnly(), fails: ["system"] },
  imagePrune: { ...p.imagePrune, body, reply: json<ImagePruneResponse>(), fails: ["conflict"] },
  imageSearch: { ...p.imageSearch, body, reply: json<ImageSearchResult[]>(), fails: ["system"] },
  imageSaveMany: { ...p.imageSaveMany, body, reply: bytes(), fails: ["notFound"] },
  imageSave: { ...p.imageSave, body, reply: bytes(), fails: ["notFound"] },
  imageInspect: { ...p.imageInspect, body, reply: json<ImageInspect>(), fails: ["notFound"] },
  imageHistory: { ...p.imageHistory, body, reply: json<ImageHistoryResponseItem[]>(), fails: ["notFound"] },
  imagePush: { ...p.imagePush, body: streamBody, reply: progress(), fails: ["notFound", "system"] },
  imageTag: { ...p.imageTag, body, reply: empty(201), fails: ["notFound", "conflict"] },
  imageRemove: {
    ...p.imageRemove,
    body,
    reply: json<ImageDeleteResponseItem[]>(),
    fails: ["notFound", "conflict"],
  },
  imageLayers: { ...p.imageLayers, body, reply: json<ImageLayers[]>(), fails: ["notFound"] },
  imageFiles: { ...p.imageFiles, body, reply: bytes(), fails: ["notFound"] },
  imageLacks: { ...p.imageLacks, body: requiredBody(ImageLacksRequest), reply: json<ImageLacks>(), fails: [] },
  imageSaveParts: {
    ...p.imageSaveParts,
    body: requiredBody(ImageSaveRequest),
    reply: bytes(),
    fails: ["notFound"],
  },
  distributionInspect: {
    ...p.distributionInspect,
    body,
    reply: json<DistributionInspect>(),
    fails: ["unauthorized", "notFound", "system"],
  },

  volumeList: { ...p.volumeList, body, reply: json<VolumeListResponse>(), fails: [] },
  volumeCreate: {
    ...p.volumeCreate,
    body: jsonBody(VolumeCreateRequest),
    reply: json<Volume>(201),
    fails: ["notFound", "conflict"],
  },
  volumePrune: { ...p.volumePrune, body, reply: json<VolumePruneResponse>(), fails: ["conflict"] },
  volumeInspect: { ...p.volumeInspect, body, reply: json<Volume>(), fails: ["notFound"] },
  volumeUpdate: { ...p.volumeUpdate, body, reply: empty(200), fails: ["unavailable"] },
  volumeRemove: { ...p.volumeRemove, body, reply: empty(), fails: ["notFound", "conflict"] },

  volumeRename: { ...p.volumeRename, body, reply: empty(), fails: ["notFound", "conflict", "notImplemented"] },
  volumeClone: { ...p.volumeClone, body, reply: json<Volume>(201), fails: ["notFound", "conflict"] },
  volumeExport: { ...p.volumeExport, body, reply: bytes(), fails: ["notFound"] },
  volumeImport: { ...p.volumeImport, body: streamBody, reply: json<Volume>(201), fails: ["conflict", "system"] },

  networkList: { ...p.networkList, body, reply: json<Network[]>(), fails: [] },
  networkCreate: {
    ...p.networkCreate,
    body: requiredBody(NetworkCreateRequest),
    reply: json<NetworkCreateResponse>(201),
    fails: ["notFound", "forbidden", "conflict"],
  },
  networkPrune: { ...p.networkPrune, body, reply: json<NetworkPruneResponse>(), fails: ["conflict"] },
  networkInspect: { ...p.networkInspect, body, reply: json<Network>(), fails: ["notFound"] },
  networkRemove: { ...p.networkRemove, body, reply: empty(), fails: ["notFound", "forbidden"] },
  networkConnect: {
    ...p.networkConnect,
    body: requiredBody(NetworkConnectRequest),
    reply: empty(200),
    fails: ["notFound", "forbidden", "conflict"],
  },
  networkDisconnect: {
    ...p.networkDisconnect,
    body: requiredBody(NetworkDisconnectRequest),
    reply: empty(200),
    fails: ["notFound", "forbidden"],
  },

  ping: { ...p.ping, body, reply: plainText(), fails: [] },
  pingHead: { ...p.pingHead, body, reply: plainText(), fails: [] },
  info: { ...p.info, body, reply: json<SystemInfo>(), fails: [] },
  version: { ...p.version, body, reply: json<SystemVersion>(), fails: [] },
  auth: { ...p.auth, body: requiredBody(AuthConfig), reply: json<AuthResponse>(), fails: ["unauthorized", "system"] },
  events: { ...p.events, body, reply: lines<EventMessage>(), fails: ["system"] },
  dataUsage: { ...p.dataUsage, body, reply: json<SystemDataUsage>(), fails: [] },

  gc: { ...p.gc, body, reply: json<GcReport>(), fails: ["conflict"] },
  systemCheck: { ...p.systemCheck, body, reply: lines<CheckLine>(), fails: ["conflict"] },
  daemonStop: { ...p.daemonStop, body, reply: empty(), fails: [] },
} as const satisfies Record<RouteName, RouteSpec>;

export type Routes = typeof routes;
