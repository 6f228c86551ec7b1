/** A job as it happens: by event stream, and by asking again and again where the stream fails. */
import { eventsAddress, getJob } from "./api.js";

const POLL_MS = 1500;
const RETRY_STREAM_MS = 20000;
const REFRESH_MS = 400; // events come in bursts; the steps are asked for once after each

/** Whether a job of this status will change no more. */
export function ended(status) {
  return ["done", "failed", "cancelled"].includes(status);
}

/**
 * Tell `onJob(job)` how the job stands, now and after every change, until it has ended; `percent` never
 * falls. `onTrouble(error)`: the server does not answer; watching goes on. Returns a function that stops.
 */
export function watchJob(streamUrl, jobId, { onJob, onTrouble }) {
  const watch = new Watch(streamUrl, jobId, onJob, onTrouble);
  watch.begin();
  return () => watch.stop();
}

class Watch {
  constructor(streamUrl, jobId, onJob, onTrouble) {
    Object.assign(this, { streamUrl, jobId, onJob, onTrouble });
    this.job = null;
    this.source = null;
    this.stopped = false;
    this.polling = false;
    this.timers = new Map();
  }

  async begin() {
    await this.refresh();
    if (!this.stopped) this.listen();
  }

  stop() {
    this.stopped = true;
    this.source?.close();
    for (const timer of this.timers.values()) clearTimeout(timer);
  }

  async listen() {
    if (this.stopped) return;
    this.source?.close();
    try {
      this.source = new EventSource(await eventsAddress(this.streamUrl, this.jobId));
    } catch (error) {
      return this.fallBack(error);
    }
    if (this.stopped) return this.source.close();
    this.source.onerror = () => this.fallBack();
    this.source.onopen = () => { this.polling = false; };
    this.source.addEventListener("progress", (event) => this.advance(JSON.parse(event.data)));
    for (const kind of ["step", "done", "failed", "cancelled"]) {
      this.source.addEventListener(kind, () => this.later("refresh", REFRESH_MS, () => this.refresh()));
    }
  }

  /** The stream is gone: poll, and try the stream again later (its token may have run out). */
  fallBack(error) {
    if (this.stopped) return;
    if (error) this.onTrouble(error);
    this.source?.close();
    this.poll();
    this.later("listen", RETRY_STREAM_MS, () => this.listen());
  }

  poll() {
    this.polling = true;
    this.later("poll", POLL_MS, async () => {
      if (this.polling) await this.refresh();
      if (this.polling && !this.stopped) this.poll();
    });
  }

  advance({ percent, milestone, message }) {
    if (!this.job) return;
    const moved = milestone && milestone !== this.job.milestone;
    this.show({ ...this.job, status: "running", progress: percent ?? this.job.progress,
      milestone: milestone ?? this.job.milestone, message: message ?? this.job.message });
    if (moved) this.later("refresh", REFRESH_MS, () => this.refresh());
  }

  async refresh() {
    try {
      this.show(await getJob(this.jobId));
    } catch (error) {
      if (this.stopped) return;
      this.onTrouble(error);
      if (error.status === 404) this.stop();
      else this.poll();
    }
  }

  show(job) {
    if (this.stopped) return;
    const progress = Math.max(job.progress, this.job?.progress ?? 0);
    this.job = { ...job, progress };
    if (ended(job.status)) this.stop();
    this.onJob(this.job);
  }

  later(name, delay_ms, work) {
    clearTimeout(this.timers.get(name));
    this.timers.set(name, setTimeout(work, delay_ms));
  }
}
