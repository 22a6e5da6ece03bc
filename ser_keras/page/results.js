"use strict";
// What is shown of each recording: the label, a bar for each emotion, the timeline.

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") made.textContent = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// Return the round sign of a label in its colour.
function dot(label, colours) {
  const made = element("span", { class: label === UNSURE ? "dot striped" : "dot", "aria-hidden": "true" });
  if (colours[label]) made.style.background = colours[label];
  return made;
}

const percent = (p) => `${Math.round(100 * p)} %`;

// Return {list, update}: bars for the probabilities of `labels`, in this order; `update` moves them
// to the values of another row.
function barsOf(row, labels, order, colours) {
  const list = element("ul", { class: "bars" }), moves = [];
  const add = (name, read, colour, className, title = "") => {
    const fill = element("span", { class: "fill" }), number = element("span", { class: "number" });
    if (colour) fill.style.background = colour;
    list.append(element("li", { class: className, title },
      element("span", { text: name }), element("span", { class: "track", "aria-hidden": "true" }, fill), number));
    moves.push((values) => {
      fill.style.width = `${100 * read(values)}%`;
      number.textContent = percent(read(values));
    });
  };
  for (const label of order) {
    const k = labels.indexOf(label);
    add(label, ({ probabilities }) => probabilities[k], colours[label], "");
  }
  if (row.arousal !== null) add("excited", ({ arousal }) => arousal, "", "arousal", "How aroused the voice sounds: the column arousal of the table");
  const update = (values) => moves.forEach((move) => move(values));
  update(row);
  return { list, update };
}

// Return what a label means in a heading, and a sentence below it where one is needed.
function wordsOf({ label, probabilities }, labels) {
  if (label === NO_SPEECH) return ["No speech", "Nobody was heard to speak."];
  if (label !== UNSURE) return [label, ""];
  const [first, second] = labels.map((name, i) => [probabilities[i], name]).sort((a, b) => b[0] - a[0]);
  return ["Unsure", second ? `${first[1]} and ${second[1]} are too close to each other.` : ""];
}

// Return the mean row of all parts with speech, or null where there is none.
function meanOf(rows, labels) {
  const spoken = rows.filter((row) => row.probabilities);
  if (!spoken.length) return null;
  const total = spoken.reduce((sum, row) => sum + row.end - row.start, 0);
  const mean = (read) => spoken.reduce((sum, row) => sum + read(row) * (row.end - row.start), 0) / total;
  return { probabilities: labels.map((_, i) => mean((row) => row.probabilities[i])),
    arousal: spoken[0].arousal === null ? null : mean((row) => row.arousal) };
}

// Return [label, seconds] of the labels of a recording, the longest first and pauses last.
function secondsByLabel(rows) {
  const sums = new Map();
  for (const { label, start, end } of rows) sums.set(label, (sums.get(label) || 0) + end - start);
  const rank = ([label, seconds]) => (label === NO_SPEECH ? -1 : seconds);
  return [...sums].sort((a, b) => rank(b) - rank(a));
}

// Fill the card of a recording with its rows, once `entry` holds {file, head, rows, seconds, wave,
// notes, address}, and let `entry.draw` draw it anew.
function showResult(card, entry, labels, colours) {
  const { rows, seconds, notes } = entry, several = rows.length > 1;
  if (entry.player) entry.player.close();
  const mean = meanOf(rows, labels), heading = element("p", { class: "label" });
  card.replaceChildren(entry.head, heading);
  const times = secondsByLabel(rows);
  if (several) {
    const [longest] = times;
    heading.append(dot(longest[0], colours), `mostly ${longest[0]}`);
    card.append(element("p", { class: "quiet", text: `${lasting(seconds)} long. Click into the picture to listen from there.` }));
  } else {
    const [words, sentence] = wordsOf(rows[0], labels);
    heading.append(...(rows[0].label === NO_SPEECH ? [] : [dot(rows[0].label, colours)]), words);
    if (sentence) card.append(element("p", { text: sentence }));
  }
  let bars = null;
  const caption = element("p", { class: "caption" });
  const overall = several ? "Mean of all parts with speech" : "";
  entry.player = playerOf(entry, (canvas, place) => drawTimeline(canvas, entry, colours, place), (row) => {
    if (!bars || !several) return;
    bars.update(row && row.probabilities ? row : mean);
    caption.textContent = row && row.probabilities
      ? `From ${clock(row.start)} to ${clock(row.end)}: ${row.label}` : overall;
  });
  if (mean) {
    const order = [...labels].sort((a, b) => mean.probabilities[labels.indexOf(b)] - mean.probabilities[labels.indexOf(a)]);
    bars = barsOf(mean, labels, order, colours);
  }
  const below = several ? [entry.player.parts, legendOf(times, colours), caption, ...(bars ? [bars.list] : [])]
    : [...(bars ? [bars.list] : []), entry.player.parts];
  card.append(...below);
  const isAdapted = (remark) => remark.startsWith("adapted by"); // which stands beside the drop zone
  const own = rows.filter((row) => row.probabilities && row.note).flatMap((row) => row.note.split("; "));
  const remarks = [...new Set([...notes, ...own])].filter((remark) => !isAdapted(remark));
  if (entry.enrolled) remarks.push("the page was adapted by this very recording, so its label says little");
  if (remarks.length) card.append(element("p", { class: "note", text: `Note: ${remarks.join("; ")}.` }));
  card.append(heardOf(entry));
  entry.draw = () => entry.player.draw();
  entry.draw();
}

function legendOf(times, colours) {
  return element("ul", { class: "legend", "aria-label": "Seconds of each label" }, ...times.map(([label, seconds]) =>
    element("li", {}, dot(label, colours), `${label} ${lasting(seconds)}`)));
}
