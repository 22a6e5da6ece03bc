"use strict";
// The way through a recording: one label for a short one, windows and segments for a long one.

const WINDOW_S = 3, HOP_S = 1.5; // of long recordings
const WHOLE_S = 4.5; // up to here a recording is one clip
const WAVE_COLUMNS = 1200; // of the waveform that is drawn
const LONGEST_S = 4 * 3600;

// Yield blocks of mono samples at the rate of the model. `source` is {file, header, channel} of a
// WAV, or {samples, rate} of what the browser decoded.
async function* blocksOf(source, rate) {
  const resampler = new Resampler(source.header ? source.header.rate : source.rate, rate);
  if (source.header) {
    for await (const block of wavBlocks(source.file, source.header, source.channel)) {
      yield resampler.push(block);
    }
  } else {
    for (let at = 0; at < source.samples.length; at += BLOCK_FRAMES) {
      yield resampler.push(source.samples.subarray(at, at + BLOCK_FRAMES));
    }
  }
  yield resampler.finish();
}

// Collects the extremes of a sound for drawing; halves its columns when they are full.
class Envelope {
  constructor(width) { this.width = width; this.columns = []; this.open = [0, 0, 0]; }

  add(samples) {
    for (const x of samples) {
      const column = this.open;
      column[0] = Math.min(column[0], x);
      column[1] = Math.max(column[1], x);
      if (++column[2] < this.width) continue;
      this.columns.push(column);
      this.open = [0, 0, 0];
      if (this.columns.length < 2 * WAVE_COLUMNS) continue;
      this.columns = this.columns.filter((_, i) => i % 2 === 0).map((a, i) => {
        const b = this.columns[2 * i + 1];
        return [Math.min(a[0], b[0]), Math.max(a[1], b[1]), 0];
      });
      this.width *= 2;
    }
  }
}

// Refuse samples that are no sound, in the words of Python.
function checkLevel(level) {
  if (!(level < Infinity)) throw new Refusal("holds samples that are not finite", "Export it again");
  if (level > MAX_LEVEL) {
    throw new Refusal("has samples on a scale of whole numbers", "Export it again");
  }
  if (level <= MIN_LEVEL) throw new Refusal("is silent", "Check the microphone or the export");
}

// Return {windows, seconds, wave, speech}: the features of each window of a recording.
// `progress` gets the share that is done, and stops the work by throwing. `helper`, where there is
// one, is {busy, compute} of a second worker, which takes windows while this one computes others.
async function analysed(source, model, progress, helper = null) {
  const rate = model.features.sample_rate, { offset, duration } = model.features;
  const total = source.header ? source.header.frames / source.header.rate
    : source.samples.length / source.rate;
  if (total > LONGEST_S) throw new Refusal("is longer than four hours", "Cut it into parts");
  if (offset >= total) {
    throw new Refusal(`lasts ${total.toFixed(2)} s and the first ${offset} s are skipped`, "Give a longer one");
  }
  const whole = duration !== null || total <= WHOLE_S;
  const length = whole ? Infinity : Math.round(WINDOW_S * rate), hop = Math.round(HOP_S * rate);
  const envelope = new Envelope(Math.max(1, Math.floor((total * rate) / WAVE_COLUMNS)));
  const detector = new SpeechDetector(rate), flags = [], windows = [], helped = [];
  let kept = new Float32Array(0), from = 0, level = 0, finite = true;
  const stop = duration === null ? Infinity : Math.round((offset + duration) * rate);
  const add = async (samples, start) => {
    const window = { start, end: start + samples.length / rate };
    windows.push(window);
    if (helper && !helper.busy && !whole) {
      helped.push(helper.compute(samples).then((features) => { window.features = features; }));
    } else window.features = extract(samples, model);
    await progress(Math.min(1, (start + samples.length / rate) / total));
  };
  for await (const block of blocksOf(source, rate)) {
    for (const x of block) {
      const size = Math.abs(x);
      if (size > level) level = size;
      if (!(size < Infinity)) finite = false;
    }
    if (!finite || level > MAX_LEVEL) checkLevel(finite ? level : NaN);
    envelope.add(block);
    for (const flag of detector.push(block)) flags.push(flag);
    const joined = new Float32Array(kept.length + block.length);
    joined.set(kept);
    joined.set(block, kept.length);
    kept = joined;
    if (whole && kept.length > stop) kept = kept.slice(0, stop);
    while (kept.length >= length) {
      if (level > MIN_LEVEL) await add(kept.slice(0, length), from / rate);
      kept = kept.slice(hop);
      from += hop;
    }
  }
  for (const flag of detector.finish()) flags.push(flag);
  checkLevel(level);
  if (whole) {
    await add(kept.slice(Math.round(offset * rate)), offset);
  } else if (kept.length > hop * 0.8 || !windows.length) {
    await add(kept, from / rate);
  }
  await Promise.all(helped);
  return { windows, seconds: total, flags, whole, level,
    wave: envelope.columns.map(([low, high]) => [low, high]) };
}

// Return the share of the hops of 0.02 s from start to end in which there is speech.
function speechShare(flags, start, end) {
  const part = flags.slice(Math.floor(start * 50), Math.ceil(end * 50));
  return part.length ? part.filter(Boolean).length / part.length : 0;
}

// Return rows {start, end, label, probabilities, arousal, note} of a recording without gaps, with
// equal neighbours merged.
function rowsOf({ windows, seconds, flags, whole }, model, normalization, adapted) {
  const threshold = model.answer_from[adapted ? "adapted" : "plain"] ?? model.answer_from.plain;
  const judged = windows.map((window) => ({
    ...window, probabilities: probabilitiesOf(window.features, model, normalization),
  }));
  const rows = [];
  const push = (start, end, probabilities) => {
    const label = probabilities ? labelOf(probabilities, model, threshold) : "no speech";
    const last = rows[rows.length - 1];
    if (last && last.label === label) {
      last.end = end;
      if (probabilities) { last.sum = last.sum.map((x, i) => x + probabilities[i]); last.count += 1; }
    } else rows.push({ start, end, label, sum: probabilities, count: 1 });
  };
  if (whole) {
    const { start, end, probabilities } = judged[0];
    push(start, end, speechShare(flags, start, end) > 0 || model.features.duration !== null
      ? probabilities : null);
  } else {
    for (let at = 0; at < seconds - 1e-6; at += HOP_S) {
      const last = seconds - at - HOP_S < 0.2 * HOP_S, end = last ? seconds : at + HOP_S;
      const over = judged.filter((w) => w.start < end - 1e-6 && w.end > at + 1e-6);
      const spoken = speechShare(flags, at, end) >= 0.1 && over.length;
      push(at, end, spoken && over[0].probabilities.map(
        (_, i) => over.reduce((sum, w) => sum + w.probabilities[i], 0) / over.length));
      if (last) break;
    }
  }
  return rows.map(({ start, end, label, sum, count }) => {
    const probabilities = sum ? sum.map((x) => x / count) : null;
    const arousal = probabilities && model.arousal ? arousalOf(probabilities, model) : null;
    return { start, end, label, probabilities, arousal };
  });
}

// Return the most probable emotion, or "unsure" where two are too close to each other.
function labelOf(probabilities, model, threshold) {
  const [first, second] = Array.from(probabilities).sort((a, b) => b - a);
  if (threshold !== null && threshold !== undefined && first - (second || 0) < threshold) return "unsure";
  return model.labels[Array.from(probabilities).indexOf(first)];
}
