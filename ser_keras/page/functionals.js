"use strict";
// A clip as 432 named numbers: ser_keras/functionals, file by file. The order is that of FEATURES
// there; the frames come from descriptors.js and the pitch from pitch.js.

const OF_TRACKS = ["mean", "std", "skewness", "p95", "slope"];
const OF_CHANGES = ["range", "fall"];
const OF_VOICE = "mean std p05 p25 p50 p75 p95 rise fall rising slope curvature".split(" ");
const TINY_VARIANCE = 1e-6;
const PAUSE_DB = 25;

// Return the functionals of a clip at 22,050 Hz, Float32Array of 432.
function functionalsVector(samples) {
  const { levelDb, steady, frames, voice, voicedFrames, voiced } = measureTracks(samples);
  const everyFrame = Array.from({ length: frames }, (_, t) => t);
  const changed = trackChanges(steady, frames, N_STEADY);
  return Float32Array.from([
    ...summarise(steady, frames, N_STEADY, everyFrame, OF_TRACKS),
    ...summarise(changed, frames, N_STEADY, everyFrame, OF_CHANGES),
    ...summarise(voice, voicedFrames.length, N_VOICE, voicedFrames, OF_VOICE),
    levelDb,
    ...rhythmOf(steady, frames, voiced),
  ]);
}

// Return the slope of each track in a second, by regression over five frames; ends are repeated.
function trackChanges(values, frames, tracks) {
  const slopes = new Float32Array(values.length), factor = FRAME_RATE / 10;
  const row = (t) => Math.min(Math.max(t, 0), frames - 1) * tracks;
  for (let t = 0; t < frames; t++) {
    const a = row(t - 2), b = row(t - 1), d = row(t + 1), e = row(t + 2), to = t * tracks;
    for (let i = 0; i < tracks; i++) {
      slopes[to + i] = factor * (values[d + i] - values[b + i] + 2 * (values[e + i] - values[a + i]));
    }
  }
  return slopes;
}

// Return statistics x tracks numbers: each statistic of each track (frames, tracks).
function summarise(values, frames, tracks, places, statistics) {
  const summary = new Float64Array(statistics.length * tracks);
  if (!frames) return summary;
  const centre = places.reduce((sum, t) => sum + t, 0) / frames;
  const seconds = places.map((t) => (t - centre) / FRAME_RATE);
  for (let i = 0; i < tracks; i++) {
    const track = new Float32Array(frames);
    for (let t = 0; t < frames; t++) track[t] = values[t * tracks + i];
    const measured = trackStatistics(track, places, seconds, statistics);
    statistics.forEach((name, row) => { summary[row * tracks + i] = measured[name]; });
  }
  return summary;
}

// Return the statistics of one track by name.
function trackStatistics(track, places, seconds, names) {
  const n = track.length;
  let mean = 0, square = 0, cube = 0, slope = 0, squaredTime = 0;
  for (const x of track) mean += x / n;
  for (let t = 0; t < n; t++) {
    const x = track[t] - mean;
    square += (x * x) / n;
    cube += (x * x * x) / n;
    slope += seconds[t] * x;
    squaredTime += seconds[t] ** 2;
  }
  slope /= Math.max(squaredTime, TINY_VARIANCE);
  const sorted = Float32Array.from(track).sort();
  const percentile = (percent) => {
    const place = (percent / 100) * (n - 1), low = Math.floor(place);
    const above = sorted[Math.min(low + 1, n - 1)];
    return sorted[low] + (place - low) * (above - sorted[low]);
  };
  let up = 0, down = 0, rising = 0, steps = 0;
  for (let t = 1; t < n; t++) {
    if (places[t] - places[t - 1] !== 1) continue; // no step over a gap
    const step = Math.fround(track[t] - track[t - 1]);
    steps += 1;
    if (step > 0) { up += step; rising += 1; } else down -= step;
  }
  steps = Math.max(steps, 1);
  const curvature = () => {
    const meanSquare = squaredTime / n;
    let along = 0, norm = 0;
    for (let t = 0; t < n; t++) {
      const parabola = seconds[t] ** 2 - meanSquare;
      along += parabola * (track[t] - mean - seconds[t] * slope);
      norm += parabola ** 2;
    }
    return along / Math.max(norm, TINY_VARIANCE);
  };
  const computed = {
    mean, slope, std: Math.sqrt(square), rising: rising / steps,
    skewness: cube / (square + TINY_VARIANCE) ** 1.5,
    rise: (up * FRAME_RATE) / steps, fall: (down * FRAME_RATE) / steps,
  };
  for (const name of names) {
    if (/^p\d/.test(name)) computed[name] = percentile(Number(name.slice(1)));
  }
  if (names.includes("range")) computed.range = percentile(95) - percentile(5);
  if (names.includes("curvature")) computed.curvature = curvature();
  return computed;
}

// Return how long voice and pauses last, and how often loudness has a peak: 13 numbers.
function rhythmOf(steady, frames, voiced) {
  const column = (i) => Float32Array.from({ length: frames }, (_, t) => steady[t * N_STEADY + i]);
  const loudness = column(0), level = column(1);
  const seconds = frames / FRAME_RATE;
  const sorted = Float32Array.from(level).sort();
  const place = 0.95 * (frames - 1), low = Math.floor(place);
  const top = sorted[low] + (place - low) * (sorted[Math.min(low + 1, frames - 1)] - sorted[low]);
  const quiet = Array.from(level, (x) => x < top - PAUSE_DB);
  const smooth = smoothed(loudness, 5);
  const mean = smooth.reduce((sum, x) => sum + x, 0) / smooth.length;
  let peaks = 0;
  for (let t = 1; t + 1 < smooth.length; t++) {
    const x = smooth[t];
    if (x > smooth[t - 1] && x >= smooth[t + 1] && x > mean) peaks += 1;
  }
  const voices = stretches(voiced), unvoiced = stretches(voiced.map((x) => !x));
  const pauses = stretches(quiet);
  const share = (flags) => flags.filter(Boolean).length / frames;
  return [
    seconds, share(voiced), voices.length / seconds, ...lengthMoments(voices),
    ...lengthMoments(unvoiced), share(quiet), pauses.length / seconds, lengthMoments(pauses)[0],
    peaks / seconds,
  ];
}

// Return the moving average over `width` values, as `numpy.convolve(..., "same")` aligns it.
function smoothed(values, width) {
  const n = values.length, shorter = Math.min(n, width);
  return Float64Array.from({ length: Math.max(n, width) }, (_, i) => {
    const last = i + ((shorter - 1) >> 1);
    let sum = 0;
    for (let t = Math.max(0, last - width + 1); t <= Math.min(n - 1, last); t++) sum += values[t];
    return sum / width;
  });
}

// Return the length in seconds of each stretch of frames that are true.
function stretches(flags) {
  const lengths = [];
  let length = 0;
  for (const flag of [...flags, false]) {
    if (flag) length += 1;
    else if (length) { lengths.push(length / FRAME_RATE); length = 0; }
  }
  return lengths;
}

// Return mean, standard deviation and maximum; zeros where there is no stretch.
function lengthMoments(lengths) {
  if (!lengths.length) return [0, 0, 0];
  const mean = lengths.reduce((sum, x) => sum + x, 0) / lengths.length;
  const variance = lengths.reduce((sum, x) => sum + (x - mean) ** 2, 0) / lengths.length;
  return [mean, Math.sqrt(variance), lengths.reduce((a, b) => Math.max(a, b))];
}
