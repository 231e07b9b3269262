// The player of one recording: playing, seeking, speed, repeating a part, one channel alone. The
// waveform is wave.js's; without it (no waveform yet, no npm at the installation) all of this works.
import { clock } from "./app.js";
import { t } from "./texts.js";

const box = document.querySelector("[data-player]");
const media = box.querySelector("audio, video");
const length = Number(box.dataset.length) / 1000;
const line = box.querySelector("[data-seek]");
const toggle = box.querySelector("[data-toggle]");
const speed = box.querySelector("[data-speed]");
const SPEEDS = [...speed.options].map((o) => Number(o.value));
// What part of the recording is to be seen: all of it, until somebody zooms.
export const view = { wide: () => line.clientWidth, scroll: () => 0, zoom: () => {} };
const part = { from: null, to: null };

if (media.localName === "audio") media.controls = false;

export function duration() {
  return Number.isFinite(media.duration) && media.duration > 0 ? media.duration : length;
}
export function seek(to) {
  media.currentTime = Math.min(Math.max(0, to), duration());
  show();
}
function show() {
  const at = media.currentTime;
  const x = (duration() ? (at / duration()) * 1000 : 0).toFixed(2);
  const head = box.querySelector("[data-head]");
  head.setAttribute("x1", x);
  head.setAttribute("x2", x);
  box.querySelector("[data-played]").setAttribute("width", x);
  box.querySelector("[data-now]").textContent = clock(at * 1000);
  line.setAttribute("aria-valuenow", Math.round(at));
  line.setAttribute("aria-valuetext", clock(at * 1000));
}
function play() {
  media.play().catch(() => {});
}
function switchPlaying() {
  if (media.paused) play();
  else media.pause();
}

toggle.addEventListener("click", switchPlaying);
for (const [event, name, path] of [
  ["play", t("Pause"), '<path d="M7 5v10M13 5v10"/>'],
  ["pause", t("Play"), '<path class="fill" d="M6.5 4.3v11.4L15.5 10z"/>'],
]) {
  media.addEventListener(event, () => {
    toggle.setAttribute("aria-label", name);
    toggle.querySelector("svg").innerHTML = path;
  });
}
// timeupdate comes four times a second; a playhead that moves and a part that repeats need more.
function follow() {
  show();
  if (part.to !== null && media.currentTime >= part.to) seek(part.from);
  if (!media.paused) requestAnimationFrame(follow);
}
media.addEventListener("play", follow);
media.addEventListener("timeupdate", show);
media.addEventListener("seeked", show);
media.addEventListener("ended", () => part.to !== null && (seek(part.from), play()));
media.addEventListener("error", () => {
  box.querySelector("[data-now]").textContent = t("cannot be played");
});
for (const button of box.querySelectorAll("[data-skip]")) {
  button.addEventListener("click", () => seek(media.currentTime + Number(button.dataset.skip)));
}
function setSpeed(rate) {
  speed.value = String(rate);
  media.playbackRate = rate;
}
speed.addEventListener("change", () => setSpeed(Number(speed.value)));
function faster(by) {
  const now = SPEEDS.indexOf(Number(speed.value));
  setSpeed(SPEEDS[Math.min(Math.max(0, now + by), SPEEDS.length - 1)]);
}

// Repeating: from here, to here, no more.
const loop = box.querySelector("[data-loop]");
const clip = box.querySelector("[data-clip]");
function repeat() {
  if (part.from === null) part.from = media.currentTime;
  else if (part.to === null && media.currentTime > part.from + 0.2) part.to = media.currentTime;
  else part.from = part.to = null;
  const [from, to] = [part.from ?? 0, part.to ?? part.from ?? 0];
  loop.setAttribute("aria-pressed", String(part.to !== null));
  loop.classList.toggle("half", part.from !== null && part.to === null);
  loop.querySelector("[data-loop-text]").textContent =
    part.to !== null ? `${clock(from * 1000)}–${clock(to * 1000)}` : part.from !== null ? t("%(time)s to …", { time: clock(from * 1000) }) : t("Repeat");
  loop.title = part.to !== null ? t("Repeat no more (L)") : part.from !== null ? t("To here (L)") : t("Repeat from here (L)");
  const span = box.querySelector("[data-loop-span]");
  span.setAttribute("x", (from / duration()) * 1000);
  span.setAttribute("width", part.from === null ? 0 : Math.max(1, ((to - from) / duration()) * 1000));
  if (clip) {
    clip.hidden = part.to === null;
    clip.href = `${clip.dataset.clip}?from_ms=${Math.round(from * 1000)}&to_ms=${Math.round(to * 1000)}`;
  }
  if (part.to !== null) seek(part.from);
}
loop.addEventListener("click", repeat);

// One party alone, in both ears. The sound goes through the mixer only once somebody asks for it.
const ears = [...box.querySelectorAll("[data-only]")];
let mixer;
function hear(only) {
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
  for (const ear of [0, 1]) mixer.split.connect(mixer.join, only ?? ear, ear);
  for (const button of ears) button.setAttribute("aria-pressed", String(Number(button.dataset.only) === only));
  box.dispatchEvent(new CustomEvent("hear", { detail: only }));
}
function solo(button) {
  hear(button.getAttribute("aria-pressed") === "true" ? null : Number(button.dataset.only));
}
for (const button of ears) button.addEventListener("click", () => solo(button));

for (const button of document.querySelectorAll("[data-at]")) {
  button.addEventListener("click", () => {
    seek(Number(button.dataset.at) / 1000 - 3);
    play();
  });
}

// A note about this moment: the form below, with the moment in it.
const note = { text: document.querySelector("[data-note-text]"), at: document.querySelector("[data-note-at]"), time: document.querySelector("[data-note-time]") };
function moment() {
  if (!note.at) return;
  note.at.value = String(Math.round(media.currentTime * 1000));
  note.time.textContent = clock(media.currentTime * 1000);
}
function noteHere() {
  if (!note.at) return;
  moment();
  note.at.checked = true;
  note.text.scrollIntoView({ block: "center" });
  note.text.focus();
}
box.querySelector("[data-note-here]")?.addEventListener("click", noteHere);
for (const event of ["timeupdate", "seeked"]) media.addEventListener(event, () => note.at?.checked || moment());
note.at?.addEventListener("change", () => note.at.checked || moment());
moment();

function at(event) {
  const x = event.clientX - line.getBoundingClientRect().left + view.scroll();
  return (x / view.wide()) * duration();
}
line.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  line.setPointerCapture(event.pointerId);
  seek(at(event));
});
line.addEventListener("pointermove", (event) => {
  if (line.hasPointerCapture(event.pointerId)) seek(at(event));
});
const KEYS = {
  ArrowLeft: () => seek(media.currentTime - 10),
  ArrowRight: () => seek(media.currentTime + 10),
  Home: () => seek(0),
  End: () => seek(duration()),
  " ": switchPlaying,
  l: repeat,
  n: noteHere,
  "<": () => faster(-1),
  ">": () => faster(1),
  "+": () => view.zoom(1),
  "-": () => view.zoom(-1),
  1: () => ears[0] && solo(ears[0]),
  2: () => ears[1] && solo(ears[1]),
};
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea, summary, a") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("button") && (event.key === " " || event.key === "Enter")) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  act();
  event.preventDefault();
});
show();
import("./wave.js").then((wave) => wave.draw(box, media, line)).catch(() => {});

// A link into the middle (#t=milliseconds), as the CDR's time line gives them.
function fromAddress() {
  const wanted = /^#t=(\d{1,12})$/.exec(location.hash);
  if (!wanted) return;
  const go = () => seek(Number(wanted[1]) / 1000);
  if (media.readyState > 0) go();
  else {
    media.addEventListener("loadedmetadata", go, { once: true });
    media.preload = "metadata";
  }
}
fromAddress();
addEventListener("hashchange", fromAddress);
