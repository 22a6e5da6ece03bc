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

// Return a remark where the features of a clip lie far from those of all training clips, or "". The
// distance is the root mean square of their means over time, standardised by the training clips.
function remarkOf({ frames, width, values }, model) {
  const distance = model.reliability && model.reliability.distance;
  if (!distance) return "";
  let sum = 0;
  for (let i = 0; i < width; i++) {
    let mean = 0;
    for (let k = i; k < values.length; k += width) mean += values[k] / frames;
    if (distance.signed_root) mean = signedRoot(mean);
    sum += ((mean - distance.mean[i]) / distance.std[i]) ** 2;
  }
  return Math.sqrt(sum / width) <= distance.limit ? "" : model.far;
}
