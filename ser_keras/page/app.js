"use strict";
// The page: buttons, files and messages of the worker.

function startPage() {
  const find = (id) => document.getElementById(id);
  const stored = find("model").textContent, { labels, colours, adapts } = JSON.parse(stored);
  const code = `${find("engine").textContent}\nstartWorker();`;
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const worker = new Worker(address);
  const entries = new Map();
  let next = 1, adaptedBy = 0, microphone = null, enrolledNames = new Set();
  const say = (text) => { find("status").textContent = text; };
  const key = (file) => `${file.name} ${file.size}`;

  async function add(file) {
    const id = next++;
    const card = element("article", { class: "panel", tabindex: "-1" }, element("h2", { text: file.name }),
      element("progress", { max: "1", "aria-label": `Reading ${file.name}` }));
    find("results").prepend(card);
    entries.set(id, { file, card, notes: [] });
    const refuse = (error) => refused({ id, sentence: sentenceOf(error) });
    try {
      if (!file.size) throw new Refusal("is empty", AGAIN);
      if (await isWav(file)) worker.postMessage({ type: "label", id, file });
      else {
        const { samples, rate } = await decodedFile(file);
        worker.postMessage({ type: "label", id, samples, rate }, [samples.buffer]);
      }
    } catch (error) { refuse(error); }
  }

  function addAll(files) {
    const listed = [...files];
    if (!listed.length) return;
    say(`Reading ${listed.length === 1 ? listed[0].name : `${listed.length} recordings`} …`);
    listed.reduce((before, file) => before.then(() => add(file)), Promise.resolve());
  }

  function refused({ id, sentence }) {
    const entry = entries.get(id);
    if (!entry) { say(sentence); return; }
    entry.card.classList.add("refused");
    entry.card.replaceChildren(element("h2", { text: entry.file.name }),
      element("p", { text: `This recording ${sentence}` }));
    say(`${entry.file.name} ${sentence}`);
  }

  function labelled({ id, rows, seconds, wave, notes }) {
    const entry = entries.get(id);
    if (!entry) return;
    if (enrolledNames.has(key(entry.file))) notes.push("it is one of those that the page got used to, so it says little");
    const address = entry.address || URL.createObjectURL(entry.file);
    Object.assign(entry, { rows, seconds, wave, notes, address });
    showResult(entry.card, entry, labels, colours, address);
    showTable();
    say(`${entry.file.name}: ${rows.length === 1 ? rows[0].label : `${rows.length} parts`}.`);
  }

  function showTable() {
    const table = tableOf([...entries.values()], labels, adaptedBy);
    find("all").hidden = table.length < 2;
    find("table").replaceChildren(...table.slice(0, 501).map((row, i) =>
      element("tr", {}, ...row.map((text) => element(i ? "td" : "th", { text: i && /^\d*\.\d{4,}$/.test(text) ? Number(text).toFixed(3) : text })))));
  }

  function adapted({ adaptedBy: count, failed, alike, rows }) {
    adaptedBy = count;
    const words = count ? [`On: adapted to ${count === 1 ? "one recording" : `${count} recordings`} of this voice.`]
      : ["Off. Nothing is adapted until you add recordings here."];
    if (alike) words.push("They all seem to have the same mood; others of other moods would help more.");
    find("adapted").textContent = [...words, ...failed].join(" ");
    find("unadapt").hidden = !count;
    for (const [id, fresh] of rows) {
      const entry = entries.get(id);
      if (entry && entry.rows) labelled({ ...entry, id, rows: fresh });
    }
  }

  async function adapt(files) {
    const items = [], failed = [];
    find("adapted").textContent = "Listening to them …";
    for (const file of files) {
      try {
        const source = (await isWav(file)) ? { file } : await decodedFile(file);
        items.push({ ...source, name: file.name });
      } catch (error) { failed.push(`${file.name} ${sentenceOf(error)}`); }
    }
    enrolledNames = new Set([...files].map(key));
    worker.postMessage({ type: "adapt", items });
    if (failed.length) say(failed.join(" "));
  }

  // A second worker shares the windows of long recordings.
  function hireHelper() {
    const second = new Worker(address), { port1, port2 } = new MessageChannel();
    second.onmessage = ({ data }) => {
      if (data.type === "ready") worker.postMessage({ type: "helper", port: port2 }, [port2]);
    };
    second.postMessage({ type: "open", stored });
    second.postMessage({ type: "serve", port: port1 }, [port1]);
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
        loudest = samples.reduce((a, b) => Math.max(a, Math.abs(b)), 0.8 * loudest);
        const level = Math.round(Math.min(100, Math.max(0, 100 + 50 * Math.log10(loudest + 1e-6))));
        find("level").style.width = `${level}%`;
        if (performance.now() - shown > 500) {
          shown = performance.now();
          find("level").parentElement.setAttribute("aria-valuenow", String(level));
        }
        blocks.push(samples);
        if (blocks.length * samples.length > 600 * rate) stopSpeaking(); // ten minutes
        if (microphone) microphone.rate = rate;
        worker.postMessage({ type: "listen", samples, rate });
      });
      microphone = { stop, rate: 0, labels: 0 };
      find("speak").textContent = "Stop";
      find("live").hidden = false;
      worker.postMessage({ type: "judge" });
    } catch (error) {
      find("speak-note").textContent = error instanceof Refusal ? error.message : "The microphone could not be opened.";
    }
    find("speak").disabled = false;
  }

  function stopSpeaking() {
    const { stop, rate } = microphone;
    microphone = null;
    stop();
    worker.postMessage({ type: "quiet" });
    find("speak").textContent = "Start the microphone";
    find("live").hidden = true;
    if (blocks.length) addAll([wavFile(blocks, rate, `Recording ${next}.wav`)]);
  }

  function judged({ row, seconds }) {
    if (!microphone) return;
    find("needed").textContent = seconds < WINDOW_S
      ? `Keep speaking: ${(WINDOW_S - seconds).toFixed(1)} s more for a full answer.`
      : `The last ${WINDOW_S} seconds:`;
    if (row) {
      microphone.labels += 1;
      const heading = find("live-label");
      heading.replaceChildren(...(colours[row.label] ? [dot(colours[row.label])] : []), LABEL_WORDS[row.label] || row.label);
      find("live-bars").replaceChildren(...(row.probabilities ? [barsOf(row, labels, colours)] : []));
      document.body.dataset.liveLabels = String(microphone.labels);
    }
    setTimeout(() => microphone && worker.postMessage({ type: "judge" }), 100);
  }

  const handlers = {
    ready: () => {
      for (const id of ["speak", "files", "voice"]) find(id).disabled = false;
      document.body.dataset.ready = String(Math.round(performance.now()));
      say("Ready.");
      if (navigator.hardwareConcurrency > 1) hireHelper();
    },
    progress: ({ id, share }) => {
      const bar = entries.get(id) && entries.get(id).card.querySelector("progress");
      if (bar) bar.value = share;
    },
    labelled, refused, adapted, judged,
  };
  worker.onmessage = ({ data }) => handlers[data.type](data);
  worker.onerror = () => say("The model could not be opened in this browser. Try a newer one.");
  worker.postMessage({ type: "open", stored });

  find("adapt").hidden = !adapts;
  find("speak").addEventListener("click", speak);
  for (const [id, take] of [["files", addAll], ["voice", adapt]]) {
    find(id).addEventListener("change", ({ target }) => { take([...target.files]); target.value = ""; });
  }
  find("unadapt").addEventListener("click", () => adapt([]));
  const over = (event) => { event.preventDefault(); document.body.classList.toggle("over", event.type === "dragover"); };
  for (const kind of ["dragover", "dragleave", "drop"]) document.addEventListener(kind, over);
  document.addEventListener("drop", (event) => {
    const files = event.dataTransfer.files;
    if (find("adapt").contains(event.target)) adapt(files); else addAll(files);
  });
  find("copy").addEventListener("click", async () => {
    const text = tableOf([...entries.values()], labels, adaptedBy).map((row) => row.join("\t")).join("\n");
    try { await navigator.clipboard.writeText(text); say("The table is copied."); } catch (error) {
      getSelection().selectAllChildren(find("table"));
      say("The table is selected: copy it with Ctrl+C.");
    }
  });
  find("save").addEventListener("click", () => {
    const csv = new Blob([commaSeparated(tableOf([...entries.values()], labels, adaptedBy))], { type: "text/csv" });
    const link = element("a", { href: URL.createObjectURL(csv), download: "emotions.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  find("clear").addEventListener("click", () => {
    for (const [id, { card, address }] of entries) {
      worker.postMessage({ type: "forget", id });
      if (address) URL.revokeObjectURL(address);
      card.remove();
    }
    entries.clear();
    showTable();
    say("All recordings are removed.");
  });
  window.addEventListener("resize", () => entries.forEach(({ draw }) => draw && draw()));
}

startPage();
