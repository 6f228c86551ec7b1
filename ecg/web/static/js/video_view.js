/** One video: from waiting for its analysis to its captions. */
import { analyse, getVideo } from "./api.js";
import { fill, h } from "./dom.js";
import { errorPanel } from "./error_panel.js";
import { clock, moment, size } from "./format.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";
import { jobProgress } from "./job_progress.js";
import { ended, watchJob } from "./job_watch.js";
import { languageSelect } from "./language_select.js";
import { resultView } from "./result_view.js";
import { LIBRARY_ADDRESS } from "./router.js";

export function videoView({ config, id, setTitle }) {
  const view = new VideoView(config, id, setTitle);
  view.load();
  return { title: null, element: view.element, leave: () => view.leave() };
}

class VideoView {
  constructor(config, id, setTitle) {
    Object.assign(this, { config, id, setTitle });
    this.url = null;
    this.title = h("h1", { tabindex: "-1" }, t("video.loading"));
    this.facts = h("p.video-facts");
    this.body = h("div.video-body", {}, h("p.loading", { role: "status" }, t("video.loading")));
    this.element = h("div.video-view", {},
      h("a.back", { href: LIBRARY_ADDRESS }, icon("back"), h("span", {}, t("video.back"))),
      h("div.view-head", {}, this.title, this.facts), this.body);
    this.left = false;
    this.leaveBody = () => {};
  }

  leave() {
    this.left = true;
    this.leaveBody();
  }

  async load() {
    try {
      const video = await getVideo(this.id);
      if (!this.left) this.show(video);
    } catch (error) {
      if (!this.left) this.put(errorPanel(error, [retry(() => this.load())]));
    }
  }

  show(video) {
    this.url = video.url;
    fill(this.title, video.filename);
    this.setTitle(video.filename);
    fill(this.facts, facts(video).map((fact) => h("span", {}, fact)));
    const { analysis } = video;
    if (!analysis) this.put(this.notAnalysed(video));
    else if (analysis.status === "done") this.showResult(video);
    else if (ended(analysis.status)) this.showEnded(analysis, video.status === "ready");
    else this.follow(analysis.job_id);
  }

  /** Put `element` into the view; `leave` is called when something else takes its place. */
  put(element, leave = () => {}) {
    this.leaveBody();
    this.leaveBody = leave;
    fill(this.body, element);
  }

  follow(jobId) {
    const progress = jobProgress(jobId, t("job.analysisTitle"));
    const onJob = (job) => (ended(job.status) ? this.load() : progress.show(job));
    const stop = watchJob(this.config.stream_url, jobId, { onJob, onTrouble: progress.trouble });
    this.put(h("div.at-work", {}, progress.element, this.url && original(this.url)), stop);
  }

  showResult(video) {
    const useCaptions = async (captions) => this.follow(await analyse(this.id, null, captions));
    const result = resultView({ config: this.config, video, again: () => this.askAgain(), useCaptions });
    this.put(result.element, result.leave);
  }

  /** `isThere`: the file is, and so the analysis can be made again. */
  showEnded({ status, error }, isThere) {
    const another = h("a.button.primary", { href: LIBRARY_ADDRESS }, t("job.another"));
    const actions = error?.code === "INVALID_MEDIA" || !isThere ? [another] : [];
    const again = isThere && this.startForm({ primary: actions.length === 0 });
    if (status === "failed") this.put(h("div.stack", {}, errorPanel(error ?? {}, actions), again));
    else this.put(message(t("job.cancelledTitle"), t("job.cancelledHint"), again));
  }

  notAnalysed({ status }) {
    if (status === "uploading") return message(t("status.uploading"), t("job.notUploaded"), null);
    return message(t("status.ready"), t("job.notAnalysed"), this.startForm());
  }

  askAgain() {
    this.put(message(t("video.reanalyse"), null, this.startForm()));
  }

  /** A language and a button that starts an analysis. */
  startForm({ primary = true } = {}) {
    const language = languageSelect();
    const trouble = h("div");
    const submit = async (event) => {
      event.preventDefault();
      try {
        this.follow(await analyse(this.id, language.chosen()));
      } catch (error) {
        fill(trouble, errorPanel(error));
      }
    };
    return h("form.start-form", { on: { submit } }, language.element,
      h(`button.button${primary ? ".primary" : ""}`, { type: "submit" }, t("job.analyse")), trouble);
  }
}

function facts({ media, size_bytes: bytes, created_at: created }) {
  const picture = media && (media.has_video ? `${media.width} × ${media.height}` : t("video.soundOnly"));
  return [media && clock(media.duration_s), picture, bytes && size(bytes), moment(created)].filter(Boolean);
}

/** Something to look at meanwhile; gone where the browser cannot play it. */
function original(url) {
  const video = h("video", { src: url, controls: true, playsinline: true, preload: "metadata",
    "aria-label": t("video.original"), on: { error: () => video.remove() } });
  return video;
}

function message(title, hint, action) {
  return h("section.message", {}, h("h2", {}, title), hint && h("p", {}, hint), action);
}

function retry(click) {
  return h("button.button.primary", { type: "button", on: { click } }, t("app.retry"));
}
