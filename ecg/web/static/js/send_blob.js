/** Sending the bytes of a file where a link says. */
import { ApiError, unexplained, unreachable } from "./http.js";

/**
 * `onSent(bytes)` is called on the way. fetch tells nothing about how much of a body has left; XMLHttpRequest does.
 */
export function sendBlob({ url, method, headers = {}, fields = {} }, blob, { onSent, signal }) {
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => onSent(Math.min(event.loaded, blob.size));
    request.onload = () => (request.status < 300 ? resolve() : reject(refused(request)));
    request.onerror = () => reject(unreachable());
    request.onabort = () => reject(unreachable());
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    signal.addEventListener("abort", () => request.abort());
    if (signal.aborted) reject(unreachable());
    else request.send(body(fields, blob));
  });
}

function body(fields, blob) {
  const entries = Object.entries(fields);
  if (entries.length === 0) return blob;
  const form = new FormData();
  for (const [name, value] of entries) form.append(name, value);
  form.append("file", blob); // S3 reads no field that comes after the file
  return form;
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
