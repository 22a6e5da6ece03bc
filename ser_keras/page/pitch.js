"use strict";
// Pitch by the autocorrelation method of Praat: ser_keras/functionals/pitch.py.

const PITCH = {
  minHz: 65, maxHz: 700, candidates: 4, voicing: 0.45, silence: 0.03, octave: 0.01,
  octaveJump: 0.35, change: 0.14, quiet: 1e-6,
};
let pitchTables = null;

function pitchConstants(rate, length) {
  if (pitchTables) return pitchTables;
  const first = Math.floor(rate / PITCH.maxHz) - 1;
  const lags = Array.from(
    { length: Math.floor(rate / PITCH.minHz) + 3 - first }, (_, i) => first + i);
  const bins = (length >> 2) + 1, columns = 1 + lags.length; // lag 0 and the lags
  const cosines = new Float32Array(bins * columns);
  for (let k = 0; k < bins; k++) {
    [0, ...lags].forEach((lag, j) => {
      cosines[k * columns + j] = Math.cos((2 * Math.PI * k * lag) / length) * (k ? 2 : 1);
    });
  }
  // the autocorrelation of the Hann window around a circle, by its definition
  const window = Float64Array.from({ length }, (_, i) => Math.sin((Math.PI / length) * i) ** 2);
  const correlation = (lag) =>
    window.reduce((sum, x, i) => sum + x * window[(i + lag) % length], 0);
  const whole = correlation(0);
  const panels = inPanels(cosines, bins, columns);
  pitchTables = {
    lags,
    panels, correlation: numbers(panels.columns),
    gain: Float32Array.from(lags, (lag) => correlation(lag) / whole),
    octaveCost: Float32Array.from(
      lags.slice(1, -1), (lag) => PITCH.octave * Math.log2((PITCH.minHz / rate) * lag)),
  };
  return pitchTables;
}

// Write the best candidates for the pitch of a frame to hz, strength and score, from `to` on.
function pitchCandidates(power, at, rate, length, found, to) {
  const { lags, panels, correlation: raw, gain, octaveCost } = pitchConstants(rate, length);
  raw.fill(0);
  multiply(power, at, 1, panels, raw, 0);
  const energy = raw[0], loud = energy > PITCH.quiet * length, scale = loud ? energy : 1;
  const values = found.values || (found.values = new Float32Array(lags.length));
  const scores = found.scores || (found.scores = new Float32Array(lags.length - 2));
  for (let i = 0; i < lags.length; i++) values[i] = Math.fround(raw[i + 1] / scale) / gain[i];
  for (let i = 0; i < scores.length; i++) {
    const x = values[i + 1];
    const peak = loud && x > values[i] && x >= values[i + 2] && x > 0;
    scores[i] = peak ? x - octaveCost[i] : -9;
  }
  for (let c = 0; c < PITCH.candidates; c++) {
    let best = 0;
    for (let i = 1; i < scores.length; i++) if (scores[i] > scores[best]) best = i;
    const score = scores[best];
    scores[best] = -9;
    const left = values[best], top = values[best + 1], right = values[best + 2];
    const curvature = Math.min(left - 2 * top + right, -1e-6);
    const shift = Math.min(Math.max((0.5 * (left - right)) / curvature, -0.5), 0.5);
    const rise = -0.25 * (left - right) * shift;
    found.hz[to + c] = rate / (lags[best + 1] + shift);
    found.strength[to + c] = score > -9 ? Math.min(Math.max(top + rise, 0), 1) : 0;
    found.score[to + c] = score > -9 ? score + rise : score;
  }
}

// Return which candidate each frame takes on the cheapest path, or -1 where it is unvoiced.
function choosePitch(found, peak, frameRate) {
  const frames = peak.length, n = PITCH.candidates, states = n + 1;
  const loudest = peak.reduce((a, b) => Math.max(a, b), 1e-9), scale = 0.01 * frameRate;
  const totals = new Float64Array(frames * states), octave = found.hz.map(Math.log2);
  for (let t = 0; t < frames; t++) {
    const quiet = (peak[t] * (1 + PITCH.voicing)) / (PITCH.silence * loudest);
    totals[t * states] = PITCH.voicing + Math.max(0, 2 - quiet);
    for (let c = 0; c < n; c++) totals[t * states + 1 + c] = found.score[t * n + c];
  }
  const cost = (t, to, from) => { // of the step from frame t - 1 to frame t
    if (!to || !from) return to === from ? 0 : PITCH.change * scale;
    const jump = Math.abs(octave[t * n + to - 1] - octave[(t - 1) * n + from - 1]);
    return PITCH.octaveJump * scale * jump;
  };
  const best = (t, to) => { // the state of frame t - 1 from which `to` is reached at best
    let state = 0, most = -Infinity;
    for (let from = 0; from < states; from++) {
      const total = totals[(t - 1) * states + from] - cost(t, to, from);
      if (total > most) { most = total; state = from; }
    }
    return [state, most];
  };
  for (let t = 1; t < frames; t++) {
    for (let to = 0; to < states; to++) totals[t * states + to] += best(t, to)[1];
  }
  const chosen = new Int32Array(frames);
  const last = totals.subarray((frames - 1) * states);
  for (let s = 1; s < states; s++) if (last[s] > last[chosen[frames - 1]]) chosen[frames - 1] = s;
  for (let t = frames - 1; t > 0; t--) [chosen[t - 1]] = best(t, chosen[t]);
  return chosen.map((state) => state - 1);
}
