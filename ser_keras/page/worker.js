"use strict";
// The worker: it holds the model and answers messages; the page itself stays free.

function startWorker() {
  const recordings = new Map(); // id -> what `analysed` returned
  const cancelled = new Set();
  let model = null, normalization = null, adaptedBy = 0, heard = null, listener = null, helper = null;

  const answer = (message) => self.postMessage(message);
  const rowsFor = (id) => rowsOf(recordings.get(id), model, normalization, adaptedBy > 0);

  async function sourceOf({ file, samples, rate }) {
    if (samples) return { samples, rate };
    const header = await wavHeader(file);
    return { file, header, channel: await cancelledChannel(file, header) };
  }

  async function label(message) {
    const { id } = message;
    let last = performance.now();
    const progress = async (share) => {
      if (cancelled.has(id)) throw new Refusal("was stopped", "Add it again to label it");
      if (performance.now() - last > 100) {
        last = performance.now();
        answer({ type: "progress", id, share });
      }
      await nextTurn(); // lets the microphone and the helper have theirs
    };
    const source = await sourceOf(message);
    const result = await analysed(source, model, progress, helper);
    recordings.set(id, result);
    const notes = [];
    if (source.channel !== null && source.channel !== undefined) {
      notes.push(`its channels cancel each other, so only channel ${source.channel + 1} was used`);
    }
    if (result.level > 2) notes.push("its samples rise far above full scale");
    const { seconds, wave, flags } = result;
    answer({ type: "labelled", id, rows: rowsFor(id), seconds, wave, flags, notes });
  }

  async function adapt({ items }) {
    const vectors = [], failed = [];
    for (const item of items) {
      try {
        const { windows } = await analysed(await sourceOf(item), model, async () => {});
        const mean = new Float32Array(windows[0].features.width);
        for (const { features } of windows) {
          features.values.forEach((x, i) => { mean[i] += x / windows.length; });
        }
        vectors.push(mean);
      } catch (error) {
        failed.push(`${item.name} ${sentenceOf(error)}`);
      }
    }
    normalization = vectors.length ? enrolled(vectors, model) : model.normalization;
    adaptedBy = vectors.length;
    let alike = false;
    if (model.usual && vectors.length > 2) {
      const probabilities = vectors.map((values) =>
        probabilitiesOf({ frames: 1, width: values.length, values }, model));
      alike = varietyOf(vectors, probabilities, model) < VARIED * model.usual;
    }
    answer({ type: "adapted", adaptedBy, failed, alike,
      rows: [...recordings.keys()].map((id) => [id, rowsFor(id)]) });
  }

  // The microphone: the last seconds are kept, and labelled as often as there is time.
  function listen({ samples, rate }) {
    if (!listener) {
      listener = new Resampler(rate, model.features.sample_rate);
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
    const loudest = heard ? heard.reduce((a, b) => Math.max(a, Math.abs(b)), 0) : 0;
    if (seconds >= 1 && loudest > MIN_LEVEL) {
      const detector = new SpeechDetector(model.features.sample_rate);
      const flags = [...detector.push(heard), ...detector.finish()];
      const windows = [{ start: 0, end: seconds, features: extract(heard, model) }];
      [row] = rowsOf({ windows, seconds, flags, whole: true }, model, normalization, adaptedBy > 0);
    }
    answer({ type: "judged", row, seconds });
  }

  // Ask a second worker for features; `port` leads to it.
  function helperBehind(port) {
    let done = null;
    const made = {
      busy: false,
      compute: (samples) => new Promise((resolve) => {
        made.busy = true;
        done = resolve;
        port.postMessage(samples);
      }),
    };
    port.onmessage = ({ data }) => { made.busy = false; done(data); };
    return made;
  }

  const handlers = {
    helper: ({ port }) => { helper = helperBehind(port); },
    serve: ({ port }) => {
      port.onmessage = ({ data }) => port.postMessage(extract(data, model));
    },
    open: ({ stored }) => {
      model = openModel(JSON.parse(stored));
      normalization = model.normalization;
      answer({ type: "ready" });
    },
    label, adapt, listen, judge,
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
