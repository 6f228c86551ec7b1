/** The reader's videos: bring new ones, see how they are doing, open them. */
import { analyseFrom, deleteVideo, listVideos } from "./api.js";
import { deleteButton } from "./delete_button.js";
import { fill, h } from "./dom.js";
import { errorPanel } from "./error_panel.js";
import { clock, moment, percent, size } from "./format.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";
import { ended } from "./job_watch.js";
import { progressBar } from "./progress_bar.js";
import { currentRoute, go, videoAddress } from "./router.js";
import { dropZone, uploadList } from "./upload_form.js";

const PAGE_SIZE = 50;
const REFRESH_MS = 2500; // while something is being worked on

export function libraryView({ config, uploads }) {
  const view = new Library(uploads);
  const sending = uploadList(uploads);
  const zone = dropZone(config.max_upload_bytes, (files, language) => view.upload(files, language),
    async (url, language) => go(videoAddress(await analyseFrom(url, language))));
  view.load();
  return {
    title: t("library.title"),
    element: h("div.library", {},
      h("div.view-head", {}, h("h1", { tabindex: "-1" }, t("library.title")), view.count),
      zone, sending.element, view.element),
    leave: () => {
      sending.leave();
      view.leave();
    },
  };
}

class Library {
  constructor(uploads) {
    this.uploads = uploads;
    this.count = h("p.hint");
    this.element = h("div.videos", {}, h("p.loading", { role: "status" }, t("video.loading")));
    this.pages = 1;
    this.left = false;
    this.timer = null;
    this.unlisten = uploads.listen((upload) => upload?.state === "done" && this.load());
  }

  leave() {
    this.left = true;
    this.unlisten();
    clearTimeout(this.timer);
  }

  /** A single file leads on to its own view; of several, the list shows how they are doing. */
  async upload(files, language) {
    const added = await this.uploads.add(files, language);
    for (const upload of added.filter(({ state }) => state === "done")) this.uploads.remove(upload);
    const alone = added.length === 1 && added[0].state === "done" && this.uploads.list.length === 0;
    if (alone && !this.left && currentRoute().name === "library") go(videoAddress(added[0].videoId));
  }

  async load() {
    clearTimeout(this.timer);
    try {
      const numbers = Array.from({ length: this.pages }, (_, index) => index + 1);
      const pages = await Promise.all(numbers.map((number) => listVideos(number, PAGE_SIZE)));
      this.show({ videos: pages.flatMap(({ videos }) => videos), total: pages[0].total });
    } catch (error) {
      const again = h("button.button", { type: "button", on: { click: () => this.load() } }, t("app.retry"));
      fill(this.element, errorPanel(error, [again]));
    }
  }

  show({ videos, total }) {
    if (this.left) return;
    fill(this.count, total > 0 && t("library.count", { count: total }));
    if (!this.element.querySelector(".sure")) {
      const focused = this.element.querySelector("a:focus")?.getAttribute("href");
      fill(this.element, videos.length > 0 ? this.list(videos) : emptyLibrary(), this.more(videos, total));
      if (focused) this.element.querySelector(`a[href="${focused}"]`)?.focus();
    }
    if (videos.some(working)) this.timer = setTimeout(() => this.load(), REFRESH_MS);
  }

  list(videos) {
    return h("ul.video-list", {}, videos.map((video) => videoRow(video, () => this.load())));
  }

  more(videos, total) {
    if (videos.length >= total) return null;
    const click = () => {
      this.pages += 1;
      this.load();
    };
    return h("button.button", { type: "button", on: { click } }, t("library.more"));
  }
}

function working(video) {
  return Boolean(video.analysis) && !ended(video.analysis.status);
}

function emptyLibrary() {
  return h("div.empty", {}, h("span.empty-mark", {}, icon("captions")),
    h("h2", {}, t("library.empty")), h("p.hint", {}, t("library.emptyHint")));
}

function videoRow(video, onDeleted) {
  const trouble = h("div.row-trouble");
  const row = h("li.video-row", {},
    h("a.video-link", { href: videoAddress(video.id) },
      h("span.video-kind", {}, icon(video.media && !video.media.has_video ? "sound" : "film")),
      h("span.video-words", {}, h("span.video-name", {}, video.filename), h("span.video-facts", {}, facts(video))),
      badge(video)),
    deleteButton({
      label: t("library.delete", { name: video.filename }), question: t("library.deleteSure"), trouble,
      remove: () => deleteVideo(video.id), onDeleted,
    }), trouble);
  return row;
}

/** Length, size and date, as far as they are known. */
function facts(video) {
  const known = [
    video.media && clock(video.media.duration_s),
    video.size_bytes && size(video.size_bytes),
    moment(video.created_at),
  ];
  return known.filter(Boolean).map((fact) => h("span", {}, fact));
}

function badge(video) {
  const status = video.analysis?.status ?? video.status;
  const label = h(`span.badge.badge-${status}`, {}, t(`status.${status}`));
  if (!working(video)) return label;
  const bar = progressBar(t("job.percent"));
  bar.set(video.analysis.progress);
  return h("span.badge-progress", {}, label, h("span.badge-percent", {}, percent(video.analysis.progress)), bar.element);
}
