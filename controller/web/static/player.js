// The player of one recording: seeking on the time line, ±10 s, speed, and the waveform.
import { clock } from "./app.js";

const box = document.querySelector("[data-player]");
const media = box.querySelector("audio, video");
const length = Number(box.dataset.length) / 1000;
const line = box.querySelector("[data-seek]");
const toggle = box.querySelector("[data-toggle]");
// What a phone's memory bears: decoded at 8 kHz this is 115 MB.
const LONGEST_WAVE = 1800;
const LARGEST_WAVE = 64e6;

if (media.localName === "audio") media.controls = false;

function duration() {
  return Number.isFinite(media.duration) && media.duration > 0 ? media.duration : length;
}
function seek(to) {
  media.currentTime = Math.min(Math.max(0, to), duration());
  show();
}
function show() {
  const share = duration() ? media.currentTime / duration() : 0;
  const x = (share * 1000).toFixed(2);
  const head = box.querySelector("[data-head]");
  head.setAttribute("x1", x);
  head.setAttribute("x2", x);
  box.querySelector("[data-played]").setAttribute("width", x);
  box.querySelector("[data-now]").textContent = clock(media.currentTime * 1000);
  line.setAttribute("aria-valuenow", Math.round(media.currentTime));
  line.setAttribute("aria-valuetext", clock(media.currentTime * 1000));
}
function switchPlaying() {
  if (media.paused) media.play().catch(() => {});
  else media.pause();
}

toggle.addEventListener("click", switchPlaying);
for (const [event, name, path] of [
  ["play", "Pause", '<path d="M7 5v10M13 5v10"/>'],
  ["pause", "Play", '<path class="fill" d="M6.5 4.3v11.4L15.5 10z"/>'],
]) {
  media.addEventListener(event, () => {
    toggle.setAttribute("aria-label", name);
    toggle.querySelector("svg").innerHTML = path;
  });
}
media.addEventListener("timeupdate", show);
media.addEventListener("seeked", show);
media.addEventListener("error", () => {
  box.querySelector("[data-now]").textContent = "cannot be played";
});
for (const button of box.querySelectorAll("[data-skip]")) {
  button.addEventListener("click", () => seek(media.currentTime + Number(button.dataset.skip)));
}
box.querySelector("[data-speed]").addEventListener("change", (event) => {
  media.playbackRate = Number(event.target.value);
});
// One party alone, in both ears. The sound goes through the mixer only once somebody asks for it.
const ears = box.querySelector("[data-ears]");
let mixer;
ears?.addEventListener("change", () => {
  if (!mixer) {
    const context = new AudioContext();
    const split = context.createChannelSplitter(2);
    const join = context.createChannelMerger(2);
    context.createMediaElementSource(media).connect(split);
    join.connect(context.destination);
    mixer = { context, split, join };
  }
  mixer.context.resume();
  mixer.split.disconnect();
  const only = ears.value === "" ? null : Number(ears.value);
  for (const ear of [0, 1]) mixer.split.connect(mixer.join, only ?? ear, ear);
});
for (const button of document.querySelectorAll("[data-at]")) {
  button.addEventListener("click", () => {
    seek(Number(button.dataset.at) / 1000 - 3);
    media.play().catch(() => {});
  });
}

function at(event) {
  const edge = line.getBoundingClientRect();
  return ((event.clientX - edge.left) / edge.width) * duration();
}
line.addEventListener("pointerdown", (event) => {
  line.setPointerCapture(event.pointerId);
  seek(at(event));
});
line.addEventListener("pointermove", (event) => {
  if (line.hasPointerCapture(event.pointerId)) seek(at(event));
});
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea, summary, a, button") || event.ctrlKey || event.metaKey) return;
  const step = { ArrowLeft: -10, ArrowRight: 10 }[event.key];
  if (step) seek(media.currentTime + step);
  else if (event.key === " ") switchPlaying();
  else return;
  event.preventDefault();
});

// The waveform is drawn when playing begins and not before: fetching the sound is listening, and
// the audit says who has listened.
async function wave() {
  if (!box.dataset.audio || length > LONGEST_WAVE || Number(box.dataset.size) > LARGEST_WAVE) return;
  const answer = await fetch(media.currentSrc);
  if (!answer.ok) return;
  const sound = await new OfflineAudioContext(2, 1, 8000).decodeAudioData(await answer.arrayBuffer());
  const canvas = box.querySelector("[data-wave]");
  const sharp = Math.min(2, devicePixelRatio);
  canvas.width = canvas.clientWidth * sharp;
  canvas.height = canvas.clientHeight * sharp;
  const brush = canvas.getContext("2d");
  const [width, middle] = [canvas.width, canvas.height / 2];
  brush.fillStyle = getComputedStyle(canvas).color;
  const channels = Array.from({ length: Math.min(2, sound.numberOfChannels) }, (_, i) => sound.getChannelData(i));
  const loudest = Math.max(0.05, ...channels.map((c) => c.reduce((m, v) => Math.max(m, Math.abs(v)), 0)));
  const bar = 3 * sharp;
  for (let x = 0; x < width; x += bar) {
    const from = Math.floor((x / width) * sound.length);
    const to = Math.max(from + 1, Math.floor(((x + bar) / width) * sound.length));
    // Two parties: one above the line, the other below. One channel: both ways.
    const [up, down] = [channels[0], channels.at(-1)].map((c) => {
      let peak = 0;
      for (let i = from; i < to; i++) peak = Math.max(peak, Math.abs(c[i]));
      return Math.max(sharp, (peak / loudest) * middle * 0.92);
    });
    brush.globalAlpha = 0.75;
    brush.fillRect(x, middle - up, bar - sharp, up);
    brush.globalAlpha = 0.45;
    brush.fillRect(x, middle, bar - sharp, down);
  }
}
media.addEventListener("playing", () => wave().catch(() => {}), { once: true });
show();
