// Boxes that open (links into them, printing, "open all"), the filters of the ledger, and the map of the proofs.
(function () {
  "use strict";
  function openAround(id) {
    const target = id && document.getElementById(decodeURIComponent(id));
    if (!target) { return; }
    for (let box = target; box; box = box.parentElement) {
      if (box.tagName === "DETAILS") { box.open = true; }
    }
    target.scrollIntoView();
  }
  function folds() { return Array.from(document.querySelectorAll("article details.proof-fold, article details.claim-card")); }
  function openAll(page) {
    const boxes = folds();
    if (boxes.length < 2 || page.querySelector(".claims-ledger")) { return; }
    const button = document.createElement("button");
    button.type = "button";
    button.className = "open-all";
    const label = function () { button.textContent = boxes.every(function (b) { return b.open; }) ? "Fold all proofs and cards" : "Open all proofs and cards"; };
    button.addEventListener("click", function () {
      const open = !boxes.every(function (b) { return b.open; });
      boxes.forEach(function (b) { b.open = open; });
      label();
    });
    label();
    const heading = page.querySelector("h1");
    if (heading) { heading.insertAdjacentElement("afterend", button); }
  }
  function printing() {
    const proofs = function () { return folds().filter(function (b) { return b.classList.contains("proof-fold"); }); };
    window.addEventListener("beforeprint", function () {
      proofs().forEach(function (b) { b.dataset.was = b.open ? "1" : ""; b.open = true; });
    });
    window.addEventListener("afterprint", function () {
      proofs().forEach(function (b) { b.open = b.dataset.was === "1"; });
    });
  }
  function ledger(box) {
    const cards = Array.from(box.querySelectorAll("details.claim-card"));
    const bar = document.createElement("div");
    bar.className = "ledger-filter";
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Filter the claims");
    const status = document.createElement("select");
    status.setAttribute("aria-label", "Status");
    ["all", "proved", "certified", "decided", "sampled", "not tested"].forEach(function (name) {
      status.add(new Option(name === "all" ? "every status" : name, name));
    });
    const chapter = document.createElement("select");
    chapter.setAttribute("aria-label", "Chapter");
    chapter.add(new Option("every chapter", ""));
    const groups = Array.from(box.querySelectorAll(".claims-chapter"));
    groups.forEach(function (group, k) { chapter.add(new Option(group.querySelector("p").textContent.trim(), String(k))); });
    const words = document.createElement("input");
    words.type = "search";
    words.placeholder = "words";
    words.setAttribute("aria-label", "Words in the title or statement");
    const told = document.createElement("span");
    told.setAttribute("role", "status");
    function filter() {
      let count = 0;
      groups.forEach(function (group, k) {
        let shown = 0;
        group.querySelectorAll("details.claim-card").forEach(function (card) {
          const fits = (status.value === "all" || card.classList.contains("claim-" + status.value.replace(" ", "-")))
            && card.textContent.toLowerCase().includes(words.value.toLowerCase());
          card.hidden = !fits;
          shown += fits ? 1 : 0;
        });
        group.hidden = !shown || (chapter.value !== "" && chapter.value !== String(k));
        count += group.hidden ? 0 : shown;
      });
      told.textContent = count + " of " + cards.length + " claims";
    }
    [status, chapter, words].forEach(function (control) { control.addEventListener("input", filter); bar.appendChild(control); });
    bar.appendChild(told);
    groups[0].insertAdjacentElement("beforebegin", bar);
    filter();
  }
  function proofMap(box) {
    const uses = JSON.parse(box.dataset.uses);
    const usedBy = {};
    Object.keys(uses).forEach(function (label) {
      uses[label].forEach(function (other) { (usedBy[other] = usedBy[other] || []).push(label); });
    });
    const help = box.querySelector(".proof-map-help");
    const nodes = Array.from(box.querySelectorAll(".proof-node"));
    const byLabel = {};
    nodes.forEach(function (node) { byLabel[node.dataset.label] = node; });
    const canvas = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    canvas.setAttribute("class", "proof-map-arrows");
    canvas.setAttribute("aria-hidden", "true");
    box.appendChild(canvas);
    function reach(start, next) {
      const seen = new Set(), todo = [start];
      while (todo.length) {
        (next[todo.pop()] || []).forEach(function (label) { if (!seen.has(label)) { seen.add(label); todo.push(label); } });
      }
      return seen;
    }
    function centre(node) {
      const a = node.getBoundingClientRect(), b = box.getBoundingClientRect();
      return [a.left - b.left + a.width / 2, a.top - b.top + a.height / 2];
    }
    function focus(label) {
      const below = reach(label, uses), above = reach(label, usedBy);
      canvas.replaceChildren();
      nodes.forEach(function (node) {
        const name = node.dataset.label;
        node.classList.toggle("proof-node-chosen", name === label);
        node.classList.toggle("proof-node-faded", name !== label && !below.has(name) && !above.has(name));
      });
      const inside = new Set(below); inside.add(label);
      inside.forEach(function (name) {
        (uses[name] || []).forEach(function (other) {
          const from = centre(byLabel[other]), to = centre(byLabel[name]);
          const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
          const middle = (from[1] + to[1]) / 2;
          line.setAttribute("d", "M" + from + " C" + from[0] + "," + middle + " " + to[0] + "," + middle + " " + to);
          canvas.appendChild(line);
        });
      });
      const title = byLabel[label].firstChild.textContent;
      help.textContent = title + " rests on " + below.size + " results and carries " + above.size + "; Enter or a second click goes to it.";
    }
    let chosen = "";
    nodes.forEach(function (node) {
      node.addEventListener("focus", function () { focus(node.dataset.label); });
      node.addEventListener("click", function (event) {
        if (event.detail > 0 && chosen !== node.dataset.label) { event.preventDefault(); chosen = node.dataset.label; focus(chosen); }
      });
    });
  }
  // Wide mathematics, code and tables scroll; a keyboard reaches what scrolls. Formulas within a line only if they must.
  function fit() {
    const page = document.querySelector("article");
    if (!page) { return; }
    page.querySelectorAll("mjx-container:not([display='true'])").forEach(function (node) {
      node.classList.remove("scrolls");
      const room = node.parentElement.getBoundingClientRect().width;
      node.classList.toggle("scrolls", room > 0 && node.getBoundingClientRect().width > room + 1);
    });
    page.querySelectorAll("div.math, mjx-container.scrolls, mjx-container[display='true'], pre, .pst-scrollable-table-container, .cell_output table, .figure-scroll").forEach(function (node) {
      if (node.scrollWidth > node.clientWidth + 1) { if (!node.hasAttribute("tabindex")) { node.tabIndex = 0; } }
    });
  }
  // On a narrow screen a figure keeps a size at which its numbers can be read, and scrolls above its caption.
  function frame(page) {
    page.querySelectorAll("figure > img, figure > a > img").forEach(function (image) {
      const box = document.createElement("div"), inner = image.parentElement.tagName === "A" ? image.parentElement : image;
      box.className = "figure-scroll";
      inner.replaceWith(box);
      box.append(inner);
    });
  }
  function start() {
    const page = document.querySelector("article");
    if (page) { openAll(page); frame(page); }
    printing();
    document.querySelectorAll(".claims-ledger").forEach(ledger);
    document.querySelectorAll(".proof-map").forEach(proofMap);
    document.querySelectorAll("summary").forEach(function (line) {
      if (!line.textContent.trim() && !line.hasAttribute("aria-label")) { line.setAttribute("aria-label", "Show the pages below"); }
    });
    // A list of references is not a list to assistive programs unless its children are items.
    document.querySelectorAll(".citation-list[role='list']").forEach(function (node) { node.removeAttribute("role"); });
    fit();
    document.addEventListener("mathjax-ready", fit);
    window.addEventListener("load", fit);
    document.addEventListener("toggle", fit, true);
    let waiting = 0;
    window.addEventListener("resize", function () { clearTimeout(waiting); waiting = setTimeout(fit, 150); });
    openAround(location.hash.slice(1));
    window.addEventListener("hashchange", function () { openAround(location.hash.slice(1)); });
  }
  if (document.readyState === "loading") { document.addEventListener("DOMContentLoaded", start); } else { start(); }
})();
