/** How far a job is: percent, the last milestone in words, its steps, and a way to stop it. */
import { cancelJob } from "./api.js";
import { h, fill, hidden } from "./dom.js";
import { errorLine } from "./error_panel.js";
import { percent } from "./format.js";
import { bilingual, t } from "./i18n.js";
import { icon } from "./icons.js";
import { progressBar } from "./progress_bar.js";

/** Returns the `element`, `show(job)` and `trouble(error)`. `title`: a heading. */
export function jobProgress(jobId, title) {
  const bar = progressBar(t("job.percent"));
  const figure = h("span.job-percent", { "aria-hidden": "true" }, "0%");
  const milestone = h("p.job-milestone", { "aria-live": "polite" });
  const steps = h("ol.job-steps");
  const trouble = h("div");
  const cancel = cancelButton(jobId, trouble);
  const element = h("section.job-progress", {},
    h("div.job-head", {}, h("h2", {}, title), figure), bar.element, milestone, steps, trouble,
    h("div.job-foot", {}, h("p.hint", {}, t("job.leave")), cancel));
  let told = null;
  const show = (job) => {
    bar.set(job.progress);
    fill(figure, percent(job.progress));
    if (job.milestone !== told || told === null) fill(milestone, bilingual(job.message));
    told = job.milestone;
    fill(steps, stepItems(job.steps ?? []));
    fill(trouble);
  };
  return { element, show, trouble: (error) => fill(trouble, errorLine(error)) };
}

function cancelButton(jobId, trouble) {
  const stop = async () => {
    button.disabled = true;
    try {
      await cancelJob(jobId);
    } catch (error) {
      button.disabled = false;
      fill(trouble, errorLine(error));
    }
  };
  const button = h("button.button", { type: "button", on: { click: stop } }, t("job.cancel"));
  return button;
}

/** One line per kind of step: the chunks of a render are one. */
function stepItems(steps) {
  const names = [...new Set(steps.map((step) => step.name))];
  // `assemble` is in the graph from the start, its chunks join later: order by the work, not by the id.
  const order = [
    "fetch", "ingest", "prosody", "diarize", "transcribe", "merge", "prepare", "chunk", "assemble",
  ];
  names.sort((a, b) => order.indexOf(a) - order.indexOf(b));
  return names.map((name) => stepItem(name, steps.filter((step) => step.name === name)));
}

function stepItem(name, same) {
  const done = same.filter((step) => step.status === "done").length;
  const state = done === same.length ? "done"
    : (same.find((step) => step.status === "running") ?? same.find((step) => step.status !== "done")).status;
  const count = same.length > 1 ? h("span.step-count", {}, `${done}/${same.length}`) : null;
  return h(`li.step.step-${state}`, {},
    h("span.step-mark", {}, state === "done" && icon("check")),
    h("span", {}, t(`job.step.${name}`), hidden(", "), hidden(t(`job.state.${state}`))), count);
}
