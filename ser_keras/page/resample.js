"use strict";
// The windowed sinc of ser_keras/audio/sinc.py, number for number, for samples that come in blocks.

const SINC = { cutoff: 0.95687, halfWidth: 97.25, beta: 13.04, maxPhases: 4096 };

// The modified Bessel function of the first kind and order 0, by its power series.
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

// Return {half, rows}: the weights of the 2 * half samples around each place between two samples.
function sincFilters(rate, newRate, phases) {
  const key = `${rate} ${newRate}`;
  if (sincTables.has(key)) return sincTables.get(key);
  const low = Math.min(1, newRate / rate);
  const half = 2 * Math.ceil(SINC.halfWidth / low / 2); // even, so that four taps go together
  const rows = [], peak = bessel0(SINC.beta);
  for (let phase = 0; phase < phases; phase++) {
    const row = new Float32Array(2 * half);
    for (let k = 0; k < 2 * half; k++) {
      const u = low * (k + 1 - half - phase / phases);
      const inside = 1 - (u / SINC.halfWidth) ** 2;
      if (inside <= 0) continue;
      const x = Math.PI * SINC.cutoff * u;
      const window = bessel0(SINC.beta * Math.sqrt(inside)) / peak;
      row[k] = low * SINC.cutoff * (x === 0 ? 1 : Math.sin(x) / x) * window;
    }
    rows.push(row);
  }
  if (sincTables.size > 4) sincTables.clear(); // rates are few; a table has a megabyte at most
  sincTables.set(key, { half, rows });
  return { half, rows };
}

// Resamples a sound that is pushed block by block; memory is that of a block.
class Resampler {
  constructor(rate, newRate) {
    const common = greatestCommonDivisor(rate, newRate);
    this.same = rate === newRate;
    this.up = newRate / common;
    this.down = rate / common;
    this.phases = Math.min(this.up, SINC.maxPhases);
    if (this.same) return;
    const { half, rows } = sincFilters(rate, newRate, this.phases);
    this.half = half;
    this.rows = rows;
    this.kept = new Float32Array(half - 1); // zeros before the first sample
    this.keptFrom = 1 - half; // place of kept[0] in the sound
    this.taken = 0; // samples pushed
    this.made = 0; // samples returned
  }

  // Return the samples that are now complete, as Float32Array.
  push(samples) {
    if (this.same) return samples;
    this.taken += samples.length;
    return this.make(samples, (last) => last < this.taken);
  }

  // Return the rest of the sound, as if zeros followed it.
  finish() {
    if (this.same) return new Float32Array(0);
    const count = Math.ceil((this.taken * this.up) / this.down);
    return this.make(new Float32Array(2 * this.half + 2), () => this.made < count);
  }

  make(samples, goesOn) {
    const joined = new Float32Array(this.kept.length + samples.length);
    joined.set(this.kept);
    joined.set(samples, this.kept.length);
    const { up, down, half, phases, rows } = this;
    const taps = 2 * half;
    const made = new Float32Array(Math.ceil((joined.length * up) / down) + 2);
    let count = 0;
    for (;;) {
      const place = this.made * down; // exact up to 2^53
      let first = Math.floor(place / up);
      let phase = place - first * up;
      if (phases < up) {
        phase = Math.floor((phase * phases) / up + 0.5);
        if (phase === phases) { phase = 0; first += 1; }
      }
      if (!goesOn(first + half)) break;
      const row = rows[phase];
      const start = first + 1 - half - this.keptFrom;
      let a = 0, b = 0, c = 0, d = 0; // in four sums, which do not wait for each other
      for (let k = 0; k < taps; k += 4) {
        a += row[k] * joined[start + k];
        b += row[k + 1] * joined[start + k + 1];
        c += row[k + 2] * joined[start + k + 2];
        d += row[k + 3] * joined[start + k + 3];
      }
      made[count++] = a + b + c + d;
      this.made += 1;
    }
    const next = Math.floor((this.made * down) / up) + 1 - half; // first sample needed again
    const from = Math.max(0, Math.min(joined.length, next - this.keptFrom));
    this.kept = joined.slice(from);
    this.keptFrom += from;
    return made.slice(0, count);
  }
}

function resample(samples, rate, newRate) {
  const resampler = new Resampler(rate, newRate);
  const head = resampler.push(samples), tail = resampler.finish();
  if (!tail.length) return head;
  const whole = new Float32Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}
