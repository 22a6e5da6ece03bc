"use strict";
// What is shown of each recording: the label, a bar for each emotion, the timeline, and the table.

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") made.textContent = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function dot(colour) {
  const made = element("span", { class: "dot", "aria-hidden": "true" });
  made.style.background = colour;
  return made;
}

const percent = (p) => `${Math.round(100 * p)} %`;

// Return the list of bars for the probabilities of a part of a recording.
function barsOf({ probabilities, arousal }, labels, colours) {
  const list = element("ul", { class: "bars" });
  const add = (name, value, colour, className = "") => {
    const fill = element("span", { class: "fill" });
    fill.style.width = `${100 * value}%`;
    fill.style.background = colour;
    list.append(element("li", { class: className },
      element("span", { text: name }), element("span", { class: "track", "aria-hidden": "true" }, fill),
      element("span", { class: "number", text: percent(value) })));
  };
  labels.map((label, i) => [label, probabilities[i]]).sort((a, b) => b[1] - a[1])
    .forEach(([label, value]) => add(label, value, colours[label]));
  if (arousal !== null) add("excited", arousal, "#5c6873", "arousal");
  return list;
}

const LABEL_WORDS = {
  unsure: "Not sure: two emotions are too close to each other",
  "no speech": "No speech was heard",
};

// Fill the card of a recording with its rows; `play` plays from a second on.
function showResult(card, entry, labels, colours, address) {
  const { rows, seconds, notes, file } = entry;
  const spoken = rows.filter((row) => row.probabilities);
  const total = spoken.reduce((sum, row) => sum + row.end - row.start, 0);
  const mean = spoken.length && labels.map((_, i) => spoken.reduce(
    (sum, row) => sum + row.probabilities[i] * (row.end - row.start), 0) / total);
  const arousals = spoken.map((row) => row.arousal).filter((a) => a !== null);
  const long = rows.length > 1 || seconds > WHOLE_S;
  const label = long ? "" : rows[0].label;
  card.replaceChildren(element("h2", { text: file.name }));
  if (long) {
    card.append(element("p", { class: "quiet",
      text: `${clock(seconds)} long. The bars show the mean of all parts with speech.` }));
  } else {
    const heading = element("p", { class: "label" });
    if (colours[label]) heading.append(dot(colours[label]));
    heading.append(LABEL_WORDS[label] || label);
    card.append(heading);
  }
  if (mean) {
    const arousal = arousals.length ? arousals.reduce((a, b) => a + b) / arousals.length : null;
    card.append(barsOf({ probabilities: mean, arousal }, labels, colours));
  } else if (long) card.append(element("p", { class: "label", text: LABEL_WORDS["no speech"] }));
  const audio = element("audio", { controls: "", src: address, preload: "metadata", "aria-label": `Play ${file.name}` });
  const canvas = element("canvas", { tabindex: "0", role: "img",
    "aria-label": `Emotion over time: ${spokenRows(rows)}. Arrow keys move by a second, Enter plays.` });
  const draw = () => drawTimeline(canvas, entry, colours, audio.paused && !audio.currentTime ? null : audio.currentTime);
  canvas.addEventListener("click", (event) => {
    audio.currentTime = (event.offsetX / canvas.clientWidth) * seconds;
    audio.play().catch(() => { card.append(element("p", { class: "quiet", text: "This browser cannot play it." })); });
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) audio.currentTime = Math.min(Math.max(audio.currentTime + step, 0), seconds);
    else if (event.key === "Enter" || event.key === " ") audio.paused ? audio.play() : audio.pause();
    else return;
    event.preventDefault();
  });
  for (const kind of ["timeupdate", "seeked", "pause"]) audio.addEventListener(kind, draw);
  card.append(canvas);
  if (long) {
    const present = [...new Set(rows.map((row) => row.label))];
    card.append(element("ul", { class: "legend" }, ...present.map((name) => element("li", {},
      ...(colours[name] || name === "unsure" ? [dot(colourOf(name, colours))] : []), name === "no speech" ? "blank: no speech" : name))));
  }
  card.append(audio);
  if (notes.length) card.append(element("p", { class: "quiet", text: `Note: ${notes.join("; ")}.` }));
  entry.draw = draw;
  draw();
}

function spokenRows(rows) {
  const first = rows.slice(0, 20).map((row) =>
    `${row.label} from ${clock(row.start)} to ${clock(row.end)}`);
  return first.join(", ") + (rows.length > 20 ? ", and more" : "");
}

// Return the rows of all recordings as a table of texts, the first row with the column names.
function tableOf(entries, labels, adaptedBy) {
  const done = entries.filter((entry) => entry.rows);
  const hasArousal = done.some((entry) => entry.rows.some((row) => row.arousal !== null));
  const number = (x) => (x === null || x === undefined ? "" : String(Number(x.toFixed(6))));
  const head = ["file", "start", "end", "label", ...labels.map((label) => `p_${label}`),
    ...(hasArousal ? ["arousal"] : []), "adapted_by", "note"];
  return [head, ...done.flatMap((entry) => entry.rows.map((row) => [
    entry.file.name, number(Number(row.start.toFixed(3))), number(Number(row.end.toFixed(3))), row.label,
    ...labels.map((_, i) => number(row.probabilities ? row.probabilities[i] : null)),
    ...(hasArousal ? [number(row.arousal)] : []), String(adaptedBy), entry.notes.join("; ")]))];
}

// Return a table as CSV; a name that a spreadsheet would take for a formula gets a quote before it.
function commaSeparated(table) {
  const cell = (text) => {
    const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return table.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}
