// What is added to the page where scripts run: charts beside the tables, and filters. Nothing here
// is needed to read it.
(function () {
  "use strict";
  const OPTIONS = {
    ast: true, renderer: "svg", actions: false, defaultStyle: false, logLevel: 1,
    tooltip: { disableDefaultStyle: true, theme: "page" },
  };

  // On a phone the menu is wider than the screen: it begins at the page that is shown.
  const current = document.querySelector(".top [aria-current]");
  if (current) {
    const menu = current.closest("nav");
    menu.scrollLeft = current.offsetLeft - menu.offsetLeft;
  }

  const config = document.getElementById("chart-config");
  if (config) OPTIONS.config = JSON.parse(config.textContent);

  function specOf(figure) {
    return JSON.parse(figure.querySelector("script.spec").textContent);
  }

  function draw(figure, spec) {
    if (!window.vegaEmbed) return Promise.resolve();
    figure.hidden = false;
    const canvas = figure.querySelector(".canvas");
    const room = canvas.clientWidth;
    spec.width = room;
    return window.vegaEmbed(canvas, spec, OPTIONS)
      .then(function (result) {
        // Axes stand beside the width that Vega is given: the chart gives up theirs, whatever it is.
        const beside = canvas.querySelector("svg").width.baseVal.value - room;
        return result.view.width(Math.max(80, Math.floor(room - beside))).runAsync();
      })
      .then(function () { figure.dataset.drawn = "yes"; })
      .catch(function (error) { console.error(figure.id, error); });
  }

  function drawAgain(figure) {
    return draw(figure, figure.dataset.filtered ? filteredSpec(figure) : specOf(figure));
  }

  function drawFigure(figure) {
    if (figure.dataset.begun) return Promise.resolve();
    figure.dataset.begun = "yes";
    return drawAgain(figure);
  }

  function redraw() {
    document.querySelectorAll("figure[data-begun]").forEach(drawAgain);
  }

  // Charts below the screen wait until they come near it: a page of many opens at once.
  function drawWhenNear(figures) {
    const observer = new IntersectionObserver(function (entries) {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        observer.unobserve(entry.target);
        drawFigure(entry.target);
      }
    }, { rootMargin: "800px" });
    for (const figure of figures) {
      figure.hidden = !window.vegaEmbed;
      observer.observe(figure);
    }
    let width = window.innerWidth, timer = 0;
    window.addEventListener("resize", function () {
      if (window.innerWidth === width) return;
      width = window.innerWidth;
      window.clearTimeout(timer);
      timer = window.setTimeout(redraw, 200);
    });
    window.addEventListener("beforeprint", function () { figures.forEach(drawFigure); });
  }

  // --- the filter: ?op=sort,cumsum

  let wanted = [];

  function matches(key) {
    const name = key.toLowerCase();
    return !wanted.length || wanted.some(function (word) { return name.includes(word); });
  }

  function filteredSpec(figure) {
    const spec = specOf(figure);
    spec.data.values = spec.data.values.filter(function (value) { return matches(value.key); });
    return spec;
  }

  function filterRows(output) {
    let shown = 0, all = 0;
    for (const row of document.querySelectorAll("tr[data-key]")) {
      row.hidden = !matches(row.dataset.key);
      all += 1;
      if (!row.hidden) shown += 1;
    }
    output.textContent = shown + " of " + all + " rows";
  }

  function filterCharts() {
    for (const figure of document.querySelectorAll("figure[data-filtered][data-begun]")) {
      draw(figure, filteredSpec(figure));
    }
  }

  function remember(text) {
    const address = new URL(window.location.href);
    if (text) address.searchParams.set("op", text); else address.searchParams.delete("op");
    window.history.replaceState(null, "", address);
  }

  function startFilter(form) {
    const box = form.querySelector("input"), output = form.querySelector("output");
    let timer = 0;
    function apply() {
      wanted = box.value.toLowerCase().split(",").map(function (word) { return word.trim(); })
        .filter(Boolean);
      filterRows(output);
      filterCharts();
    }
    form.hidden = false;
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    box.addEventListener("input", function () {
      window.clearTimeout(timer);
      timer = window.setTimeout(function () { remember(box.value.trim()); apply(); }, 150);
    });
    box.value = new URLSearchParams(window.location.search).get("op") || "";
    apply();
  }

  for (const script of document.querySelectorAll("script.spec[data-filtered]")) {
    script.closest("figure").dataset.filtered = "yes";
  }
  const form = document.querySelector("form.filter:not(.choice)");
  if (form) startFilter(form);

  // --- a case over the nights: its data is a script of its own, since a page on disk may load those

  const taken = {}, waiting = {};

  function load(name) {
    if (!waiting[name]) {
      waiting[name] = new Promise(function (resolve, reject) {
        const script = document.createElement("script");
        script.src = "data/history-" + name + ".js";
        script.onload = function () { resolve(taken[name]); };
        script.onerror = reject;
        document.head.append(script);
      });
    }
    return waiting[name];
  }

  // The same as speedgate/page/packing.py.
  const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  function unpackedPlaces(places) {
    if (places[0] >= 0) return places;
    return Array.from({ length: places[1] }, function (_, n) { return n - places[0] - 1; });
  }

  function unpackedValue(code, power) {
    if (code < 2) return code === 0 ? null : 0;
    return Number((100 + (code - 2) % 900) + "e" + (power + Math.floor((code - 2) / 900)));
  }

  function unpackedValues(packed) {
    if (Array.isArray(packed)) return packed;
    return Array.from({ length: packed.text.length / 2 }, function (_, n) {
      const code = 64 * LETTERS.indexOf(packed.text[2 * n]) + LETTERS.indexOf(packed.text[2 * n + 1]);
      return unpackedValue(code, packed.power);
    });
  }

  // The same as `datasets` of speedgate/page/sections/history.py.
  function dataSets(data, runs) {
    const places = unpackedPlaces(data.runs), values = unpackedValues(data.values);
    const low = unpackedValues(data.low), high = unpackedValues(data.high);
    const detail = places.length - low.length;
    const failed = new Set(data.failed);
    return {
      points: places.map(function (place, n) {
        return {
          time: runs[place].time, value: values[n], run: runs[place].label,
          low: n >= detail ? low[n - detail] : null,
          high: n >= detail ? high[n - detail] : null,
          failed: failed.has(place), detail: n >= detail || failed.has(place),
        };
      }),
      levels: data.levels.map(function (level) {
        return { time: runs[level[0]].time, end: runs[level[1]].time, level: level[2] };
      }),
      changes: data.changes.map(function (change) {
        return { time: runs[change[0]].time, text: change[1], run: runs[change[0]].label };
      }),
      accepted: runs.filter(function (run) { return run.why; }).map(function (run) {
        return { time: run.time, text: "accepted: " + run.why, run: run.label };
      }),
    };
  }

  function drawCase(figure, name) {
    return Promise.all([load("runs"), load(name)]).then(function (both) {
      const spec = specOf(figure), data = both[1];
      spec.datasets = dataSets(data, both[0]);
      figure.querySelector("figcaption").textContent =
        data.name + ": " + data.label + (data.unit ? " (" + data.unit + ")" : "");
      return draw(figure, spec);
    }).catch(function (error) { console.error("history", name, error); });
  }

  function startChoice(choice) {
    const box = choice.querySelector("select"), figure = document.getElementById("chart-history");
    if (!figure || !window.vegaEmbed) return;
    const asked = new URLSearchParams(window.location.search).get("case");
    if (asked !== null) box.value = asked;
    if (box.selectedIndex < 0) box.selectedIndex = 0;  // nobody measured it
    function show() { drawCase(figure, box.selectedIndex); }
    choice.hidden = false;
    choice.addEventListener("submit", function (event) { event.preventDefault(); });
    box.addEventListener("change", function () {
      const address = new URL(window.location.href);
      address.searchParams.set("case", box.value);
      window.history.replaceState(null, "", address);
      show();
    });
    window.addEventListener("resize", show);
    figure.dataset.late = "yes";
    show();
  }

  window.speedgate = {
    take: function (name, data) { taken[name] = data; },
    unpackedValues: unpackedValues,
  };
  if (window.vegaEmbed) {
    document.querySelectorAll(".key").forEach(function (line) { line.hidden = false; });
  }
  const choice = document.querySelector("form.choice");
  if (choice) startChoice(choice);
  drawWhenNear(Array.from(document.querySelectorAll("figure.chart:not([data-late])")));
})();
