/**
 * Two ways to show the captions so that their pixels can be taken: drawn into a canvas, which this
 * page reads back itself, or plainly on a transparent page, of which a screenshot is taken.
 *
 * Boxes are `[x, y, width, height]` in whole pixels of the picture.
 */
import { touch } from "./boxes.js";

export class CanvasPicture {
  /** Whether boxes may be taken that are smaller than the picture. */
  static inParts = true;
  /**
   * How many frames are drawn in one go, each on a stage of its own: what Chromium does around a paint costs as much
   * as drawing a frame.
   */
  static atOnce = 8;

  constructor(width, height) {
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("layoutsubtree", "");
    this.stages = Array.from({ length: CanvasPicture.atOnce }, () => createStage(width, height));
    this.canvas.append(...this.stages);
    this.sight = document.createElement("div");
    this.sight.className = "sight";
    this.sight.append(this.canvas);
    document.body.append(this.sight);
    // Without the hint the canvas may live in the GPU process, and each read would wait for it.
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    if (!this.context.drawElementImage || !this.canvas.requestPaint) {
      throw new Error("This Chromium cannot draw HTML into a canvas.");
    }
  }

  remove() {
    this.sight.remove();
  }

  /** Keep pixels of this box only. */
  crop({ x, y, width, height }) {
    this.origin = [x, y];
    this.canvas.width = width;
    this.canvas.height = height;
  }

  /**
   * Draw the captions as they are now on some stages, one frame after the other; resolves to the pixels of each
   * one's boxes, straight RGBA. `shots`: `{stage, boxes, bands}`, with the player's bands.
   */
  take(shots) {
    return new Promise((resolve, reject) => {
      this.canvas.onpaint = () => {
        try {
          resolve(shots.map((shot) => this.#taken(shot)));
        } catch (error) {
          reject(error);
        }
      };
      this.canvas.requestPaint();
    });
  }

  #taken({ stage, boxes, bands }) {
    this.#draw(stage, boxes, bands);
    const [left, top] = this.origin;
    return boxes.map(([x, y, width, height]) => this.context.getImageData(x - left, y - top, width, height).data);
  }

  /**
   * Only the bands that the boxes touch. Skia smooths a shape a little otherwise where a clip cuts it, and where it
   * lies otherwise in what it is drawn into; so a pixel is always drawn in the same band, whatever was drawn before.
   * What a band is drawn into is fresh memory of its size: a low one costs less.
   */
  #draw(stage, boxes, bands) {
    const { context, origin: [left, top] } = this;
    for (const [x, y, width, height] of boxes) context.clearRect(x - left, y - top, width, height);
    for (const band of bands.filter((one) => boxes.some((box) => touch(one, box)))) {
      const [x, y, width, height] = band;
      context.save();
      context.beginPath();
      context.rect(x - left, y - top, width, height);
      context.clip();
      context.clearRect(x - left, y - top, width, height);
      context.drawElementImage(stage, -left, -top);
      context.restore();
    }
  }
}

export class ScreenPicture {
  // The clip of a screenshot is one of the whole page's drawing: see above what a clip does.
  static inParts = false;

  constructor(width, height) {
    this.stages = [createStage(width, height)];
    document.body.append(...this.stages);
  }

  remove() {
    for (const stage of this.stages) stage.remove();
  }

  crop() {}

  /** Resolves when the page has been laid out and painted as it is now. No pixels: they are taken from outside. */
  async take(shots) {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    return shots.map(() => []);
  }
}

/** What a player draws on. */
function createStage(width, height) {
  const stage = document.createElement("div");
  stage.className = "stage";
  stage.style.width = `${width}px`;
  stage.style.height = `${height}px`;
  return stage;
}
