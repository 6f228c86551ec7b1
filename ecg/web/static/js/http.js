/** One JSON request, and what may come of it. */
import { t } from "./i18n.js";

/** An answer that is no success, or none. `message` is a sentence (text or Message); `status` 0: no answer. */
export class ApiError extends Error {
  constructor({ code, message, details = {} }, status) {
    super(String(message));
    this.code = code;
    this.sentence = message;
    this.details = details;
    this.status = status;
  }
}

/** Send `body` as JSON; resolves to the answer's JSON (null when empty), rejects with an ApiError. */
export async function sendJson(method, path, options = {}) {
  return parsed(await success(method, path, options));
}

/** The same where the answer is a file; resolves to a Blob. */
export async function sendForFile(method, path, options = {}) {
  return (await success(method, path, { ...options, headers: { Accept: "*/*", ...options.headers } })).blob();
}

/** The error for a request that got no answer. */
export function unreachable() {
  return new ApiError({ code: "NETWORK", message: t("error.network") }, 0);
}

/** The error for an answer that explains nothing. */
export function unexplained(status) {
  return { code: `HTTP_${status}`, message: t("error.answer", { status }) };
}

async function success(method, path, { body, token, signal, headers: extra = {} }) {
  const headers = { Accept: "application/json", ...extra };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await answer(path, { method, headers, signal, body: body && JSON.stringify(body) });
  if (response.ok) return response;
  throw new ApiError((await parsed(response))?.error ?? unexplained(response.status), response.status);
}

async function answer(path, init) {
  try {
    return await fetch(path, init);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
}

async function parsed(response) {
  const text = await response.text();
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(unexplained(response.status), response.status);
  }
}
