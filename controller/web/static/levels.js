// The strips of the live page: how loud the last half minute of each recording was, drawn once a second.
// docs/reference/live-levels.md says what the stream tells.
import { t } from "./texts.js";

const STEPS = 120; // half a minute
const A_SECOND = 4;
const LOUD = 8; // -43 dB of full scale: somebody speaks
const RECENT = 3 * A_SECOND;
const STALE_S = 5; // no switch writes that seldom
const SVG = "http://www.w3.org/2000/svg";
const WHY = {
  elsewhere: t("No levels: the sound is written on another machine."),
  unreadable: t("No levels: the file cannot be read."),
};

const strips = new Map(); // by recording: {why} or {party, end, newest, lanes}
const pauses = new Map(); // by recording: [{from, to}] in steps, the last one open while it is paused
let now = 0; // the server's, in steps

export function take(told) {
  now = told.at;
  for (const [id, fresh] of Object.entries(told.strips)) {
    const old = strips.get(id);
    strips.set(id, fresh.why || !old?.lanes ? fresh : { ...fresh, lanes: fresh.lanes.map((lane, n) => joined(old, n, lane, fresh.end)) });
  }
  const boxes = [...document.querySelectorAll("[data-levels]")];
  // Looked at before any is drawn: places that are asked for in between are laid out again each time.
  const drawn = boxes.filter((box) => !box.firstChild || near(box));
  for (const box of drawn) draw(box);
  const shown = new Set(boxes.map((box) => box.dataset.levels));
  for (const kept of [strips, pauses]) for (const id of kept.keys()) if (!shown.has(id)) kept.delete(id);
}

export function forget() {
  strips.clear();
  pauses.clear();
  for (const box of document.querySelectorAll("[data-levels]")) box.hidden = true;
}

// A card was drawn again: its strips have nothing in them yet.
export function redraw(card) {
  for (const box of card.querySelectorAll("[data-levels]")) draw(box);
}

// Of many calls those are drawn that can be seen, or soon.
function near(box) {
  const { top, bottom, height } = box.closest("[data-call]").getBoundingClientRect();
  return height > 0 && bottom > -innerHeight && top < 2 * innerHeight;
}

function joined(old, n, lane, end) {
  const before = old.lanes[n] ?? "";
  const gap = end - lane.length - old.end;
  return ((gap < 0 ? before.slice(0, gap) : before + "-".repeat(Math.min(gap, STEPS))) + lane).slice(-STEPS);
}

function draw(box) {
  const strip = strips.get(box.dataset.levels);
  box.hidden = !strip;
  if (!strip) return;
  box.classList.toggle("none", Boolean(strip.why));
  if (strip.why) {
    say(box, WHY[strip.why] ?? "");
    return;
  }
  if (!box.querySelector("svg")) furnish(box);
  const names = whose(box, strip);
  const age = Math.max(0, (now - strip.newest) / A_SECOND);
  const paused = paint(box, strip);
  names.forEach((name, n) => say(box.querySelector(`.lane${n}`), name));
  box.classList.toggle("single", names.length === 1);
  box.classList.toggle("stale", age > STALE_S);
  say(box.querySelector(".age"), age > STALE_S ? t("nothing new for %(age)s s", { age: age.toFixed(0) }) : t("newest sound %(age)s s old", { age: age.toFixed(1) }));
  const picture = box.querySelector("svg");
  const said = meaning(strip, names, paused);
  if (picture.getAttribute("aria-label") !== said) picture.setAttribute("aria-label", said);
}

function furnish(box) {
  box.innerHTML = '<span class="voices"><bdi class="lane0"></bdi><bdi class="lane1"></bdi></span><svg role="img" preserveAspectRatio="none"></svg><span class="scale" aria-hidden="true"><span></span><span class="age"></span></span>';
  say(box.querySelector(".scale span"), t("30 s ago"));
  const svg = box.querySelector("svg");
  svg.setAttribute("viewBox", `0 0 ${STEPS} 40`);
  for (const name of ["paused", "coming", "lane0", "lane1"]) {
    svg.append(document.createElementNS(SVG, "path"));
    svg.lastChild.setAttribute("class", name);
  }
}

// By the card's own parties: a card shows no more than its reader may see.
function whose(box, strip) {
  const parties = [...box.closest("[data-call]").querySelectorAll("[data-who]")].map((one) => one.dataset.who);
  if (strip.party === null && strip.lanes.length < 2) return [t("all together")];
  const own = parties[strip.party] ?? t("one party");
  const far = parties.length === 2 && strip.party !== null ? parties[1 - strip.party] : t("the others");
  return [own, far].slice(0, strip.lanes.length);
}

// Positions are attributes of the SVG, the colours are in levels.css. Whether it is paused now is returned.
function paint(box, strip) {
  const place = (step) => STEPS - (Math.floor(now) - step);
  const part = (name) => box.querySelector(`path.${name}`);
  const two = strip.lanes.length > 1;
  for (const n of [0, 1]) {
    const lane = strip.lanes[n] ?? "";
    const first = strip.end - lane.length;
    let path = "";
    for (let i = 0; i < lane.length; i++) {
      const x = place(first + i);
      if (lane[i] === "-" || lane[i] === "0" || x < 0) continue;
      const size = 0.8 + (parseInt(lane[i], 36) / 35) * 18.7;
      const top = two ? (n ? 20.3 : 19.7 - size) : 20 - size;
      path += `M${x} ${top.toFixed(2)}h1v${(two ? size : 2 * size).toFixed(2)}h-1z`;
    }
    part(`lane${n}`).setAttribute("d", path);
  }
  const ahead = Math.min(STEPS, Math.max(0, place(strip.end)));
  part("coming").setAttribute("d", ahead < STEPS ? `M${ahead} 0H${STEPS}V40H${ahead}z` : "");
  const since = box.dataset.paused;
  const spans = pauses.get(box.dataset.levels) ?? [];
  const open = spans.at(-1);
  if (since && !(open && open.to === null)) spans.push({ from: (Date.parse(since) / 1000) * A_SECOND, to: null });
  if (!since && open && open.to === null) open.to = now;
  pauses.set(box.dataset.levels, spans.filter((one) => one.to === null || now - one.to < STEPS));
  const bands = spans.map((one) => [place(one.from), place(one.to ?? now)].map((x) => Math.min(STEPS, Math.max(0, x)).toFixed(2)));
  part("paused").setAttribute("d", bands.map(([from, to]) => `M${from} 0H${to}V40H${from}z`).join(""));
  return Boolean(since);
}

function meaning(strip, names, paused) {
  if (paused) return t("Sound levels: paused, nothing is recorded");
  const heard = strip.lanes.map((lane) => [...lane.slice(-RECENT)].some((letter) => parseInt(letter, 36) >= LOUD));
  const who = names.filter((_, n) => heard[n]);
  if (!who.length) return t("Sound levels: silence");
  if (names.length === 1) return t("Sound levels: sound");
  return who.length > 1 ? t("Sound levels: sound from both parties") : t("Sound levels: sound from %(who)s only", { who: who[0] });
}

function say(where, text) {
  if (where.textContent !== text) where.textContent = text;
}
