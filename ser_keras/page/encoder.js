"use strict";
// The frozen speaker encoder: two LSTM layers over 40 mel bands, of which mean and deviation over
// time are kept; see ser_keras/models/speaker_encoder/encoder.py.

const ENCODER_SPEC = {
  kind: "speaker_encoder", sample_rate: 16000, n_fft: 400, win_length: null, hop_length: 160,
  window: "hann", center: true, pad_mode: "constant", n_mels: 40, fmin: 0, fmax: null,
  mel_norm: "slaney", htk: false, power: 2,
};
const ENCODER_LEVEL = -30; // dB below full scale

// Return a matrix (rows, columns) as rows of four columns side by side: how `driven` reads it.
function inFours(matrix, rows, columns) {
  const packed = new Float32Array(rows * columns);
  for (let j = 0, to = 0; j < columns; j += 4) {
    for (let i = 0; i < rows; i++, to += 4) {
      for (let k = 0; k < 4; k++) packed[to + k] = matrix[i * columns + j + k];
    }
  }
  return packed;
}

// Add inputs[at ...] (rows) times a matrix in fours to out (columns), from `to` on.
function multiplyInFours(inputs, at, rows, packed, columns, out, to) {
  for (let j = 0, k = 0; j < columns; j += 4) {
    let a = 0, b = 0, c = 0, d = 0;
    for (let i = at; i < at + rows; i++, k += 4) {
      const x = inputs[i];
      a += packed[k] * x;
      b += packed[k + 1] * x;
      c += packed[k + 2] * x;
      d += packed[k + 3] * x;
    }
    out[to + j] += a;
    out[to + j + 1] += b;
    out[to + j + 2] += c;
    out[to + j + 3] += d;
  }
}

// Return {rows, units, kernel, recurrent, bias} of an LSTM with gates input, forget, cell, output.
function lstmLayer(kernel, recurrent, bias) {
  const [rows, columns] = kernel.shape;
  return {
    rows, units: columns / 4, bias: bias.data,
    kernel: inFours(kernel.data, rows, columns),
    recurrent: inFours(recurrent.data, columns / 4, columns),
  };
}

function sigmoid(x) {
  return 1 / (1 + Math.exp(-x));
}

function hyperbolicTangent(x) { // as exact as needed, and faster than Math.tanh
  return 1 - 2 / (Math.exp(2 * x) + 1);
}

// Return the hidden states (steps, units) of an LSTM for inputs (steps, rows).
function lstmStates(inputs, steps, layer) {
  const { rows, units, kernel, recurrent, bias } = layer;
  const states = new Float32Array(steps * units), cell = new Float64Array(units);
  const gates = new Float32Array(4 * units);
  for (let t = 0; t < steps; t++) {
    gates.set(bias);
    multiplyInFours(inputs, t * rows, rows, kernel, 4 * units, gates, 0);
    if (t) multiplyInFours(states, (t - 1) * units, units, recurrent, 4 * units, gates, 0);
    for (let i = 0; i < units; i++) {
      const fresh = sigmoid(gates[i]) * hyperbolicTangent(gates[2 * units + i]);
      cell[i] = sigmoid(gates[units + i]) * cell[i] + fresh;
      states[t * units + i] = sigmoid(gates[3 * units + i]) * hyperbolicTangent(cell[i]);
    }
  }
  return states;
}

// Return the vector of a clip at 16 kHz: for each layer the mean, then the deviation of its states.
function encoderVector(samples, layers) {
  let square = 0;
  for (const x of samples) square += x * x;
  const level = Math.sqrt(square / samples.length);
  const gain = level ? 10 ** (ENCODER_LEVEL / 20) / level : 1;
  const { frames, mel } = melBands(samples.map((x) => x * gain), ENCODER_SPEC);
  const parts = [];
  let states = mel;
  for (const layer of layers) {
    states = lstmStates(states, frames, layer);
    const { units } = layer, mean = new Float64Array(units), deviation = new Float64Array(units);
    for (let t = 0; t < frames; t++) {
      for (let i = 0; i < units; i++) {
        const x = states[t * units + i];
        mean[i] += x / frames;
        deviation[i] += (x * x) / frames;
      }
    }
    for (let i = 0; i < units; i++) deviation[i] = Math.sqrt(Math.max(0, deviation[i] - mean[i] ** 2));
    parts.push(...mean, ...deviation);
  }
  return Float32Array.from(parts);
}
