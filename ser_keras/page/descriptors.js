"use strict";
// Descriptors of a clip, frame by frame: ser_keras/functionals/tracks.py.

const VOICE_RATE = 22050, VOICE_HOP = 256, VOICE_WINDOW = 1024;
const FRAME_RATE = VOICE_RATE / VOICE_HOP;
const N_STEADY = 46, N_VOICE = 8, N_MEL = 26, FIRST_MEL = 20;
const FLOOR = 1e-6, LOWEST_BIN = 2, LPC_ORDER = 12, SILENT_DB = -100, TRIM_DB = 35;
const NARROWEST_KHZ = 0.1, FORMANTS_KHZ = [0.5, 1.5, 2.5], ROLLOFFS = [0.25, 0.5, 0.75, 0.9];
const DB = 10 / Math.LN10;
let trackTables = null;

function trackConstants() {
  if (trackTables) return trackTables;
  const length = VOICE_WINDOW, bins = 1 + length / 2;
  const window = Float64Array.from({ length }, (_, i) => Math.sin((Math.PI / length) * i) ** 2);
  const norm = Math.sqrt(1 / window.reduce((sum, x) => sum + x * x, 0));
  const khz = Float32Array.from({ length: bins }, (_, k) => (k * VOICE_RATE) / length / 1000);
  const mel = { n_fft: length, sample_rate: VOICE_RATE, n_mels: N_MEL, fmin: 50, fmax: 8000, htk: true };
  const low = hertzToMel(50, true), high = hertzToMel(8000, true);
  const sharpness = Array.from({ length: N_MEL }, (_, band) => {
    const centre = melToHertz(low + ((high - low) * (band + 1)) / (N_MEL + 1), true);
    const bark = (26.81 * centre) / (1960 + centre) - 0.53;
    return bark * (bark < 16 ? 1 : 0.066 * Math.exp(0.171 * bark));
  });
  const slopes = [[60, 500], [500, 1500]].map(([start, stop]) => {
    const inside = [];
    for (let k = 0; k < bins; k++) {
      const hz = (k * VOICE_RATE) / length;
      if (hz >= start && hz <= stop) inside.push(k);
    }
    const hz = inside.map((k) => (k * VOICE_RATE) / length);
    const mean = hz.reduce((a, b) => a + b) / hz.length;
    const centred = hz.map((x) => (x - mean) / 1000);
    const square = centred.reduce((sum, x) => sum + x * x, 0);
    return { first: inside[0], weights: centred.map((x) => x / square) };
  });
  const width = LPC_ORDER + 4; // 13 lags and zeros
  const cosines = new Float32Array((length / 4 + 1) * width);
  for (let k = 0; k <= length / 4; k++) {
    const angle = (2 * Math.PI * k) / (length / 2);
    const emphasis = (1 - 0.97 * Math.cos(angle)) ** 2 + (0.97 * Math.sin(angle)) ** 2;
    for (let lag = 0; lag <= LPC_ORDER; lag++) cosines[k * width + lag] = Math.cos(angle * lag) * emphasis;
  }
  const below = (edge) => khz.findIndex((x, k) => k >= LOWEST_BIN && x >= edge);
  trackTables = {
    bins, khz, sharpness, slopes, width, power: numbers(bins + 3), floored: new Float32Array(bins + 3),
    logarithms: new Float64Array(bins), before: new Float64Array(bins), pair: new Float64Array(2 * bins),
    spectra: powerSpectra(window.map((x) => x * norm)),
    mel: melFilters({ ...mel, mel_norm: null }),
    panels: inPanels(cosines, length / 4 + 1, width),
    edges: [below(1), below(2), below(5)],
    cosines: Float64Array.from({ length: 512 }, (_, i) => Math.cos((2 * Math.PI * i) / 512)),
    sines: Float64Array.from({ length: 512 }, (_, i) => Math.sin((2 * Math.PI * i) / 512)),
  };
  return trackTables;
}

// Return {levelDb, steady, frames, voice, voicedFrames, voiced} of a clip at 22,050 Hz.
function measureTracks(clip) {
  const { samples, levelDb } = loudPart(clip);
  const constants = trackConstants(), { bins, power, floored, pair } = constants;
  const frames = 1 + Math.floor((samples.length - VOICE_WINDOW) / VOICE_HOP);
  const steady = new Float32Array(frames * N_STEADY);
  const peak = peaksAndCrossings(samples, frames, steady);
  const n = PITCH.candidates, found = {
    hz: new Float64Array(frames * n), strength: new Float32Array(frames * n),
    score: new Float64Array(frames * n), values: null, scores: null,
  };
  const harmonics = new Float32Array(frames * n);
  const correlation = new Float32Array(frames * constants.width);
  constants.before.fill(0);
  for (let t = 0; t < frames; t++) {
    if (t % 2 === 0) constants.spectra(samples, t * VOICE_HOP, Math.min(2, frames - t), VOICE_HOP, pair);
    const from = (t % 2) * bins;
    for (let k = 0; k < LOWEST_BIN; k++) floored[k] = FLOOR;
    for (let k = LOWEST_BIN; k < bins; k++) {
      power[k] = pair[from + k];
      floored[k] = power[k] + FLOOR;
    }
    pitchCandidates(power, 0, VOICE_RATE, VOICE_WINDOW, found, t * n);
    for (let c = 0; c < n; c++) {
      harmonics[t * n + c] = harmonicDifference(power, found.hz[t * n + c]);
    }
    multiply(floored, 0, 1, constants.panels, correlation, t * constants.width);
    describeFrame(t === 0, steady, t * N_STEADY);
    steady[t * N_STEADY + 3] = Math.max(...found.strength.subarray(t * n, t * n + n));
  }
  const chosen = choosePitch(found, peak, FRAME_RATE);
  const voicedFrames = [];
  chosen.forEach((state, t) => { if (state >= 0) voicedFrames.push(t); });
  const voice = new Float32Array(voicedFrames.length * N_VOICE);
  voicedFrames.forEach((t, row) => {
    const to = row * N_VOICE, from = t * n + chosen[t];
    const joined = row > 0 && voicedFrames[row - 1] === t - 1;
    voice[to] = 12 * Math.log2(found.hz[from] / 27.5);
    voice[to + 1] = joined ? Math.abs(voice[to] - voice[to - N_VOICE]) : 0;
    voice[to + 2] = joined
      ? Math.abs(steady[t * N_STEADY + 1] - steady[(t - 1) * N_STEADY + 1]) : 0;
    const strength = Math.min(Math.max(found.strength[from], 0.001), 0.999);
    voice[to + 3] = DB * Math.log(strength / (1 - strength));
    voice[to + 4] = harmonics[from];
    voice.set(formantsOf(correlation.subarray(t * constants.width)), to + 5);
  });
  const voiced = Array.from(chosen, (state) => state >= 0);
  return { levelDb, steady, frames, voice, voicedFrames, voiced };
}

// Return the largest sample of each frame, and write how often its sign changes in a millisecond.
// Frames overlap, so both are taken hop by hop.
function peaksAndCrossings(samples, frames, steady) {
  const hops = frames + 3, tops = new Float64Array(hops), changes = new Float64Array(hops);
  let above = samples[0] >= 0;
  for (let hop = 0, i = 0; hop < hops; hop++) {
    let top = 0, count = 0;
    for (const end = i + VOICE_HOP; i < end; i++) {
      const x = samples[i], size = x < 0 ? -x : x, now = x >= 0;
      if (size > top) top = size;
      if (now !== above) { count += 1; above = now; }
    }
    tops[hop] = top;
    changes[hop] = count;
  }
  const peak = new Float64Array(frames);
  for (let t = 0; t < frames; t++) {
    peak[t] = Math.max(tops[t], tops[t + 1], tops[t + 2], tops[t + 3]);
    const crossings = changes[t] + changes[t + 1] + changes[t + 2] + changes[t + 3];
    steady[t * N_STEADY + 2] = (crossings * VOICE_RATE) / 1000 / VOICE_WINDOW;
  }
  return peak;
}

// Return the loud part of a clip with mean 0 and power 1, and its level; zeros for silence.
function loudPart(clip) {
  let mean = 0;
  for (const x of clip) mean += x / clip.length;
  mean = Math.fround(mean);
  let samples = new Float32Array(Math.max(clip.length, VOICE_WINDOW));
  for (let i = 0; i < clip.length; i++) samples[i] = clip[i] - mean;
  const frames = 1 + Math.floor((samples.length - VOICE_WINDOW) / VOICE_HOP);
  const hops = new Float32Array(frames + 3);
  for (let h = 0; h < hops.length; h++) {
    let sum = 0;
    for (let i = h * VOICE_HOP; i < (h + 1) * VOICE_HOP; i++) sum += samples[i] * samples[i];
    hops[h] = sum;
  }
  const power = Float32Array.from({ length: frames }, (_, t) => hops[t] + hops[t + 1] + hops[t + 2] + hops[t + 3]);
  const threshold = power.reduce((a, b) => Math.max(a, b), 0) * 10 ** (-TRIM_DB / 10);
  const first = power.findIndex((x) => x >= threshold);
  const last = frames - 1 - power.slice().reverse().findIndex((x) => x >= threshold);
  samples = samples.slice(first * VOICE_HOP, last * VOICE_HOP + VOICE_WINDOW);
  let square = 0;
  for (const x of samples) square += x * x;
  const level = Math.sqrt(square / samples.length);
  if (level < 10 ** (SILENT_DB / 20)) return { samples: samples.fill(0), levelDb: SILENT_DB };
  const divisor = Math.fround(level);
  return { samples: samples.map((x) => x / divisor), levelDb: 20 * Math.log10(level) };
}

// Write the descriptors of the spectrum in trackTables.power and .floored to `out`.
function describeFrame(isFirst, out, to) {
  const { bins, khz, mel, sharpness, slopes, edges, power, floored, logarithms, before } = trackTables;
  let loudness = 0, sharp = 0;
  for (let band = 0; band < N_MEL; band++) {
    const { first, weights } = mel[band];
    let sum = FLOOR;
    for (let k = 0; k < weights.length; k++) sum += weights[k] * power[first + k];
    const auditory = sum ** 0.23; // Stevens' law
    loudness += auditory;
    sharp += auditory * sharpness[band];
    out[to + FIRST_MEL + band] = DB * Math.log(sum);
  }
  let total = 0, logs = 0, weighted = 0, centroid = 0;
  for (let k = LOWEST_BIN; k < bins; k++) {
    const x = floored[k], logarithm = Math.log(x);
    logarithms[k] = logarithm;
    total += x;
    centroid += x * khz[k];
    logs += logarithm;
    weighted += x * logarithm;
  }
  centroid /= total;
  weighted /= total; // the spectrum as a distribution over frequencies
  let second = 0, third = 0, fourth = 0, flux = 0;
  for (let k = LOWEST_BIN; k < bins; k++) {
    const share = floored[k] / total, offset = khz[k] - centroid, moment = share * offset * offset;
    const root = Math.sqrt(share), step = root - before[k];
    second += moment;
    third += moment * offset;
    fourth += moment * offset * offset;
    flux += step * step;
    before[k] = root;
  }
  let low = 0, high = 0, lowPeak = -Infinity, highPeak = -Infinity;
  const [at1, at2, at5] = edges;
  for (let k = LOWEST_BIN; k < at1; k++) low += floored[k];
  for (let k = at1; k < at5; k++) high += floored[k];
  for (let k = LOWEST_BIN; k < at2; k++) if (logarithms[k] > lowPeak) lowPeak = logarithms[k];
  for (let k = at2; k < at5; k++) if (logarithms[k] > highPeak) highPeak = logarithms[k];
  for (let k = LOWEST_BIN, cumulative = 0, passed = 0; passed < 4; k++) {
    if (k < bins) cumulative += floored[k] / total;
    while (passed < 4 && (cumulative >= ROLLOFFS[passed] || k >= bins - 1)) {
      out[to + 12 + passed] = khz[Math.min(k, bins - 1)];
      passed += 1;
    }
  }
  const spread = Math.sqrt(second), width = Math.max(spread, NARROWEST_KHZ), count = bins - LOWEST_BIN;
  const level = DB * Math.log(total / count);
  out[to] = loudness;
  out[to + 1] = level;
  out[to + 4] = centroid;
  out[to + 5] = spread;
  out[to + 6] = third / width ** 3;
  out[to + 7] = fourth / width ** 4;
  for (let i = 0; i < 2; i++) {
    const { first, weights } = slopes[i];
    let sum = 0;
    for (let k = 0; k < weights.length; k++) sum += weights[k] * logarithms[first + k];
    out[to + 8 + i] = DB * sum;
  }
  out[to + 10] = DB * Math.log(low / high);
  out[to + 11] = DB * (lowPeak - highPeak);
  out[to + 16] = isFirst ? 0 : flux;
  out[to + 17] = (Math.log(total) - weighted) / Math.log(count);
  out[to + 18] = (DB * logs) / count - level;
  out[to + 19] = sharp / loudness;
}

// Return by how many dB the first harmonic of a pitch is above the second.
function harmonicDifference(power, hz) {
  const level = (number) => {
    const exact = hz * ((number * VOICE_WINDOW) / VOICE_RATE);
    let nearest = Math.round(exact);
    if (nearest - exact === 0.5 && nearest % 2) nearest -= 1; // half to even, as numpy rounds
    return Math.log(Math.max(power[nearest - 1], power[nearest], power[nearest + 1]) + FLOOR);
  };
  return DB * (level(1) - level(2));
}

// Return the first three peaks in kHz of the envelope below 5.5 kHz, by linear prediction.
function formantsOf(correlation) {
  const { cosines, sines } = trackConstants();
  const predictor = new Float64Array(LPC_ORDER + 1);
  predictor[0] = 1;
  let error = correlation[0] * (1 + 1e-5);
  for (let order = 1; order <= LPC_ORDER; order++) {
    let sum = 0;
    for (let i = 0; i < order; i++) sum += predictor[i] * correlation[order - i];
    const reflection = -sum / error, old = predictor.slice();
    for (let i = 1; i <= order; i++) predictor[i] += reflection * old[order - i];
    error *= Math.max(1 - reflection ** 2, 1e-9);
  }
  const envelope = new Float64Array(257);
  for (let k = 0; k < 257; k++) {
    let re = 0, im = 0;
    for (let i = 0; i <= LPC_ORDER; i++) {
      const place = (k * i) & 511;
      re += predictor[i] * cosines[place];
      im += predictor[i] * sines[place];
    }
    envelope[k] = -(re * re + im * im);
  }
  const step = VOICE_RATE / 4 / 256 / 1000, formants = [...FORMANTS_KHZ];
  for (let k = Math.floor(0.15 / step) + 1, number = 0; k < 256 && number < 3; k++) {
    if (envelope[k] > envelope[k - 1] && envelope[k] >= envelope[k + 1]) formants[number++] = k * step;
  }
  return formants;
}
