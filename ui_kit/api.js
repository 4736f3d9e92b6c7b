// The only door to the server. Everything that can go wrong becomes one ApiError:
//   code     the refusal's name; OFFLINE when the server was not reached or did not answer in time;
//            UNCLEAR when an answer came that is not ours (a proxy's page, half a body)
//   final    true only when our server said that repeating the same request is pointless
//   message  the server's sentence in the page's language, empty when it sent none
import { language } from "./language.js";

const TIMEOUT_MS = 15_000;

export class ApiError extends Error {
  constructor(code, { message = "", final = false, status = 0, body = null } = {}) {
    super(message || code);
    this.name = "ApiError";
    this.code = code;
    this.message = message;
    this.final = final;
    this.status = status;
    this.body = body;
  }
}

export const get = (path, options) => request("GET", path, options);
export const post = (path, json, options) => request("POST", path, { ...options, json });

/**
 * Sends a file as it is (registries); the answer is read like every other. `onProgress` is told the
 * share that has left, 0 … 1. No time limit of ours: a large file is matched for as long as it takes.
 */
export function upload(path, file, { headers = {}, onProgress = () => {} } = {}) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("POST", path);
    const all = { ...ownHeaders(), "Content-Type": "application/octet-stream", ...headers };
    for (const [name, value] of Object.entries(all)) sending.setRequestHeader(name, value);
    sending.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 1);
    sending.onerror = () => reject(new ApiError("OFFLINE"));
    sending.onload = () =>
      understand(new Response(sending.response, { status: sending.status })).then(resolve, reject);
    sending.responseType = "text";
    sending.send(file);
  });
}

/** Returns the decoded answer or throws ApiError. */
export async function request(method, path, options = {}) {
  const { json, body, headers = {}, timeoutMs = TIMEOUT_MS } = options;
  const response = await reach(path, {
    method,
    cache: "no-store",
    credentials: "same-origin",
    headers: {
      ...ownHeaders(),
      ...(json === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
    body: json === undefined ? body : JSON.stringify(json),
    signal: AbortSignal.timeout(timeoutMs),
  });
  return understand(response);
}

const ownHeaders = () => ({
  Accept: "application/json",
  "Accept-Language": language(),
  // A form on a foreign page cannot send this header.
  "X-Requested-With": "kvitok",
});

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    throw new ApiError("OFFLINE", { message: "", body: String(error) });
  }
}

async function understand(response) {
  const { status } = response;
  if (status === 204) return null;
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new ApiError("UNCLEAR", { status });
  }
  if (response.ok) return answer;
  const error = answer?.error;
  if (typeof error?.code !== "string") throw new ApiError("UNCLEAR", { status, body: answer });
  throw new ApiError(error.code, {
    message: error.message ?? "",
    final: error.final === true,
    status,
    body: answer,
  });
}
