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
   * How many frames are drawn in one go, each in a picture of its own: what Chromium does around a frame
   * costs as much as drawing it.
   */
  static atOnce = 8;

  constructor(width, height) {
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("layoutsubtree", "");
    this.root = createRoot(width, height);
    this.canvas.append(this.root);
    const sight = document.createElement("div");
    sight.className = "sight";
    sight.append(this.canvas);
    document.body.append(sight);
    // Without the hint the canvas may live in the GPU process, and each read would wait for it.
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    if (!this.context.drawElementImage || !this.canvas.requestPaint) {
      throw new Error("This Chromium cannot draw HTML into a canvas.");
    }
  }

  /** Keep pixels of this box only. */
  crop({ x, y, width, height }) {
    this.origin = [x, y];
    this.canvas.width = width;
    this.canvas.height = height;
  }

  /** Draw the captions as they are now; resolves to the pixels of the boxes, straight RGBA. `bands`: the player's. */
  async take(boxes, bands) {
    await new Promise((resolve, reject) => {
      this.canvas.onpaint = () => {
        try {
          this.#draw(boxes, bands);
          resolve();
        } catch (error) {
          reject(error);
        }
      };
      this.canvas.requestPaint();
    });
    const [left, top] = this.origin;
    return boxes.map(([x, y, width, height]) => this.context.getImageData(x - left, y - top, width, height).data);
  }

  /**
   * Only the bands that the boxes touch. Skia smooths a shape a little otherwise where a clip cuts it, and where it
   * lies otherwise in what it is drawn into; so a pixel is always drawn in the same band, whatever was drawn before.
   * What a band is drawn into is fresh memory of its size: a low one costs less.
   */
  #draw(boxes, bands) {
    const { context, origin: [left, top] } = this;
    for (const [x, y, width, height] of boxes) context.clearRect(x - left, y - top, width, height);
    for (const band of bands.filter((one) => boxes.some((box) => touch(one, box)))) {
      const [x, y, width, height] = band;
      context.save();
      context.beginPath();
      context.rect(x - left, y - top, width, height);
      context.clip();
      context.clearRect(x - left, y - top, width, height);
      context.drawElementImage(this.root, -left, -top);
      context.restore();
    }
  }
}

export class ScreenPicture {
  // The clip of a screenshot is one of the whole page's drawing: see above what a clip does.
  static inParts = false;
  static atOnce = 1;

  constructor(width, height) {
    this.root = createRoot(width, height);
    document.body.append(this.root);
  }

  crop() {}

  /** Resolves when the page has been laid out and painted as it is now. No pixels: they are taken from outside. */
  async take() {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    return [];
  }
}

function createRoot(width, height) {
  const root = document.createElement("div");
  root.className = "root";
  root.style.width = `${width}px`;
  root.style.height = `${height}px`;
  return root;
}
