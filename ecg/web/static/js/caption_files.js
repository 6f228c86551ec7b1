/** The captions as files, for players, editors and archives. */
import { getCaptionFile } from "./api.js";
import { fill, h } from "./dom.js";
import { errorLine } from "./error_panel.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";

const FORMATS = ["srt", "vtt", "ass", "ttml", "txt", "json"];
const KEPT_MS = 60_000; // some browsers read a blob's address only after a while

/** `choice()`: `{style, strength}` of the preview now. Returns the panel. */
export function captionFiles(video, choice) {
  const trouble = h("div");
  return h("section.panel.files", {},
    h("div.panel-head", {}, h("h2", {}, t("files.title"))),
    h("p.hint", {}, t("files.hint")),
    h("ul.file-formats", {}, FORMATS.map((format) => h("li", {}, formatButton(video, format, choice, trouble)))),
    trouble);
}

function formatButton(video, format, choice, trouble) {
  const click = async () => {
    if (button.getAttribute("aria-busy")) return;
    button.setAttribute("aria-busy", "true");
    fill(trouble);
    try {
      handOver(await getCaptionFile(video.id, format, choice()), `${stem(video.filename)}.${format}`);
    } catch (error) {
      fill(trouble, errorLine(error));
    } finally {
      button.removeAttribute("aria-busy");
    }
  };
  const button = h("button.file-format", { type: "button", on: { click } },
    h("span.format-name", {}, format.toUpperCase(), icon("download")), " ",
    h("span.hint", {}, t(`files.for.${format}`)));
  return button;
}

/** Only this page can ask for the file, as its token goes with it; so the page passes it on. */
function handOver(blob, name) {
  const href = URL.createObjectURL(blob);
  h("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), KEPT_MS);
}

/** A file's name without its ending. */
function stem(filename) {
  return filename.replace(/(.)\.[^.]*$/, "$1");
}
