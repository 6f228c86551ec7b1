/** What time does: which cues are on screen, which come next, when something changes. */

/** Finds cues and changes by binary search. `cues` are a scenario's, in any order; their words have `spans`. */
export class Timeline {
  /** `word.spans`: the times `[start_s, end_s)` in which the word moves or changes its colour. */
  constructor(cues) {
    this.cues = cues;
    this.lanes = lanesOf(cues);
    this.order = cues.map((_, index) => index).sort((a, b) => cues[a].start_s - cues[b].start_s);
    this.moving = joined(cues.flatMap(spansOf));
    const moments = cues.flatMap((cue) => [cue.start_s, cue.end_s, ...cue.words.map((word) => word.start_s)]);
    this.moments = [...new Set(moments)].sort((a, b) => a - b);
  }

  /** Indices of the cues on screen at `t_s`, in ascending order. */
  activeAt(t_s) {
    const found = [];
    for (const lane of this.lanes.values()) {
      const entry = lane[lastAtOrBefore(lane, t_s, (item) => item.start_s)];
      if (entry && t_s < entry.end_s) found.push(entry.index);
    }
    return found.sort((a, b) => a - b);
  }

  /** Indices of the cues that come after `t_s` and until `end_s`, in the order in which they come. */
  comingIn(t_s, end_s) {
    const start = (index) => this.cues[index].start_s;
    const first = lastAtOrBefore(this.order, t_s, start) + 1;
    return this.order.slice(first, lastAtOrBefore(this.order, end_s, start) + 1);
  }

  /** Indices of the cues of other lanes that are on screen together with cue number `index`, if only once. */
  beside(index) {
    const { lane, start_s, end_s } = this.cues[index];
    const found = [];
    for (const [other, entries] of this.lanes) {
      if (other === lane) continue;
      let at = lastAtOrBefore(entries, end_s, (item) => item.start_s);
      for (; at >= 0 && entries[at].end_s > start_s; at -= 1) {
        if (entries[at].start_s < end_s) found.push(entries[at].index);
      }
    }
    return found;
  }

  /** Those of `beside` in lower lanes. */
  below(index) {
    return this.beside(index).filter((other) => this.cues[other].lane < this.cues[index].lane);
  }

  /** The smallest time after `t_s` from which the picture may differ; `t_s` itself while a word moves. */
  nextChange(t_s) {
    const span = this.moving[lastAtOrBefore(this.moving, t_s, (item) => item[0])];
    if (span && t_s < span[1]) return t_s;
    return this.moments[lastAtOrBefore(this.moments, t_s, (item) => item) + 1] ?? Infinity;
  }
}

/** While the cue is on screen. */
function spansOf({ start_s, end_s, words }) {
  return words.flatMap(({ spans }) => spans)
    .map(([from, to]) => [Math.max(from, start_s), Math.min(to, end_s)])
    .filter(([from, to]) => from < to);
}

function lanesOf(cues) {
  const lanes = new Map();
  cues.forEach(({ lane, start_s, end_s }, index) => {
    if (!lanes.has(lane)) lanes.set(lane, []);
    lanes.get(lane).push({ start_s, end_s, index });
  });
  for (const lane of lanes.values()) lane.sort((a, b) => a.start_s - b.start_s);
  return lanes;
}

/** Overlapping [start, end) spans made one, in order. */
function joined(spans) {
  const result = [];
  for (const [start, end] of spans.sort((a, b) => a[0] - b[0])) {
    const last = result.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else result.push([start, end]);
  }
  return result;
}

/** Index of the last item of sorted `items` whose `key` is at most `value`; -1 when there is none. */
function lastAtOrBefore(items, value, key) {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(items[middle]) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
