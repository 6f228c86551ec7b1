/** The WebSocket to the capturing process: commands come in as JSON, frames go out as bytes. */

/** Bytes of `range, repeat, boxes` before the boxes, and of `x, y, width, height` for each of them. */
const HEAD = 12;
const BOX = 16;

export class Sink {
  /** `commands`: one method per command name; what it throws is sent back as `{"error": message}`. */
  constructor(url, commands) {
    this.commands = commands;
    this.range = 0;
    this.sent = 0;
    this.seen = 0;
    this.wake = () => {};
    this.socket = new WebSocket(url);
    this.socket.onmessage = (event) => this.#dispatch(JSON.parse(event.data));
  }

  async #dispatch(message) {
    for (const [name, value] of Object.entries(message)) {
      try {
        if (name === "seen") this.#acknowledge(value);
        else await this.commands[name](value);
      } catch (error) {
        this.fail(error);
      }
    }
  }

  reply(message) {
    this.socket.send(JSON.stringify(message));
  }

  fail(error) {
    this.reply({ error: String(error?.message ?? error) });
  }

  /** Begin a range of frames; one still going on ends at its next `send`. */
  begin(range) {
    this.range = range;
    this.sent = 0;
    this.seen = 0;
    this.wake();
  }

  /**
   * Say that the last frame stays for `repeat` frames, and then, if there are boxes, that one frame
   * follows which differs inside them. `pixels`: straight RGBA of each box, or none at all.
   */
  send(repeat, boxes, pixels) {
    const size = pixels.reduce((sum, part) => sum + part.length, HEAD + BOX * boxes.length);
    const message = new Uint8Array(size);
    new Uint32Array(message.buffer, 0, 3 + 4 * boxes.length).set([this.range, repeat, boxes.length, ...boxes.flat()]);
    let offset = HEAD + BOX * boxes.length;
    for (const part of pixels) {
      message.set(part, offset);
      offset += part.length;
    }
    this.socket.send(message);
    this.sent += 1;
  }

  /** Wait until fewer than `ahead` messages are unread; false when another range has begun. */
  async room(range, ahead) {
    while (range === this.range && this.sent - this.seen >= ahead) {
      await new Promise((resolve) => { this.wake = resolve; });
    }
    return range === this.range;
  }

  #acknowledge({ range, messages }) {
    if (range !== this.range) return;
    this.seen = messages;
    this.wake();
  }
}
