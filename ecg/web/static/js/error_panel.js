/** What went wrong, by which code, and what to do about it. */
import { h } from "./dom.js";
import { moment, size } from "./format.js";
import { has, t } from "./i18n.js";
import { icon } from "./icons.js";

/** `error`: an ApiError, or the `{code, message}` of a failed job. `actions`: buttons that help. */
export function errorPanel(error, actions = []) {
  const { code = "INTERNAL_ERROR" } = error;
  return h("section.error-panel", { role: "alert" },
    h("div.error-mark", {}, icon("alert")),
    h("div.error-words", {},
      h("h2", {}, known(`error.title.${code}`) ?? t("error.title")),
      h("p.error-sentence", {}, sentence(error)),
      h("p.error-do", {}, known(`error.do.${code}`) ?? t("error.do")),
      h("p.error-code", {}, h("code", {}, code)),
      actions.length > 0 && h("div.actions", {}, actions)));
}

/** The same in one line, for a place inside something else. */
export function errorLine(error) {
  return h("p.error-line", { role: "alert" }, icon("alert"),
    h("span", {}, sentence(error), " ", h("code", {}, error.code ?? "INTERNAL_ERROR")));
}

/** The server's sentences are English; one that people meet in daily use is put into both languages here. */
function sentence({ code, details, message, sentence: given }) {
  const key = `error.quota.${details?.period}`;
  if (code !== "QUOTA_EXCEEDED" || !has(key)) return given ?? message;
  const limit = details.resource === "bytes" ? size(details.limit) : details.limit;
  return t(key, { limit, time: details.resets_at && moment(details.resets_at) });
}

function known(key) {
  return has(key) ? t(key) : null;
}
