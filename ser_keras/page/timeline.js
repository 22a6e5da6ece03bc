"use strict";
// Emotion over time, below the waveform, on a canvas that plays where it is clicked.

function colourOf(label, colours) {
  return colours[label] || (label === "unsure" ? "#9aa5b1" : "transparent");
}

function drawTimeline(canvas, { rows, wave, seconds }, colours, place) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth * scale, height = canvas.clientHeight * scale;
  if (!width) return;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d"), style = getComputedStyle(document.body);
  const colour = (name) => style.getPropertyValue(name).trim();
  const at = (second) => (second / seconds) * width;
  const band = 22 * scale, axis = 18 * scale, middle = (height - band - axis) / 2;
  const loudest = wave.reduce((most, [low, high]) => Math.max(most, -low, high), 1e-6);
  context.fillStyle = colour("--wave");
  wave.forEach(([low, high], i) => {
    const x = (i / wave.length) * width, top = middle * (1 - high / loudest), bottom = middle * (1 - low / loudest);
    context.fillRect(x, top, Math.max(1, width / wave.length), Math.max(1, bottom - top));
  });
  for (const { start, end, label } of rows) {
    context.fillStyle = colourOf(label, colours);
    context.globalAlpha = 0.16;
    context.fillRect(at(start), 0, at(end) - at(start), height - band - axis);
    context.globalAlpha = 1;
    context.fillRect(at(start), height - band - axis, Math.max(1, at(end) - at(start) - scale), band);
  }
  context.fillStyle = colour("--quiet");
  context.font = `${11 * scale}px system-ui, sans-serif`;
  const steps = [0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];
  const step = steps.find((s) => seconds / s <= width / scale / 70) || 3600;
  for (let second = 0; second < seconds; second += step) {
    context.fillRect(at(second), height - axis, scale, 4 * scale);
    context.fillText(clock(second, step), at(second) + 3 * scale, height - 4 * scale);
  }
  if (place !== null) {
    context.fillStyle = colour("--ink");
    context.fillRect(at(place), 0, 2 * scale, height - axis);
  }
}

function clock(seconds, step = 1) {
  if (step < 1 || seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.floor(seconds), pad = (x) => String(x).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}
