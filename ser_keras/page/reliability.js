"use strict";
// When a label counts, which emotions are possible, and what lies far from all that the model knows:
// ser_keras/reliability.py. `known` is the `reliability` of a bundle, or null.

const SMALLEST = 1e-9;

// Return what is known of a plain or an adapted model, or null.
function answersOf(known, isAdapted) {
  return (known && ((isAdapted && known.adapted) || known.plain)) || null;
}

// Return the most probable emotion, or "unsure" where two are too close to each other.
function labelOf(probabilities, model, isAdapted) {
  const [first, second] = Array.from(probabilities).sort((a, b) => b - a);
  const answers = answersOf(model.reliability, isAdapted);
  if (answers && first - second < answers.answer_from) return "unsure";
  return model.labels[Array.from(probabilities).indexOf(first)];
}

// Return, for each coverage that was measured, the emotions that hold the truth with it: they are taken
// from the most probable one on until they are more probable together than a limit. Source: Dunn,
// Wasserman and Ramdas 2022, Distribution-free prediction sets for two-layer hierarchical models.
function possibleOf(probabilities, model, isAdapted) {
  const answers = answersOf(model.reliability, isAdapted);
  const order = model.labels.map((_, i) => i).sort((a, b) => probabilities[b] - probabilities[a]);
  return (answers ? answers.limits : []).map(({ coverage, limit }) => {
    const labels = [];
    let before = 0;
    for (const i of order) {
      if (before <= limit + SMALLEST) labels.push(model.labels[i]);
      before += probabilities[i];
    }
    return { coverage, labels };
  });
}

// Return the distance of a clip from all training clips: the root mean square of its features' means
// over time, standardised by those of the training clips.
function distanceOf({ frames, width, values }, { mean, std, signed_root }) {
  let sum = 0;
  for (let i = 0; i < width; i++) {
    let ownMean = 0;
    for (let k = i; k < values.length; k += width) ownMean += values[k] / frames;
    if (signed_root) ownMean = signedRoot(ownMean);
    sum += ((ownMean - mean[i]) / std[i]) ** 2;
  }
  return Math.sqrt(sum / width);
}

// Return the level of the loudest upper band beside the middle ones, in dB.
function upperLevel(functionals, { middle, upper }) {
  const mean = middle.reduce((sum, i) => sum + functionals[i], 0) / middle.length;
  return Math.max(...upper.map((i) => functionals[i])) - mean;
}

// Return how high a voice is in pitch and formants; minus infinity where nothing is voiced.
function heightOf(functionals, { mean, std, weights }, { pitch, voice, cut }) {
  if (functionals[pitch] === 0) return -Infinity;
  return voice.reduce((sum, column, i) => {
    const value = (signedRoot(functionals[column]) - mean[i]) / std[i];
    return sum + weights[i] * Math.min(Math.max(value, -cut), cut);
  }, 0);
}

// Return remarks on a clip that lies far from all training clips, or "".
function remarkOf(clip, model) {
  const { distance, bandwidth, height } = model.reliability || {};
  const functionals = clip.values.slice(-model.functionals.size); // at the end of the vector
  const remarks = [];
  if (distance && distanceOf(clip, distance) > distance.limit) remarks.push("distance");
  if (bandwidth && upperLevel(functionals, model.functionals) < bandwidth.limit) remarks.push("bandwidth");
  if (height && heightOf(functionals, height, model.functionals) > height.limit) remarks.push("height");
  return remarks.map((name) => model.remarks[name]).join("; ");
}
