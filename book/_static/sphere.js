// Rotatable spheres. A page without them loads nothing; a page with them loads plotly.js when one comes into view.
// The picture of the same sphere that stands above is what readers without scripts see.
(function () {
  "use strict";
  let loading = null;
  function plotly() {
    if (!loading) {
      loading = new Promise(function (resolve, reject) {
        const script = document.createElement("script");
        const root = document.documentElement.dataset.content_root || "./";
        script.src = root + "_static/plotly.min.js";
        script.onload = function () { resolve(window.Plotly); };
        script.onerror = reject;
        document.head.appendChild(script);
      });
    }
    return loading;
  }
  function draw(box) {
    const spec = JSON.parse(box.querySelector("script").textContent);
    plotly().then(function (Plotly) {
      const hidden = { visible: false, showspikes: false };
      const layout = {
        margin: { l: 0, r: 0, t: 0, b: 0 }, height: 420, paper_bgcolor: "white", showlegend: true,
        legend: { orientation: "h", y: 0 },
        scene: { xaxis: hidden, yaxis: hidden, zaxis: hidden, aspectmode: "data",
                 camera: { eye: { x: 1.2, y: 1.2, z: 0.8 } } }
      };
      Plotly.newPlot(box, spec, layout, { displaylogo: false, responsive: true });
    });
  }
  function start() {
    const boxes = document.querySelectorAll(".l4-sphere");
    if (!boxes.length) { return; }
    const watch = new IntersectionObserver(function (entries) {
      entries.forEach(function (entry) {
        if (entry.isIntersecting) { watch.unobserve(entry.target); draw(entry.target); }
      });
    }, { rootMargin: "200px" });
    boxes.forEach(function (box) { watch.observe(box); });
  }
  if (document.readyState === "loading") { document.addEventListener("DOMContentLoaded", start); } else { start(); }
})();
