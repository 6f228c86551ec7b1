/** The video with its captions over it, and the controls below. */
import { attachCaptions } from "/player/overlay.js";
import { fill, h, setAttribute } from "./dom.js";
import { clock } from "./format.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";

const SKIP_S = 5;

/** `freshUrl()` resolves to a new link when the one in `url` has run out. */
export class Playback {
  constructor({ url, freshUrl, name, duration_s }) {
    this.freshUrl = freshUrl;
    this.duration_s = duration_s;
    this.listeners = new Set();
    this.captions = null;
    this.stop = new AbortController();
    this.video = h("video", { src: url, preload: "auto", playsinline: true, "aria-label": t("video.captioned", { name }) });
    this.notice = h("p.stage-notice", { role: "status", hidden: true });
    this.screen = h("div.screen", {}, this.video, this.notice);
    this.element = h("section.stage", {}, this.screen, this.#controls());
    this.#listen();
  }

  /** Show another scenario; resolves when it is on screen, rejects when it cannot be. */
  showScenario(scenario) {
    this.screen.style.setProperty("--picture", `${scenario.width} / ${scenario.height}`);
    this.screen.classList.toggle("is-tall", scenario.height > scenario.width);
    if (this.captions) return this.captions.setScenario(scenario, {});
    this.captions = attachCaptions(this.video, scenario, {});
    this.captionLayer = this.video.nextElementSibling;
    return this.captions.ready;
  }

  seek(t_s) {
    this.video.currentTime = Math.min(Math.max(t_s, 0), this.duration_s);
  }

  /** Call `listener(t_s, playing)` whenever the time shown changes. */
  onTime(listener) {
    this.listeners.add(listener);
  }

  toggle() {
    if (this.video.paused) this.video.play().catch(() => this.#unplayable());
    else this.video.pause();
  }

  leave() {
    this.stop.abort();
    this.captions?.destroy();
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
  }

  #listen() {
    const { signal } = this.stop;
    const { video } = this;
    video.addEventListener("click", () => this.toggle(), { signal });
    for (const event of ["play", "pause", "ended", "volumechange"]) {
      video.addEventListener(event, () => this.#showState(), { signal });
    }
    for (const event of ["seeking", "seeked", "timeupdate", "loadedmetadata"]) {
      video.addEventListener(event, () => this.#tell(), { signal });
    }
    video.addEventListener("play", () => this.#follow(), { signal });
    video.addEventListener("error", () => this.#renew(), { signal });
  }

  #controls() {
    const button = (click, props = {}) => h("button.icon-button", { type: "button", on: { click }, ...props });
    this.playButton = button(() => this.toggle());
    this.muteButton = button(() => { this.video.muted = !this.video.muted; });
    this.captionButton = button(() => this.#toggleCaptions(), { "aria-pressed": "true" });
    const full = button(() => this.#fullscreen());
    this.range = h("input.seek", {
      type: "range", min: "0", max: String(this.duration_s), step: "0.05", value: "0",
      "aria-label": t("play.position"),
      on: { input: () => this.seek(Number(this.range.value)), keydown: (event) => this.#key(event) },
    });
    this.clock = h("span.clock", { "aria-hidden": "true" });
    labelled(this.captionButton, "captions", t("play.captions"));
    labelled(full, "full", t("play.fullscreen"));
    this.#showState();
    this.#tell();
    return h("div.controls", {}, this.playButton, this.clock, this.range,
      this.muteButton, this.captionButton, full);
  }

  #showState() {
    const { paused, muted } = this.video;
    labelled(this.playButton, paused ? "play" : "pause", t(paused ? "play.play" : "play.pause"));
    labelled(this.muteButton, muted ? "muted" : "volume", t(muted ? "play.unmute" : "play.mute"));
  }

  #follow() {
    const step = () => {
      if (this.stop.signal.aborted || this.video.paused) return;
      this.#tell();
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  #tell() {
    const { currentTime, paused } = this.video;
    this.range.value = String(currentTime);
    this.range.style.setProperty("--share", String(this.duration_s ? currentTime / this.duration_s : 0));
    this.range.setAttribute("aria-valuetext", `${clock(currentTime)} / ${clock(this.duration_s)}`);
    this.clock.textContent = `${clock(currentTime)} / ${clock(this.duration_s)}`;
    for (const listener of this.listeners) listener(currentTime, !paused);
  }

  /** The range's own step is fine for pointers and far too fine for keys. */
  #key(event) {
    const moves = { ArrowLeft: -SKIP_S, ArrowRight: SKIP_S };
    if (event.key === " ") this.toggle();
    else if (event.key in moves) this.seek(this.video.currentTime + moves[event.key]);
    else return;
    event.preventDefault();
  }

  #toggleCaptions() {
    const shown = this.captionButton.getAttribute("aria-pressed") === "true";
    this.captionButton.setAttribute("aria-pressed", String(!shown));
    if (this.captionLayer) this.captionLayer.hidden = shown;
  }

  /** The screen goes full, not the video alone: the captions are beside it. */
  #fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.element.requestFullscreen();
  }

  /** A signed link runs out; once, a fresh one is tried at the same place. */
  async #renew() {
    if (this.renewed) return this.#unplayable();
    this.renewed = true;
    const { currentTime, paused } = this.video;
    this.video.src = await this.freshUrl();
    this.video.currentTime = currentTime;
    if (!paused) this.toggle();
    this.video.addEventListener("playing", () => { this.renewed = false; }, { once: true });
  }

  #unplayable() {
    fill(this.notice, t("play.unplayable"));
    this.notice.hidden = false;
  }
}

function labelled(button, iconName, label) {
  fill(button, icon(iconName));
  setAttribute(button, "aria-label", label);
  setAttribute(button, "title", label);
}
