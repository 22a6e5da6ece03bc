"use strict";
// The frozen speaker encoder: two LSTM layers over 40 mel bands, of which mean and deviation over
// time are kept; see ser_keras/models/speaker_encoder/encoder.py. Source of the network: Wan, Wang,
// Papir and Lopez Moreno 2018, arXiv:1710.10467.

const ENCODER_SPEC = {
  kind: "speaker_encoder", sample_rate: 16000, n_fft: 400, win_length: null, hop_length: 160,
  window: "hann", center: true, pad_mode: "constant", n_mels: 40, fmin: 0, fmax: null,
  mel_norm: "slaney", htk: false, power: 2,
};
const ENCODER_LEVEL = -30; // dB below full scale
const TOGETHER = 8; // clips whose steps are computed side by side, so that weights are read once
const BLOCK_STEPS = 16; // steps whose part of the input product is computed at a time

// Return an LSTM with gates input, forget, cell, output. Its arrays for `TOGETHER` clips are part of
// it: inputs (steps, clips, rows), gates (steps, clips, 4 units), states (1 + steps, clips, units),
// whose first row is the state before, and cell (clips, units).
function lstmLayer(kernel, recurrent, bias) {
  const [rows, columns] = kernel.shape, units = columns / 4;
  const layer = {
    rows, units, bias: bias.data,
    kernel: inPanels(kernel.data, rows, columns),
    recurrent: inPanels(recurrent.data, units, columns),
    cell: numbers(TOGETHER * units),
    states: numbers((1 + BLOCK_STEPS) * TOGETHER * units + 4),
  };
  layer.gates = numbers(BLOCK_STEPS * TOGETHER * layer.kernel.columns);
  layer.inputs = numbers(BLOCK_STEPS * TOGETHER * layer.kernel.depth);
  return layer;
}

// Go on by `steps` steps from inputs (steps, clips, depth) to layer.states. Clips are sorted by
// length: active[t] of `clips` are left in step t.
function lstmSteps(inputs, steps, clips, active, layer) {
  const { units, kernel, recurrent, bias, gates, states, cell } = layer;
  const row = clips * units, width = kernel.columns;
  for (let k = 0; k < steps * clips; k++) gates.set(bias, k * width);
  multiply(inputs, 0, steps * clips, kernel, gates, 0);
  for (let t = 0; t < steps; t++) {
    multiply(states, t * row, active[t], recurrent, gates, t * clips * width);
    for (let clip = 0; clip < active[t]; clip++) {
      passGates(gates, (t * clips + clip) * width, units, cell, clip * units, states, (t + 1) * row + clip * units);
    }
  }
}

// Return the hidden states (steps, units) of an LSTM for the inputs (steps, rows) of one clip.
function lstmStates(inputs, steps, layer) {
  const { rows, units, states, kernel: { depth } } = layer, all = new Float32Array(steps * units);
  const active = new Uint8Array(BLOCK_STEPS).fill(1);
  layer.cell.fill(0);
  states.fill(0);
  for (let start = 0; start < steps; start += BLOCK_STEPS) {
    const count = Math.min(BLOCK_STEPS, steps - start);
    for (let t = 0; t < count; t++) {
      layer.inputs.set(inputs.subarray((start + t) * rows, (start + t + 1) * rows), t * depth);
    }
    lstmSteps(layer.inputs, count, 1, active, layer);
    all.set(states.subarray(units, (count + 1) * units), start * units);
    states.copyWithin(0, count * units, (count + 1) * units);
  }
  return all;
}

// Return the mel bands {frames, mel} of a clip at 16 kHz whose level is set.
function encoderInput(samples) {
  let square = 0;
  for (let i = 0; i < samples.length; i++) square += samples[i] * samples[i];
  const level = Math.sqrt(square / samples.length);
  const gain = level ? 10 ** (ENCODER_LEVEL / 20) / level : 1;
  return melBands(samples.map((x) => x * gain), ENCODER_SPEC);
}

// Return the vectors of clips at 16 kHz: for each layer the mean, then the deviation of its states.
function encoderVectors(clips, layers) {
  const inputs = clips.map((samples, place) => ({ ...encoderInput(samples), place }));
  inputs.sort((a, b) => b.frames - a.frames); // as in Python: those that end go from the right
  const vectors = [];
  for (let start = 0; start < inputs.length; start += TOGETHER) {
    const part = inputs.slice(start, start + TOGETHER);
    encoderBatch(part, layers).forEach((vector, i) => { vectors[part[i].place] = vector; });
  }
  return vectors;
}

function encoderBatch(inputs, layers) {
  const n = inputs.length, [first] = layers, longest = inputs[0].frames;
  const sums = layers.map(({ units }) => [new Float64Array(n * units), new Float64Array(n * units)]);
  for (const { cell, states } of layers) { cell.fill(0); states.fill(0); }
  for (let start = 0; start < longest; start += BLOCK_STEPS) {
    const steps = Math.min(BLOCK_STEPS, longest - start), active = new Uint8Array(steps);
    for (let t = 0; t < steps; t++) {
      inputs.forEach(({ frames, mel }, clip) => {
        if (start + t >= frames) return;
        active[t] += 1;
        const at = (start + t) * first.rows;
        first.inputs.set(mel.subarray(at, at + first.rows), (t * n + clip) * first.kernel.depth);
      });
    }
    let source = first.inputs;
    layers.forEach((layer, number) => {
      const { units, states } = layer, row = n * units, [sum, square] = sums[number];
      lstmSteps(source, steps, n, active, layer);
      source = states.subarray(row); // the states of a step are the inputs of the next layer
      for (let t = 0; t < steps; t++) {
        for (let i = 0; i < active[t] * units; i++) {
          const x = source[t * row + i];
          sum[i] += x;
          square[i] += x * x;
        }
      }
    });
    for (const { states, units } of layers) {
      states.copyWithin(0, steps * n * units, (steps + 1) * n * units);
    }
  }
  return inputs.map(({ frames }, clip) => Float32Array.from(layers.flatMap(({ units }, number) => {
    const [sum, square] = sums[number].map((all) => all.subarray(clip * units, (clip + 1) * units));
    const mean = Array.from(sum, (x) => x / frames);
    return [...mean, ...mean.map((x, i) => Math.sqrt(Math.max(0, square[i] / frames - x * x)))];
  })));
}
