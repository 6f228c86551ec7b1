/** Where files are dropped or chosen, and the uploads under way. */
import { fill, h, hidden } from "./dom.js";
import { errorLine } from "./error_panel.js";
import { percent, size } from "./format.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";
import { languageSelect } from "./language_select.js";
import { progressBar } from "./progress_bar.js";

/**
 * The drop zone. `onFiles(files, language)`: what to do with them; language null: detect it. `onLink(url, language)`:
 * what to do with the address of a file.
 */
export function dropZone(limit_bytes, onFiles, onLink) {
  const language = languageSelect();
  const take = (files) => files.length > 0 && onFiles([...files], language.chosen());
  const input = h("input.visually-hidden", {
    type: "file", id: "files", multiple: true, accept: "video/*,audio/*,.mkv", "aria-describedby": "files-hint",
    on: { change: () => { take(input.files); input.value = ""; } },
  });
  const zone = h("section.drop", { "aria-label": t("upload.choose") },
    h("span.drop-mark", {}, icon("upload")),
    h("div.drop-words", {}, h("p.drop-title", {}, t("upload.drop")),
      h("p.hint", { id: "files-hint" }, t("upload.limit", { size: size(limit_bytes) }))),
    h("div.drop-controls", {}, language.element,
      h("div.file-choice", {}, input, h("label.button.primary", { for: "files" }, t("upload.choose")))),
    linkForm((url) => onLink(url, language.chosen())));
  acceptDrops(zone, take);
  return zone;
}

/** For a file that lies on the web. */
function linkForm(onLink) {
  const trouble = h("div");
  const address = h("input", {
    type: "url", name: "url", required: true, maxlength: "2000", placeholder: "https://", "aria-label": t("upload.link"),
  });
  const button = h("button.button", { type: "submit" }, t("upload.fetch"));
  const onSubmit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    fill(trouble);
    try {
      await onLink(address.value.trim());
    } catch (error) {
      fill(trouble, errorLine(error));
    } finally {
      button.disabled = false;
    }
  };
  return h("form.link-form", { on: { submit: onSubmit } },
    h("span.hint", {}, t("upload.link")), address, button, trouble);
}

function acceptDrops(zone, take) {
  const over = (event) => {
    event.preventDefault();
    zone.classList.add("is-over");
  };
  const out = (event) => {
    if (!zone.contains(event.relatedTarget)) zone.classList.remove("is-over");
  };
  zone.addEventListener("dragenter", over);
  zone.addEventListener("dragover", over);
  zone.addEventListener("dragleave", out);
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("is-over");
    take(event.dataTransfer.files);
  });
}

/** The list of uploads, kept current. Returns the `element` and how to `leave`. */
export function uploadList(uploads) {
  const rows = new Map();
  const element = h("ul.uploads", { "aria-live": "polite" });
  const update = (upload) => {
    if (upload) return rows.get(upload)?.show();
    for (const known of uploads.list) {
      if (!rows.has(known)) rows.set(known, uploadRow(known, uploads));
    }
    fill(element, uploads.list.map((known) => rows.get(known).element));
    element.hidden = uploads.list.length === 0;
  };
  update(null);
  return { element, leave: uploads.listen(update) };
}

function uploadRow(upload, uploads) {
  const { file } = upload;
  const bar = progressBar(t("upload.progress", { name: file.name }));
  const state = h("span.upload-state");
  const trouble = h("div");
  const buttons = h("div.upload-buttons");
  const element = h("li.upload", {},
    h("div.upload-head", {}, h("span.upload-name", {}, file.name), state, buttons), bar.element, trouble);
  let shown = null;
  const show = () => {
    const share = file.size ? Math.min((100 * upload.sent_bytes) / file.size, 100) : 0;
    bar.set(share);
    fill(state, stateText(upload, share));
    if (upload.state === shown) return;
    shown = upload.state;
    bar.element.hidden = upload.state === "failed";
    fill(trouble, upload.error && errorLine(upload.error));
    fill(buttons, rowButtons(upload, uploads));
  };
  show();
  return { element, show };
}

function stateText(upload, share) {
  if (upload.state === "sending") return [t("upload.sending"), ` ${percent(share)}`];
  return t(`upload.${upload.state === "stopped" ? "failed" : upload.state}`);
}

function rowButtons(upload, uploads) {
  const { name } = upload.file;
  const label = upload.active ? t("upload.stop", { name }) : t("upload.dismiss", { name });
  return [
    upload.state === "failed" &&
      h("button.button.small", { type: "button", on: { click: () => upload.start() } }, t("app.retry")),
    h("button.icon-button", { type: "button", on: { click: () => uploads.remove(upload) } },
      icon("close"), hidden(label)),
  ];
}
