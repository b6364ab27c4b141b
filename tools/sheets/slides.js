// One slide at a time, by keys and buttons; what does not fit is made smaller. Without this script all slides are a page.
(function () {
  "use strict";
  const root = document.documentElement;
  const slides = Array.from(document.querySelectorAll(".slide"));
  const place = document.querySelector(".place");
  const wide = window.matchMedia("(min-width: 700px)");
  let now = 0, printing = false;
  function inDeck() { return root.hasAttribute("data-deck"); }
  function show(k, told) {
    now = Math.max(0, Math.min(slides.length - 1, k));
    slides.forEach(function (slide, j) { slide.hidden = inDeck() && j !== now; });
    place.textContent = (now + 1) + " of " + slides.length;
    if (told && inDeck()) { history.replaceState(null, "", "#" + slides[now].id); }
  }
  function tooMuch(slide) {
    const body = slide.querySelector(".body");
    return body.scrollHeight > body.clientHeight + 1 || body.scrollWidth > body.clientWidth + 1
      || slide.scrollHeight > slide.clientHeight + 1;
  }
  function shrinkFormulas() {
    document.querySelectorAll("mjx-container[display='true']").forEach(function (formula) {
      formula.style.fontSize = "";
      const share = formula.clientWidth / formula.scrollWidth;
      if (share < 1) { formula.style.fontSize = Math.floor(98 * share) + "%"; }
    });
  }
  function fit() {
    shrinkFormulas();
    if (!inDeck()) { return; }
    slides.forEach(function (slide) {
      for (let size = 100; size >= 50; size -= 4) {
        slide.style.setProperty("--fit", String(size / 100));
        if (!tooMuch(slide)) { break; }
      }
    });
  }
  function zoom() {
    root.style.setProperty("--zoom", String(Math.min(window.innerWidth / 1280, window.innerHeight / 720)));
  }
  function arrange() {
    root.toggleAttribute("data-deck", wide.matches || printing);
    zoom();
    show(now, false);
    fit();
  }
  function toggle(name, button) {
    const on = root.toggleAttribute(name);
    button.setAttribute("aria-pressed", String(on));
    fit();
  }
  function dark() {
    const was = root.dataset.theme || (window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = was === "dark" ? "light" : "dark";
    document.querySelector("[data-dark]").setAttribute("aria-pressed", String(was !== "dark"));
  }
  function notes() { toggle("data-notes", document.querySelector("button[data-notes]")); }
  function fromAddress() {
    const k = slides.findIndex(function (slide) { return "#" + slide.id === location.hash; });
    if (k >= 0) { show(k, false); }
  }
  const steps = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 };
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) { return; }
    if (event.key === "n") { notes(); return; }
    if (event.key === "d") { dark(); return; }
    if (!inDeck() || (event.key === " " && event.target.closest("button, a"))) { return; }
    if (event.key in steps) { event.preventDefault(); show(now + steps[event.key], true); }
    if (event.key === "Home") { show(0, true); }
    if (event.key === "End") { show(slides.length - 1, true); }
  });
  document.querySelectorAll("[data-go]").forEach(function (button) {
    button.addEventListener("click", function () { show(now + Number(button.dataset.go), true); });
  });
  document.querySelector("button[data-notes]").addEventListener("click", notes);
  document.querySelector("button[data-dark]").addEventListener("click", dark);
  wide.addEventListener("change", arrange);
  window.addEventListener("resize", function () { zoom(); if (!inDeck()) { shrinkFormulas(); } });
  window.addEventListener("hashchange", fromAddress);
  window.addEventListener("beforeprint", function () { printing = true; arrange(); });
  window.addEventListener("afterprint", function () { printing = false; arrange(); });
  window.addEventListener("mathset", fit);
  window.addEventListener("load", fit);
  arrange();
  fromAddress();
})();
