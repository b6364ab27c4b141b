// MathJax (Apache License 2.0) as in tex-chtml-book.js beside this file, packed by gzip; put together by assets.py.
(function () {
  "use strict";
  const here = document.currentScript.src.replace(/\/[^/]*$/, "");
  const settings = window.MathJax = window.MathJax || {};
  settings.loader = { paths: { mathjax: here } };
  function run(how) {
    document.head.appendChild(Object.assign(document.createElement("script"), how));
  }
  function tell() {
    window.MathJax.startup.promise.then(function () { document.dispatchEvent(new Event("mathjax-ready")); });
  }
  if (!window.DecompressionStream) {
    run({ src: here + "/tex-chtml-book.js", onload: tell });
    return;
  }
  const bytes = Uint8Array.from(atob("PACKED"), function (sign) { return sign.charCodeAt(0); });
  new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text().then(function (text) {
    run({ textContent: text });
    tell();
  });
})();
