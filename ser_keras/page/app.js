"use strict";
// The page: buttons, files and messages of the worker.

const MOST_WORKERS = 4; // each holds the model, about 20 MB

function startPage() {
  const find = (id) => document.getElementById(id);
  const stored = find("model").textContent, { labels, colours, adapts, features } = JSON.parse(stored);
  const code = `${find("engine").textContent}\nstartWorker();`;
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const worker = new Worker(address);
  const entries = new Map();
  let next = 1, microphone = null;
  let enrolledNames = new Set(), undecoded = [], offered = 0; // recordings for adaptation
  const key = (file) => `${file.name} ${file.size}`;

  // Tell what happens; what stands elsewhere on the page is for screen readers alone.
  function say(text, isShown = true) {
    find("status").textContent = text;
    find("status").classList.toggle("unseen", !isShown);
  }

  function add(file) {
    const id = next++;
    const close = element("button", { class: "close", type: "button", "aria-label": `Remove ${file.name}`, text: "×" });
    const head = element("div", { class: "head" }, element("h2", { text: file.name }), close);
    const bar = element("progress", { max: "1", value: "0", "aria-label": `Reading ${file.name}` });
    const left = element("p", { class: "quiet", text: "Reading …" });
    const card = element("article", { class: "panel", tabindex: "-1", "aria-label": file.name }, head, bar, left);
    find("results").prepend(card);
    entries.set(id, { file, card, head, bar, left, notes: [], heardRate: features.sample_rate });
    close.addEventListener("click", () => {
      remove(id);
      say(`${file.name} is removed.`, false);
      (find("results").querySelector("article") || find("files")).focus();
    });
    return send(id, file).catch((error) => refused({ id, sentence: sentenceOf(error) }));
  }

  async function send(id, file) {
    if (!file.size) throw new Refusal("is empty", AGAIN);
    if (await isWav(file)) worker.postMessage({ type: "label", id, file });
    else {
      const { samples, rate } = await decodedFile(file);
      worker.postMessage({ type: "label", id, samples, rate }, [samples.buffer]);
    }
  }

  function addAll(files) {
    const listed = [...files];
    if (!listed.length) return;
    say(`Reading ${listed.length === 1 ? listed[0].name : `${listed.length} recordings`} …`, false);
    listed.reduce((before, file) => before.then(() => add(file)), Promise.resolve());
  }

  function remove(id) {
    const { card, player, address: played } = entries.get(id);
    worker.postMessage({ type: "forget", id });
    if (player) player.close();
    if (played) URL.revokeObjectURL(played);
    card.remove();
    entries.delete(id);
    showTable();
  }

  function progress({ id, share }) {
    const entry = entries.get(id);
    if (!entry || entry.rows) return;
    entry.begun = entry.begun || performance.now();
    entry.bar.value = share;
    while (share < 0.9 && helpers + 1 < Math.min(navigator.hardwareConcurrency, MOST_WORKERS)) hireHelper();
    const passed = (performance.now() - entry.begun) / 1000, left = (passed * (1 - share)) / share;
    entry.left.textContent = passed > 2 ? `${percent(share)}, about ${lasting(Math.ceil(left))} left` : "Reading …";
  }

  function refused({ id, sentence }) {
    const entry = entries.get(id);
    if (!document.body.dataset.ready) say("The model cannot be opened in this browser. Try a newer one.");
    if (!entry) return;
    entry.card.classList.add("refused");
    entry.card.replaceChildren(entry.head, element("p", { text: `This recording ${sentence}` }));
    say(`${entry.file.name} ${sentence}`, false);
  }

  function labelled({ id, rows, seconds, wave, flags, notes }) {
    const entry = entries.get(id);
    if (!entry) return;
    const part = rows[0], played = entry.address || URL.createObjectURL(entry.file);
    const enrolled = enrolledNames.has(key(entry.file));
    Object.assign(entry, { rows, seconds, wave, flags, notes, enrolled, address: played });
    showResult(entry.card, entry, labels, colours);
    showTable();
    say(`${entry.file.name}: ${rows.length === 1 ? part.label : `${rows.length} parts`}.`, false);
    const last = [...entries.keys()].pop();
    if (id === last) entry.card.scrollIntoView({ block: "nearest" });
  }

  const tableNow = () => tableOf([...entries.values()], labels);
  function showTable() {
    const table = tableNow(), hidden = table.length - 1 - SHOWN_ROWS;
    find("all").hidden = !entries.size || table.length < 2;
    fillTable(find("table"), table);
    find("more").hidden = hidden <= 0;
    find("more").textContent = `${hidden} more rows are in the copy and in the CSV.`;
  }

  function adapted({ adaptedBy: count, failed, alike, rows }) {
    const taken = offered - failed.length;
    const words = count ? [`On: adapted to ${taken === 1 ? "one recording" : `${taken} recordings`} of this voice.`]
      : ["Off. Nothing is adapted until you add recordings here."];
    if (alike) words.push("They all seem to have the same mood; others of other moods would help more.");
    find("adapted").textContent = [...words, ...undecoded, ...failed].join(" ");
    find("unadapt").hidden = !count;
    for (const [id, fresh] of rows) {
      const entry = entries.get(id);
      if (!entry || !entry.rows) continue;
      Object.assign(entry, { rows: fresh, enrolled: enrolledNames.has(key(entry.file)) });
      showResult(entry.card, entry, labels, colours);
    }
    showTable();
  }

  async function adapt(files) {
    const items = [], listed = [...files];
    undecoded = [];
    find("adapt").open = true;
    find("adapted").textContent = "Listening to them …";
    for (const file of listed) {
      try {
        const source = (await isWav(file)) ? { file } : await decodedFile(file);
        items.push({ ...source, name: file.name });
      } catch (error) { undecoded.push(`${file.name} ${sentenceOf(error)}`); }
    }
    enrolledNames = new Set(listed.map(key));
    offered = items.length;
    worker.postMessage({ type: "adapt", items });
  }

  // Further workers share the windows of long recordings; they start with the first one that is long.
  let helpers = 0;
  function hireHelper() {
    helpers += 1;
    const helper = new Worker(address), { port1, port2 } = new MessageChannel();
    helper.onmessage = ({ data }) => {
      if (data.type === "ready") worker.postMessage({ type: "helper", port: port2 }, [port2]);
    };
    helper.postMessage({ type: "open", stored });
    helper.postMessage({ type: "serve", port: port1 }, [port1]);
  }

  // The microphone: the worker is asked for the next label as soon as it has given the last one.
  const blocks = [];
  async function speak() {
    if (microphone) { stopSpeaking(); return; }
    find("speak").disabled = true;
    try {
      let loudest = 0, shown = 0;
      blocks.length = 0;
      const stop = await openMicrophone((samples, rate) => {
        if (!microphone) return;
        loudest = samples.reduce((a, b) => Math.max(a, Math.abs(b)), 0.8 * loudest);
        const level = Math.round(Math.min(100, Math.max(0, 100 + 50 * Math.log10(loudest + 1e-6))));
        find("level").style.width = `${level}%`;
        if (performance.now() - shown > 500) {
          shown = performance.now();
          find("level").parentElement.setAttribute("aria-valuenow", String(level));
        }
        if (level > 20) microphone.heard = true;
        blocks.push(samples);
        microphone.rate = rate;
        worker.postMessage({ type: "listen", samples, rate });
        if (blocks.length * samples.length > 600 * rate) stopSpeaking(); // ten minutes
      }, () => microphone && stopSpeaking());
      microphone = { stop, rate: 0, labels: 0, bars: null, heard: false };
      find("speak").textContent = "Stop";
      find("speak-note").hidden = true;
      find("live-label").textContent = "…";
      find("live-bars").replaceChildren();
      showLive(true);
      worker.postMessage({ type: "judge" });
    } catch (error) {
      find("speak-note").textContent = error instanceof Refusal ? error.message : "The microphone could not be opened.";
    }
    find("speak").disabled = false;
  }

  function showLive(isLive) {
    find("live").hidden = !isLive;
    find("ways").classList.toggle("live", isLive);
  }

  function stopSpeaking() {
    const { stop, rate } = microphone;
    microphone = null;
    stop();
    worker.postMessage({ type: "quiet" });
    find("speak").textContent = "Start the microphone";
    find("speak-note").hidden = false;
    showLive(false);
    if (blocks.length) addAll([wavFile(blocks, rate, `Recording ${next}.wav`)]);
  }

  function judged({ row, seconds }) {
    if (!microphone) return;
    const missing = WINDOW_S - seconds;
    find("needed").textContent = !microphone.heard && seconds > 1 ? "Nothing is heard. Is the microphone switched on?"
      : missing > 0.05 ? `Keep speaking: ${missing.toFixed(1)} s more for a full answer.` : `The last ${WINDOW_S} seconds:`;
    if (row) {
      microphone.labels += 1;
      const [words] = wordsOf(row, labels);
      find("live-label").replaceChildren(...(row.probabilities ? [dot(row.label, colours)] : []), words);
      if (row.probabilities && !microphone.bars) { // in the order of the model, so that none jumps
        microphone.bars = barsOf(row, labels, labels, colours);
        find("live-bars").replaceChildren(microphone.bars.list);
      } else if (row.probabilities) microphone.bars.update(row);
      document.body.dataset.liveLabels = String(microphone.labels);
    }
    setTimeout(() => microphone && worker.postMessage({ type: "judge" }), 30);
  }

  const handlers = {
    ready: () => {
      for (const id of ["speak", "files", "voice"]) find(id).disabled = false;
      document.body.dataset.ready = String(Math.round(performance.now()));
      say("Ready.", false);
    },
    progress, labelled, refused, adapted, judged,
  };
  worker.onmessage = ({ data }) => handlers[data.type](data);
  worker.onerror = () => { // nothing answers any more
    const sentence = "could not be labelled, since the page met an error. Reload the page, and add it again.";
    for (const [id, { rows }] of entries) if (!rows) refused({ id, sentence });
    say("The page met an error. Reload it, perhaps in a newer browser.");
  };
  worker.postMessage({ type: "open", stored });

  find("adapt").hidden = !adapts;
  find("speak").addEventListener("click", speak);
  for (const [id, take] of [["files", addAll], ["voice", adapt]]) {
    find(id).addEventListener("change", ({ target }) => { take([...target.files]); target.value = ""; });
  }
  find("unadapt").addEventListener("click", () => adapt([]));

  // Files may be dropped anywhere; those dropped on the panel of the voice are for adaptation.
  const isForVoice = ({ target }) => adapts && find("adapt").contains(target);
  function over(event) {
    event.preventDefault();
    const isOver = event.type === "dragover";
    document.body.classList.toggle("over", isOver && !isForVoice(event));
    find("adapt").classList.toggle("over", isOver && isForVoice(event));
  }
  for (const kind of ["dragover", "dragleave", "drop"]) document.addEventListener(kind, over);
  document.addEventListener("drop", (event) => {
    const { files, items } = event.dataTransfer;
    const folders = new Set([...items].map((item) => item.kind === "file" && item.webkitGetAsEntry && item.webkitGetAsEntry())
      .filter((entry) => entry && entry.isDirectory).map(({ name }) => name));
    const listed = [...files].filter(({ name }) => !folders.has(name));
    if (folders.size) say(`${[...folders].join(", ")} is a folder. Open it, and drop the recordings in it.`);
    if (isForVoice(event) && listed.length) adapt(listed); else addAll(listed);
  });

  find("copy").addEventListener("click", async () => {
    const text = tableNow().map((row) => row.join("\t")).join("\n");
    try { await navigator.clipboard.writeText(text); say("The table is copied."); } catch (error) {
      getSelection().selectAllChildren(find("table"));
      say("The table is selected: copy it with Ctrl+C.");
    }
  });
  find("save").addEventListener("click", () => {
    const csv = new Blob([commaSeparated(tableNow())], { type: "text/csv" });
    const link = element("a", { href: URL.createObjectURL(csv), download: "emotions.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  find("clear").addEventListener("click", () => {
    for (const id of [...entries.keys()]) remove(id);
    say("All recordings are removed.", false);
    find("files").focus();
  });
  const redraw = () => entries.forEach(({ draw }) => draw && draw());
  window.addEventListener("resize", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

startPage();
