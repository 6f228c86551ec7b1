/** Make the captioned video, follow it, watch it, download it; and those made before. */
import { getJob, render } from "./api.js";
import { fill, h } from "./dom.js";
import { errorLine, errorPanel } from "./error_panel.js";
import { moment } from "./format.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";
import { jobProgress } from "./job_progress.js";
import { ended, watchJob } from "./job_watch.js";
import { renderOptions } from "./render_options.js";

/** `choice()`: `{style, strength}` of the preview now; `picture`: its size. */
export class RenderPanel {
  constructor({ config, video, picture, choice }) {
    Object.assign(this, { config, video, choice });
    this.options = renderOptions(picture);
    this.trouble = h("div");
    this.rows = [];
    this.list = h("ul.renders");
    this.empty = h("p.hint", {}, t("render.none"));
    this.button = h("button.button.primary.wide", { type: "submit" }, t("render.start"));
    const form = h("form.form", { on: { submit: (event) => this.#start(event) } },
      this.options.element, this.button, this.trouble);
    this.element = h("section.panel.render", {},
      h("div.panel-head", {}, h("h2", {}, t("render.title"))), form,
      h("div.render-list", {}, h("h3", {}, t("render.list")), this.empty, this.list));
    for (const job of video.renders) this.#add(job.job_id, { open: false, first: false });
  }

  leave() {
    for (const row of this.rows) row.leave();
  }

  async #start(event) {
    event.preventDefault();
    this.button.disabled = true;
    fill(this.trouble);
    try {
      const jobId = await render(this.video.id, { ...this.choice(), options: this.options.options() });
      this.#add(jobId, { open: true, first: true });
    } catch (error) {
      fill(this.trouble, errorLine(error));
    } finally {
      this.button.disabled = false;
    }
  }

  #add(jobId, { open, first }) {
    const row = new RenderRow(this.config.stream_url, jobId, open);
    this.rows.push(row);
    if (first) this.list.prepend(row.element);
    else this.list.append(row.element);
    this.empty.hidden = true;
  }
}

/** One render; `open`: show the video as soon as it is done. */
class RenderRow {
  constructor(streamUrl, jobId, open) {
    this.jobId = jobId;
    this.open = open;
    this.progress = jobProgress(jobId, t("render.working"));
    this.element = h("li.render-row", {}, h("p.loading", {}, t("video.loading")));
    this.leave = watchJob(streamUrl, jobId, {
      onJob: (job) => this.#show(job), onTrouble: (error) => this.#trouble(error),
    });
  }

  #show(job) {
    if (!ended(job.status)) {
      if (!this.progress.element.isConnected) fill(this.element, this.progress.element);
      this.progress.show(job);
    } else if (job.status === "done") {
      this.#showDone(job);
    } else if (job.status === "failed") {
      fill(this.element, errorPanel(job.error ?? {}));
    } else {
      fill(this.element, h("p.render-name", {}, moment(job.created_at)), h("p.hint", {}, t("status.cancelled")));
    }
  }

  #trouble(error) {
    if (this.progress.element.isConnected) this.progress.trouble(error);
    else fill(this.element, errorLine(error));
  }

  #showDone(job) {
    const screen = h("div.render-screen");
    const watch = h("button.button.small", { type: "button", "aria-expanded": "false" }, t("render.watch"));
    const toggle = () => {
      const shown = screen.hasChildNodes();
      fill(screen, shown ? null : renderedVideo(job));
      watch.setAttribute("aria-expanded", String(!shown));
      fill(watch, shown ? t("render.watch") : t("render.hide"));
    };
    watch.addEventListener("click", toggle);
    fill(this.element,
      h("p.render-name", {}, t("render.made", { date: moment(job.finished_at) })), figures(job), screen,
      h("div.actions", {}, this.#download(), watch));
    if (this.open) toggle();
  }

  /** Links run out, so a fresh one is asked for at the moment it is needed. */
  #download() {
    const trouble = h("span");
    const click = async () => {
      try {
        const { download_url: url } = await getJob(this.jobId);
        h("a", { href: url, download: "" }).click();
      } catch (error) {
        fill(trouble, errorLine(error));
      }
    };
    const button = h("button.button.primary.small", { type: "button", on: { click } },
      icon("download"), h("span", {}, t("render.download")));
    return [button, trouble];
  }
}

/** What the render did and needed. */
function figures({ steps }) {
  const made = steps.find(({ name }) => name === "assemble")?.result;
  if (!made?.frames) return null;
  const number = (value) => Math.round(value).toLocaleString(document.documentElement.lang);
  return h("p.hint", {}, t("render.figures", {
    frames: number(made.frames), drawn: number(made.drawn), wall_s: number(made.wall_s), encoder: made.encoder,
    memory: number(made.peak_memory_bytes / 1e6),
  }));
}

function renderedVideo(job) {
  return h("video", { src: job.download_url, controls: true, playsinline: true, preload: "metadata",
    "aria-label": t("render.player") });
}
