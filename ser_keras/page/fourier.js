"use strict";
// Fourier transforms of any length, and the power spectra of frames. Source: Cooley and Tukey 1965,
// "An algorithm for the machine calculation of complex Fourier series", decimation in time.

// Return {order, transform}: `transform` turns n complex numbers, given in that order, into their
// transform, in place.
function fourierTransform(n) {
  const factors = [];
  for (let rest = n, p = 4; rest > 1; ) {
    if (rest % p === 0) { factors.push(p); rest /= p; }
    else p = p === 4 ? 2 : p === 2 ? 3 : p + 2;
  }
  const order = new Uint16Array(n);
  const fill = (from, step, to, length, level) => {
    if (level === factors.length) { order[to] = from; return; }
    const p = factors[level];
    for (let q = 0; q < p; q++) fill(from + q * step, step * p, to + (q * length) / p, length / p, level + 1);
  };
  fill(0, 1, 0, n, 0);
  const levels = [];
  for (let level = factors.length - 1, m = 1; level >= 0; m *= factors[level], level--) {
    const p = factors[level], length = p * m; // p transforms of m numbers become one
    const cosines = new Float64Array(length), sines = new Float64Array(length);
    for (let q = 0; q < p; q++) {
      for (let k = 0; k < m; k++) {
        cosines[k * p + q] = Math.cos((2 * Math.PI * q * k) / length);
        sines[k * p + q] = -Math.sin((2 * Math.PI * q * k) / length);
      }
    }
    levels.push({ p, m, cosines, sines, join: p === 4 ? joinFour : joinAny });
  }
  return {
    order,
    transform: (re, im) => { for (const level of levels) level.join(re, im, level); },
  };
}

function joinFour(re, im, { m, cosines, sines }) {
  const n = re.length;
  for (let start = 0; start < n; start += 4 * m) {
    for (let k = 0, w = 0; k < m; k++, w += 4) {
      const i = start + k, j = i + m, l = j + m, o = l + m;
      const bRe = re[j] * cosines[w + 1] - im[j] * sines[w + 1];
      const bIm = re[j] * sines[w + 1] + im[j] * cosines[w + 1];
      const cRe = re[l] * cosines[w + 2] - im[l] * sines[w + 2];
      const cIm = re[l] * sines[w + 2] + im[l] * cosines[w + 2];
      const dRe = re[o] * cosines[w + 3] - im[o] * sines[w + 3];
      const dIm = re[o] * sines[w + 3] + im[o] * cosines[w + 3];
      const evenRe = re[i] + cRe, evenIm = im[i] + cIm, oddRe = re[i] - cRe, oddIm = im[i] - cIm;
      const sumRe = bRe + dRe, sumIm = bIm + dIm, restRe = bRe - dRe, restIm = bIm - dIm;
      re[i] = evenRe + sumRe; im[i] = evenIm + sumIm;
      re[j] = oddRe + restIm; im[j] = oddIm - restRe;
      re[l] = evenRe - sumRe; im[l] = evenIm - sumIm;
      re[o] = oddRe - restIm; im[o] = oddIm + restRe;
    }
  }
}

function joinAny(re, im, { p, m, cosines, sines }) {
  const n = re.length, partRe = new Float64Array(p), partIm = new Float64Array(p);
  const rootRe = Float64Array.from({ length: p }, (_, q) => Math.cos((2 * Math.PI * q) / p));
  const rootIm = Float64Array.from({ length: p }, (_, q) => -Math.sin((2 * Math.PI * q) / p));
  for (let start = 0; start < n; start += p * m) {
    for (let k = 0; k < m; k++) {
      for (let q = 0; q < p; q++) {
        const i = start + q * m + k, w = k * p + q;
        partRe[q] = re[i] * cosines[w] - im[i] * sines[w];
        partIm[q] = re[i] * sines[w] + im[i] * cosines[w];
      }
      for (let r = 0; r < p; r++) {
        let sumRe = 0, sumIm = 0;
        for (let q = 0, w = 0; q < p; q++) { // w = q r modulo p
          sumRe += partRe[q] * rootRe[w] - partIm[q] * rootIm[w];
          sumIm += partRe[q] * rootIm[w] + partIm[q] * rootRe[w];
          w += r;
          if (w >= p) w -= p;
        }
        re[start + r * m + k] = sumRe;
        im[start + r * m + k] = sumIm;
      }
    }
  }
}

// Return a function (samples, at, frames, hop, out) that writes the power spectra of frames,
// (frames, 1 + n / 2). Frame t begins at sample at + t * hop. Two frames share a transform: one is its
// real part, the other its imaginary part.
function powerSpectra(window) {
  const n = window.length, bins = 1 + n / 2, { order, transform } = fourierTransform(n);
  const re = new Float64Array(n), im = new Float64Array(n);
  return (samples, at, frames, hop, out) => {
    for (let t = 0; t < frames; t += 2) {
      const a = at + t * hop, b = a + hop, pair = t + 1 < frames;
      for (let i = 0; i < n; i++) {
        const place = order[i], weight = window[place];
        re[i] = samples[a + place] * weight;
        im[i] = pair ? samples[b + place] * weight : 0;
      }
      transform(re, im);
      for (let k = 0; k < bins; k++) {
        const mirror = k ? n - k : 0;
        const xRe = (re[k] + re[mirror]) / 2, xIm = (im[k] - im[mirror]) / 2;
        out[t * bins + k] = xRe * xRe + xIm * xIm;
        if (!pair) continue;
        const yRe = (im[k] + im[mirror]) / 2, yIm = (re[mirror] - re[k]) / 2;
        out[(t + 1) * bins + k] = yRe * yRe + yIm * yIm;
      }
    }
  };
}
