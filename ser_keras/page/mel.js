"use strict";
// Log-mel bands and MFCC, as ser_keras/features.py computes them; `spec` is its FeatureSpec.

function hertzToMel(hz, htk) {
  if (htk) return 2595 * Math.log10(1 + hz / 700);
  return hz < 1000 ? (hz * 3) / 200 : 15 + (27 * Math.log(hz / 1000)) / Math.log(6.4);
}

function melToHertz(mel, htk) {
  if (htk) return 700 * (10 ** (mel / 2595) - 1);
  return mel < 15 ? (mel * 200) / 3 : 1000 * Math.exp((Math.log(6.4) / 27) * (mel - 15));
}

// Return triangular filters, each {first, weights} over the bins that it covers.
function melFilters(spec) {
  const bins = 1 + spec.n_fft / 2, bands = spec.n_mels;
  const low = hertzToMel(spec.fmin, spec.htk);
  const high = hertzToMel(spec.fmax || spec.sample_rate / 2, spec.htk);
  const corners = Array.from({ length: bands + 2 }, (_, i) =>
    melToHertz(low + ((high - low) * i) / (bands + 1), spec.htk));
  const filters = [];
  for (let band = 0; band < bands; band++) {
    const [left, top, right] = corners.slice(band, band + 3);
    const scale = spec.mel_norm === "slaney" ? 2 / (right - left) : 1;
    let first = bins, last = -1;
    const weights = new Float64Array(bins);
    for (let k = 0; k < bins; k++) {
      const hz = (k * spec.sample_rate) / spec.n_fft;
      const weight = Math.min((hz - left) / (top - left), (right - hz) / (right - top));
      if (weight <= 0) continue;
      weights[k] = weight * scale;
      first = Math.min(first, k);
      last = k;
    }
    filters.push({ first: last < 0 ? 0 : first, weights: weights.slice(first, last + 1) });
  }
  return filters;
}

// Whether decibels are kept below 100 under the loudest band: then the rounding of float32 shows in bands
// that are empty, and Python takes float64 too (features.py).
function needsExact({ kind, top_db: range }) {
  return (kind === "mfcc" || kind === "log_mel") && (range === null || range > 100);
}

function spectralWindow(spec) {
  const length = spec.win_length || spec.n_fft, start = (spec.n_fft - length) >> 1;
  const a = spec.window === "hamming" ? 0.54 : 0.5;
  const window = new Float64Array(spec.n_fft);
  for (let i = 0; i < length; i++) {
    window[start + i] = a - (1 - a) * Math.cos((2 * Math.PI * i) / length);
  }
  return window;
}

// Return samples with n_fft / 2 more on both sides: zeros, or the mirrored sound.
function paddedSamples(samples, spec) {
  if (!spec.center) return samples;
  const half = spec.n_fft >> 1, length = samples.length;
  const padded = new Float32Array(length + 2 * half);
  padded.set(samples, half);
  if (spec.pad_mode === "reflect") {
    const period = Math.max(1, 2 * (length - 1));
    const mirrored = (i) => {
      const place = ((i % period) + period) % period;
      return samples[place < length ? place : period - place];
    };
    for (let i = 0; i < half; i++) {
      padded[i] = mirrored(i - half);
      padded[half + length + i] = mirrored(length + i);
    }
  }
  return padded;
}

const melConstants = new Map();

// Return {frames, mel}: the mel bands (frames, n_mels) of a clip.
function melBands(samples, spec) {
  const key = JSON.stringify(spec);
  if (!melConstants.has(key)) {
    melConstants.set(key, {
      filters: melFilters(spec), spectra: powerSpectra(spectralWindow(spec)),
    });
  }
  const { filters, spectra } = melConstants.get(key);
  const padded = paddedSamples(samples, spec);
  const frames = 1 + Math.floor((padded.length - spec.n_fft) / spec.hop_length);
  if (padded.length < spec.n_fft || frames < 1) throw new Refusal("is too short", "Give a longer one");
  const bins = 1 + spec.n_fft / 2, block = 64;
  const mel = new Float32Array(frames * spec.n_mels), power = new Float64Array(block * bins);
  for (let start = 0; start < frames; start += block) {
    const count = Math.min(block, frames - start);
    spectra(padded, start * spec.hop_length, count, spec.hop_length, power);
    for (let t = 0; t < count; t++) {
      for (let band = 0; band < spec.n_mels; band++) {
        const { first, weights } = filters[band];
        let sum = 0;
        for (let k = 0, at = t * bins + first; k < weights.length; k++) {
          const value = power[at + k];
          sum += weights[k] * (spec.power === 2 ? value : value ** (spec.power / 2));
        }
        mel[(start + t) * spec.n_mels + band] = sum;
      }
    }
  }
  return { frames, mel };
}

// Return {frames, width, values} of the kinds "log_mel" and "mfcc".
function melFeatures(samples, spec) {
  const { frames, mel } = melBands(samples, spec);
  let loudest = -Infinity, reference = 1;
  for (let i = 0; i < mel.length; i++) {
    mel[i] = Math.max(mel[i], spec.amin);
    loudest = Math.max(loudest, mel[i]);
  }
  if (spec.ref === "max") reference = loudest;
  const shift = 10 * Math.log10(reference);
  const floor = spec.top_db === null ? -Infinity : 10 * Math.log10(loudest) - shift - spec.top_db;
  for (let i = 0; i < mel.length; i++) {
    mel[i] = Math.max(10 * Math.log10(mel[i]) - shift, floor);
  }
  if (spec.kind === "log_mel") return { frames, width: spec.n_mels, values: mel };
  const bands = spec.n_mels, width = spec.n_mfcc;
  const cosines = new Float64Array(width * bands); // DCT-II, orthonormal
  for (let c = 0; c < width; c++) {
    for (let band = 0; band < bands; band++) {
      cosines[c * bands + band] =
        Math.cos((Math.PI / bands) * (band + 0.5) * c) * Math.sqrt((c ? 2 : 1) / bands);
    }
  }
  const values = new Float32Array(frames * width);
  for (let t = 0; t < frames; t++) {
    for (let c = 0; c < width; c++) {
      let sum = 0;
      for (let band = 0; band < bands; band++) {
        sum += mel[t * bands + band] * cosines[c * bands + band];
      }
      values[t * width + c] = sum;
    }
  }
  return { frames, width, values };
}
