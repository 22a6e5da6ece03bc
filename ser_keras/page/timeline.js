"use strict";
// Emotion over time, below the waveform, on a canvas that plays where it is clicked.

const UNSURE = "unsure", NO_SPEECH = "no speech";

// Return what paints a label: its colour, stripes where the model is unsure, nothing for a pause.
function paintOf(context, label, colours, scale, ink) {
  if (label !== UNSURE) return colours[label] || "transparent";
  const stripes = document.createElement("canvas"), size = Math.round(6 * scale);
  stripes.width = stripes.height = size;
  const pen = stripes.getContext("2d");
  pen.strokeStyle = ink;
  pen.lineWidth = scale;
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift - 1, size + 1);
    pen.lineTo(shift + size + 1, -1);
  }
  pen.stroke();
  return context.createPattern(stripes, "repeat");
}

// Draw a recording of {rows, wave, seconds}; `place` is the second that is played, or null.
function drawTimeline(canvas, { rows, wave, seconds }, colours, place) {
  const scale = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * scale), height = Math.round(canvas.clientHeight * scale);
  if (!width) return;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d"), style = getComputedStyle(document.body);
  const colour = (name) => style.getPropertyValue(name).trim();
  const at = (second) => (second / seconds) * width;
  const band = rows.length > 1 ? 22 * scale : 0, axis = 20 * scale, floor = height - axis - band;
  const isDense = width / rows.length < 12 * scale; // then tints behind the waveform are only stripes
  for (const { start, end, label } of rows) {
    const left = Math.round(at(start)), right = Math.round(at(end));
    context.fillStyle = paintOf(context, label, colours, scale, colour("--quiet"));
    context.fillRect(left, floor, Math.max(1, right - left - (isDense ? 0 : scale)), band);
    if (!colours[label] || isDense) continue;
    context.globalAlpha = 0.16;
    context.fillRect(left, 0, right - left, floor);
    context.globalAlpha = 1;
  }
  const loudest = wave.reduce((most, [low, high]) => Math.max(most, -low, high), 1e-6);
  context.fillStyle = colour("--wave");
  wave.forEach(([low, high], i) => {
    const x = (i / wave.length) * width, middle = floor / 2, reach = 0.94 * middle / loudest;
    context.fillRect(x, middle - high * reach, Math.max(1, width / wave.length), Math.max(1, (high - low) * reach));
  });
  context.fillStyle = colour("--quiet");
  context.font = `${11 * scale}px system-ui, sans-serif`;
  const steps = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
  const step = steps.find((s) => seconds / s <= width / scale / 60) || 3600;
  for (let second = 0; second < seconds; second += step) {
    const text = seconds < 60 ? `${second} s` : clock(second), x = Math.round(at(second));
    context.fillRect(x, height - axis, scale, 5 * scale);
    if (x + context.measureText(text).width + 4 * scale > width) continue;
    context.fillText(text, x + 4 * scale, height - 4 * scale);
  }
  if (place !== null) {
    context.fillStyle = colour("--ink");
    context.fillRect(Math.min(at(place), width - 2 * scale), 0, 2 * scale, height - axis);
  }
}

// Return seconds as 0:05, 12:30 or 1:02:03.
function clock(seconds) {
  const whole = Math.floor(seconds + 1e-6), pad = (x) => String(x).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}

// Return how long something lasts: 3.7 s, 57 s, 12 min 30 s, 1 h 2 min.
function lasting(seconds) {
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds), [h, min, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return [[h, "h"], [min, "min"], [h ? 0 : s, "s"]].filter(([x]) => x).map(([x, unit]) => `${x} ${unit}`).join(" ");
}

// Return {parts, draw, close} of a recording: its timeline with a button that plays it. `paint` draws
// the canvas, and `moved` gets the row that is played, or null before anything is.
function playerOf({ file, rows, seconds, address }, paint, moved) {
  const audio = new Audio(address);
  audio.preload = "none"; // browsers allow some dozens of players, and there may be more recordings
  const canvas = element("canvas", { tabindex: "0", role: "slider", "aria-label": `Emotion over time in ${file.name}`,
    "aria-valuemin": "0", "aria-valuemax": String(Math.ceil(seconds)), class: rows.length > 1 ? "long" : "" });
  const button = element("button", { type: "button", text: "Play", "aria-label": `Play ${file.name}` });
  const where = element("span", { class: "quiet" }), note = element("p", { class: "quiet alarm", role: "status" });
  const rowAt = (second) => rows.find((row) => second < row.end) || rows[rows.length - 1];
  const started = () => !audio.paused || audio.currentTime > 0;
  const draw = () => {
    const second = Math.min(audio.currentTime, seconds);
    paint(canvas, started() ? second : null);
    where.textContent = `${clock(second)} / ${clock(seconds)}`;
    canvas.setAttribute("aria-valuenow", String(Math.round(second)));
    canvas.setAttribute("aria-valuetext", `${clock(second)} of ${clock(seconds)}, ${rowAt(second).label}`);
    moved(started() ? rowAt(second) : null);
  };
  let copy = ""; // the address of what the model heard, where the browser does not play the file itself
  async function play() {
    try {
      await audio.play();
    } catch ({ name }) {
      if (name === "AbortError") return;
      audio.pause();
      if (copy || seconds > PICTURED_S) {
        note.textContent = "This browser cannot play it, though the model can hear it.";
        return;
      }
      const { samples, rate } = await soundOf(file), { currentTime } = audio;
      copy = URL.createObjectURL(wavFile([samples], rate, file.name));
      audio.src = copy;
      audio.currentTime = currentTime;
      play();
    }
  }
  const seek = (second) => {
    audio.currentTime = Math.min(Math.max(second, 0), Math.max(seconds - 0.01, 0));
    draw(); // nothing is loaded yet that would say so
  };
  const secondOf = (event) => (event.offsetX / canvas.clientWidth) * seconds;
  canvas.addEventListener("click", (event) => { seek(secondOf(event)); play(); });
  canvas.addEventListener("pointermove", (event) => {
    const second = Math.min(Math.max(secondOf(event), 0), seconds);
    canvas.title = `${clock(second)} ${rowAt(second).label}`;
  });
  canvas.addEventListener("keydown", (event) => {
    const step = Math.max(1, seconds / 100), { currentTime: now } = audio;
    const target = { ArrowLeft: now - step, ArrowDown: now - step, ArrowRight: now + step, ArrowUp: now + step,
      PageDown: now - 10 * step, PageUp: now + 10 * step, Home: 0, End: seconds }[event.key];
    if (target !== undefined) seek(target);
    else if (event.key === "Enter" || event.key === " ") button.click();
    else return;
    event.preventDefault();
  });
  button.addEventListener("click", () => { if (audio.paused) play(); else audio.pause(); });
  for (const kind of ["timeupdate", "seeked", "play", "pause", "ended"]) {
    audio.addEventListener(kind, () => {
      button.textContent = audio.paused ? "Play" : "Pause";
      button.setAttribute("aria-label", `${button.textContent} ${file.name}`);
      draw();
    });
  }
  const parts = element("div", {}, canvas, element("p", { class: "row" }, button, where), note);
  const close = () => { // what is still being loaded would ask for an address that is gone
    audio.pause();
    audio.removeAttribute("src");
    audio.load();
    if (copy) URL.revokeObjectURL(copy);
  };
  return { parts, draw, close };
}
