/**
 * `<ecg-captions>`: expressive captions over a <video> of any page. Import this module, and write
 *
 *     <video id="talk" src="talk.mp4" controls></video>
 *     <ecg-captions for="talk" src="talk.json"></ecg-captions>
 *
 * Attributes, each also a property: `for`, the id of the video (else: the sibling before, or the first
 * video beside); `src`, the address of a scenario (`scenario`, a property only, takes one as data);
 * `strength` 0..1 and `size` 0.5..3 times, the viewer's own; `reduced-motion`, "true", "false" or, without
 * it, as the viewer's system says; `announce`, to have each caption spoken or sent to a braille display;
 * `hidden`, to turn captions off.
 *
 * Events: `ready`, when captions can be seen; `error`, with `message` in `detail`.
 *
 * What is drawn is hidden from screen readers: its words are apart, and change colour and place. The element
 * holds the same text in one piece, out of sight, to be read at any time. It is not announced by itself, for it
 * would talk over what is being said; who reads braille asks for that. Nothing takes the focus or a click.
 */
import { attachCaptions } from "./overlay.js";

const OUT_OF_SIGHT = "position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); "
  + "white-space: pre-line; pointer-events: none;";

export class EcgCaptions extends HTMLElement {
  static observedAttributes = ["for", "src", "strength", "size", "reduced-motion", "announce", "hidden"];

  #captions = null;
  #video = null;
  #scenario = null;
  #due = false;
  #wish = 0;

  connectedCallback() {
    this.style.cssText = OUT_OF_SIGHT;
    if (!this.hasAttribute("role")) this.setAttribute("role", "group");
    if (!this.hasAttribute("aria-label")) this.setAttribute("aria-label", "Captions");
    this.#update();
  }

  disconnectedCallback() {
    this.#leave();
  }

  attributeChangedCallback(name, before, now) {
    if (before === now) return;
    if (name === "src") this.#scenario = null;
    this.#update();
  }

  get scenario() { return this.#scenario; }
  set scenario(data) {
    this.#scenario = data;
    this.#update();
  }

  get for() { return this.getAttribute("for"); }
  set for(id) { reflect(this, "for", id); }

  get src() { return this.getAttribute("src"); }
  set src(address) { reflect(this, "src", address); }

  /** 0, plain captions, to 1, as designed. */
  get strength() { return number(this.getAttribute("strength"), 0, 1, 1); }
  set strength(value) { reflect(this, "strength", value); }

  /** Times the designed text size. */
  get size() { return number(this.getAttribute("size"), 0.5, 3, 1); }
  set size(value) { reflect(this, "size", value); }

  /** True or false; `null` follows the viewer's system. */
  get reducedMotion() {
    const value = this.getAttribute("reduced-motion");
    return value === null ? null : value !== "false";
  }
  set reducedMotion(value) { reflect(this, "reduced-motion", value); }

  get announce() { return this.hasAttribute("announce"); }
  set announce(value) { this.toggleAttribute("announce", Boolean(value)); }

  /** Once, however many attributes change together. */
  #update() {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      if (this.isConnected) this.#show();
    });
  }

  /** Show what the attributes say. */
  async #show() {
    if (this.hidden) return this.#leave();
    const wish = ++this.#wish;
    this.setAttribute("aria-live", this.announce ? "polite" : "off");
    try {
      const scenario = this.#scenario ?? await this.#load();
      if (wish !== this.#wish || !scenario) return;
      this.#scenario = scenario;
      await this.#put(scenario);
      this.#tell(wish, "ready");
    } catch (error) {
      this.#tell(wish, "error", { message: error.message });
    }
  }

  /** Unless something else is wished by now. */
  #tell(wish, name, detail) {
    if (wish === this.#wish) this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  async #load() {
    if (!this.src) return null;
    const response = await fetch(new URL(this.src, document.baseURI));
    if (!response.ok) throw new Error(`The captions ${this.src} could not be loaded (${response.status}).`);
    return response.json();
  }

  #put(scenario) {
    const video = this.#findVideo();
    if (!video) throw new Error("There is no video for these captions.");
    const { strength, size, reducedMotion } = this;
    const onText = (texts) => this.#say(texts);
    const options = { strength, size, reducedMotion: reducedMotion ?? undefined, onText };
    if (video === this.#video) return this.#captions.setScenario(scenario, options);
    this.#captions?.destroy();
    this.#video = video;
    this.#captions = attachCaptions(video, scenario, options);
    return this.#captions.ready;
  }

  #findVideo() {
    if (this.for) {
      const found = this.getRootNode().getElementById(this.for);
      return found instanceof HTMLVideoElement ? found : null;
    }
    if (this.#video?.parentElement === this.parentElement) return this.#video; // what is before us now is drawn
    const before = this.previousElementSibling;
    return before instanceof HTMLVideoElement ? before : this.parentElement?.querySelector(":scope > video") ?? null;
  }

  #say(texts) {
    this.textContent = texts.map(({ speaker, text }) => (speaker ? `${speaker}: ${text}` : text)).join("\n");
  }

  #leave() {
    this.#wish += 1;
    this.#captions?.destroy();
    [this.#captions, this.#video] = [null, null];
    this.textContent = "";
  }
}

function reflect(element, name, value) {
  if (value === null || value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, String(value));
}

/** The number that `text` says, kept within `low` and `high`; `usual` where it says none. */
function number(text, low, high, usual) {
  const value = text === null || text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(value) ? Math.min(Math.max(value, low), high) : usual;
}

if (!customElements.get("ecg-captions")) customElements.define("ecg-captions", EcgCaptions);
