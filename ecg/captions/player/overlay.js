/** Captions over a playing <video>: the preview, on the very code that renders. */
import { createPlayer } from "./player.js";

/**
 * Show `scenario` over `video`, wherever its picture is displayed.
 *
 * `options`: `strength` and `size` as for `createPlayer`; `reducedMotion` true or false, where the reader's
 * own preference would count otherwise; `onText(texts)`, told what is on screen whenever that changes, as
 * `textAt` of a player returns it. Screen readers are not shown the captions drawn, whose words stand apart.
 *
 * Returns `ready` (a promise, rejects when the captions cannot be shown), `setScenario(scenario,
 * options)` (returns such a promise, shows the old captions until the new ones are ready) and `destroy()`.
 */
export function attachCaptions(video, scenario, options = {}) {
  const overlay = new Overlay(video);
  overlay.setScenario(scenario, options);
  return {
    get ready() { return overlay.ready; },
    setScenario: (next, nextOptions) => overlay.setScenario(next, nextOptions),
    destroy: () => overlay.destroy(),
  };
}

class Overlay {
  constructor(video) {
    this.video = video;
    this.root = document.createElement("div");
    this.root.style.cssText = "position: absolute; pointer-events: none;";
    this.root.setAttribute("aria-hidden", "true");
    video.after(this.root);
    this.player = null;
    this.said = "[]";
    this.generation = 0;
    this.stop = new AbortController();
    this.motion = matchMedia("(prefers-reduced-motion: reduce)");
    this.resizes = new ResizeObserver(() => this.#fit());
    this.resizes.observe(video);
    this.#listen();
    this.#follow();
  }

  setScenario(scenario, options = this.options) {
    this.scenario = scenario;
    this.options = options;
    this.ready = this.#rebuild();
    return this.ready;
  }

  destroy() {
    this.stop.abort();
    this.resizes.disconnect();
    this.generation += 1;
    this.root.remove();
  }

  async #rebuild() {
    const generation = ++this.generation;
    const { scenario } = this;
    const { width, height } = scenario;
    const stage = document.createElement("div");
    stage.style.cssText = `position: absolute; left: 0; top: 0; width: ${width}px; height: ${height}px;`;
    stage.style.transformOrigin = "0 0";
    this.root.append(stage);
    try {
      const reducedMotion = this.options.reducedMotion ?? this.motion.matches;
      const player = await createPlayer(stage, scenario, { ...this.options, width, height, reducedMotion });
      if (generation === this.generation) this.#show(stage, player, scenario);
    } finally {
      if (stage !== this.stage) stage.remove();
    }
  }

  #show(stage, player, scenario) {
    this.stage?.remove();
    this.stage = stage;
    this.player = player;
    this.shown = scenario;
    this.#fit();
    this.#seek(this.video.currentTime);
  }

  #listen() {
    const { signal } = this.stop;
    for (const event of ["seeked", "timeupdate"]) {
      this.video.addEventListener(event, () => this.#seek(this.video.currentTime), { signal });
    }
    this.video.addEventListener("loadedmetadata", () => this.#fit(), { signal });
    this.motion.addEventListener("change", () => this.setScenario(this.scenario), { signal });
  }

  /** Seek with every frame the video shows; where it has no frames (sound alone), with the page's. */
  #follow() {
    const { video, stop } = this;
    const next = () => {
      if (video.requestVideoFrameCallback && video.videoWidth > 0) {
        video.requestVideoFrameCallback((_, frame) => step(frame.mediaTime));
      } else {
        requestAnimationFrame(() => step(video.currentTime));
      }
    };
    const step = (t_s) => {
      if (stop.signal.aborted) return;
      this.#seek(t_s);
      next();
    };
    next();
  }

  #seek(t_s) {
    if (!this.player) return;
    this.player.seek(t_s);
    this.#tell(t_s);
  }

  #tell(t_s) {
    if (!this.options.onText) return;
    const texts = this.player.textAt(t_s);
    const said = JSON.stringify(texts);
    if (said === this.said) return;
    this.said = said;
    this.options.onText(texts);
  }

  /** Scale the captions shown to where the video's picture is inside its element, bars left out. */
  #fit() {
    if (!this.stage) return;
    const { video, root, shown: { width, height } } = this;
    const scale = Math.min(video.clientWidth / width, video.clientHeight / height);
    root.style.left = `${video.offsetLeft + video.clientLeft + (video.clientWidth - width * scale) / 2}px`;
    root.style.top = `${video.offsetTop + video.clientTop + (video.clientHeight - height * scale) / 2}px`;
    this.stage.style.transform = `scale(${scale})`;
  }
}
