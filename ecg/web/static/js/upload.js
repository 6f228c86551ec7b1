/** One file on its way: ask for a link, send the bytes to it, have them checked, start the analysis. */
import { analyse, completeUpload, createUpload } from "./api.js";
import { size } from "./format.js";
import { ApiError } from "./http.js";
import { t } from "./i18n.js";
import { sendBlob } from "./send_blob.js";
import { begunBefore, forget, remember, sendParts } from "./send_parts.js";

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
    this.stopping = null;
  }

  get active() {
    return ["waiting", "sending", "checking"].includes(this.state);
  }

  /** Resolves when the upload has ended, well or not; see `state` and `error`. */
  async start() {
    this.#change({ state: "sending", sent_bytes: 0, error: null });
    try {
      checkSize(this.file.size, this.limit_bytes);
      await this.#send();
      this.#change({ state: "checking" });
      await completeUpload(this.videoId);
      forget(this.file);
      await analyse(this.videoId, this.language);
      this.#change({ state: "done" });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (this.state !== "stopped") this.#change({ state: "failed", error });
    }
  }

  stop() {
    this.#change({ state: "stopped" });
    this.stopping?.abort();
  }

  async #send() {
    this.stopping = new AbortController();
    const options = { onSent: (sent_bytes) => this.#change({ sent_bytes }), signal: this.stopping.signal };
    const begun = (await begunBefore(this.file)) ?? (await createUpload(this.file));
    this.videoId = begun.video_id;
    if (begun.upload) return sendBlob(begun.upload, this.file, options);
    remember(this.file, this.videoId);
    return sendParts(this.file, begun, options);
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
