/** What Bun's S3 client has no calls for: multipart uploads that can be gone on with, and copies inside the store. */
import { attempted, codeOf } from "./attempts.ts";
import { encodeStrictly, type S3Account, signedHeaders } from "./signature.ts";

export interface S3Options extends S3Account {
  /** Scheme, host and port. */
  readonly endpoint: URL;
  readonly bucket: string;
  /** Before every key: "" or ending with a slash. */
  readonly prefix: string;
  /** Most bytes of one copy inside the store; S3's own limit unless told. */
  readonly maxCopy?: number;
  /** Most keys of one list; S3's own limit unless told. */
  readonly maxPage?: number;
}

/** S3 copies no more than 5 GiB at once. */
const maxCopy = 5 * 2 ** 30;
const answerMs = 120_000;
const nothing = new Uint8Array(0);

interface S3Request {
  readonly method: "POST" | "PUT" | "DELETE";
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export class Multipart {
  readonly #options: S3Options;

  constructor(options: S3Options) {
    this.#options = options;
  }

  /** Answers the new upload's id. One without parts takes no room. */
  async begin(key: string): Promise<string> {
    const { text } = await this.#send({ method: "POST", key, query: { uploads: "" } });
    return element(text, "UploadId");
  }

  /** Puts a part, in place of an earlier one of that number; answers its tag. All but the last have 5 MiB at least. */
  async put(key: string, uploadId: string, number: number, body: Uint8Array): Promise<string> {
    const query = { partNumber: String(number), uploadId };
    return (await this.#send({ method: "PUT", key, query, body })).etag;
  }

  /** Makes an object of parts; fine for an upload that was completed before, when `isThere` says so. */
  async complete(
    key: string,
    uploadId: string,
    etags: readonly string[],
    isThere: () => Promise<boolean>,
  ): Promise<void> {
    const parts = etags.map((etag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${etag}</ETag></Part>`);
    const body = Buffer.from(`<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`);
    try {
      await this.#send({ method: "POST", key, query: { uploadId }, body });
    } catch (error) {
      if (codeOf(error) !== "NoSuchUpload" || !(await isThere())) throw error;
    }
  }

  /** Gives an upload and its parts up. A store that cannot be told so has a rule of its own for what nobody completes. */
  async abort(key: string, uploadId: string): Promise<void> {
    try {
      await this.#send({ method: "DELETE", key, query: { uploadId } });
    } catch (error) {
      if (!/^(?:NoSuchUpload|NotImplemented|MethodNotAllowed)$/.test(codeOf(error))) throw error;
    }
  }

  /** Copies an object of `size` bytes without its coming through here. */
  async copy(from: string, to: string, size: number): Promise<void> {
    const source = `/${this.#options.bucket}/${from}`.split("/").map(encodeStrictly).join("/");
    const limit = this.#options.maxCopy ?? maxCopy;
    if (size <= limit) {
      await this.#send({ method: "PUT", key: to, headers: { "x-amz-copy-source": source } });
      return;
    }
    const uploadId = await this.begin(to);
    try {
      const etags: string[] = [];
      for (let start = 0; start < size; start += limit) {
        const range = `bytes=${start}-${Math.min(start + limit, size) - 1}`;
        const headers = { "x-amz-copy-source": source, "x-amz-copy-source-range": range };
        const query = { partNumber: String(etags.length + 1), uploadId };
        etags.push(element((await this.#send({ method: "PUT", key: to, query, headers })).text, "ETag"));
      }
      await this.complete(to, uploadId, etags, async () => false);
    } catch (error) {
      await this.abort(to, uploadId).catch(() => {});
      throw error;
    }
  }

  #send(request: S3Request): Promise<{ text: string; etag: string }> {
    return attempted(`S3 ${request.method} ${request.key}`, () => this.#sendOnce(request));
  }

  async #sendOnce({ method, key, query = {}, headers = {}, body = nothing }: S3Request): Promise<{
    text: string;
    etag: string;
  }> {
    const { endpoint, bucket } = this.#options;
    const url = new URL(`/${bucket}/${key}`.split("/").map(encodeStrictly).join("/"), endpoint);
    url.search = Object.entries(query)
      .map(([name, value]) => `${encodeStrictly(name)}=${encodeStrictly(value)}`)
      .join("&");
    const response = await fetch(url, {
      method,
      headers: signedHeaders({ method, url, headers, body }, this.#options),
      ...(method === "DELETE" ? {} : { body }),
      redirect: "error",
      signal: AbortSignal.timeout(answerMs),
    });
    const text = await response.text();
    // A copy or a completion may fail after its 200.
    if (!response.ok || /<Error>/.test(text))
      throw Object.assign(new Error(`HTTP ${response.status}`), { code: /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? "" });
    return { text, etag: response.headers.get("etag") ?? "" };
  }
}

function element(text: string, name: string): string {
  const found = new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1];
  if (found === undefined) throw new Error(`S3 answered without ${name}`);
  return found.replaceAll("&quot;", '"').replaceAll("&#34;", '"');
}
