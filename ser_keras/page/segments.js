"use strict";
// The way through a recording: one label for a short one, and segments for a long one. The steps are
// those of ser_keras/segments.py, and of `Pipeline.predict_numbered` for short recordings.

const WAVE_COLUMNS = 1200; // of the waveform that is drawn
const LONGEST_S = 4 * 3600;
const GAP_S = 0.25; // a shorter rest at the start or the end is no segment of its own
const FULL_LEVEL = 2; // of samples; what a decoder makes of a loud sound rises a little above 1

// Yield blocks of mono samples at the rate of the model. `source` is {file, header, channel} of a
// WAV, or {samples, rate} of what the browser decoded; `first` and `stop` are samples of it.
async function* blocksOf(source, rate, first = 0, stop = Infinity) {
  const { header, samples } = source;
  const resampler = new Resampler(header ? header.rate : source.rate, rate);
  if (header) {
    const last = Math.min(stop, header.frames), size = header.width * header.channels;
    const part = { ...header, start: header.start + first * size, frames: last - first };
    for await (const block of wavBlocks(source.file, part, source.channel)) yield resampler.push(block);
  } else {
    const last = Math.min(stop, samples.length);
    for (let at = first; at < last; at += BLOCK_FRAMES) {
      yield resampler.push(samples.subarray(at, Math.min(last, at + BLOCK_FRAMES)));
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

// Refuse samples that are no sound, in the words of Python; `level` is the largest, NaN for none.
function checkLevel(level) {
  if (!(level < Infinity)) throw new Refusal("holds samples that are not finite", "Export it again");
  if (level > MAX_LEVEL) {
    throw new Refusal("has samples on a scale of whole numbers", "Export it again");
  }
}

// Return the largest size of a sample, and NaN where one is no number.
function levelOf(samples, level = 0) {
  for (let i = 0; i < samples.length; i++) {
    const size = Math.abs(samples[i]);
    if (!(size <= level)) level = size;
  }
  return level;
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
  const notes = [];
  if (source.channel !== null && source.channel !== undefined) {
    notes.push(isLong ? "its channels cancel each other, so only the louder one was used"
      : `its channels cancel each other, so only channel ${source.channel + 1} was used`);
  }
  if (analysis.level <= MIN_LEVEL) notes.push("it is silent");
  if (analysis.level > FULL_LEVEL) {
    notes.push(`its samples reach ${analysis.level.toFixed(1)}, and full scale is 1: check its export`);
  }
  await progress(1);
  return { ...analysis, seconds, notes: [...notes, ...(analysis.remarks || [])], wave: envelope.columns };
}

async function analysedShort(source, model, seconds, ownRate, envelope, compute) {
  const rate = model.features.sample_rate, { offset, duration } = model.features, parts = [];
  for await (const block of blocksOf(source, rate)) envelope.add(block);
  const first = Math.trunc(offset * ownRate);
  const stop = duration === null ? Infinity : first + Math.max(1, Math.trunc(duration * ownRate));
  for await (const block of blocksOf(source, rate, first, stop)) parts.push(block);
  const samples = joinedSamples(parts), level = levelOf(samples);
  checkLevel(level);
  if (level <= MIN_LEVEL) throw new Refusal("is silent", "Check the microphone or the export");
  const detector = new SpeechDetector(rate), heard = [...detector.push(samples), ...detector.finish()];
  const { features } = await compute([samples]), [own] = await features, remarks = [];
  const length = samples.length / rate;
  if (length < Math.min(SHORTEST_S, (duration || 1) / 2)) {
    const skipped = offset ? `, since it skips the first ${offset} s` : "";
    remarks.push(`the model hears only ${(1000 * length).toFixed(0)} ms${skipped}`);
  }
  const silence = new Array(Math.round(offset / HOP_OF_SPEECH)).fill(false); // what is not heard
  return {
    level, flags: [...silence, ...heard], start: offset, end: roundedTo(offset + length, 3),
    isSpeech: heard.includes(true), features: own, remarks,
  };
}

async function analysedLong(source, model, seconds, envelope, progress, compute) {
  const rate = model.features.sample_rate, detector = new SpeechDetector(rate);
  const cutter = new Cutter(rate, model.features), flags = [], stretches = [], promised = [];
  let waiting = [], level = 0, read = 0; // windows that wait for others to be computed with them
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
  for await (const block of blocksOf(source, rate)) {
    level = levelOf(block, level);
    checkLevel(level);
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
  return { level, flags, stretches };
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
