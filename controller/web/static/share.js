// A shared recording's drawing: where it is pressed is where it plays, and a line says where it is.
for (const drawing of document.querySelectorAll("[data-sketch]")) {
  const media = drawing.closest("section").querySelector("audio, video");
  const head = drawing.querySelector("[data-head]");
  const wide = drawing.viewBox.baseVal.width;
  const show = () => {
    const x = media.duration ? (media.currentTime / media.duration) * wide : 0;
    head.setAttribute("x1", x);
    head.setAttribute("x2", x);
  };
  for (const event of ["timeupdate", "seeked"]) media.addEventListener(event, show);
  drawing.addEventListener("click", async (event) => {
    const edge = drawing.getBoundingClientRect();
    const share = (event.clientX - edge.left) / edge.width;
    // Only now anything of it is fetched: opening the page is not listening.
    const go = () => { media.currentTime = share * media.duration; media.play().catch(() => {}); };
    if (media.readyState > 0) go();
    else {
      media.addEventListener("loadedmetadata", go, { once: true });
      media.preload = "metadata";
      media.load();
    }
  });
}
