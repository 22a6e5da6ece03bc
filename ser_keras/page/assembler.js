"use strict";
// A small assembler for WebAssembly: functions as text, in the words of its text format, become the
// bytes of a module. Only what kernels.js needs is known. Source of all numbers: WebAssembly Core
// Specification 2.0, chapters 5 (binary format) and 6 (text format).

const OPCODES = {
  block: [0x02, 0x40], loop: [0x03, 0x40], end: [0x0b], br: [0x0c], br_if: [0x0d], // of no result
  "local.get": [0x20], "local.set": [0x21], "local.tee": [0x22],
  "i32.const": [0x41],
  "i32.eqz": [0x45], "i32.lt_u": [0x49], "i32.add": [0x6a], "i32.sub": [0x6b], "i32.mul": [0x6c],
  "i32.shl": [0x74], "f32.add": [0x92],
  "v128.load": [0xfd, 0x00], "v128.load32_splat": [0xfd, 0x09], "v128.store": [0xfd, 0x0b],
  "v128.const": [0xfd, 0x0c], "f32x4.extract_lane": [0xfd, 0x1f],
  "f32x4.add": [0xfd, 0xe4, 0x01], "f32x4.sub": [0xfd, 0xe5, 0x01],
  "f32x4.mul": [0xfd, 0xe6, 0x01], "f32x4.div": [0xfd, 0xe7, 0x01],
  "f32x4.min": [0xfd, 0xe8, 0x01], "f32x4.max": [0xfd, 0xe9, 0x01],
};
const TYPES = { i32: 0x7f, f32: 0x7d, v128: 0x7b };

function unsigned(value) { // LEB128, seven bits a byte
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return [...bytes, value];
}

function signed(value) {
  const bytes = [];
  for (; value < -64 || value > 63; value >>= 7) bytes.push((value & 127) | 128);
  return [...bytes, value & 127];
}

const vector = (items) => [...unsigned(items.length), ...items.flat()];
const nameBytes = (name) => vector([...name].map((letter) => letter.charCodeAt(0)));

// Return the bytes of a function body. Each word of `text` is an instruction; what an instruction
// needs stands behind it: a local, a number, a label's depth, or the offset of a load or store.
function bodyBytes(text, locals) {
  const words = text.trim().split(/\s+/), bytes = [];
  const floats = new Float32Array(1), raw = new Uint8Array(floats.buffer);
  for (let at = 0; at < words.length; at++) {
    const name = words[at], code = OPCODES[name];
    if (!code) throw new Error(`unknown instruction ${name}`);
    bytes.push(...code);
    if (name.startsWith("local.")) bytes.push(...unsigned(locals.indexOf(words[++at])));
    else if (name === "br" || name === "br_if") bytes.push(...unsigned(Number(words[++at])));
    else if (name === "i32.const") bytes.push(...signed(Number(words[++at])));
    else if (name === "f32x4.extract_lane") bytes.push(Number(words[++at]));
    else if (name === "v128.const") { // one number in all four places
      floats[0] = Number(words[++at]);
      for (let lane = 0; lane < 4; lane++) bytes.push(...raw);
    } else if (/load|store/.test(name)) bytes.push(0, ...unsigned(Number(words[++at]))); // alignment 1
  }
  return bytes;
}

// Return the bytes of a module that imports its memory as `page.memory`, of `pages` of 64 KiB, and
// exports `functions`: name -> {parameters, locals, result, body}, where parameters (all i32) are
// names, and locals are pairs of a name and a type.
function assembled(functions, pages) {
  const entries = Object.entries(functions);
  const types = entries.map(([, { parameters, result }]) => [
    0x60, ...vector(parameters.map(() => TYPES.i32)), ...vector(result ? [TYPES[result]] : [])]);
  const bodies = entries.map(([, { parameters, locals, body }]) => {
    const names = [...parameters, ...locals.map(([name]) => name)];
    const declared = vector(locals.map(([, type]) => [1, TYPES[type]]));
    const content = [...declared, ...bodyBytes(body, names), ...OPCODES.end];
    return [...unsigned(content.length), ...content];
  });
  const memory = [...nameBytes("page"), ...nameBytes("memory"), 2, 0, ...unsigned(pages)];
  const exported = entries.map(([name], i) => [...nameBytes(name), 0, ...unsigned(i)]);
  const section = (id, items) => {
    const content = vector(items);
    return [id, ...unsigned(content.length), ...content];
  };
  return Uint8Array.from([
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // "\0asm", version 1
    ...section(1, types), ...section(2, [memory]), ...section(3, entries.map((_, i) => unsigned(i))),
    ...section(7, exported), ...section(10, bodies),
  ]);
}
