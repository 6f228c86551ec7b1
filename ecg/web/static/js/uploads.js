/** The uploads of this visit. They go on while the reader is in another view. */
import { Upload } from "./upload.js";

export class Uploads {
  constructor(limit_bytes) {
    this.limit_bytes = limit_bytes;
    this.list = [];
    this.listeners = new Set();
    addEventListener("beforeunload", (event) => {
      if (this.list.some((upload) => upload.active)) event.preventDefault();
    });
  }

  /** Start sending `files`; resolves to those uploads when all of them have ended. */
  async add(files, language) {
    const options = { limit_bytes: this.limit_bytes, onChange: (upload) => this.#tell(upload) };
    const added = [...files].map((file) => new Upload(file, language, options));
    this.list.unshift(...added);
    this.#tell(null);
    await Promise.all(added.map((upload) => upload.start()));
    return added;
  }

  remove(upload) {
    if (upload.active) upload.stop();
    this.list = this.list.filter((other) => other !== upload);
    this.#tell(null);
  }

  /** Call `listener(upload)` when an upload changes, with null when the list does. Returns how to stop it. */
  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  #tell(upload) {
    for (const listener of this.listeners) listener(upload);
  }
}
