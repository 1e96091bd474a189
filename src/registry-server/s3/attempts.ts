/** Patience with an object store, and what its failures are called. */
import { pause } from "../../lib/pause.ts";
import { StorageUnavailable } from "../storage.ts";

const maxAttempts = 4;
const firstPauseMs = 150;

/** Codes that say no for good: of what is asked, of who asks, or of the request. All others may be another answer another time. */
const refusals =
  /^(?:NoSuch|InvalidRange|InvalidPart|InvalidArgument|InvalidRequest|InvalidAccessKeyId|InvalidBucketName|AccessDenied|AccountProblem|SignatureDoesNotMatch|ExpiredToken|AuthorizationHeaderMalformed|EntityToo|MalformedXML|MethodNotAllowed|NotImplemented|PermanentRedirect)/;

/** The code of an error of Bun's S3 client or of ours; "" for all others. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}

/** Does `work`, again after a pause where it may succeed then. Throws {@link StorageUnavailable} naming `what` and the code. */
export async function attempted<T>(what: string, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const code = codeOf(error);
      if (refusals.test(code) || attempt === maxAttempts)
        throw new StorageUnavailable(`${what}: ${code || String(error)}`, code, { cause: error });
      await pause(firstPauseMs * 3 ** (attempt - 1), new AbortController().signal);
    }
  }
}

/** As {@link attempted}, null for an object that is not there. */
export async function absent<T>(what: string, work: () => Promise<T>): Promise<T | null> {
  try {
    return await attempted(what, work);
  } catch (error) {
    if (codeOf(error) === "NoSuchKey") return null;
    throw error;
  }
}
