"use strict";
// The microphone: samples come in blocks of a twentieth of a second or so, until it is stopped.

const TAP = `registerProcessor("tap", class extends AudioWorkletProcessor {
  constructor() { super(); this.block = []; this.count = 0; }
  process([[channel]]) {
    if (channel) { this.block.push(channel.slice()); this.count += channel.length; }
    if (this.count >= 2048) {
      const samples = new Float32Array(this.count);
      let at = 0;
      for (const part of this.block) { samples.set(part, at); at += part.length; }
      this.port.postMessage(samples, [samples.buffer]);
      this.block = []; this.count = 0;
    }
    return true;
  }
});`;

// Start the microphone; `onSamples` gets (samples, rate), and `onEnd` is called when it is unplugged.
// Return a function that stops it.
async function openMicrophone(onSamples, onEnd) {
  if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
    throw new Refusal("This browser gives no microphone to a page that is opened from a file",
      "Record with another program, and add the recording");
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: {
      channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  } catch (error) {
    if (error.name === "NotFoundError") throw new Refusal("There is no microphone", "Plug one in");
    throw new Refusal("The microphone was not allowed", "Allow it in the browser, and try again");
  }
  const context = new AudioContext();
  const source = context.createMediaStreamSource(stream);
  let tap;
  try { // a data address, since a page from a file may not load a module from a blob
    await context.audioWorklet.addModule(`data:text/javascript,${encodeURIComponent(TAP)}`);
    tap = new AudioWorkletNode(context, "tap", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    tap.port.onmessage = ({ data }) => onSamples(data, context.sampleRate);
  } catch (error) { // the older way, which every browser still has
    tap = context.createScriptProcessor(2048, 1, 1);
    tap.onaudioprocess = ({ inputBuffer }) => onSamples(inputBuffer.getChannelData(0).slice(), context.sampleRate);
    tap.connect(context.destination); // else it is never called; what comes out is silence
  }
  source.connect(tap);
  stream.getTracks().forEach((track) => track.addEventListener("ended", onEnd));
  await context.resume();
  return () => {
    tap.disconnect();
    stream.getTracks().forEach((track) => track.stop());
    context.close();
  };
}

// Return a WAV of 16 bits from blocks of samples.
function wavFile(blocks, rate, name) {
  const count = blocks.reduce((sum, block) => sum + block.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 2 * count));
  const write = (at, text) => [...text].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  write(0, "RIFF"); view.setUint32(4, 36 + 2 * count, true); write(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, rate, true); view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  write(36, "data"); view.setUint32(40, 2 * count, true);
  let at = 44;
  for (const block of blocks) {
    for (const x of block) {
      view.setInt16(at, Math.max(-32768, Math.min(32767, Math.round(x * 32768))), true);
      at += 2;
    }
  }
  return new File([view.buffer], name, { type: "audio/wav" });
}

// Return the rate that a compressed file says it has, so that the browser decodes it at that rate.
function rateOfHeader(view) {
  const text = (at, n) => Array.from({ length: n }, (_, i) =>
    at + i < view.byteLength ? String.fromCharCode(view.getUint8(at + i)) : "").join("");
  if (text(0, 4) === "fLaC" && view.byteLength > 21) {
    return (view.getUint8(18) << 12) | (view.getUint8(19) << 4) | (view.getUint8(20) >> 4);
  }
  if (text(0, 4) === "OggS") {
    const vorbis = text(28, 7) === "\u0001vorbis";
    return vorbis && view.byteLength > 44 ? view.getUint32(40, true) : 48000;
  }
  if (text(4, 4) === "ftyp") return rateOfMp4(view.buffer) || 48000;
  if (text(1, 3) === "E\u00df\u00a3") return 48000; // WebM
  let at = 0;
  if (text(0, 3) === "ID3" && view.byteLength > 10) {
    at = 10 + [6, 7, 8, 9].reduce((sum, i) => (sum << 7) | view.getUint8(i), 0);
  }
  for (const end = Math.min(view.byteLength - 4, at + 4096); at < end; at++) {
    if (view.getUint8(at) !== 0xff || (view.getUint8(at + 1) & 0xe6) !== 0xe2) continue;
    const version = (view.getUint8(at + 1) >> 3) & 3, index = (view.getUint8(at + 2) >> 2) & 3;
    if (index < 3 && version !== 1) return [44100, 48000, 32000][index] >> (version === 3 ? 0 : version === 2 ? 1 : 2);
  }
  return 48000;
}

// Return {samples, rate} of a file that the browser decodes, as mono.
async function decodedFile(file) {
  if (!file.size) throw new Refusal("is empty", AGAIN);
  if (file.size > 1 << 28) throw new Refusal("is too large for the browser to decode", "Save it as WAV");
  let content;
  try {
    content = await file.arrayBuffer();
  } catch (error) {
    throw new Refusal("can no longer be read", "Choose it again");
  }
  const rate = Math.min(Math.max(rateOfHeader(new DataView(content)), 8000), 96000);
  let sound;
  try {
    sound = await new OfflineAudioContext(1, 1, rate).decodeAudioData(content);
  } catch (error) {
    throw new Refusal("is in no format that this browser reads", "Save it as WAV or MP3");
  }
  const samples = new Float32Array(sound.length);
  for (let c = 0; c < sound.numberOfChannels; c++) {
    sound.getChannelData(c).forEach((x, i) => { samples[i] += x / sound.numberOfChannels; });
  }
  return { samples, rate: sound.sampleRate };
}
