// The transcript in step with the player: the word that is heard, seeking by a click, search within.
import { t } from "./texts.js";

const box = document.querySelector("[data-transcript]");
const list = box?.querySelector("[data-said]");
const media = document.querySelector("[data-player] audio, [data-player] video");

if (list) {
  const turns = [...list.querySelectorAll(".turn")];
  const words = [...list.querySelectorAll("[data-word]")].map((el) => ({ el, at: Number(el.dataset.word) }));
  words.sort((a, b) => a.at - b.at);
  const follow = box.querySelector("[data-follow]");
  const quiet = matchMedia("(prefers-reduced-motion: reduce)");
  let now = null;
  let turn = null;

  function reveal(el) {
    // Only the list is scrolled: the page stays where its reader has put it.
    const top = el.offsetTop - list.offsetTop - list.clientHeight / 3;
    list.scrollTo({ top, behavior: quiet.matches ? "auto" : "smooth" });
  }
  function show() {
    const ms = media.currentTime * 1000 + 60;
    let low = 0;
    let high = words.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (words[middle].at <= ms) low = middle + 1;
      else high = middle;
    }
    const word = low ? words[low - 1].el : null;
    if (word === now) return;
    now?.classList.remove("now");
    now = word;
    now?.classList.add("now");
    const spoken = now?.closest(".turn") ?? null;
    if (spoken === turn) return;
    turn?.removeAttribute("aria-current");
    turn = spoken;
    turn?.setAttribute("aria-current", "true");
    if (turn && follow.checked && !media.paused) reveal(turn);
  }
  function play(ms) {
    media.currentTime = Math.max(0, ms / 1000 - 0.1);
    media.play().catch(() => {});
    show();
  }

  if (media) {
    media.addEventListener("timeupdate", show);
    media.addEventListener("seeked", show);
    list.addEventListener("click", (event) => {
      const button = event.target.closest("[data-seek-to]");
      const word = event.target.closest("[data-word]");
      // Marking text to copy it is no click on a word.
      if (!getSelection().isCollapsed) return;
      if (button) play(Number(button.dataset.seekTo));
      else if (word) play(Number(word.dataset.word));
    });
    // Up and down from one time to the next, as in any list.
    list.addEventListener("keydown", (event) => {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      const from = event.target.closest(".turn");
      if (!step || !from) return;
      turns[turns.indexOf(from) + step]?.querySelector("[data-seek-to]")?.focus();
      event.preventDefault();
    });
    if (box.dataset.start) media.currentTime = Number(box.dataset.start) / 1000;
  }
  const sought = list.querySelector(".sought");
  if (sought) reveal(sought);

  // ── search within ──
  const input = box.querySelector("[data-find]");
  const said = box.querySelector("[data-found]");
  const next = box.querySelector("[data-next-found]");
  let found = [];
  let place = -1;
  const plain = (text) => text.normalize("NFKC").toLowerCase();

  function mark(inside) {
    // The words of a line as one text, so that a phrase is found over their borders.
    const spans = [...inside.querySelectorAll("[data-word]")];
    const wanted = plain(input.value.trim());
    let text = "";
    const starts = spans.map((el) => {
      const start = text.length;
      text += `${plain(el.textContent)} `;
      return start;
    });
    for (const el of spans) el.classList.remove("found");
    let at = wanted ? text.indexOf(wanted) : -1;
    const first = [];
    while (at >= 0) {
      const end = at + wanted.length;
      const hit = spans.filter((_, n) => starts[n] < end && (starts[n + 1] ?? text.length) > at);
      for (const el of hit) el.classList.add("found");
      if (hit.length) first.push(hit[0]);
      at = text.indexOf(wanted, end);
    }
    return first;
  }
  function go(step) {
    if (!found.length) return;
    place = (place + step + found.length) % found.length;
    reveal(found[place].closest(".turn"));
    said.textContent = t("%(number)s of %(all)s", { number: place + 1, all: found.length });
  }
  input.addEventListener("input", () => {
    found = turns.flatMap(mark);
    place = -1;
    next.hidden = found.length < 2;
    said.textContent = input.value.trim() && !found.length ? t("not found") : "";
    go(1);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    go(event.shiftKey ? -1 : 1);
  });
  next.addEventListener("click", () => go(1));
}
