"use strict";
// Fourier transforms of any length, and the power spectra of frames.

// Return a function (re, im, outRe, outIm) that transforms n complex numbers (Cooley and Tukey).
function fourierTransform(n) {
  const cosines = new Float64Array(n), sines = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    cosines[k] = Math.cos((2 * Math.PI * k) / n);
    sines[k] = -Math.sin((2 * Math.PI * k) / n);
  }
  const factors = [];
  for (let rest = n, p = 4; rest > 1; ) {
    if (rest % p === 0) { factors.push(p); rest /= p; }
    else p = p === 4 ? 2 : p === 2 ? 3 : p + 2;
  }
  const widest = Math.max(1, ...factors);
  const partRe = new Float64Array(widest), partIm = new Float64Array(widest);

  function work(re, im, from, step, outRe, outIm, to, length, level) {
    if (length === 1) {
      outRe[to] = re[from];
      outIm[to] = im[from];
      return;
    }
    const p = factors[level], m = length / p, stride = n / length;
    for (let q = 0; q < p; q++) {
      work(re, im, from + q * step, step * p, outRe, outIm, to + q * m, m, level + 1);
    }
    for (let k = 0; k < m; k++) {
      for (let q = 0; q < p; q++) {
        const i = to + q * m + k, w = q * k * stride;
        partRe[q] = outRe[i] * cosines[w] - outIm[i] * sines[w];
        partIm[q] = outRe[i] * sines[w] + outIm[i] * cosines[w];
      }
      const i = to + k;
      if (p === 4) {
        const aRe = partRe[0] + partRe[2], aIm = partIm[0] + partIm[2];
        const bRe = partRe[0] - partRe[2], bIm = partIm[0] - partIm[2];
        const cRe = partRe[1] + partRe[3], cIm = partIm[1] + partIm[3];
        const dRe = partRe[1] - partRe[3], dIm = partIm[1] - partIm[3];
        outRe[i] = aRe + cRe; outIm[i] = aIm + cIm;
        outRe[i + m] = bRe + dIm; outIm[i + m] = bIm - dRe;
        outRe[i + 2 * m] = aRe - cRe; outIm[i + 2 * m] = aIm - cIm;
        outRe[i + 3 * m] = bRe - dIm; outIm[i + 3 * m] = bIm + dRe;
      } else if (p === 2) {
        outRe[i] = partRe[0] + partRe[1]; outIm[i] = partIm[0] + partIm[1];
        outRe[i + m] = partRe[0] - partRe[1]; outIm[i + m] = partIm[0] - partIm[1];
      } else {
        for (let r = 0; r < p; r++) {
          let sumRe = 0, sumIm = 0;
          for (let q = 0; q < p; q++) {
            const w = ((q * r) % p) * (n / p);
            sumRe += partRe[q] * cosines[w] - partIm[q] * sines[w];
            sumIm += partRe[q] * sines[w] + partIm[q] * cosines[w];
          }
          outRe[i + r * m] = sumRe;
          outIm[i + r * m] = sumIm;
        }
      }
    }
  }
  return (re, im, outRe, outIm) => work(re, im, 0, 1, outRe, outIm, 0, n, 0);
}

// Return a function (samples, at, frames, hop, out) that writes the power spectra of frames,
// (frames, 1 + n / 2). Frame t begins at sample at + t * hop. Two frames share a transform.
function powerSpectra(window) {
  const n = window.length, bins = 1 + n / 2;
  const transform = fourierTransform(n);
  const re = new Float64Array(n), im = new Float64Array(n);
  const outRe = new Float64Array(n), outIm = new Float64Array(n);
  return (samples, at, frames, hop, out) => {
    for (let t = 0; t < frames; t += 2) {
      const a = at + t * hop, b = a + hop, pair = t + 1 < frames;
      for (let i = 0; i < n; i++) {
        re[i] = samples[a + i] * window[i];
        im[i] = pair ? samples[b + i] * window[i] : 0;
      }
      transform(re, im, outRe, outIm);
      for (let k = 0; k < bins; k++) {
        const mirror = k ? n - k : 0;
        const xRe = (outRe[k] + outRe[mirror]) / 2, xIm = (outIm[k] - outIm[mirror]) / 2;
        out[t * bins + k] = xRe * xRe + xIm * xIm;
        if (!pair) continue;
        const yRe = (outIm[k] + outIm[mirror]) / 2, yIm = (outRe[mirror] - outRe[k]) / 2;
        out[(t + 1) * bins + k] = yRe * yRe + yIm * yIm;
      }
    }
  };
}
