/** The calls of the REST API that this page makes, each with the session's token. */
import { ApiError, sendForFile, sendJson } from "./http.js";
import { accessToken, renew } from "./session.js";

/** Statuses that say the server is away (0: it gave no answer), and how long to wait for it, time by time. */
const AWAY = new Set([0, 502, 503, 504]);
const WAITS_MS = [500, 1000, 2000, 4000];

/** What the server tells a page before anyone signs in: `stream_url`, `max_upload_bytes` … */
export const getConfig = () => sendJson("GET", "/api/config");

export const listVideos = (page, limit) => call("GET", `/api/videos?${query({ page, limit })}`);
export const getVideo = (id) => call("GET", `/api/videos/${id}`);
export const deleteVideo = (id) => call("DELETE", `/api/videos/${id}`);
export const getResult = (id) => call("GET", `/api/videos/${id}/result`);
export const getProsody = (id) => call("GET", `/api/videos/${id}/prosody`);

/** The styles there are, the default first, the user's own (`saved`) last: `{name, title, saved}`. */
export const listStyles = () => call("GET", "/api/styles");
/** Keep a style of the user's own; `warnings` of the answer say what is hard to read in it. */
export const saveStyle = (style) => call("PUT", `/api/styles/${style.name}`, { body: style });
export const deleteStyle = (name) => call("DELETE", `/api/styles/${name}`);

/** The scenario composed for a video. `choice`: `style`, `strength`, and a `width` and `height` if wanted. */
export const getScenario = (id, choice, signal) =>
  call("GET", `/api/videos/${id}/scenario?${query(choice)}`, { signal });
/** How these captions keep to the limits of a profile. `wish`: as `choice`, with `profile` and `fps`. */
export const getQuality = (id, wish, signal) => call("GET", `/api/videos/${id}/quality?${query(wish)}`, { signal });
/** The captions in a file of this format, as a Blob. */
export const getCaptionFile = (id, format, choice) =>
  call("GET", `/api/videos/${id}/captions/${format}?${query(choice)}`, {}, sendForFile);

/** What a file is gets found out by looking into it; its name's ending is no proof, so any may come. */
export const createUpload = ({ name, size, type }) => call("POST", "/api/uploads", {
  body: {
    filename: name, size_bytes: size, content_type: /^(video|audio)\//.test(type) ? type : "application/octet-stream",
  },
});
/** Links for parts of a file that is sent in parts: `{number, url, method}` … */
export const partLinks = async (videoId, numbers) =>
  (await call("POST", `/api/uploads/${videoId}/parts`, { body: { numbers } })).parts;
/** What has arrived of it: `{part_size_bytes, part_count, parts}`. */
export const arrivedParts = (videoId) => call("GET", `/api/uploads/${videoId}/parts`);
export const completeUpload = (videoId) => call("POST", `/api/uploads/${videoId}/complete`);

/**
 * Start an analysis; `language` null lets the engine detect it. `captions`: the text of a caption file, whose
 * words are taken instead of what an engine hears. Resolves to the job's id.
 */
export async function analyse(videoId, language, captions = null) {
  const wishes = Object.entries({ language, captions }).filter(([, value]) => value !== null);
  return (await startOnce(`/api/videos/${videoId}/analyze`, Object.fromEntries(wishes))).job_id;
}

/** Have a file fetched from a web address and analysed; resolves to the video's id. */
export async function analyseFrom(url, language) {
  return (await startOnce("/api/videos/from-url", { url, language })).video_id;
}

/** Start a render of `{style, strength, options}`. Resolves to the job's id. */
export async function render(videoId, choice) {
  return (await startOnce("/api/render/create", { videoId, ...choice })).jobId;
}

export const getJob = (id) => call("GET", `/api/jobs/${id}`);
export const cancelJob = (id) => call("POST", `/api/jobs/${id}/cancel`);

/** The address of a job's event stream for an EventSource, which can send no header. */
export async function eventsAddress(streamUrl, jobId) {
  const token = await accessToken();
  return `${streamUrl}/api/jobs/${jobId}/events?${query({ access_token: token })}`;
}

/** Start work: once, however often the request must be sent until it is answered. */
async function startOnce(path, body) {
  const headers = { "Idempotency-Key": freshKey() };
  for (const wait_ms of WAITS_MS) {
    try {
      return await call("POST", path, { body, headers });
    } catch (error) {
      if (!(error instanceof ApiError) || !AWAY.has(error.status)) throw error;
      await new Promise((resolve) => { setTimeout(resolve, wait_ms); });
    }
  }
  return call("POST", path, { body, headers });
}

/** crypto.randomUUID is there in secure contexts only; this page may be served over plain HTTP. */
function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function call(method, path, options = {}, send = sendJson) {
  const token = await accessToken();
  try {
    return await send(method, path, { ...options, token });
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    const fresh = await renew(token);
    if (!fresh) throw error;
    return send(method, path, { ...options, token: fresh });
  }
}

function query(values) {
  const known = Object.entries(values).filter(([, value]) => value !== null && value !== undefined);
  return new URLSearchParams(known);
}
