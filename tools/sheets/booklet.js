// Formulas within the width of the page; hints open on paper.
(function () {
  "use strict";
  function fit() {
    document.querySelectorAll("mjx-container[display='true']").forEach(function (formula) {
      formula.style.fontSize = "";
      const share = formula.clientWidth / formula.scrollWidth;
      if (share < 1) { formula.style.fontSize = Math.floor(98 * share) + "%"; }
    });
  }
  const hints = Array.from(document.querySelectorAll("details"));
  window.addEventListener("mathset", fit);
  window.addEventListener("resize", fit);
  window.addEventListener("beforeprint", function () { hints.forEach(function (hint) { hint.open = true; }); fit(); });
  window.addEventListener("afterprint", function () { hints.forEach(function (hint) { hint.open = false; }); });
})();
