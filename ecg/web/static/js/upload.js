/** One file on its way: ask for a link, send the bytes to it, have them checked, start the analysis. */
import { analyse, completeUpload, createUpload } from "./api.js";
import { size } from "./format.js";
import { ApiError, unexplained, unreachable } from "./http.js";
import { t } from "./i18n.js";

/**
 * `state`: waiting, sending, checking, done, failed or stopped. `sent_bytes` of `file.size` are on the
 * other side. `onChange(upload)` is called after every change of either.
 */
export class Upload {
  constructor(file, language, { limit_bytes, onChange }) {
    Object.assign(this, { file, language, limit_bytes, onChange });
    this.state = "waiting";
    this.sent_bytes = 0;
    this.error = null;
    this.videoId = null;
    this.request = null;
  }

  get active() {
    return ["waiting", "sending", "checking"].includes(this.state);
  }

  /** Resolves when the upload has ended, well or not; see `state` and `error`. */
  async start() {
    this.#change({ state: "sending", sent_bytes: 0, error: null });
    try {
      checkSize(this.file.size, this.limit_bytes);
      const { video_id: videoId, upload } = await createUpload(this.file);
      this.videoId = videoId;
      await this.#send(upload);
      this.#change({ state: "checking" });
      await completeUpload(videoId);
      await analyse(videoId, this.language);
      this.#change({ state: "done" });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (this.state !== "stopped") this.#change({ state: "failed", error });
    }
  }

  stop() {
    this.#change({ state: "stopped" });
    this.request?.abort();
  }

  /** fetch tells nothing about how much of a body has left; XMLHttpRequest does. */
  #send({ url, method, headers = {} }) {
    const request = new XMLHttpRequest();
    this.request = request;
    return new Promise((resolve, reject) => {
      request.upload.onprogress = (event) => this.#change({ sent_bytes: event.loaded });
      request.onload = () => (request.status < 300 ? resolve() : reject(refused(request)));
      request.onerror = () => reject(unreachable());
      request.onabort = () => reject(unreachable());
      request.open(method, url);
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      if (this.state !== "stopped") request.send(this.file);
      else reject(unreachable());
    });
  }

  #change(values) {
    Object.assign(this, values);
    this.onChange(this);
  }
}

function checkSize(bytes, limit) {
  if (bytes === 0) throw new ApiError({ code: "INVALID_MEDIA", message: t("upload.emptyFile") }, 0);
  if (bytes <= limit) return;
  const message = t("upload.tooLarge", { size: size(bytes), limit: size(limit) });
  throw new ApiError({ code: "INVALID_MEDIA", message }, 0);
}

function refused(request) {
  let error = null;
  try {
    error = JSON.parse(request.responseText).error;
  } catch {
    // A store that is not ours answers in its own way; its status is all there is to tell.
  }
  return new ApiError(error ?? unexplained(request.status), request.status);
}
