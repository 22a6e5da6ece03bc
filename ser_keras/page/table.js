"use strict";
// The table of all results, as Python writes it: the same columns, and the same digits.

// Return a number as Python writes it: 0.25, 3.0, 5e-05; nothing for no number.
function written(x, digits) {
  if (x === null || x === undefined || !Number.isFinite(x)) return "";
  const rounded = Number(x.toFixed(digits));
  if (Number.isInteger(rounded)) return `${rounded}.0`;
  if (Math.abs(rounded) >= 1e-4) return String(rounded);
  return rounded.toExponential().replace(/-(\d)$/, "-0$1");
}

// Return a text with the characters that break or reorder a line as escapes.
function visible(text) {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (c) =>
    ({ "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f" })[c] ||
    `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

// Return the rows of all recordings as a table of texts, the first row with the column names.
function tableOf(entries, labels) {
  const done = entries.filter((entry) => entry.rows);
  const hasArousal = done.some((entry) => entry.rows.some((row) => row.arousal !== null));
  const head = ["file", "start", "end", "label", ...labels.map((label) => `p_${label}`),
    ...(hasArousal ? ["arousal"] : []), "adapted_by", "note"];
  return [head, ...done.flatMap(({ file, rows, notes }) => rows.map((row, i) => [
    visible(file.name), written(row.start, 3), written(row.end, 3), row.label,
    ...labels.map((_, k) => written(row.probabilities ? row.probabilities[k] : null, 6)),
    ...(hasArousal ? [written(row.arousal, 6)] : []),
    String(row.adaptedBy), [...(i ? [] : notes), row.note].filter(Boolean).join("; ")]))];
}

// Return a table as CSV; a name that a spreadsheet would take for a formula gets a quote before it.
function commaSeparated(table) {
  const cell = (text) => {
    const safe = /^[=+\-@]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
    return /[",]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return table.map((row) => row.map(cell).join(",")).join("\n") + "\n";
}

const SHOWN_ROWS = 500;

// Fill the element of the table with its first rows; numbers are shortened to three digits.
function fillTable(made, table) {
  const [head, ...rows] = table.slice(0, SHOWN_ROWS + 1);
  const isNumber = (text) => /^[\d.e-]+$/.test(text);
  const shown = (text, i) => (i > 2 && /[.e]/.test(text) && isNumber(text) ? Number(text).toFixed(3) : text);
  made.replaceChildren(
    element("thead", {}, element("tr", {}, ...head.map((text, i) =>
      element("th", { scope: "col", class: [0, 3, head.length - 1].includes(i) ? "text" : "", text })))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((text, i) => i
      ? element("td", { class: isNumber(text) ? "" : "text", text: shown(text, i) })
      : element("th", { scope: "row", title: text, text }))))),
  );
}
