// Previews: what a link within the book leads to (a theorem, an equation, a figure, a reference, a word, a function),
// shown beside the link while a mouse rests on it or the keyboard is on it. Escape closes it; a touch follows the link.
// The target's page is fetched from the same site; of pages opened as files only targets on the same page are shown.
(function () {
  "use strict";
  const WAIT = 250, GRACE = 200, pages = new Map();
  let loading = null, box = null, owner = null, opening = 0, closing = 0, asked = 0;

  function pageOf(url) {
    const address = url.origin + url.pathname + url.search;
    if (!/^https?:$/.test(url.protocol)) {
      return url.pathname === location.pathname ? Promise.resolve(document) : Promise.reject(new Error("a file"));
    }
    if (!pages.has(address)) {
      const answer = fetch(address).then(function (reply) {
        if (!reply.ok) { throw new Error(String(reply.status)); }
        return reply.text();
      }).then(function (text) { return new DOMParser().parseFromString(text, "text/html"); });
      pages.set(address, answer);
      answer.catch(function () { pages.delete(address); });
    }
    return pages.get(address);
  }
  // The part of a page that says what a target is; null where there is nothing worth showing.
  function part(page, id) {
    let target = id ? page.getElementById(id) : page.querySelector("article h1");
    if (!target) { return null; }
    if (target.matches("span") && target.nextElementSibling && target.nextElementSibling.matches("details, div.admonition, figure")) { target = target.nextElementSibling; }
    const found = document.createElement("div");
    const add = function (node) { if (node) { found.appendChild(document.importNode(node, true)); } };
    if (target.matches("dt")) {
      const list = found.appendChild(document.createElement("dl")), meaning = target.nextElementSibling;
      list.appendChild(document.importNode(target, true));
      if (meaning) {
        const words = list.appendChild(document.createElement("dd"));
        words.appendChild(document.importNode(meaning.querySelector("p") || meaning, true));
      }
    } else if (target.matches("section, h1, h2, h3, span[id]") && !target.closest("figure, .math, .proof, .citation")) {
      const section = target.matches("section") ? target : target.closest("section");
      if (!section) { return null; }
      add(section.querySelector("h1, h2, h3"));
      add(section.querySelector(":scope > p:not(.chapter-head)"));
    } else if (target.matches("details")) {
      add(target.querySelector("summary"));
      add(target.querySelector("dl, p"));
    } else {
      add(target.closest("figure, div.math, .proof, .admonition, .citation") || target);
    }
    if (!found.textContent.trim() && !found.querySelector("img")) { return null; }
    found.querySelectorAll("script, button, .headerlink, details.admonition, .l4-live-stage, .l4-live-controls, .qed").forEach(function (node) { node.remove(); });
    found.querySelectorAll("a").forEach(function (link) {
      const words = document.createElement("span");
      words.append.apply(words, Array.from(link.childNodes));
      link.replaceWith(words);
    });
    found.querySelectorAll("[id]").forEach(function (node) { node.removeAttribute("id"); });
    found.querySelectorAll("[tabindex], [href]").forEach(function (node) { node.removeAttribute("tabindex"); node.removeAttribute("href"); });
    return found;
  }
  function absolute(content, base) {
    content.querySelectorAll("img[src]").forEach(function (image) { image.src = new URL(image.getAttribute("src"), base).href; });
  }
  // MathJax, which pages without formulas do not load: taken from the page that the target is on.
  function engine(page, base) {
    const ready = function () { return window.MathJax && window.MathJax.startup && window.MathJax.startup.promise; };
    if (ready() || loading) { return loading || ready(); }
    const scripts = Array.from(page.scripts);
    const settings = scripts.find(function (script) { return script.textContent.includes("window.MathJax ="); });
    const source = scripts.find(function (script) { return /mathjax/.test(script.getAttribute("src") || ""); });
    if (!settings || !source) { return Promise.reject(new Error("no MathJax")); }
    [settings, source].forEach(function (script) {
      const copy = document.createElement("script");
      if (script === source) { copy.src = new URL(source.getAttribute("src"), base).href; } else { copy.textContent = script.textContent; }
      document.head.appendChild(copy);
    });
    loading = new Promise(function (resolve, reject) {
      let turns = 0;
      const wait = setInterval(function () {
        turns += 1;
        if (ready() || turns > 200) { clearInterval(wait); (ready() ? resolve : reject)(ready()); }
      }, 50);
    });
    return loading;
  }
  function typeset(node, page, base) {
    if (!node.querySelector(".math")) { return Promise.resolve(); }
    return engine(page, base).then(function () { return window.MathJax.typesetPromise([node]); });
  }
  // Wide formulas get smaller, and scroll only if that is not enough.
  function fit() {
    box.querySelectorAll("mjx-container").forEach(function (formula) {
      const room = formula.parentElement.clientWidth || box.clientWidth;
      const wide = formula.scrollWidth;
      if (wide > room + 1 && room > 0) { formula.style.fontSize = Math.max(75, Math.floor(100 * room / wide) - 1) + "%"; }
    });
    box.querySelectorAll("div.math, mjx-container, pre, table").forEach(function (node) {
      if (node.scrollWidth > node.clientWidth + 1) { node.tabIndex = 0; }
    });
    if (box.scrollHeight > box.clientHeight + 1) { box.tabIndex = 0; }
  }
  function place(link) {
    const gap = 6, at = link.getClientRects()[0] || link.getBoundingClientRect();
    const wide = document.documentElement.clientWidth, high = window.innerHeight;
    box.style.maxWidth = Math.min(600, wide - 16) + "px";
    const left = Math.max(8, Math.min(at.left, wide - box.offsetWidth - 8));
    const above = at.top - gap - box.offsetHeight, below = at.bottom + gap;
    const top = below + box.offsetHeight <= high || above < 0 ? below : above;
    box.style.left = left + window.scrollX + "px";
    box.style.top = top + window.scrollY + "px";
  }
  function close() {
    clearTimeout(opening); clearTimeout(closing);
    asked += 1;
    if (box) { box.remove(); box = null; }
    if (owner) { owner.removeAttribute("aria-describedby"); owner = null; }
  }
  function show(link, content, page, base) {
    close();
    owner = link;
    box = document.createElement("div");
    box.id = "l4-preview";
    box.className = "l4-preview";
    box.setAttribute("role", "tooltip");
    box.style.visibility = "hidden";
    box.append.apply(box, Array.from(content.childNodes));
    box.addEventListener("pointerenter", function () { clearTimeout(closing); });
    box.addEventListener("pointerleave", later);
    (document.querySelector("main") || document.body).appendChild(box);
    const mine = box;
    typeset(box, page, base).catch(function () {}).then(function () {
      if (box !== mine) { return; }
      place(link); fit(); place(link);
      box.style.visibility = "";
      link.setAttribute("aria-describedby", "l4-preview");
    });
  }
  function open(link) {
    clearTimeout(closing);
    if (owner === link) { return; }
    const url = new URL(link.href), id = decodeURIComponent(url.hash.slice(1)), mine = asked += 1;
    pageOf(url).then(function (page) {
      const content = part(page, id);
      if (mine !== asked || !content) { return; }
      absolute(content, url);
      show(link, content, page, url);
    }).catch(function () {});
  }
  function later() { clearTimeout(opening); clearTimeout(closing); closing = setTimeout(close, GRACE); }
  function wanted(node) {
    const link = node instanceof Element ? node.closest("article a.internal[href]") : null;
    if (!link || link.matches(".headerlink, .sd-stretched-link, .proof-node, .image-reference") || link.closest(".l4-preview, .toctree-wrapper, .prev-next-area")) { return null; }
    const url = new URL(link.href);
    return url.origin === location.origin && (url.hash || url.pathname !== location.pathname) ? link : null;
  }
  document.addEventListener("pointerover", function (event) {
    const link = event.pointerType === "touch" ? null : wanted(event.target);
    if (!link) { return; }
    clearTimeout(opening); clearTimeout(closing);
    opening = setTimeout(function () { open(link); }, WAIT);
  });
  document.addEventListener("pointerout", function (event) { if (wanted(event.target)) { later(); } });
  document.addEventListener("focusin", function (event) {
    const link = wanted(event.target);
    if (link && link.matches(":focus-visible")) { open(link); }
  });
  document.addEventListener("focusout", function (event) { if (wanted(event.target) && !(box && box.contains(event.relatedTarget))) { later(); } });
  document.addEventListener("keydown", function (event) { if (event.key === "Escape") { close(); } });
  document.addEventListener("click", close);
  window.addEventListener("resize", close);
})();
