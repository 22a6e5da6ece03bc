"use strict";
// Where speech is, hop by hop: the gate of energy and voicing of ser_keras/speech.py ("own").

const GATE = {
  lowestRate: 3500, fft: 256, past: 150, future: 50, band: [90, 1750], periodic: [60, 1000],
  pitch: [70, 450], lagSteps: 256, quietDb: -72, aboveFloorDb: 8, voiced: 0.42, steady: 0.985,
  steadyShare: 0.6, fewVoiced: 3, near: 12, hop: 0.02,
};

// Push blocks of samples; `push` returns the hops that are decided, `finish` the others.
class SpeechDetector {
  constructor(rate) {
    this.sampleRate = rate;
    this.fold = Math.max(1, Math.floor(rate / GATE.lowestRate));
    this.rate = rate / this.fold;
    this.rest = [];
    this.folded = new Float32Array(GATE.fft / 2);
    this.dropped = 0;
    this.next = 0;
    this.pushed = 0;
    this.decided = 0;
    const n = GATE.fft, below = (hz) => Math.ceil((hz * n) / this.rate);
    this.window = Float64Array.from({ length: n }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / n));
    this.spectra = powerSpectra(this.window);
    this.band = GATE.band.map(below);
    this.periodic = GATE.periodic.map(below);
    const lags = [...GATE.pitch].reverse().map((hz) => ((this.rate * GATE.lagSteps) / n) / hz);
    this.lags = [Math.floor(lags[0]), Math.min(Math.floor(lags[1]) + 2, GATE.lagSteps / 2)];
    this.cosines = Float64Array.from({ length: GATE.lagSteps }, (_, i) =>
      Math.cos((2 * Math.PI * i) / GATE.lagSteps));
    const width = this.band[1] - this.band[0];
    this.magnitudes = [0, 1, 2].map(() => new Float64Array(width));
    this.level = new Array(GATE.past).fill(Infinity);
    this.height = new Array(GATE.past).fill(0);
    this.steady = new Array(GATE.past).fill(0);
  }

  push(samples) {
    this.pushed += samples.length;
    const flags = this.feed(samples);
    this.decided += flags.length;
    return flags;
  }

  finish() {
    const missing = Math.ceil((this.pushed * 50) / this.sampleRate) - this.decided, flags = [];
    const silence = new Float32Array(Math.floor(this.sampleRate / 10) + 1);
    while (flags.length < missing) flags.push(...this.feed(silence));
    return flags.slice(0, Math.max(missing, 0));
  }

  feed(samples) {
    const { fold } = this, all = new Float32Array(this.rest.length + samples.length);
    all.set(this.rest);
    all.set(samples, this.rest.length);
    const count = Math.floor(all.length / fold);
    const folded = new Float32Array(this.folded.length + count);
    folded.set(this.folded);
    for (let i = 0; i < count; i++) {
      let sum = 0;
      for (let k = 0; k < fold; k++) sum += all[i * fold + k];
      folded[this.folded.length + i] = sum / fold;
    }
    this.rest = all.slice(count * fold);
    const place = (hop) => Math.floor((hop + 0.5) * this.rate * GATE.hop) - this.dropped;
    while (place(this.next) + GATE.fft <= folded.length) {
      this.measure(folded, place(this.next));
      this.next += 1;
    }
    const cut = Math.max(0, Math.min(folded.length, place(this.next)));
    this.folded = folded.slice(cut);
    this.dropped += cut;
    return this.decide();
  }

  measure(folded, at) {
    const n = GATE.fft, power = this.power || (this.power = new Float64Array(n / 2 + 1));
    this.spectra(folded, at, 1, 0, power);
    const spectrum = power.map(Math.sqrt), band = spectrum.slice(...this.band);
    const energy = (values) => values.reduce((sum, x) => sum + x * x, 0);
    this.level.push(20 * Math.log10(Math.sqrt(energy(band)) * (2 / n) + 1e-7));
    const correlation = (lag) => { // of the magnitudes, as an inverse transform
      let sum = 0;
      for (let k = this.periodic[0]; k < this.periodic[1]; k++) {
        sum += spectrum[k] * this.cosines[(k * lag) % GATE.lagSteps];
      }
      return (2 * sum) / GATE.lagSteps;
    };
    const inside = [];
    for (let lag = this.lags[0]; lag < this.lags[1]; lag++) inside.push(correlation(lag));
    let height = -Infinity;
    for (let i = 1; i + 1 < inside.length; i++) {
      const peak = inside[i] >= inside[i - 1] && inside[i] >= inside[i + 1];
      height = Math.max(height, peak ? inside[i] : 0);
    }
    this.height.push(height / (correlation(0) + 1e-9));
    const before = this.magnitudes.shift();
    const product = band.reduce((sum, x, i) => sum + x * before[i], 0);
    this.steady.push(product / Math.sqrt(energy(band) * energy(before) + 1e-20));
    this.magnitudes.push(band);
  }

  decide() {
    const { past, future, near } = GATE, hops = this.level.length - past - future, flags = [];
    const count = (from, to, test) => {
      let sum = 0;
      for (let i = from; i <= to; i++) if (test(i)) sum += 1;
      return sum;
    };
    for (let t = past; t < past + hops; t++) {
      let floor = Infinity;
      for (let i = t - past; i <= t + future; i++) floor = Math.min(floor, this.level[i]);
      const loud = Math.max(floor, GATE.quietDb - GATE.aboveFloorDb) + GATE.aboveFloorDb;
      const isLoud = (i) => this.level[i] > loud;
      const wide = count(t - 2 * near, t + 2 * near, isLoud);
      const held = count(t - 2 * near, t + 2 * near, (i) => isLoud(i) && this.steady[i] > GATE.steady);
      const voiced = count(t - near, t + near, (i) => isLoud(i) && this.height[i] > GATE.voiced);
      const music = held > GATE.steadyShare * Math.max(wide, 1);
      flags.push(isLoud(t) && voiced >= GATE.fewVoiced && !music);
    }
    if (hops > 0) for (const kept of [this.level, this.height, this.steady]) kept.splice(0, hops);
    return flags;
  }
}
