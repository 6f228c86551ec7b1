/** A large file in parts: a few at a time, each again when it is lost, and after a reload where it was cut off. */
import { arrivedParts, partLinks } from "./api.js";
import { ApiError } from "./http.js";
import { sendBlob } from "./send_blob.js";

const AT_ONCE = 3;
const WAITS_MS = [500, 1000, 2000, 4000, 8000];

/** Send what has not arrived yet. `upload`: what `createUpload` or `begunBefore` gave. */
export async function sendParts(file, upload, { onSent, signal }) {
  const size_bytes = upload.part_size_bytes;
  const sent = new Map((upload.parts ?? []).map((part) => [part.number, part.size_bytes]));
  const left = Array.from({ length: upload.part_count }, (_, index) => index + 1).filter((number) => !sent.has(number));
  const tell = (number, bytes) => {
    sent.set(number, bytes);
    onSent([...sent.values()].reduce((sum, each) => sum + each, 0));
  };
  const sendNext = async () => {
    while (left.length > 0) {
      const number = left.shift();
      const part = file.slice((number - 1) * size_bytes, number * size_bytes);
      const attempt = async () => {
        const [link] = await partLinks(upload.video_id, [number]);
        await sendBlob(link, part, { onSent: (bytes) => tell(number, bytes), signal });
        tell(number, part.size);
      };
      await lasting(attempt, signal);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, sendNext));
  } finally {
    left.length = 0; // when one has failed for good, the others stop after their part
  }
}

/** Keep in mind that this file is being sent, beyond this visit. */
export const remember = (file, videoId) => localStorage.setItem(name(file), videoId);
export const forget = (file) => localStorage.removeItem(name(file));

/** The upload of this file that was begun before, with the parts that have arrived; null: there is none. */
export async function begunBefore(file) {
  const videoId = localStorage.getItem(name(file));
  if (!videoId) return null;
  try {
    return { video_id: videoId, upload: null, ...(await arrivedParts(videoId)) };
  } catch (error) {
    if (!(error instanceof ApiError) || !REFUSED.has(error.status)) throw error;
    forget(file);
    return null;
  }
}

/** It was deleted or completed, or another reader used this browser. */
const REFUSED = new Set([404, 409]);

const name = (file) => `ecg.upload ${file.name} ${file.size} ${file.lastModified}`;

async function lasting(attempt, signal) {
  for (const wait_ms of WAITS_MS) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ApiError) || signal.aborted || !mayPass(error.status)) throw error;
    }
    await new Promise((resolve) => { setTimeout(resolve, wait_ms); });
  }
  return attempt();
}

/** No answer, an expired link, or a server that is away. */
const mayPass = (status) => status === 0 || status === 403 || status >= 500;
