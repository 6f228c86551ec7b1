/** How the analysis was made, what is to be known about it, and how to make another. */
import { fill, h } from "./dom.js";
import { errorLine } from "./error_panel.js";
import { ApiError } from "./http.js";
import { t } from "./i18n.js";
import { size } from "./format.js";

const MOST_BYTES = 5_000_000;

/** `again()`: start anew. `useCaptions(text)`: take the words of a caption file; rejects when it is none. */
export function notesPanel({ metadata, warnings }, { again, useCaptions }) {
  const draft = metadata.engine === "offline";
  return h("section.panel.notes", {},
    h("div.panel-head", {}, h("h2", {}, t("video.notes")), draft && h("span.badge.badge-draft", {}, t("video.draft"))),
    h("p.engine", {}, origin(metadata)),
    draft && h("p.hint", {}, t("video.draftHint")),
    warnings.length > 0 && h("ul.warnings", {}, warnings.map((warning) => h("li", {}, warning))),
    anotherAnalysis(again, useCaptions));
}

function origin({ engine, model, format }) {
  if (engine === "sidecar") return t("video.fromFile", { format: String(format ?? model).toUpperCase() });
  return t("video.engine", { engine: [engine, model].filter(Boolean).join(" · ") });
}

function anotherAnalysis(again, useCaptions) {
  const trouble = h("div");
  const take = async (file) => {
    fill(trouble);
    try {
      await useCaptions(await captionText(file));
    } catch (error) {
      fill(trouble, errorLine(error));
    }
  };
  const input = h("input.visually-hidden", {
    type: "file", id: "captions-file", accept: ".srt,.vtt", "aria-describedby": "captions-file-hint",
    on: { change: () => { if (input.files[0]) take(input.files[0]); input.value = ""; } },
  });
  return [
    h("div.actions", {}, h("button.button.small", { type: "button", on: { click: again } }, t("video.reanalyse")),
      h("div.file-choice", {}, input, h("label.button.small", { for: "captions-file" }, t("captions.choose")))),
    h("p.hint", { id: "captions-file-hint" }, t("captions.hint")), trouble];
}

/** The text of a file, as long as it can be one of captions. */
async function captionText(file) {
  if (file.size > MOST_BYTES) {
    throw refusal(t("captions.tooLarge", { size: size(file.size), limit: size(MOST_BYTES) }));
  }
  const bytes = await file.arrayBuffer();
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw refusal(t("captions.notUtf8"));
  }
}

function refusal(message) {
  return new ApiError({ code: "BAD_REQUEST", message }, 0);
}
