"use strict";
// The worker: it holds the model and answers messages; the page itself stays free.

const AHEAD = 2; // batches that a helper is given, so that it never waits for the next one

function startWorker() {
  const recordings = new Map(); // id -> what `analysed` returned
  const cancelled = new Set(), helpers = [];
  let model = null, voice = null, heard = null, listener = null, isBusy = false; // voice: {normalization, adaptedBy}

  const answer = (message) => self.postMessage(message);
  const rowsFor = (id) => rowsOf(recordings.get(id), model, voice);

  async function sourceOf({ file, samples, rate }) {
    if (samples) return { samples, rate };
    const header = await wavHeader(file);
    return { file, header, channel: await cancelledChannel(file, header) };
  }

  // Let a helper compute the features of clips, or do it here where all have enough to do.
  async function compute(clips) {
    const free = helpers.reduce((best, each) => (each.waiting < best.waiting ? each : best), { waiting: AHEAD });
    if (free.compute && clips.length > 1) return { features: free.compute(clips) };
    await nextTurn(); // lets the microphone have its turn
    return { features: Promise.resolve(extractMany(clips, model)) };
  }

  async function label(message) {
    const { id } = message;
    isBusy = true;
    let last = performance.now();
    const progress = async (share) => {
      if (cancelled.has(id)) throw new Refusal("was stopped", "Add it again to label it");
      if (performance.now() - last > 100) {
        last = performance.now();
        answer({ type: "progress", id, share });
      }
      await nextTurn();
    };
    const analysis = await analysed(await sourceOf(message), model, progress, compute);
    recordings.set(id, analysis);
    const { seconds, wave, flags, notes } = analysis;
    answer({ type: "labelled", id, rows: rowsFor(id), seconds, wave, flags, notes });
  }

  // Each window of the recordings counts as one, as `Bundle.enrol` has it.
  async function adapt({ items }) {
    const vectors = [], failed = [];
    for (const item of items) {
      try {
        const source = await sourceOf(item);
        const { stretches } = await analysed(source, model, async () => {}, compute, true);
        if (!stretches.length) throw new Refusal("holds no speech", "Give an ordinary recording of the voice");
        for (const { features } of stretches) vectors.push(...features.map(({ values }) => values));
      } catch (error) {
        failed.push(`${item.name} ${sentenceOf(error)}`);
      }
    }
    voice = { normalization: enrolled(vectors, model), adaptedBy: vectors.length };
    answer({ type: "adapted", adaptedBy: vectors.length, failed, alike: areAlike(vectors, model),
      rows: [...recordings.keys()].map((id) => [id, rowsFor(id)]) });
  }

  // The microphone: the last seconds are kept, and labelled as often as there is time.
  function listen({ samples, rate }) {
    if (!listener) {
      listener = new Resampler(rate, model.features.sample_rate, needsExact(model.features));
      heard = new Float32Array(0);
    }
    const fresh = listener.push(samples), rateOut = model.features.sample_rate;
    const joined = new Float32Array(heard.length + fresh.length);
    joined.set(heard);
    joined.set(fresh, heard.length);
    heard = joined.slice(Math.max(0, joined.length - WINDOW_S * rateOut));
  }

  function judge() {
    const seconds = heard ? heard.length / model.features.sample_rate : 0;
    let row = null;
    const loudest = heard ? heard.reduce((most, x) => Math.max(most, Math.abs(x)), 0) : 0;
    if (seconds >= 1 && loudest > MIN_LEVEL) {
      const detector = new SpeechDetector(model.features.sample_rate);
      const flags = [...detector.push(heard), ...detector.finish()];
      const features = extract(heard, model), isSpeech = flags.includes(true);
      [row] = rowsOf({ start: 0, end: seconds, isSpeech, features }, model, voice);
    }
    answer({ type: "judged", row, seconds });
  }

  // Return a helper: another worker behind a port, and how many batches wait for it.
  function helperBehind(port) {
    const waiting = [];
    port.onmessage = ({ data: { features, error } }) => {
      const { resolve, reject } = waiting.shift();
      if (error) reject(new Refusal(...error)); else resolve(features);
    };
    return {
      get waiting() { return waiting.length; },
      compute: (clips) => new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        port.postMessage(clips, clips.map(({ buffer }) => buffer));
      }),
    };
  }

  function serve({ port }) {
    port.onmessage = ({ data: clips }) => {
      try {
        const features = extractMany(clips, model);
        port.postMessage({ features }, features.map(({ values }) => values.buffer));
      } catch (error) {
        const { problem = "could not be read", remedy = "Save it as WAV and try again" } = error;
        port.postMessage({ error: [problem, remedy] });
      }
    };
  }

  // A browser compiles what runs often; so the first recording finds it compiled.
  async function warmUp() {
    const buzz = Float32Array.from({ length: 3 * model.features.sample_rate }, (_, i) => ((i * 37) % 200) / 1000 - 0.1);
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20)); // messages come first
      if (!isBusy) extract(buzz, model);
    }
  }

  const handlers = {
    helper: ({ port }) => { helpers.push(helperBehind(port)); },
    open: ({ stored }) => {
      model = openModel(JSON.parse(stored));
      voice = { normalization: model.normalization, adaptedBy: 0 };
      answer({ type: "ready" });
      warmUp();
    },
    label, adapt, listen, judge, serve,
    quiet: () => { listener = null; heard = null; },
    forget: ({ id }) => { cancelled.add(id); recordings.delete(id); },
  };
  let turn = Promise.resolve();
  self.onmessage = ({ data }) => {
    if (["listen", "judge", "quiet", "forget"].includes(data.type)) return handlers[data.type](data);
    turn = turn.then(() => handlers[data.type](data)).catch((error) => {
      answer({ type: "refused", id: data.id, sentence: sentenceOf(error) });
    });
  };
}

// Let waiting messages be handled: a message to oneself is faster than a timer.
const turns = new MessageChannel();
function nextTurn() {
  return new Promise((resolve) => {
    turns.port1.onmessage = resolve;
    turns.port2.postMessage(null);
  });
}

// Return what to tell a person about an error.
function sentenceOf(error) {
  return error instanceof Refusal ? error.message : "could not be read. Save it as WAV and try again.";
}
