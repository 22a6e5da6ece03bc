"use strict";
// What the model heard: the sound as it reaches the model, and a few facts about it.

const PICTURE = { kind: "log_mel", n_fft: 1024, win_length: null, window: "hann", center: true, pad_mode: "constant",
  n_mels: 80, fmin: 60, htk: true, mel_norm: null, power: 2, ref: 1, amin: 1e-10, top_db: 70, n_mfcc: 40 };
const BLUE = [55, 119, 178]; // shows on light and on dark cards
const PICTURED_S = 60; // longer recordings get no picture

// Return {samples, rate, channels}: the sound of a file as mono, at its own rate.
async function soundOf(file) {
  if (!(await isWav(file))) return { ...(await decodedFile(file)), channels: 0 };
  const header = await wavHeader(file), channel = await cancelledChannel(file, header);
  const samples = new Float32Array(header.frames);
  let at = 0;
  for await (const block of wavBlocks(file, header, channel)) {
    samples.set(block, at);
    at += block.length;
  }
  return { samples, rate: header.rate, channels: header.channels };
}

// Draw the mel bands of samples of a rate: time to the right, high tones above.
function drawBands(canvas, samples, rate) {
  const hop = Math.max(128, Math.ceil(samples.length / 800));
  const spec = { ...PICTURE, sample_rate: rate, fmax: Math.min(8000, rate / 2), hop_length: hop };
  const { frames, width, values } = extract(samples, { features: spec });
  canvas.width = frames;
  canvas.height = width;
  const context = canvas.getContext("2d"), image = context.createImageData(frames, width);
  const loudest = values.reduce((a, b) => Math.max(a, b), -Infinity);
  for (let t = 0; t < frames; t++) {
    for (let band = 0; band < width; band++) {
      const share = Math.max(0, 1 + (values[t * width + band] - loudest) / 70);
      image.data.set([...BLUE, 255 * share ** 1.5], 4 * ((width - 1 - band) * frames + t));
    }
  }
  context.putImageData(image, 0, 0);
}

// Return sentences on the sound of a recording.
function factsOf({ rows, seconds, wave, flags, heardRate }, { rate, channels }) {
  const spoken = flags ? flags.filter(Boolean).length / 50
    : rows.reduce((sum, row) => sum + (row.probabilities ? row.end - row.start : 0), 0);
  const peak = wave.reduce((most, [low, high]) => Math.max(most, -low, high), 0);
  const facts = [`Somebody speaks for ${lasting(spoken)} of ${lasting(seconds)}.`];
  const level = Math.round(20 * Math.log10(Math.max(peak, 1e-6)));
  facts.push(peak > 0.99 ? "The loudest places are as loud as a file can be, and may be distorted."
    : peak < 0.02 ? `It is very quiet: its loudest place lies ${-level} dB below the most that a file can hold.`
      : `Its loudest place lies ${-level} dB below the most that a file can hold.`);
  if (rate) {
    const mixed = channels > 1 ? `, its ${channels} channels as one` : "";
    const [given, taken] = [rate, heardRate].map((number) => number.toLocaleString("en"));
    facts.push(rate === heardRate ? `The model hears all ${given} samples a second${mixed}.`
      : `The file has ${given} samples a second; the model hears ${taken}${mixed}.`);
    if (rate <= 11025) facts.push("High tones are missing, as on a telephone, and labels are worse for it.");
  }
  return facts;
}

// Return the part of a card that says what the model heard; it is made when it is opened.
function heardOf(entry) {
  const details = element("details", {}, element("summary", { text: "What the model heard" }));
  details.addEventListener("toggle", async () => {
    if (!details.open || details.childElementCount > 1) return;
    const list = element("ul", {});
    details.append(list);
    let sound = {};
    try {
      if (entry.seconds <= PICTURED_S) {
        sound = await soundOf(entry.file);
        const canvas = element("canvas", { class: "bands", role: "img", "aria-label": "Spectrogram: how loud each tone is over time" });
        drawBands(canvas, resample(sound.samples, sound.rate, entry.heardRate), entry.heardRate);
        list.before(canvas, element("p", { class: "quiet", text: "Time runs to the right, high tones lie at the top, and strong colour is loud." }));
      }
    } catch (error) {
      list.append(element("li", { text: `It ${sentenceOf(error)}` }));
    }
    list.append(...factsOf(entry, sound).map((text) => element("li", { text })));
  });
  return details;
}
