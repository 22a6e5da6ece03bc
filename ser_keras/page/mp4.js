"use strict";
// The rate of an M4A or MP4 file, so that the browser decodes it at that rate and resamples nothing.

// Return the rate in Hz of the first track of sound, or 0. It stands behind the `stsd` box: version and
// number of entries, then the entry's size and kind, and at byte 28 from the kind the rate as 16.16 bits.
// Source: ISO/IEC 14496-12:2022, 8.5.2 (SampleDescriptionBox) and 12.2.3 (AudioSampleEntry).
function rateOfMp4(content) {
  const bytes = new Uint8Array(content), view = new DataView(content);
  for (let at = bytes.indexOf(0x73); at >= 0; at = bytes.indexOf(0x73, at + 1)) { // "s"
    if (at + 46 > bytes.length) return 0;
    if (textAt(view, at) === "stsd" && textAt(view, at + 16) === "mp4a") return view.getUint16(at + 44);
  }
  return 0;
}
