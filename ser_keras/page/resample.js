"use strict";
// The windowed sinc of ser_keras/audio/sinc.py, for samples that come in blocks. Its formula stands
// there; the sums here are those of float32, or of float64 where all of a quiet band counts.

const SINC = { cutoff: 0.95687, halfWidth: 97.25, beta: 13.04, maxPhases: 4096 };
const PIECE_SAMPLES = 1 << 14; // resampled at a time

// The modified Bessel function of the first kind and order 0, by its power series; source: Abramowitz
// and Stegun 1964, 9.6.10.
function bessel0(x) {
  let term = 1, sum = 1;
  for (let k = 1; term > 1e-17 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a, b) {
  return b ? greatestCommonDivisor(b, a % b) : a;
}

const sincTables = new Map();

// Return {half, rows, room}: the weights of the 2 * half samples around each of `phases` places
// between two samples, one row after the other, and room for a piece of the sound.
function sincFilters(rate, newRate, phases, isExact) {
  const key = `${rate} ${newRate} ${isExact}`;
  if (sincTables.has(key)) return sincTables.get(key);
  const low = Math.min(1, newRate / rate);
  const half = 8 * Math.ceil(SINC.halfWidth / low / 8); // rows of a multiple of 16, by zeros
  const count = phases * 2 * half, peak = bessel0(SINC.beta);
  const rows = isExact ? new Float64Array(count) : numbers(count);
  for (let phase = 0; phase < phases; phase++) {
    for (let k = 0; k < 2 * half; k++) {
      const u = low * (k + 1 - half - phase / phases);
      const inside = 1 - (u / SINC.halfWidth) ** 2;
      if (inside <= 0) continue;
      const x = Math.PI * SINC.cutoff * u;
      const window = bessel0(SINC.beta * Math.sqrt(inside)) / peak;
      rows[phase * 2 * half + k] = low * SINC.cutoff * (x === 0 ? 1 : Math.sin(x) / x) * window;
    }
  }
  const made = { half, rows, room: numbers(PIECE_SAMPLES + 4 * half + 64) };
  if (sincTables.size > 8) sincTables.clear(); // rates are few; a table has a megabyte at most
  sincTables.set(key, made);
  return made;
}

// Resamples a sound that is pushed block by block; memory is that of a block. An exact one takes four
// times as long.
class Resampler {
  constructor(rate, newRate, isExact = false) {
    const common = greatestCommonDivisor(rate, newRate);
    this.same = rate === newRate;
    this.up = newRate / common;
    this.down = rate / common;
    this.phases = Math.min(this.up, SINC.maxPhases);
    if (this.same) return;
    Object.assign(this, sincFilters(rate, newRate, this.phases, isExact));
    this.kept = new Float32Array(this.half - 1); // zeros before the first sample
    this.keptFrom = 1 - this.half; // place of kept[0] in the sound
    this.taken = 0; // samples pushed
    this.made = 0; // samples returned
  }

  // Return the samples that are now complete, as Float32Array.
  push(samples) {
    if (this.same) return samples;
    const parts = [];
    for (let at = 0; at < samples.length; at += PIECE_SAMPLES) {
      const part = samples.subarray(at, at + PIECE_SAMPLES);
      this.taken += part.length;
      parts.push(this.make(part, Infinity));
    }
    return joinedSamples(parts);
  }

  // Return the rest of the sound, as if zeros followed it.
  finish() {
    if (this.same) return new Float32Array(0);
    const count = Math.ceil((this.taken * this.up) / this.down), parts = [];
    while (this.made < count) {
      const silence = new Float32Array(this.half + 1);
      this.taken += silence.length;
      parts.push(this.make(silence, count));
    }
    return joinedSamples(parts);
  }

  // Return what a piece of the sound completes, up to sample `most` of the result.
  make(samples, most) {
    const { up, down, half, phases, rows, room, kept } = this, taps = 2 * half;
    room.set(kept);
    room.set(samples, kept.length);
    const length = kept.length + samples.length;
    const made = new Float32Array(Math.ceil((length * up) / down) + 2);
    let count = 0;
    while (this.made < most) {
      const place = this.made * down; // exact up to 2^53
      let first = Math.floor(place / up), phase = place - first * up;
      if (phases < up) {
        phase = Math.floor((phase * phases) / up + 0.5);
        if (phase === phases) { phase = 0; first += 1; }
      }
      if (first + half >= this.taken) break;
      made[count++] = weightedSum(rows, phase * taps, room, first + 1 - half - this.keptFrom, taps);
      this.made += 1;
    }
    const next = Math.floor((this.made * down) / up) + 1 - half; // first sample needed again
    const from = Math.max(0, Math.min(length, next - this.keptFrom));
    this.kept = room.slice(from, length);
    this.keptFrom += from;
    return made.slice(0, count);
  }
}

function joinedSamples(parts) {
  if (parts.length === 1) return parts[0];
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) { whole.set(part, at); at += part.length; }
  return whole;
}

function resample(samples, rate, newRate, isExact = false) {
  const resampler = new Resampler(rate, newRate, isExact);
  return joinedSamples([resampler.push(samples), resampler.finish()]);
}
