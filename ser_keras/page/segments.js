"use strict";
// The way through a recording: one label for a short one, and segments for a long one. The steps are
// those of ser_keras/segments.py, and of `Pipeline.predict_numbered` for short recordings.

const WAVE_COLUMNS = 1200; // of the waveform that is drawn
const LONGEST_S = 4 * 3600;
const GAP_S = 0.25; // a shorter rest at the start or the end is no segment of its own
const FULL_LEVEL = 2; // of samples; what a decoder makes of a loud sound rises a little above 1

// Yield blocks of mono samples at the rate of the features. `source` is {file, header, channel} of a
// WAV, or {samples, rate} of what the browser decoded; `first` and `stop` are samples of it. `watch` is
// called with each block before it is resampled.
async function* blocksOf(source, spec, watch, first = 0, stop = Infinity) {
  const { header, samples } = source;
  const resampler = new Resampler(header ? header.rate : source.rate, spec.sample_rate, needsExact(spec));
  if (header) {
    const last = Math.min(stop, header.frames), size = header.width * header.channels;
    const part = { ...header, start: header.start + first * size, frames: last - first };
    for await (const block of wavBlocks(source.file, part, source.channel)) {
      watch(block);
      yield resampler.push(block);
    }
  } else {
    const last = Math.min(stop, samples.length);
    for (let at = first; at < last; at += BLOCK_FRAMES) {
      const block = samples.subarray(at, Math.min(last, at + BLOCK_FRAMES));
      watch(block);
      yield resampler.push(block);
    }
  }
  yield resampler.finish();
}

// Collects the extremes of a sound for drawing; halves its columns when they are full.
class Envelope {
  constructor(width) { this.width = width; this.columns = []; this.low = this.high = this.count = 0; }

  add(samples) {
    for (let i = 0; i < samples.length; i++) {
      const x = samples[i];
      if (x < this.low) this.low = x;
      if (x > this.high) this.high = x;
      if (++this.count < this.width) continue;
      this.columns.push([this.low, this.high]);
      this.low = this.high = this.count = 0;
      if (this.columns.length < 2 * WAVE_COLUMNS) continue;
      this.columns = this.columns.filter((_, k) => k % 2 === 0).map((a, k) => {
        const b = this.columns[2 * k + 1];
        return [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
      });
      this.width *= 2;
    }
  }
}

// The lowest and the highest sample of a sound. Samples that are no sound are refused, as Python does.
class Extremes {
  constructor() { this.low = Infinity; this.high = -Infinity; }

  get level() { return Math.max(this.high, -this.low); }

  add(samples) {
    let { low, high } = this, none = 0; // NaN as soon as a sample is not finite
    for (let i = 0; i < samples.length; i++) {
      const x = samples[i];
      if (x < low) low = x;
      if (x > high) high = x;
      none += x - x;
    }
    Object.assign(this, { low, high });
    if (none !== 0) throw new Refusal("holds samples that are not finite", "Export it again");
    if (this.level > MAX_LEVEL) throw new Refusal("has samples on a scale of whole numbers", "Export it again");
  }
}

// Return {seconds, flags, wave, notes, start, end, isSpeech, features} of a short recording, or
// {seconds, flags, wave, notes, stretches} of a long one. `progress` gets the share that is done, and
// stops the work by throwing. `compute` returns a promise of {features}, itself a promise of the
// features of some clips, and resolves when it can take the next ones. `isCut` cuts short recordings too.
async function analysed(source, model, progress, compute, isCut = false) {
  const rate = model.features.sample_rate, { offset } = model.features;
  const ownRate = source.header ? source.header.rate : source.rate;
  const seconds = (source.header ? source.header.frames : source.samples.length) / ownRate;
  if (seconds > LONGEST_S) throw new Refusal("is longer than four hours", "Cut it into parts");
  const isLong = isCut || seconds > cutOf(model.features).whole;
  if (!isLong && offset >= seconds) {
    throw new Refusal(`lasts ${seconds.toFixed(2)} s and the first ${offset} s are skipped`, "Give a longer one");
  }
  const envelope = new Envelope(Math.max(1, Math.floor((seconds * rate) / WAVE_COLUMNS)));
  const analysis = isLong ? await analysedLong(source, model, seconds, envelope, progress, compute)
    : await analysedShort(source, model, seconds, ownRate, envelope, compute);
  const { level } = analysis.extremes, notes = []; // in the words of Python, and in its order
  if (source.channel !== null && source.channel !== undefined) {
    notes.push(isLong ? "its channels cancel each other, so only the louder one was used"
      : `its channels cancel each other, so only channel ${source.channel + 1} was used`);
  }
  if (level <= MIN_LEVEL) notes.push("it is silent");
  if (level > FULL_LEVEL) notes.push(`its samples reach ${level.toFixed(1)}, and full scale is 1: check its export`);
  await progress(1);
  return { ...analysis, seconds, notes: [...notes, ...(analysis.remarks || [])], wave: envelope.columns };
}

async function analysedShort(source, model, seconds, ownRate, envelope, compute) {
  const { features: spec } = model, { sample_rate: rate, offset, duration } = spec, parts = [];
  const extremes = new Extremes();
  for await (const block of blocksOf(source, spec, () => {})) envelope.add(block);
  const first = Math.trunc(offset * ownRate);
  const stop = duration === null ? Infinity : first + Math.max(1, Math.trunc(duration * ownRate));
  for await (const block of blocksOf(source, spec, (raw) => extremes.add(raw), first, stop)) parts.push(block);
  const samples = joinedSamples(parts);
  if (extremes.level <= MIN_LEVEL) throw new Refusal("is silent", "Check the microphone or the export");
  const detector = new SpeechDetector(rate), heard = [...detector.push(samples), ...detector.finish()];
  const { features } = await compute([samples]), [own] = await features, remarks = [];
  const length = samples.length / rate;
  if (extremes.low >= 0 || extremes.high <= 0) {
    remarks.push("its samples are all on one side of 0, which is silence: check its export");
  }
  if (length < Math.min(SHORTEST_S, (duration || 1) / 2)) {
    const skipped = offset ? `, since it skips the first ${offset} s` : "";
    remarks.push(`the model hears only ${(1000 * length).toFixed(0)} ms${skipped}`);
  }
  if (seconds - offset - length > 0.05) {
    remarks.push(`${seconds.toFixed(1)} s long; the model hears only this part`);
  }
  const silence = new Array(Math.round(offset / HOP_OF_SPEECH)).fill(false); // what is not heard
  return {
    extremes, flags: [...silence, ...heard], start: offset, end: roundedTo(offset + length, 3),
    isSpeech: heard.includes(true), features: own, remarks,
  };
}

async function analysedLong(source, model, seconds, envelope, progress, compute) {
  const rate = model.features.sample_rate, detector = new SpeechDetector(rate);
  const cutter = new Cutter(rate, model.features), flags = [], stretches = [], promised = [];
  const waiting = [], extremes = new Extremes(); // windows that wait for others to be computed with them
  let read = 0;
  const submit = async (least) => {
    while (waiting.length >= least && waiting.length) {
      const batch = waiting.splice(0, TOGETHER);
      const { features } = await compute(batch.map(({ clip }) => clip));
      promised.push(features.then((made) => batch.forEach(({ stretch, place }, i) => {
        stretch.features[place] = made[i];
      })));
      await progress(Math.min(1, read / rate / seconds));
    }
  };
  const take = async (made) => {
    for (const stretch of made) {
      stretches.push(stretch);
      waiting.push(...stretch.clips.map((clip, place) => ({ stretch, place, clip })));
      delete stretch.clips;
      await submit(TOGETHER);
    }
  };
  for await (const block of blocksOf(source, model.features, (raw) => extremes.add(raw))) {
    envelope.add(block);
    const decided = detector.push(block);
    for (const flag of decided) flags.push(flag);
    read += block.length;
    await take(cutter.push(block, decided));
    await progress(Math.min(1, read / rate / seconds));
  }
  const decided = detector.finish();
  for (const flag of decided) flags.push(flag);
  await take(cutter.finish(decided));
  await submit(1);
  await Promise.all(promised);
  return { extremes, flags, stretches };
}

// Return the rows {start, end, label, probabilities, arousal, note, possible, adaptedBy} of a recording.
function rowsOf(analysis, model, { normalization, adaptedBy }) {
  const isAdapted = adaptedBy > 0;
  const adaptedNote = isAdapted ? `adapted by ${adaptedBy} recording${adaptedBy > 1 ? "s" : ""}` : "";
  const noteOf = (features) => [adaptedNote, remarkOf(features, model)].filter(Boolean).join("; ");
  const judge = (features) => probabilitiesOf(features, model, normalization);
  let parts;
  if (analysis.stretches) {
    const labelled = analysis.stretches.map((stretch) => ({
      ...stretch, probabilities: stretch.features.map(judge), notes: stretch.features.map(noteOf),
    }));
    parts = mergedParts(labelled, analysis.seconds, (row) => labelOf(row, model, isAdapted));
  } else {
    const { start, end, isSpeech, features } = analysis, mean = isSpeech ? judge(features) : null;
    parts = [{ start, end, mean, note: noteOf(features),
      label: mean ? labelOf(mean, model, isAdapted) : "no speech" }];
  }
  return parts.map(({ start, end, label, mean, note }) => ({
    start: roundedTo(start, 3), end: roundedTo(end, 3), label, probabilities: mean, note,
    arousal: mean && model.arousal ? arousalOf(mean, model) : null,
    possible: mean ? possibleOf(mean, model, isAdapted) : [],
    adaptedBy: mean || !analysis.stretches ? adaptedBy : 0,
  }));
}

// Return segments {start, end, label, mean, note} without gaps: neighbours of one label become one, and
// what is no speech is a segment as well (`_merged` of segments.py).
function mergedParts(stretches, seconds, label) {
  const parts = [];
  let now = 0, last = null;
  const close = () => {
    if (last) parts.push({ ...last, mean: last.total.map((x) => x / last.seconds) });
    last = null;
  };
  const silence = (end) => { parts.push({ start: now, end, label: "no speech", mean: null, note: "" }); };
  for (const stretch of stretches) {
    if (stretch.start - now > (now === 0 ? GAP_S : 1e-3)) {
      close();
      silence(stretch.start);
      now = stretch.start;
    }
    for (const cell of cellsOf(stretch)) {
      const start = last || now ? Math.max(cell.start, now) : 0, end = Math.max(cell.end, now);
      if (end <= start) continue;
      const name = label(cell.mean), length = end - start, note = stretch.notes[cell.nearest];
      if (last && last.label === name) {
        last.end = end;
        last.seconds += length;
        last.total = last.total.map((x, i) => x + cell.mean[i] * length);
        last.note = last.note && note; // only what holds from its start to its end
      } else {
        close();
        last = { start, end, label: name, note, seconds: length, total: cell.mean.map((x) => x * length) };
      }
      now = end;
    }
  }
  if (last && seconds - now <= GAP_S) {
    last.end = seconds;
    now = seconds;
  }
  close();
  if (seconds > now) silence(seconds);
  return parts;
}

// Return {start, end, mean, nearest} of each part between the edges of windows: the mean probabilities
// of the windows over it, and the number of the nearest one.
function cellsOf({ windows, probabilities }) {
  const edges = [...new Set(windows.flat())].sort((a, b) => a - b);
  return edges.slice(1).map((end, k) => {
    const start = edges[k], middle = (start + end) / 2;
    const over = windows.map((_, i) => i).filter((i) => windows[i][0] <= middle && middle <= windows[i][1]);
    const away = (i) => Math.abs((windows[i][0] + windows[i][1]) / 2 - middle);
    const nearest = over.reduce((best, i) => (away(i) < away(best) ? i : best));
    const mean = probabilities[0].map((_, c) => over.reduce((sum, i) => sum + probabilities[i][c], 0) / over.length);
    return { start, end, mean, nearest };
  });
}
