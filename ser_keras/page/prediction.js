"use strict";
// From samples to probabilities: ser_keras/features.py, batches.py, calibration.py, adaptation.py.

// Return numbers from base64; "f2" are float16, "f4" float32 and "f8" float64.
function decodedNumbers(text, type) {
  const binary = atob(text), bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  if (type === "i1") return new Int8Array(bytes.buffer);
  if (type === "f4") return new Float32Array(bytes.buffer);
  if (type === "f8") return new Float64Array(bytes.buffer);
  return fromHalves(new Uint16Array(bytes.buffer));
}

function fromHalves(halves) {
  const table = new Float32Array(65536);
  for (let h = 0; h < 65536; h++) {
    const exponent = (h >> 10) & 31, fraction = h & 1023;
    const size = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction;
    table[h] = h & 0x8000 ? -size : size;
  }
  return Float32Array.from(halves, (h) => table[h]);
}

// Return the distance from a float16 to the next larger one.
function halfStep(x) {
  return 2 ** (Math.max(Math.floor(Math.log2(Math.abs(x))), -14) - 10);
}

// Return the model that stands in the page as {settings, arrays, encoder}.
function openModel(stored) {
  const arrays = {};
  for (const [name, { shape, type, data }] of Object.entries(stored.arrays)) {
    arrays[name] = { shape, data: decodedNumbers(data, type) };
  }
  for (const [name, { data: rest }] of Object.entries(arrays)) {
    if (!name.endsWith(" rest")) continue; // in 256ths of the distance to the next float16
    const { data } = arrays[name.slice(0, -5)];
    for (let i = 0; i < data.length; i++) data[i] += (rest[i] / 256) * halfStep(data[i]);
  }
  const encoder = [1, 2].filter((i) => `encoder/${i}/kernel` in arrays).map((i) => {
    const part = (name) => arrays[`encoder/${i}/${name}`];
    return lstmLayer(part("kernel"), part("recurrent_kernel"), part("bias"));
  });
  const normalization = {
    kind: stored.normalization.kind,
    mean: arrays["normalization/mean"].data, std: arrays["normalization/std"].data,
  };
  return { ...stored, arrays, encoder, normalization };
}

// Return the features {frames, width, values} of clips at the rate of the model, one for each.
function extractMany(clips, model) {
  const spec = model.features, { kind, sample_rate: rate } = spec;
  if (clips.some(({ length }) => !length)) throw new Refusal("holds no samples", AGAIN);
  if (kind === "mfcc" || kind === "log_mel") return clips.map((samples) => melFeatures(samples, spec));
  const encoded = !kind.includes("speaker_encoder") ? null
    : encoderVectors(clips.map((samples) => resample(samples, rate, ENCODER_SPEC.sample_rate)), model.encoder);
  return clips.map((samples, i) => {
    const parts = [encoded ? encoded[i] : [], kind.includes("functionals") ? functionalsVector(samples) : []];
    const values = new Float32Array(parts[0].length + parts[1].length);
    values.set(parts[0]);
    values.set(parts[1], parts[0].length);
    return { frames: 1, width: values.length, values };
  });
}

function extract(samples, model) {
  return extractMany([samples], model)[0];
}

const signedRoot = (x) => Math.sign(x) * Math.sqrt(Math.abs(x));

function rootedValues(values, batch) {
  return batch.signed_root ? Float64Array.from(values, signedRoot) : Float64Array.from(values);
}

// Return mean and standard deviation of every `step`-th value from `first` on.
function meanAndDeviation(values, first = 0, step = 1) {
  const count = Math.ceil((values.length - first) / step);
  let mean = 0, square = 0;
  for (let k = first; k < values.length; k += step) mean += values[k];
  mean /= count;
  for (let k = first; k < values.length; k += step) square += (values[k] - mean) ** 2;
  return [mean, Math.sqrt(square / count)];
}

// Normalise values (rows, width) in place.
function normalised(values, width, normalization) {
  const { kind, mean, std } = normalization;
  if (kind === "none") return values;
  if (kind === "clip") {
    const [centre, deviation] = meanAndDeviation(values);
    return values.map((x) => (x - centre) / (deviation || 1));
  }
  if (kind === "band_clip") {
    for (let i = 0; i < width; i++) {
      const [centre, deviation] = meanAndDeviation(values, i, width);
      for (let k = i; k < values.length; k += width) values[k] = (values[k] - centre) / (deviation + 1e-6);
    }
    return values;
  }
  const scalar = kind === "scalar";
  return values.map((x, k) => {
    const i = scalar ? 0 : k % width;
    return (x - mean[i]) / std[i];
  });
}

// Return values (rows, width) with as many rows as the network takes.
function ofLength(values, rows, width, batch) {
  const wanted = batch.frames || rows;
  if (batch.fit === "mean" || batch.fit === "statistics") {
    const parts = [[], []];
    for (let i = 0; i < width; i++) {
      const [mean, deviation] = meanAndDeviation(values, i, width);
      parts[0].push(mean);
      parts[1].push(deviation);
    }
    return batch.fit === "mean" ? parts[0] : parts.flat();
  }
  const fitted = new Float64Array(wanted * width).fill(batch.pad_value);
  if (batch.fit === "resize") {
    for (let t = 0; t < wanted; t++) {
      const place = wanted > 1 ? (t * (rows - 1)) / (wanted - 1) : 0, low = Math.floor(place);
      for (let i = 0; i < width; i++) {
        const a = values[low * width + i], b = values[Math.min(low + 1, rows - 1) * width + i];
        fitted[t * width + i] = a * (1 - (place - low)) + b * (place - low);
      }
    }
    return fitted;
  }
  fitted.set(values.subarray(0, Math.min(rows, wanted) * width));
  return fitted;
}

// Return the input of the network for the features of a clip.
function assemble({ frames, width, values }, batch, normalization) {
  let rows = rootedValues(values, batch);
  if (batch.normalize_after_padding) {
    rows = normalised(Float64Array.from(ofLength(rows, frames, width, batch)), width, normalization);
  } else {
    rows = ofLength(normalised(rows, width, normalization), frames, width, batch);
  }
  const limit = batch.limit || Infinity;
  let data = Float32Array.from(rows, (x) => Math.min(Math.max(x, -limit), limit));
  if (batch.fit === "mean" || batch.fit === "statistics") return tensor([data.length], data);
  const length = data.length / width;
  let shape = [length, width];
  if (batch.axes === "feature_first") {
    data = data.map((_, k) => data[(k % length) * width + Math.floor(k / length)]);
    shape = [width, length];
  }
  return tensor(batch.channel ? [...shape, 1] : shape, data);
}

// Return p ** (1 / temperature), scaled to a sum of 1.
function sharpened(probabilities, temperature) {
  const most = Math.max(...probabilities, 1e-12);
  const powers = Array.from(probabilities, (p) => (Math.max(p, 0) / most) ** (1 / temperature));
  const total = powers.reduce((a, b) => a + b);
  return powers.map((p) => p / total);
}

function arousalOf(probabilities, model) {
  const { emotions, slope, offset } = model.arousal;
  let share = 0;
  emotions.forEach((emotion) => { share += probabilities[model.labels.indexOf(emotion)]; });
  share = Math.min(Math.max(share / probabilities.reduce((a, b) => a + b), 1e-7), 1 - 1e-7);
  return 1 / (1 + Math.exp(-(slope * Math.log(share / (1 - share)) + offset)));
}

// Return the calibrated probabilities for the features of a clip.
function probabilitiesOf(features, model, normalization = model.normalization) {
  const input = assemble(features, model.batch, normalization);
  return sharpened(forward(model.layers, model.arrays, input), model.temperature);
}

const ADAPT_WEIGHTS = { mean: 1, variance: 20 }; // recordings that the training clips count as
const VARIED = 0.4; // share of the usual variety below which recordings seem to be of one emotion

// Return the normalisation that is adapted to a voice by the features of other recordings of it.
function enrolled(vectors, model) {
  const { mean, std } = model.normalization, n = vectors.length;
  if (!n) return model.normalization;
  const rows = vectors.map((values) => rootedValues(values, model.batch));
  const own = { kind: "feature", mean: new Float64Array(mean.length), std: new Float64Array(mean.length) };
  for (let i = 0; i < mean.length; i++) {
    const [centre, deviation] = meanAndDeviation(rows.map((row) => row[i]));
    const usual = std[i] ** 2;
    const variance =
      (n * deviation ** 2 + ADAPT_WEIGHTS.variance * usual) / (n + ADAPT_WEIGHTS.variance);
    own.mean[i] = (n * centre + ADAPT_WEIGHTS.mean * mean[i]) / (n + ADAPT_WEIGHTS.mean);
    own.std[i] = Math.sqrt(Math.max(variance, 1e-12 * usual));
  }
  return own;
}

// Return how much the emotions of recordings seem to vary, by their features and probabilities.
function varietyOf(vectors, probabilities, model) {
  const n = vectors.length;
  if (n < 2) return 0;
  const sampleVariance = (values) => (meanAndDeviation(values)[1] ** 2 * n) / (n - 1);
  const logs = probabilities.map((row) => {
    const values = Array.from(row, (p) => Math.log(Math.max(p, 1e-12)));
    const mean = values.reduce((a, b) => a + b) / values.length;
    return values.map((x) => x - mean);
  });
  let between = 0, spread = 0;
  for (let c = 0; c < logs[0].length; c++) between += sampleVariance(logs.map((row) => row[c]));
  const rows = vectors.map((values) => rootedValues(values, model.batch));
  const { std } = model.normalization;
  for (let i = 0; i < std.length; i++) {
    spread += sampleVariance(rows.map((row) => row[i] / std[i])) / std.length;
  }
  return between / Math.sqrt(spread + 1e-12);
}

// Return whether recordings vary so little that they seem to have the same emotion.
function areAlike(vectors, model) {
  const usual = model.reliability && model.reliability.usual;
  if (!usual || vectors.length < 2) return false;
  const probabilities = vectors.map((values) =>
    probabilitiesOf({ frames: 1, width: values.length, values }, model));
  return varietyOf(vectors, probabilities, model) < VARIED * usual;
}
