"use strict";
// The loops that take most of the time: a matrix product, the gates of an LSTM, and a weighted sum.
// Each stands here twice: as SIMD instructions of WebAssembly, four numbers at a time, and in plain
// JavaScript for browsers that have no SIMD or do not allow WebAssembly. The first is taken where all
// arrays lie in the memory of WebAssembly, which is where `numbers` puts them as long as there is room.

const PANEL = 8; // columns of a matrix that lie side by side
const MEMORY_PAGES = 512; // of 64 KiB; a page that is never touched takes no memory

// tanh as a quotient of two polynomials, within 4e-7; beyond 7.9 it is 1 to a float32.
// Source: Eigen 3.4, Eigen/src/Core/MathFunctionsImpl.h, generic_fast_tanh_float.
const TANH_LIMIT = 7.90531110763549805;
const TANH_ABOVE = [ // of x, x^3, ..., x^13
  4.89352455891786e-3, 6.37261928875436e-4, 1.48572235717979e-5, 5.12229709037114e-8,
  -8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16,
];
const TANH_BELOW = [ // of 1, x^2, x^4, x^6
  4.89352518554385e-3, 2.26843463243900e-3, 1.18534705686654e-4, 1.19825839466702e-6,
];

// Instructions that replace the vector on the stack by its tanh; x, square and sum are locals.
function tanhCode() {
  const polynomial = (coefficients) => {
    const [highest, ...rest] = [...coefficients].reverse();
    return `v128.const ${highest} ${rest.map(
      (c) => `local.get square f32x4.mul v128.const ${c} f32x4.add`).join(" ")}`;
  };
  return `v128.const ${-TANH_LIMIT} f32x4.max v128.const ${TANH_LIMIT} f32x4.min
    local.tee x local.get x f32x4.mul local.set square
    ${polynomial(TANH_ABOVE)} local.get x f32x4.mul ${polynomial(TANH_BELOW)} f32x4.div`;
}

// Repeat `body` while `condition` (instructions that leave 0 or 1) holds; it is looked at first.
const whileCode = (condition, body) =>
  `block loop ${condition} i32.eqz br_if 1 ${body} br 0 end end`;
const step = (local, bytes) => `local.get ${local} i32.const ${bytes} i32.add local.set ${local}`;
const rowCode = (start, width, row, local) => // the address of a row of float32
  `local.get ${start} local.get ${width} i32.const ${4 * row} i32.mul i32.add local.set ${local}`;
const range = (n) => Array.from({ length: n }, (_, i) => i);

// For one panel of a matrix: add `rows` rows of inputs times the panel to as many rows of `out`.
// Four rows share what they load of the panel. A single row has four sums for each column instead,
// one for every fourth input, since a sum has to wait for the one before.
function panelCode(rows) {
  const sums = rows === 1 ? 4 : rows, halves = [0, 1];
  const each = (code) => range(sums).map((s) => halves.map((h) => code(s, h)).join(" ")).join("\n");
  const taps = range(4).map((i) => {
    const load = (h) => `local.get panel v128.load ${32 * i + 16 * h}`;
    if (rows === 1) {
      return `local.get in0 v128.load32_splat ${4 * i} local.set x ${halves.map((h) =>
        `local.get x ${load(h)} f32x4.mul local.get s${i}${h} f32x4.add local.set s${i}${h}`).join(" ")}`;
    }
    return `${load(0)} local.set b0 ${load(1)} local.set b1
      ${range(rows).map((r) => `local.get in${r} v128.load32_splat ${4 * i} local.set x
        ${halves.map((h) => `local.get x local.get b${h} f32x4.mul local.get s${r}${h} f32x4.add
          local.set s${r}${h}`).join(" ")}`).join("\n")}`;
  }).join("\n");
  const total = (r, h) => (rows > 1 ? `local.get s${r}${h}`
    : `local.get s0${h} local.get s1${h} f32x4.add local.get s2${h} local.get s3${h} f32x4.add f32x4.add`);
  const store = range(rows).map((r) => halves.map((h) => `local.get to${r}
    local.get to${r} v128.load ${16 * h} ${total(r, h)} f32x4.add v128.store ${16 * h}`).join(" ")).join("\n");
  return {
    result: null,
    parameters: ["inputs", "depth", "panels", "count", "out", "columns"],
    locals: [
      ["panel", "i32"], ["end", "i32"], ["x", "v128"], ["b0", "v128"], ["b1", "v128"],
      ...range(rows).flatMap((r) => [[`in${r}`, "i32"], [`to${r}`, "i32"]]),
      ...range(sums).flatMap((s) => halves.map((h) => [`s${s}${h}`, "v128"])),
    ],
    body: `
      local.get panels local.set panel
      ${range(rows).map((r) => rowCode("out", "columns", r, `to${r}`)).join("\n")}
      ${whileCode("local.get count", `
        ${each((s, h) => `v128.const 0 local.set s${s}${h}`)}
        ${range(rows).map((r) => rowCode("inputs", "depth", r, `in${r}`)).join("\n")}
        local.get panel local.get depth i32.const ${4 * PANEL} i32.mul i32.add local.set end
        ${whileCode("local.get panel local.get end i32.lt_u", `
          ${taps}
          ${step("panel", 16 * PANEL)}
          ${range(rows).map((r) => step(`in${r}`, 16)).join("\n")}`)}
        ${store}
        ${range(rows).map((r) => step(`to${r}`, 4 * PANEL)).join("\n")}
        ${step("count", -1)}`)}`,
  };
}

// The gates of an LSTM (input, forget, cell, output, `units` of each) for one clip:
// c = sigmoid(f) c + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c); sigmoid(x) = 1/2 + tanh(x / 2) / 2.
// Source: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000, as in Keras.
function gatesCode() {
  const gate = (number, squash) => `local.get gates local.get size i32.const ${number} i32.mul i32.add
    v128.load 0 ${squash ? `v128.const 0.5 f32x4.mul ${tanhCode()} v128.const 0.5 f32x4.mul
    v128.const 0.5 f32x4.add` : tanhCode()}`;
  return {
    result: null,
    parameters: ["gates", "units", "cell", "state"],
    locals: [["size", "i32"], ["end", "i32"], ["x", "v128"], ["square", "v128"]],
    body: `
      local.get units i32.const 2 i32.shl local.tee size local.get gates i32.add local.set end
      ${whileCode("local.get gates local.get end i32.lt_u", `
        local.get cell
        ${gate(1, true)} local.get cell v128.load 0 f32x4.mul
        ${gate(0, true)} ${gate(2, false)} f32x4.mul f32x4.add
        v128.store 0
        local.get state
        ${gate(3, true)} local.get cell v128.load 0 ${tanhCode()} f32x4.mul
        v128.store 0
        ${["gates", "cell", "state"].map((name) => step(name, 16)).join(" ")}`)}`,
  };
}

// The sum of weights times samples; their number is a multiple of 16.
function sumCode() {
  const lanes = (s) => range(4).map((i) => `local.get ${s} f32x4.extract_lane ${i}`).join(" ");
  return {
    result: "f32",
    parameters: ["weights", "samples", "count"],
    locals: [["end", "i32"], ...range(4).map((s) => [`s${s}`, "v128"])],
    body: `
      local.get weights local.get count i32.const 2 i32.shl i32.add local.set end
      ${whileCode("local.get weights local.get end i32.lt_u", `
        ${range(4).map((s) => `local.get weights v128.load ${16 * s} local.get samples v128.load ${16 * s}
          f32x4.mul local.get s${s} f32x4.add local.set s${s}`).join("\n")}
        ${step("weights", 64)} ${step("samples", 64)}`)}
      local.get s0 local.get s1 f32x4.add local.get s2 local.get s3 f32x4.add f32x4.add local.set s0
      ${lanes("s0")} f32.add f32.add f32.add`,
  };
}

// Return {memory, one, four, gates, sum}, or null where WebAssembly or its SIMD is missing.
function startKernels() {
  try {
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES });
    const functions = { one: panelCode(1), four: panelCode(4), gates: gatesCode(), sum: sumCode() };
    const module = new WebAssembly.Module(assembled(functions, MEMORY_PAGES));
    return { memory, ...new WebAssembly.Instance(module, { page: { memory } }).exports };
  } catch (error) { // also a policy that forbids it
    return null;
  }
}

const kernels = startKernels(), memory = kernels ? kernels.memory.buffer : null;
let firstFree = 64;

// Return zeros that the kernels can work on; they are never given back.
function numbers(count) {
  const size = Math.ceil(count / 16) * 64; // whole lines of the cache
  if (!memory || firstFree + size > memory.byteLength) return new Float32Array(count);
  firstFree += size;
  return new Float32Array(memory, firstFree - size, count);
}

// Return a matrix (rows, columns) as panels of eight columns. Rows become a multiple of 4, and columns
// of 8, by zeros: {panels, depth, columns}.
function inPanels(matrix, rows, columns) {
  const depth = 4 * Math.ceil(rows / 4), padded = PANEL * Math.ceil(columns / PANEL);
  const panels = numbers(depth * padded);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      panels[(j - (j % PANEL)) * depth + i * PANEL + (j % PANEL)] = matrix[i * columns + j];
    }
  }
  return { panels, depth, columns: padded };
}

// Add rows of inputs (rows, depth) times a matrix in panels to rows of out (rows, columns).
function multiply(inputs, at, rows, { panels, depth, columns }, out, to) {
  if (inputs.buffer === memory && panels.buffer === memory && out.buffer === memory) {
    let row = 0;
    for (; row < rows; row += rows - row < 4 ? 1 : 4) {
      (rows - row < 4 ? kernels.one : kernels.four)(
        inputs.byteOffset + 4 * (at + row * depth), depth, panels.byteOffset, columns / PANEL,
        out.byteOffset + 4 * (to + row * columns), columns);
    }
    return;
  }
  for (let row = 0; row < rows; row++) {
    const start = at + row * depth;
    for (let j = 0, k = 0; j < columns; j += 4) { // four of the eight at a time: more do not fit
      k = (j - (j % PANEL)) * depth + (j % PANEL);
      let a = 0, b = 0, c = 0, d = 0;
      for (let i = start; i < start + depth; i++, k += PANEL) {
        const x = inputs[i];
        a += panels[k] * x;
        b += panels[k + 1] * x;
        c += panels[k + 2] * x;
        d += panels[k + 3] * x;
      }
      const place = to + row * columns + j;
      out[place] += a;
      out[place + 1] += b;
      out[place + 2] += c;
      out[place + 3] += d;
    }
  }
}

// Turn the gates of a clip into its next state, and its cell into the next one.
function passGates(gates, at, units, cell, cellAt, states, to) {
  if (units % 4 === 0 && gates.buffer === memory && cell.buffer === memory && states.buffer === memory) {
    kernels.gates(gates.byteOffset + 4 * at, units, cell.byteOffset + 4 * cellAt, states.byteOffset + 4 * to);
    return;
  }
  const sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const hyperbolicTangent = (x) => 1 - 2 / (Math.exp(2 * x) + 1); // faster than Math.tanh
  for (let i = 0; i < units; i++) {
    const fresh = sigmoid(gates[at + i]) * hyperbolicTangent(gates[at + 2 * units + i]);
    const next = sigmoid(gates[at + units + i]) * cell[cellAt + i] + fresh;
    cell[cellAt + i] = next;
    states[to + i] = sigmoid(gates[at + 3 * units + i]) * hyperbolicTangent(next);
  }
}

// Return the sum of `count` weights times samples, a multiple of 16.
function weightedSum(weights, at, samples, from, count) {
  if (weights.buffer === memory && samples.buffer === memory) {
    return kernels.sum(weights.byteOffset + 4 * at, samples.byteOffset + 4 * from, count);
  }
  let a = 0, b = 0, c = 0, d = 0; // four sums, which do not wait for each other
  for (let k = 0; k < count; k += 4) {
    a += weights[at + k] * samples[from + k];
    b += weights[at + k + 1] * samples[from + k + 1];
    c += weights[at + k + 2] * samples[from + k + 2];
    d += weights[at + k + 3] * samples[from + k + 3];
  }
  return a + b + c + d;
}
