"use strict";
// How a recording is cut: stretches of speech (`Stretches` of ser_keras/speech.py), and windows over
// each (ser_keras/windows.py). Times are seconds.

const WINDOW_S = 3; // about as long as the clips of the corpora
const HOP_SHARE = 3 / 4; // of a window, from its start to that of the next
const WHOLE_S = 2 * WINDOW_S; // up to here a recording is one clip
const SHORTEST_S = 0.2; // no emotion is heard in less
const HOP_OF_SPEECH = 0.02;
const STRETCH = { pause: 30, shortest: 8, margin: 5, longest: 1500 }; // hops; 0.15 s are 7.5 of them

// Return the nearest whole number, and the even one of two that are equally near, as Python does.
function rounded(x) {
  const nearest = Math.round(x);
  return nearest - x === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}

const roundedTo = (x, digits) => Number(x.toFixed(digits));

// Return {window, hop, whole} in seconds for what a model hears: up to `whole`, a recording is one clip.
function cutOf({ duration, offset }) {
  const window = duration === null ? WINDOW_S : Math.min(WINDOW_S, duration);
  return { window, hop: window * HOP_SHARE, whole: duration ? offset + (duration * 4) / 3 : WHOLE_S };
}

// Joins hops to stretches of speech as they come: `push` and `finish` return those that have ended, as
// pairs of start and end. Short pauses are bridged, short stretches dropped, and all get a margin.
class Stretches {
  constructor() {
    this.hops = 0;
    this.start = null; // first hop of the stretch that is open
    this.end = 0; // behind its last hop of speech
  }

  // Seconds at which the open stretch starts, or null.
  get opened() {
    return this.start === null ? null : this.timeOf(Math.max(0, this.start - STRETCH.margin));
  }

  timeOf(hop) {
    return roundedTo(hop * HOP_OF_SPEECH, 6);
  }

  push(flags) {
    const ended = [], before = this.hops;
    this.hops += flags.length;
    flags.forEach((isSpeech, i) => {
      if (!isSpeech) return;
      const hop = before + i, isLong = hop - this.start >= STRETCH.longest;
      if (this.start !== null && (hop - this.end >= STRETCH.pause || isLong)) ended.push(...this.finish());
      if (this.start === null) this.start = hop;
      this.end = hop + 1;
    });
    if (this.start !== null && this.hops - this.end >= STRETCH.pause) ended.push(...this.finish());
    return ended;
  }

  finish() {
    const { start, end, opened } = this;
    this.start = null;
    if (start === null || end - start < STRETCH.shortest) return [];
    return [[opened, this.timeOf(Math.min(this.hops, end + STRETCH.margin))]];
  }
}

// Return start and end of the windows that cover a stretch of this length. The last one ends with the
// stretch, so it may overlap more than the others.
function placesOf(length, window, hop) {
  if (length <= window) return [[0, length]];
  const places = [];
  for (let i = 0; i < Math.ceil((length - window) / hop); i++) places.push([i * hop, i * hop + window]);
  if (length - window - places[places.length - 1][0] > 1e-6) {
    places.push([length - window, length - window + window]); // rounded as Python rounds
  }
  return places;
}

// Cuts the windows out of a recording that comes block by block, and holds no more of it than a stretch
// that is open. `push` (samples and what the detector decided by then) and `finish` return stretches
// {start, end, windows, clips}: pairs of seconds, and the samples of each.
class Cutter {
  constructor(rate, features) {
    this.rate = rate;
    this.cut = cutOf(features);
    this.joiner = new Stretches();
    this.held = new Float32Array(0);
    this.first = 0; // place of held[0] in the recording
  }

  push(samples, flags) {
    this.held = joinedSamples([this.held, samples]);
    const made = this.stretchesOf(this.joiner.push(flags)), { hops, opened } = this.joiner;
    const needed = opened === null ? hops * HOP_OF_SPEECH - 1 : opened; // the detector lags behind
    const drop = Math.max(0, Math.trunc(needed * this.rate) - this.first);
    this.held = this.held.slice(drop);
    this.first += drop;
    return made;
  }

  finish(flags) {
    return this.stretchesOf([...this.joiner.push(flags), ...this.joiner.finish()]);
  }

  stretchesOf(times) {
    const { rate, first, held, cut: { window, hop } } = this, made = [];
    for (const [start, end] of times) {
      const begin = rounded(start * rate), stop = Math.min(rounded(end * rate), first + held.length);
      if (stop - begin < SHORTEST_S * rate) continue;
      const samples = held.subarray(begin - first, stop - first);
      const places = placesOf(samples.length / rate, window, hop);
      made.push({
        start: begin / rate, end: stop / rate, features: [],
        windows: places.map(([a, b]) => [a + begin / rate, b + begin / rate]),
        clips: places.map(([a, b]) => samples.slice(rounded(a * rate), rounded(b * rate))),
      });
    }
    return made;
  }
}
