/**
 * The registry's API, asked in the name of whoever logged in. The password stays in this page's memory, and goes with each request
 * instead of into the browser's store, so that no other page can use it.
 */
import { type Fields, fields, list, text } from "./words.ts";

let authorization: string | null = null;

/** The registry said no. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Most bytes of a manifest or a configuration that are read. */
const limit = 8_000_000;

async function ask(path: string): Promise<Response> {
  const headers: Record<string, string> = authorization === null ? {} : { authorization };
  // "omit" keeps the browser from asking for a password by itself.
  const response = await fetch(path, { headers, credentials: "omit" });
  if (response.ok) return response;
  const [first] = list(fields(await response.json().catch(() => null)).errors);
  throw new Refusal(response.status, text(fields(first).message) || `the registry answered ${response.status}`);
}

/** Whether the registry knows users, of whom none has logged in here. */
export async function wantsLogin(): Promise<boolean> {
  try {
    await ask("/v2/");
    return false;
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) return true;
    throw error;
  }
}

/** Keeps the password when the registry takes it; answers whether it does. */
export async function login(user: string, password: string): Promise<boolean> {
  const before = authorization;
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  authorization = `Basic ${btoa(String.fromCharCode(...bytes))}`;
  if (!(await wantsLogin())) return true;
  authorization = before;
  return false;
}

export function logout(): void {
  authorization = null;
}

/** Part of a list, and how to ask for the next part; null at the end. */
export interface Page {
  readonly names: string[];
  readonly next: (() => Promise<Page>) | null;
}

const pageSize = 100;

export const repositories = (): Promise<Page> => pageOf("/page/catalog", `?n=${pageSize}`, "repositories");

export const tags = (name: string): Promise<Page> => pageOf(`/v2/${name}/tags/list`, `?n=${pageSize}`, "tags");

async function pageOf(path: string, query: string, key: string): Promise<Page> {
  const response = await ask(path + query);
  const names = list(fields(await response.json())[key]).map(text);
  const [, next] = /<[^>?]*(\?[^>]*)>;\s*rel="next"/.exec(response.headers.get("link") ?? "") ?? [];
  return { names, next: next === undefined ? null : () => pageOf(path, next, key) };
}

export interface Manifest {
  readonly digest: string;
  readonly value: Fields;
}

/** By tag or digest. */
export async function manifest(name: string, reference: string): Promise<Manifest> {
  const response = await ask(`/v2/${name}/manifests/${reference}`);
  const digest = response.headers.get("docker-content-digest") ?? reference;
  return { digest, value: fields(await json(response)) };
}

/** A configuration, or another blob that is JSON. */
export const blob = async (name: string, digest: string): Promise<Fields> =>
  fields(await json(await ask(`/v2/${name}/blobs/${digest}`)));

/** Descriptors of what refers to a manifest: signatures, bills of materials and the like. */
export async function referrers(name: string, digest: string): Promise<readonly unknown[]> {
  return list(fields(await json(await ask(`/v2/${name}/referrers/${digest}`))).manifests);
}

async function json(response: Response): Promise<unknown> {
  const chunks: BlobPart[] = [];
  let size = 0;
  for (const reader = response.body?.getReader(); reader; ) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > limit) {
      await reader.cancel();
      throw new Error("too large to be shown");
    }
    chunks.push(value);
  }
  return JSON.parse(await new Blob(chunks).text());
}
