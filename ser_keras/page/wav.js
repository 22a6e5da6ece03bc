"use strict";
// Reads WAV itself, block by block, so that a long file never is in memory at once.

// A sentence about a recording that cannot be used, and what to do about it.
class Refusal extends Error {
  constructor(problem, remedy) {
    super(`${problem}. ${remedy}.`);
    Object.assign(this, { problem, remedy });
  }
}

const MIN_LEVEL = 1e-4, MAX_LEVEL = 100, MAX_CHANNELS = 32, RATES = [1000, 768000];
const AGAIN = "Fetch or record it again";
const BLOCK_FRAMES = 1 << 17;

async function bytesOf(file, start, length) {
  try {
    return new DataView(await file.slice(start, start + length).arrayBuffer());
  } catch (error) {
    throw new Refusal("can no longer be read", "Choose it again");
  }
}

const textAt = (view, at) =>
  String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));

async function isWav(file) {
  if (file.size < 12) return false;
  const head = await bytesOf(file, 0, 12);
  return ["RIFF", "RF64"].includes(textAt(head, 0)) && textAt(head, 8) === "WAVE";
}

// Return {rate, channels, frames, decode, width, start} from the header of a WAV.
async function wavHeader(file) {
  let format = null, place = 12, longSize = 0;
  while (place + 8 <= file.size) {
    const head = await bytesOf(file, place, 8), kind = textAt(head, 0);
    let size = head.getUint32(4, true);
    if (kind === "ds64" && size >= 16 && place + 24 <= file.size) {
      longSize = Number((await bytesOf(file, place + 16, 8)).getBigUint64(0, true));
    }
    if (kind === "fmt ") {
      if (size < 16) break;
      format = wavFormat(await bytesOf(file, place + 8, Math.min(size, 40)));
    }
    if (kind === "data") {
      if (!format) break;
      const left = file.size - place - 8;
      if (size === 0xffffffff) size = longSize || left;
      if (size === 0 && left > 65536) size = left; // the recorder did not finish the header
      if (size > left) {
        throw new Refusal("is cut off or damaged: its header promises more than is there", AGAIN);
      }
      const frames = Math.floor(size / (format.width * format.channels));
      if (!frames) throw new Refusal("holds no samples", AGAIN);
      return { ...format, frames, start: place + 8 };
    }
    place += 8 + size + (size % 2);
  }
  throw new Refusal("is no complete WAV file", AGAIN);
}

function wavFormat(view) {
  if (view.byteLength < 16) throw new Refusal("is no complete WAV file", AGAIN);
  let code = view.getUint16(0, true);
  if (code === 0xfffe && view.byteLength >= 26) code = view.getUint16(24, true);
  const channels = view.getUint16(2, true), rate = view.getUint32(4, true);
  const width = view.getUint16(14, true) / 8;
  const decoders = {
    "1/1": (v, at) => (v.getUint8(at) - 128) / 128,
    "1/2": (v, at) => v.getInt16(at, true) / 32768,
    "1/3": (v, at) => ((v.getInt8(at + 2) << 16) | v.getUint16(at, true)) / 8388608,
    "1/4": (v, at) => v.getInt32(at, true) / 2147483648,
    "3/4": (v, at) => v.getFloat32(at, true),
    "3/8": (v, at) => v.getFloat64(at, true),
    "6/1": (v, at) => fromALaw(v.getUint8(at)),
    "7/1": (v, at) => fromMuLaw(v.getUint8(at)),
  };
  const decode = decoders[`${code}/${width}`];
  if (!decode) throw new Refusal("is a WAV of a kind that is not read here", "Save it as 16-bit WAV");
  if (rate < RATES[0] || rate > RATES[1]) {
    throw new Refusal(`has a rate of ${rate} Hz`, `Give ${RATES[0]} to ${RATES[1]} Hz`);
  }
  if (channels < 1 || channels > MAX_CHANNELS) {
    throw new Refusal(`has ${channels} channels`, `Give 1 to ${MAX_CHANNELS}`);
  }
  return { channels, rate, width, decode };
}

function fromMuLaw(byte) { // G.711
  const value = ~byte & 255, exponent = (value >> 4) & 7;
  const size = ((((value & 15) << 3) + 132) << exponent) - 132;
  return (value & 128 ? -size : size) / 32768;
}

function fromALaw(byte) {
  const value = byte ^ 0x55, exponent = (value >> 4) & 7, mantissa = ((value & 15) << 4) + 8;
  const size = exponent ? (mantissa + 256) << (exponent - 1) : mantissa;
  return (value & 128 ? size : -size) / 32768;
}

// Yield blocks of mono samples of a WAV; `header` is what wavHeader returned. `channel` is the one
// to take, or null for the mean of all.
async function* wavBlocks(file, header, channel = null) {
  const { channels, width, decode, frames, start } = header, size = width * channels;
  for (let first = 0; first < frames; first += BLOCK_FRAMES) {
    const count = Math.min(BLOCK_FRAMES, frames - first);
    const view = await bytesOf(file, start + first * size, count * size);
    const mono = new Float32Array(count);
    for (let t = 0; t < count; t++) {
      if (channel !== null) {
        mono[t] = decode(view, t * size + channel * width);
        continue;
      }
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += Math.fround(decode(view, t * size + c * width));
      mono[t] = sum / channels;
    }
    yield mono;
  }
}

// Return the channel to take where the channels of a WAV cancel each other in their mean, or null.
async function cancelledChannel(file, header) {
  const { channels, width, decode, frames, start } = header, size = width * channels;
  if (channels < 2) return null;
  const sums = new Float64Array(channels), squares = new Float64Array(channels);
  let mixed = 0, mixedSquare = 0, count = 0;
  const step = Math.max(1, Math.floor(frames / (1 << 16)));
  for (let first = 0; first < frames; first += BLOCK_FRAMES) {
    const length = Math.min(BLOCK_FRAMES, frames - first);
    const view = await bytesOf(file, start + first * size, length * size);
    for (let t = 0; t < length; t += step) {
      let sum = 0;
      for (let c = 0; c < channels; c++) {
        const x = decode(view, t * size + c * width);
        sums[c] += x;
        squares[c] += x * x;
        sum += x;
      }
      mixed += sum;
      mixedSquare += sum * sum;
      count += 1;
    }
  }
  const variances = squares.map((square, c) => square / count - (sums[c] / count) ** 2);
  const alone = variances.reduce((a, b) => a + b, 0);
  const power = squares.reduce((a, b) => a + b, 0) / count;
  const together = mixedSquare / count - (mixed / count) ** 2;
  if (alone <= 1e-3 * power || together >= 0.15 * alone) return null;
  return variances.indexOf(variances.reduce((a, b) => Math.max(a, b)));
}
