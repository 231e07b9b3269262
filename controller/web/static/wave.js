// The waveform: wavesurfer.js draws the stored peaks of each party; what happened lies over it as
// patterns and flags; zooming fetches finer peaks of what is to be seen and of nothing else.
import { clock } from "./app.js";
import { duration, seek, view } from "./player.js";

const STEP_MS = 20; // the finest bucket; see docs/reference/peaks.md
const FINER = [1, 4, 16, 64, 256, 1024];
const CHUNK = 2000; // points fetched at once
const CLOSEST = 240; // pixels a second
const BAR = 3;

export async function draw(box, media, line) {
  const css = (name) => getComputedStyle(line).getPropertyValue(name).trim();
  patterns(box);
  const place = () => { flags(box); ruler(box); };
  place();
  new ResizeObserver(place).observe(line);
  if (!box.dataset.peaks) return;
  performance.mark("waveform asked for");
  const [{ default: WaveSurfer }, whole] = await Promise.all([
    import("./vendor/wavesurfer.js"), fetchPeaks(box, 0, null, CHUNK),
  ]);
  const length = whole.durationMs / 1000;
  if (!whole.points || !length) return;
  const count = whole.channels;
  const loudest = Math.max(0.04, ...whole.sizes.map((lane) => lane.reduce((m, v) => Math.max(m, v), 0)));
  const height = () => parseFloat(css("--lane")) || 64;
  let only = null;
  const lanes = () =>
    Array.from({ length: count }, (_, n) => {
      const dim = only !== null && only !== n;
      return { height: height(), waveColor: css(dim ? "--line" : n % 2 ? "--ch1-soft" : "--ch0-soft"), progressColor: css(dim ? "--line" : n % 2 ? "--ch1" : "--ch0") };
    });
  const wave = WaveSurfer.create({
    container: box.querySelector("[data-wave]"), media, peaks: whole.sizes, duration: length, cspNonce: box.dataset.nonce,
    splitChannels: lanes(), height: height(), barWidth: 2, barGap: 1, barRadius: 1, barMinHeight: 1, maxPeak: loudest, barHeight: 0.92,
    cursorWidth: 0, interact: false, hideScrollbar: true, autoScroll: true, autoCenter: true, normalize: true,
  });
  box.wave = wave; // for the tests, and for whoever wants to look
  await new Promise((done) => wave.once("ready", done));
  line.classList.add("drawn");
  performance.measure("waveform", "waveform asked for"); // the tests hold it to its time

  view.wide = () => wave.getWrapper().clientWidth || line.clientWidth;
  view.scroll = () => wave.getScroll();
  let zoomed = 0; // how often it was doubled
  const fit = () => line.clientWidth / length;
  const most = () => Math.max(0, Math.ceil(Math.log2(CLOSEST / fit())));
  const fine = { steps: null, sizes: whole.sizes, there: new Set() };

  view.zoom = (by) => {
    const next = Math.min(Math.max(0, zoomed + by), most());
    if (next === zoomed) return;
    const middle = media.currentTime;
    zoomed = next;
    wave.zoom(zoomed ? fit() * 2 ** zoomed : 0);
    wave.setScroll((middle / length) * view.wide() - line.clientWidth / 2);
    box.querySelector('[data-zoom="-1"]').disabled = zoomed === 0;
    box.querySelector('[data-zoom="1"]').disabled = zoomed === most();
    box.querySelector("[data-overview]").hidden = zoomed === 0;
    if (zoomed) overview();
    sync();
  };
  for (const button of box.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => view.zoom(Number(button.dataset.zoom)));
  }
  box.addEventListener("wheel", (event) => {
    if (!event.ctrlKey || !event.target.closest(".stage")) return;
    event.preventDefault();
    view.zoom(event.deltaY < 0 ? 1 : -1);
  }, { passive: false });
  box.addEventListener("hear", (event) => {
    only = event.detail;
    wave.setOptions({ splitChannels: lanes() });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => wave.setOptions({ splitChannels: lanes() }));

  function sync() {
    const over = box.querySelector("[data-over]");
    over.style.width = `${view.wide()}px`;
    over.style.transform = `translateX(${-view.scroll()}px)`;
    place();
    windowed();
    clearTimeout(fine.later);
    fine.later = setTimeout(refine, 60);
  }
  wave.on("scroll", sync);
  wave.on("redraw", () => requestAnimationFrame(sync));

  // Finer peaks, where the bars of what is to be seen are finer than what is there.
  async function refine() {
    const wanted = (1000 / (view.wide() / length)) * BAR; // ms in a bar
    const steps = FINER.findLast((s) => s * STEP_MS <= wanted) ?? 1;
    if (whole.durationMs / whole.points <= wanted * 1.2) return;
    if (fine.steps !== steps) {
      const points = Math.ceil(whole.durationMs / (steps * STEP_MS));
      // Until the finer ones are there the coarse ones stand in for them.
      fine.sizes = whole.sizes.map((lane) => Float32Array.from({ length: points }, (_, n) => lane[Math.min(lane.length - 1, Math.floor((n / points) * lane.length))]));
      fine.steps = steps;
      fine.there = new Set();
    }
    const per = CHUNK * steps * STEP_MS;
    const first = Math.floor(((view.scroll() / view.wide()) * whole.durationMs) / per);
    const last = Math.floor((((view.scroll() + line.clientWidth) / view.wide()) * whole.durationMs) / per);
    const missing = [];
    for (let n = Math.max(0, first); n <= last; n++) if (!fine.there.has(n)) missing.push(n);
    if (!missing.length) return;
    const target = fine.sizes;
    await Promise.all(missing.map(async (n) => {
      fine.there.add(n);
      const found = await fetchPeaks(box, n * per, (n + 1) * per, CHUNK);
      found.sizes.forEach((lane, c) => target[c].set(lane.subarray(0, Math.max(0, target[c].length - n * CHUNK)), n * CHUNK));
    }));
    if (target === fine.sizes) wave.setOptions({ peaks: fine.sizes, duration: length });
  }

  // All of it, small, and which part is to be seen.
  const strip = box.querySelector("[data-overview]");
  function overview() {
    const canvas = strip.querySelector("[data-all]");
    const sharp = Math.min(2, devicePixelRatio);
    [canvas.width, canvas.height] = [strip.clientWidth * sharp, strip.clientHeight * sharp];
    const brush = canvas.getContext("2d");
    brush.fillStyle = getComputedStyle(canvas).color;
    for (let x = 0; x < canvas.width; x++) {
      const [a, b] = [x, x + 1].map((v) => Math.floor((v / canvas.width) * whole.points));
      let top = 0;
      for (const lane of whole.sizes) for (let n = a; n < Math.max(a + 1, b); n++) top = Math.max(top, lane[n] ?? 0);
      const high = Math.max(1, (top / loudest) * canvas.height * 0.9);
      brush.fillRect(x, (canvas.height - high) / 2, 1, high);
    }
  }
  function windowed() {
    const frame = strip.querySelector("[data-window]");
    frame.style.left = `${(view.scroll() / view.wide()) * 100}%`;
    frame.style.width = `${Math.min(1, line.clientWidth / view.wide()) * 100}%`;
  }
  const pan = (event) => {
    const edge = strip.getBoundingClientRect();
    wave.setScroll(((event.clientX - edge.left) / edge.width) * view.wide() - line.clientWidth / 2);
  };
  strip.addEventListener("pointerdown", (event) => { strip.setPointerCapture(event.pointerId); pan(event); });
  strip.addEventListener("pointermove", (event) => strip.hasPointerCapture(event.pointerId) && pan(event));
  strip.addEventListener("dblclick", (event) => {
    const edge = strip.getBoundingClientRect();
    seek(((event.clientX - edge.left) / edge.width) * length);
  });
  sync();
  speakers(box, media);
}

// Who speaks at this moment, beside the clock.
async function speakers(box, media) {
  const answer = await fetch(box.dataset.peaks.replace(/peaks$/, "spans"));
  if (!answer.ok) return;
  const { speech } = await answer.json();
  const said = box.querySelector("[data-spoken]");
  media.addEventListener("timeupdate", () => {
    const now = media.currentTime * 1000;
    const names = speech.filter((s) => s.from_ms <= now && now < s.to_ms).map((s) => s.who).filter(Boolean);
    said.textContent = [...new Set(names)].join(", ");
  });
}

// For each channel how far the sound reaches from the middle, 0 to 1, point after point.
async function fetchPeaks(box, fromMs, toMs, points) {
  const url = new URL(box.dataset.peaks, location.href);
  url.search = new URLSearchParams({ points, from_ms: fromMs, ...(toMs === null ? {} : { to_ms: toMs }), format: "binary" });
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`no waveform: ${answer.status}`);
  const bytes = await answer.arrayBuffer();
  const head = new DataView(bytes);
  const [channels, count] = [head.getUint8(5), head.getUint32(8, true)];
  const codes = new Int8Array(bytes, 28);
  const size = (code) => (((((Math.abs(code) & 15) << 3) + 132) << (Math.abs(code) >> 4)) - 132) / 32124;
  const sizes = Array.from({ length: channels }, (_, c) =>
    Float32Array.from({ length: count }, (_, n) => {
      const place = (n * channels + c) * 2;
      return Math.max(size(codes[place]), size(codes[place + 1]));
    }));
  return { channels, points: count, sizes, durationMs: Number(head.getBigUint64(20, true)) };
}

// Stretches get a pattern of their own beside their colour.
function patterns(box) {
  const over = box.querySelector("[data-over]");
  for (const [name, kind] of [["silence", "pause"], ["hold", "hold"], ["gap", "gap"]]) {
    for (const rect of over.querySelectorAll(`rect.${name}`)) {
      const stripes = document.createElement("div");
      stripes.className = `stripes ${kind}`;
      stripes.style.left = `${Number(rect.getAttribute("x")) / 10}%`;
      stripes.style.width = `${Number(rect.getAttribute("width")) / 10}%`;
      over.append(stripes);
    }
  }
}

// The flags stand where their moment is, as far as they do not cover each other.
function flags(box) {
  const wide = box.querySelector("[data-flags]").clientWidth;
  let reached = -Infinity;
  const all = [...box.querySelectorAll(".flag")].sort((a, b) => a.dataset.atMs - b.dataset.atMs);
  for (const flag of all) {
    const at = (ms) => (Number(ms) / 1000 / duration()) * view.wide() - view.scroll();
    // A stretch is named in the middle of what is to be seen of it.
    const [from, to] = [at(flag.dataset.fromMs ?? flag.dataset.atMs), at(flag.dataset.toMs ?? flag.dataset.atMs)];
    const x = to < 0 || from > wide ? from : (Math.max(from, 0) + Math.min(to, wide)) / 2;
    const half = flag.firstElementChild.offsetWidth / 2;
    flag.classList.toggle("first", x < half);
    flag.classList.toggle("last", x > wide - half);
    flag.style.left = `${x}px`;
    const begin = x < half ? x : x > wide - half ? x - 2 * half : x - half;
    const covered = begin < reached + 4 || to < -1 || from > wide + 1;
    flag.classList.toggle("hidden", covered);
    if (!covered) reached = begin + 2 * half;
  }
}

function ruler(box) {
  const rule = box.querySelector("[data-ruler]");
  const wide = rule.clientWidth;
  if (!wide) return;
  const second = view.wide() / duration();
  const step = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].find((s) => s * second >= 64) ?? 7200;
  const ticks = [];
  for (let t = Math.floor(view.scroll() / second / step) * step; t * second - view.scroll() < wide - 30 && t <= duration(); t += step) {
    const tick = document.createElement("span");
    tick.textContent = step < 1 ? `${clock(t * 1000)}.${Math.round((t % 1) * 10)}` : clock(t * 1000);
    tick.style.left = `${t * second - view.scroll()}px`;
    ticks.push(tick);
  }
  rule.replaceChildren(...ticks);
}
