"use strict";
// The forward pass of a network, layer by layer, on {shape, data} without the batch axis.

function tensor(shape, data) {
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, data: data || new Float32Array(size) };
}

const ACTIVATIONS = {
  linear: (x) => x,
  relu: (x) => Math.max(0, x),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};

function activated(x, name) {
  if (name === "softmax") return softmax(x);
  return name === "linear" ? x : tensor(x.shape, x.data.map(ACTIVATIONS[name]));
}

// Softmax over the last axis.
function softmax(x) {
  const width = x.shape[x.shape.length - 1], out = tensor(x.shape);
  for (let row = 0; row < x.data.length; row += width) {
    const part = x.data.subarray(row, row + width);
    const most = part.reduce((a, b) => Math.max(a, b)), powers = Float64Array.from(part, (v) => Math.exp(v - most));
    const total = powers.reduce((a, b) => a + b);
    for (let i = 0; i < width; i++) out.data[row + i] = powers[i] / total;
  }
  return out;
}

// A kernel that slides over rows and columns; `same` padding puts the odd zero behind.
function convolution(x, kernel, bias, strides, same) {
  const [rows, columns, channels] = x.shape, [high, wide, , filters] = kernel.shape;
  const size = (n, k, s) => (same ? Math.ceil(n / s) : Math.floor((n - k) / s) + 1);
  const before = (n, k, s) => (same ? Math.max((Math.ceil(n / s) - 1) * s + k - n, 0) >> 1 : 0);
  const outRows = size(rows, high, strides[0]), outColumns = size(columns, wide, strides[1]);
  const top = before(rows, high, strides[0]), left = before(columns, wide, strides[1]);
  const out = tensor([outRows, outColumns, filters]), sums = new Float32Array(filters);
  for (let r = 0; r < outRows; r++) {
    for (let c = 0; c < outColumns; c++) {
      if (bias) sums.set(bias.data); else sums.fill(0);
      for (let i = 0; i < high; i++) {
        const row = r * strides[0] - top + i;
        if (row < 0 || row >= rows) continue;
        for (let j = 0; j < wide; j++) {
          const column = c * strides[1] - left + j;
          if (column < 0 || column >= columns) continue;
          const from = (row * columns + column) * channels, tap = (i * wide + j) * channels;
          for (let k = 0; k < channels; k++) {
            const value = x.data[from + k], at = (tap + k) * filters;
            if (value) for (let f = 0; f < filters; f++) sums[f] += value * kernel.data[at + f];
          }
        }
      }
      out.data.set(sums, (r * outColumns + c) * filters);
    }
  }
  return out;
}

// The largest value, or the mean, of the fields of a grid.
function pooled(x, pool, strides, same, mean) {
  const [rows, columns, channels] = x.shape;
  const size = (n, k, s) => (same ? Math.ceil(n / s) : Math.floor((n - k) / s) + 1);
  const before = (n, k, s) => (same ? Math.max((Math.ceil(n / s) - 1) * s + k - n, 0) >> 1 : 0);
  const outRows = size(rows, pool[0], strides[0]), outColumns = size(columns, pool[1], strides[1]);
  const out = tensor([outRows, outColumns, channels]);
  for (let r = 0; r < outRows; r++) {
    for (let c = 0; c < outColumns; c++) {
      for (let k = 0; k < channels; k++) {
        let most = -Infinity, sum = 0, count = 0;
        for (let i = 0; i < pool[0]; i++) {
          const row = r * strides[0] - before(rows, pool[0], strides[0]) + i;
          for (let j = 0; j < pool[1]; j++) {
            const column = c * strides[1] - before(columns, pool[1], strides[1]) + j;
            if (row < 0 || row >= rows || column < 0 || column >= columns) continue;
            const value = x.data[(row * columns + column) * channels + k];
            most = Math.max(most, value);
            sum += value;
            count += 1;
          }
        }
        out.data[(r * outColumns + c) * channels + k] = mean ? sum / count : most;
      }
    }
  }
  return out;
}

// Rows (steps, features) times a kernel (features, units), and a bias.
function dense(x, kernel, bias) {
  const [rows, units] = kernel.shape, steps = x.data.length / rows;
  const out = tensor([...x.shape.slice(0, -1), units]);
  for (let t = 0; t < steps; t++) {
    const sums = new Float64Array(units);
    if (bias) sums.set(bias.data);
    for (let i = 0; i < rows; i++) {
      const value = x.data[t * rows + i];
      for (let j = 0; j < units; j++) sums[j] += value * kernel.data[i * units + j];
    }
    out.data.set(sums, t * units);
  }
  return out;
}

function attentionPooling(x, kernel, bias, query) {
  const [steps, features] = x.shape;
  const hidden = activated(dense(x, kernel, bias), "tanh");
  const weights = softmax(tensor([steps], dense(hidden, query, null).data)).data;
  const out = tensor([features]);
  for (let i = 0; i < features; i++) {
    let sum = 0;
    for (let t = 0; t < steps; t++) sum += weights[t] * x.data[t * features + i];
    out.data[i] = sum;
  }
  return out;
}

function meanOfRows(x) { // over all axes but the last
  const width = x.shape[x.shape.length - 1], rows = x.data.length / width, out = tensor([width]);
  for (let i = 0; i < width; i++) {
    let sum = 0;
    for (let t = 0; t < rows; t++) sum += x.data[t * width + i];
    out.data[i] = sum / rows;
  }
  return out;
}

const LAYERS = {
  slice: ([x], layer) => tensor([layer.stop - layer.start], x.data.slice(layer.start, layer.stop)),
  dense: ([x], layer, w) => activated(dense(x, w("kernel"), w("bias")), layer.activation),
  add: (inputs) => tensor(inputs[0].shape, inputs[0].data.map(
    (_, i) => inputs.reduce((sum, x) => sum + x.data[i], 0))),
  activation: ([x], layer) => activated(x, layer.activation),
  convolution: ([x], layer, w) => activated(
    convolution(x, w("kernel"), w("bias"), layer.strides, layer.same), layer.activation),
  scale: ([x], _, w) => { // batch normalisation, folded into a factor and a shift
    const factor = w("factor").data, shift = w("shift").data, width = factor.length;
    return tensor(x.shape, x.data.map((v, i) => v * factor[i % width] + shift[i % width]));
  },
  pool: ([x], layer) => pooled(x, layer.size, layer.strides, layer.same, layer.mean),
  reshape: ([x], layer) => tensor(layer.shape, x.data),
  mean: ([x]) => meanOfRows(x),
  lstm: ([x], layer, w) => {
    layer.packed = layer.packed || lstmLayer(w("kernel"), w("recurrent_kernel"), w("bias"));
    const steps = x.shape[0], { units } = layer.packed;
    const states = lstmStates(x.data, steps, layer.packed);
    if (layer.sequences) return tensor([steps, units], states);
    return tensor([units], states.slice((steps - 1) * units));
  },
  attention: ([x], _, w) => attentionPooling(x, w("kernel"), w("bias"), w("query")),
};

// Return the probabilities of a clip: `layers` is the list that the exporter wrote, `arrays` its
// weights by name, and `features` the input of the network.
function forward(layers, arrays, features) {
  const outputs = {};
  let last = null;
  for (const layer of layers) {
    const weights = (name) => arrays[`${layer.name}/${name}`] || null;
    last = layer.type === "input" ? features
      : LAYERS[layer.type](layer.from.map((name) => outputs[name]), layer, weights);
    outputs[layer.name] = last;
  }
  return last.data;
}
